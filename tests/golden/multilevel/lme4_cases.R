# Multilevel models by lme4: Rscript lme4_cases.R writes cells.csv and lme4_cases.json beside it.
suppressPackageStartupMessages({library(lme4); library(jsonlite)})
set.seed(20)
g <- expand.grid(edu = 1:3, age = 1:4, sex = 1:2, region = 1:9)
g$population <- round(1000 * exp(rnorm(nrow(g), 0, 0.8)))
g$n <- rpois(nrow(g), 12 * exp(rnorm(nrow(g), 0, 0.5)))
re <- rnorm(9, 0, 0.6); ae <- rnorm(4, 0, 0.4); xe <- rnorm(27, 0, 0.3)
g$cross <- (g$region - 1) * 3 + g$edu
eta <- -0.4 + 0.5 * (g$sex == 2) + 0.3 * (g$edu == 2) - 0.2 * (g$edu == 3) + re[g$region] + ae[g$age] + xe[g$cross]
g$yes <- rbinom(nrow(g), g$n, plogis(eta))
i <- rep(seq_len(nrow(g)), g$n)
y <- 2 + eta[i] + rnorm(length(i), 0, 1.5)
g$mean <- as.vector(tapply(y, factor(i, seq_len(nrow(g))), mean)); g$mean[is.na(g$mean)] <- 0
g$squares <- as.vector(tapply(y, factor(i, seq_len(nrow(g))), function(v) sum((v - mean(v))^2))); g$squares[is.na(g$squares)] <- 0
write.csv(format(g[, c("region","sex","age","edu","n","yes","mean","squares","population")], digits = 17, trim = TRUE),
          "cells.csv", row.names = FALSE, quote = FALSE)
fe <- ~ factor(sex) + factor(edu) + (1 | region) + (1 | age) + (1 | cross)
out <- list()
for (link in c("logit", "probit")) {
  s <- g[g$n > 0, ]
  m <- glmer(update(fe, cbind(yes, n - yes) ~ .), s, binomial(link), nAGQ = 1,
             control = glmerControl(optimizer = "bobyqa", tolPwrss = 1e-13, optCtrl = list(rhoend = 1e-9, maxfun = 1e5)))
  p <- predict(m, g, type = "response", allow.new.levels = TRUE)
  out[[link]] <- list(beta = unname(fixef(m)), sd = c(region = sqrt(VarCorr(m)$region[1]), age = sqrt(VarCorr(m)$age[1]), cross = sqrt(VarCorr(m)$cross[1])),
    log_likelihood = as.numeric(logLik(m)) - sum(lchoose(s$n, s$yes)), beta_se = unname(sqrt(diag(as.matrix(vcov(m, use.hessian = TRUE))))),
    region = ranef(m)$region[, 1], total = sum(g$population * p), fitted = unname(p)[1:10])
}
d <- cbind(g[i, ], y = y)
# lmer stops its search at about 1e-6; Newton's method goes on from there.
f <- lFormula(update(fe, y ~ .), d, REML = TRUE)
devfun <- do.call(mkLmerDevfun, f)
theta <- optimizeLmer(devfun, optimizer = "bobyqa")$par
for (step in 1:4) theta <- theta - solve(numDeriv::hessian(devfun, theta), numDeriv::grad(devfun, theta))
m <- mkMerMod(environment(devfun), list(par = theta, fval = devfun(theta), conv = 0), f$reTrms, fr = f$fr)
p <- predict(m, g, allow.new.levels = TRUE)
out$linear <- list(beta = unname(fixef(m)), sd = c(region = sqrt(VarCorr(m)$region[1]), age = sqrt(VarCorr(m)$age[1]), cross = sqrt(VarCorr(m)$cross[1])),
    residual = sigma(m), log_likelihood = as.numeric(logLik(m)), beta_se = unname(sqrt(diag(as.matrix(vcov(m))))),
    region = ranef(m)$region[, 1], total = sum(g$population * p), fitted = unname(p)[1:10])
out$versions <- list(R = R.version.string, lme4 = as.character(packageVersion("lme4")))
write(toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE), "lme4_cases.json")
