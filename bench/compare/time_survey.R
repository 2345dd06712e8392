# time_survey.R: R's survey on the workload, one line "task,seconds" a task and repetition.
#
#   Rscript time_survey.R DATADIR TIMES.csv [light|heavy] [reps=1]
#
# light: weights, means with errors, medians, replicates; heavy: 40 means by region and design effects of 8 means, which
# take minutes. Processor time of each task on designs that are ready; gc() before each. Appends to TIMES.csv.
suppressMessages(library(survey))
args <- commandArgs(TRUE)
part <- if (length(args) >= 3) args[3] else "light"
reps <- if (length(args) >= 4) as.integer(args[4]) else 1L
timed <- function(task, expr) {
  call <- substitute(expr); env <- parent.frame()
  for (i in seq_len(reps)) {
    gc(FALSE)
    s <- sum(system.time(value <- eval(call, env))[c("user.self", "sys.self")])
    cat(sprintf("%s,%.6f\n", task, s), file = args[2], append = TRUE)
  }
  invisible(value)
}
rd <- read.csv(file.path(args[1], "sample.csv"), stringsAsFactors = TRUE)
m <- read.csv(file.path(args[1], "margins.csv"))
f40 <- reformulate(grep("^[ymc][0-9]", names(rd), value = TRUE))
counts <- function(v) { x <- m[m$variable == v, c("level", "count")]; names(x) <- c(v, "Freq"); x }
names4 <- c("region", "sex", "age", "edu")
margins <- list(~region, ~sex, ~age, ~edu); tables <- lapply(names4, counts)
model <- ~ region + sex + age + edu
totals <- unlist(lapply(tables, function(x) setNames(x$Freq, paste0(names(x)[1], x[[1]]))))
totals <- c("(Intercept)" = sum(tables[[1]]$Freq), totals)[colnames(model.matrix(model, rd))]
tight <- list(maxit = 500, epsilon = 1e-10)
design <- svydesign(ids = ~1, weights = ~d, data = rd)

if (part == "light") {
  raked <- timed("rake", rake(design, margins, tables, control = tight))
  linear <- timed("linear", calibrate(design, model, totals, calfun = "linear"))
  timed("logit", calibrate(design, model, totals, calfun = "logit", bounds = c(.05, 30), epsilon = 1e-10, maxit = 200))
  timed("means_raked", svymean(f40, raked))
  timed("means_greg", svymean(f40, linear))
  timed("medians", svyquantile(~c01 + c02 + c03 + c04 + c05 + c06, raked, .5))
  set.seed(1)
  timed("bootstrap200", svymean(f40, rake(as.svrepdesign(design, type = "bootstrap", replicates = 200), margins, tables, control = tight)))
  groups <- svydesign(ids = ~psu, weights = ~d, data = rd)
  timed("jk1", svymean(f40, rake(as.svrepdesign(groups, type = "JK1"), margins, tables, control = tight)))
} else {
  raked <- rake(design, margins, tables, control = tight)
  timed("deff8", svymean(~y01 + y02 + y03 + y04 + y05 + y06 + y07 + y08, raked, deff = TRUE))
  timed("by_region", svyby(f40, ~region, raked, svymean))
}
