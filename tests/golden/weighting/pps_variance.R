# Variances under unequal probabilities, from R's survey: writes pps_variance_cases.json.
# Usage: Rscript pps_variance.R belgian_sample.csv > pps_variance_cases.json  (R 4.2.2, survey 4.1-1)
suppressMessages(library(survey))
d <- read.csv(commandArgs(TRUE)[1])
d <- d[seq(1, 120, 3), ]                        # 40 rows keep the joint matrix small
d$h <- rep(1:2, each = 20); d$z <- d$men
d$psu <- rep(1:20, each = 2); d$ppsu <- rep(d$pik[seq(1, 40, 2)], each = 2)
joint <- function(p, n) { j <- outer(p, p) * (1 - outer(1 - p, 1 - p) / sum(1 - p)); diag(j) <- p; j }
J <- joint(d$pik, 40)
num <- function(x) formatC(x, digits = 15, format = "g", width = 1)
case <- function(id, r_call, design, calibrated = FALSE) {
  if (calibrated) design <- calibrate(design, ~women, population = c(`(Intercept)` = 200, women = 210))
  t <- svytotal(~y, design); m <- svymean(~y, design); r <- svyratio(~y, ~x, design)
  s <- svytotal(~y, subset(design, medinc > 1))
  sprintf('{"id": "%s", "r_call": "%s", "total": %s, "total_se": %s, "mean": %s, "mean_se": %s, "ratio": %s, "ratio_se": %s, "domain_total": %s, "domain_total_se": %s, "df": %s}',
    id, gsub('"', "'", r_call), num(coef(t)), num(SE(t)), num(coef(m)), num(SE(m)), num(coef(r)), num(SE(r)), num(coef(s)), num(SE(s)), num(degf(design)))
}
run <- function(id, call, cal = FALSE) case(id, call, eval(parse(text = call)), cal)
x <- c(
 run("brewer", 'svydesign(id=~1, fpc=~pik, data=d, pps="brewer")'),
 run("brewer-strata", 'svydesign(id=~1, strata=~h, fpc=~pik, data=d, pps="brewer")'),
 run("brewer-calibrated", 'svydesign(id=~1, fpc=~pik, data=d, pps="brewer")', TRUE),
 run("overton", 'svydesign(id=~1, fpc=~pik, data=d, pps="overton")'),
 run("overton-strata", 'svydesign(id=~1, strata=~h, fpc=~pik, data=d, pps="overton")'),
 run("overton-yg", 'svydesign(id=~1, fpc=~pik, data=d, pps="overton", variance="YG")'),
 run("overton-strata-yg", 'svydesign(id=~1, strata=~h, fpc=~pik, data=d, pps="overton", variance="YG")'),
 run("hartley_rao", 'svydesign(id=~1, fpc=~pik, data=d, pps=HR())'),
 run("hartley_rao-strata", 'svydesign(id=~1, strata=~h, fpc=~pik, data=d, pps=HR())'),
 run("hartley_rao-yg", 'svydesign(id=~1, fpc=~pik, data=d, pps=HR(), variance="YG")'),
 run("horvitz_thompson", 'svydesign(id=~1, fpc=~pik, data=d, pps=ppsmat(J))'),
 run("yates_grundy", 'svydesign(id=~1, fpc=~pik, data=d, pps=ppsmat(J), variance="YG")'),
 run("poisson", 'svydesign(id=~1, fpc=~pik, data=d, pps=poisson_sampling(d$pik))'),
 run("brewer-clusters", 'svydesign(id=~psu, fpc=~ppsu, data=d, pps="brewer")'),
 run("brewer-two-stage", 'svydesign(id=~psu+id, fpc=~ppsu+rep(0.25, 40), data=d, pps="brewer")'))
cat("[\n", paste(x, collapse = ",\n"), "\n]\n", sep = "")
