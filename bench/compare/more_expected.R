# more_expected.R: reference values for the workload beside those of time_survey.R.
#
#   Rscript more_expected.R DATADIR RESULT.json      (needs survey, MASS and jsonlite)
#
# Errors of means calibrated by the raking distance, medians with their intervals, and the means of one region.
suppressMessages({library(survey); library(jsonlite)})
args <- commandArgs(TRUE)
rd <- read.csv(file.path(args[1], "sample.csv"), stringsAsFactors = TRUE)
m <- read.csv(file.path(args[1], "margins.csv"))
f40 <- reformulate(grep("^[ymc][0-9]", names(rd), value = TRUE))
counts <- function(v) { x <- m[m$variable == v, ]; setNames(x$count, paste0(v, x$level)) }
model <- ~ region + sex + age + edu
totals <- unlist(lapply(c("region", "sex", "age", "edu"), counts))
totals <- c("(Intercept)" = sum(counts("sex")), totals)[colnames(model.matrix(model, rd))]
cal <- calibrate(svydesign(ids = ~1, weights = ~d, data = rd), model, totals, calfun = "raking", epsilon = 1e-13, maxit = 100)
medians <- svyquantile(~c01 + c02 + c03 + c04 + c05 + c06, cal, .5)
means <- svymean(f40, cal)
region <- svymean(f40, subset(cal, region == "R05"))
write_json(list(made_with = paste("R survey", packageVersion("survey")), calibrate_raking_se = as.list(SE(means)),
                medians = lapply(medians, function(x) list(estimate = x[1, 1], ci_lo = x[1, 2], ci_hi = x[1, 3], se = x[1, 4])),
                region05_means = as.list(coef(region)), region05_se = as.list(SE(region))),
           args[2], digits = NA, auto_unbox = TRUE, pretty = TRUE)
