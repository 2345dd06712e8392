# Reference numbers of tests/golden/weighting/survey_extra_cases.json: R 4.2.2, survey 4.1-1.
# Rscript survey_extra_cases.R > survey_extra_cases.json
suppressMessages(library(survey)); data(api)
num <- function(x) paste(formatC(as.numeric(unlist(x)), digits = 17, format = "g"), collapse = ", ")
out <- character()
add <- function(id, call, ...) {
  v <- list(...)
  f <- sapply(names(v), function(k) sprintf('"%s": [%s]', k, gsub("Inf|NaN|NA","null",num(v[[k]]))))
  out[[length(out) + 1]] <<- sprintf('{"id": "%s", "r_call": "%s", %s}', id, gsub('"', "'", call), paste(f, collapse = ", "))
}
case <- function(id, expr, f) {
  call <- paste(gsub(" +", " ", deparse(substitute(expr), 500)), collapse = " ")
  call <- sub("statistic = s", sprintf("statistic = '%s'", get0("s", ifnotfound = "")), call); x <- expr; do.call(add, c(list(id, call), f(x))) }
es <- function(x) list(estimate = coef(x), se = SE(x))
strat <- svydesign(id = ~1, strata = ~stype, weights = ~pw, fpc = ~fpc, data = apistrat)
clus1 <- svydesign(id = ~dnum, weights = ~pw, fpc = ~fpc, data = apiclus1)
clus2 <- svydesign(id = ~dnum + snum, fpc = ~fpc1 + fpc2, data = apiclus2)
jk1 <- as.svrepdesign(clus1, type = "JK1"); jkn <- as.svrepdesign(strat, type = "JKn")
for (n in c("strat", "clus1", "clus2", "jk1", "jkn")) {
  d <- get(n)
  by <- svyby(~api00, ~stype, d, svymean, covmat = TRUE)
  case(paste0(n, "_domains"), svycontrast(by, c(E = 1, H = -1)), es)
  case(paste0(n, "_domains3"), svycontrast(by, c(E = 1, H = -0.5, M = -0.5)), es)
  if (n %in% c("jk1", "jkn"))
    case(paste0(n, "_domain_ratio"), withReplicates(d, quote(weighted.mean(api00[stype == "E"], .weights[stype == "E"]) / weighted.mean(api00[stype == "H"], .weights[stype == "H"]))), es)
  else
    case(paste0(n, "_domain_ratio"), svycontrast(by, quote(E/H)), es)
  m <- svymean(~api00 + api99, d)
  case(paste0(n, "_variables"), svycontrast(m, c(api00 = 1, api99 = -1)), es)
  case(paste0(n, "_covariance"), vcov(svymean(~api00 + api99, d)), function(v) list(covariance = v))
  for (s in c("F", "Chisq", "Wald", "adjWald"))
    case(paste0(n, "_chisq_stype_awards_", s), svychisq(~stype + awards, d, statistic = s),
         function(x) list(statistic = x$statistic, parameter = x$parameter, p = x$p.value))
  for (s in c("F", "Chisq", "Wald", "adjWald"))
    case(paste0(n, "_chisq_stype_sch_", s), svychisq(~stype + sch.wide, d, statistic = s),
         function(x) list(statistic = x$statistic, parameter = x$parameter, p = x$p.value))
  case(paste0(n, "_row_share"), svyby(~awards, ~stype, d, svymean), function(x) list(estimate = coef(x), se = SE(x)))
  case(paste0(n, "_total_share"), svymean(~interaction(stype, awards), d), es)
  case(paste0(n, "_counts"), svytotal(~interaction(stype, awards), d), es)
  mm <- update(d, a = as.numeric(awards == "Yes"), b = as.numeric(sch.wide == "Yes"), cc = as.numeric(comp.imp == "Yes"))
  mm <- update(mm, k = a + b + cc)
  case(paste0(n, "_of_mentions"), svyratio(~a + b + cc, ~k, mm), function(x) list(estimate = coef(x), se = SE(x)))
  case(paste0(n, "_of_respondents"), svymean(~a + b + cc, mm), es)
}
# calibrated and plain weights of the same rows: the covariance by influence
pop <- c(`(Intercept)` = 6194, stypeH = 755, stypeM = 1018)
cal <- calibrate(clus1, ~stype, pop)
i0 <- attr(svymean(~api00, clus1, influence = TRUE), "influence")
m1 <- svymean(~api00, cal, influence = TRUE)
e1 <- cal$postStrata[[1]]; r1 <- qr.resid(e1$qr, attr(m1, "influence") / e1$w) * e1$w
vd <- survey:::svyrecvar(r1 - i0, clus1$cluster, clus1$strata, clus1$fpc)
add("clus1_weightings", "svyrecvar(residual of calibrate(clus1, ~stype, pop) - influence of svymean(~api00, clus1))",
    estimate = coef(m1) - coef(svymean(~api00, clus1)), se = sqrt(vd))
# fully overlapping waves: one stacked design, clusters in both
st <- rbind(transform(apiclus1[, c("dnum", "pw", "fpc")], y = apiclus1$api99, wave = "a"),
            transform(apiclus1[, c("dnum", "pw", "fpc")], y = apiclus1$api00, wave = "b"))
stack <- svydesign(id = ~dnum, weights = ~pw, fpc = ~fpc, data = st)
case("clus1_waves", svycontrast(svyby(~y, ~wave, stack, svymean, covmat = TRUE), c(a = -1, b = 1)), es)
# design effects of ratios and domains
for (n in c("strat", "clus1", "clus2")) {
  d <- get(n)
  r <- svyratio(~api.stu, ~enroll, d, deff = TRUE, na.rm = TRUE)
  add(paste0(n, "_ratio_deff"), "svyratio(~api.stu, ~enroll, d, deff = TRUE, na.rm = TRUE)", estimate = coef(r), se = SE(r), deff = deff(r))
  case(paste0(n, "_domain_deff"), svymean(~api00, subset(d, stype == "H"), deff = TRUE), function(x) list(estimate = coef(x), se = SE(x), deff = deff(x), df = degf(subset(d, stype == "H"))))
  case(paste0(n, "_domain_total_deff"), svytotal(~enroll, subset(d, stype == "H"), deff = TRUE, na.rm = TRUE), function(x) list(estimate = coef(x), se = SE(x), deff = deff(x)))
  case(paste0(n, "_total"), svytotal(~enroll, d, na.rm = TRUE), es)
  sub <- subset(d, comp.imp == "No")
  case(paste0(n, "_missing_domain"), svymean(~enroll, sub, na.rm = TRUE), function(x) c(es(x), list(df = degf(sub))))
}
# a stratum with one primary unit
lon <- rbind(head(apistrat[apistrat$stype == "E", ], 40), head(apistrat[apistrat$stype == "H", ], 12), head(apistrat[apistrat$stype == "M", ], 1))
for (take_all in c(FALSE, TRUE)) {
  if (take_all) lon$fpc[lon$stype == "H"] <- 12
  ld <- svydesign(id = ~1, strata = ~stype, weights = ~pw, fpc = ~fpc, data = lon)
  for (o in c("certainty", "remove", "adjust", "average")) {
    options(survey.lonely.psu = o)
    add(paste0("lonely_", o, if (take_all) "_take_all" else ""),
        paste0("options(survey.lonely.psu = '", o, "'); svymean(~api00, ld); svytotal(~api00, ld)"),
        mean_se = SE(svymean(~api00, ld)), total_se = SE(svytotal(~api00, ld)))
  }
}
cat("[\n", paste(out, collapse = ",\n"), "\n]\n", sep = "")
