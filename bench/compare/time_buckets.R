# Time of R's survival on tables of buckets: time_buckets.R TABLES OUT. TABLES: case,lo,hi,weight as `steelyard buckets`
# reads them. Appends rows task,seconds (processor time for all tables) to OUT: interval-censored lognormal, Weibull and
# log-logistic fits by survreg, one weighted row a bucket.
suppressPackageStartupMessages(library(survival))
arguments <- commandArgs(trailingOnly = TRUE)
tables <- split(read.csv(arguments[1]), read.csv(arguments[1])$case)
prepared <- lapply(tables, function(t) {
  t <- t[t$weight > 0, ]
  data.frame(lo = ifelse(t$lo == 0, NA, t$lo), hi = ifelse(is.infinite(t$hi), NA, t$hi), w = t$weight)
})
for (law in c("lognormal", "weibull", "loglogistic")) {
  used <- system.time(for (t in prepared) {
    fit <- survreg(Surv(lo, hi, type = "interval2") ~ 1, data = t, weights = w, dist = law)
    stopifnot(is.finite(fit$loglik[2]))
  })
  cat(sprintf("%s,%.6f\n", law, used[["user.self"]] + used[["sys.self"]]), file = arguments[2], append = TRUE)
}
