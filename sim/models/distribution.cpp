#include "sim/models/distribution.hpp"

#include <boost/random/beta_distribution.hpp>
#include <boost/random/binomial_distribution.hpp>
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/gamma_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <boost/random/poisson_distribution.hpp>
#include <boost/random/student_t_distribution.hpp>
#include <boost/random/weibull_distribution.hpp>
#include <cmath>

namespace steelyard {
namespace {

using Values = std::span<const double>;

double uniform(Stream& s, Values p) { return p[0] + (p[1] - p[0]) * s.uniform(); }
double normal(Stream& s, Values p) {
  return p[0] + p[1] * boost::random::normal_distribution<double>()(s);
}
double lognormal(Stream& s, Values p) { return std::exp(normal(s, p)); }
double exponential(Stream& s, Values p) {
  return boost::random::exponential_distribution<double>(p[0])(s);
}
double gamma(Stream& s, Values p) {
  return boost::random::gamma_distribution<double>(p[0], p[1])(s);
}
double chi_squared(Stream& s, Values p) {
  return boost::random::gamma_distribution<double>(p[0] / 2, 2)(s);
}
double beta(Stream& s, Values p) { return boost::random::beta_distribution<double>(p[0], p[1])(s); }
double student_t(Stream& s, Values p) {
  return boost::random::student_t_distribution<double>(p[0])(s);
}
double weibull(Stream& s, Values p) {
  return boost::random::weibull_distribution<double>(p[0], p[1])(s);
}
double bernoulli(Stream& s, Values p) { return s.uniform() < p[0] ? 1 : 0; }
double poisson(Stream& s, Values p) {
  return boost::random::poisson_distribution<int, double>(p[0])(s);
}

}  // namespace

std::span<const DistributionInfo> distributions() {
  static const std::vector<DistributionInfo> list{
      {"uniform", "uniform on (min, max)", {{"min"}, {"max"}}, uniform},
      {"normal", "normal", {{"mean"}, {"sd", true}}, normal},
      {"lognormal", "exp of a normal", {{"log_mean"}, {"log_sd", true}}, lognormal},
      {"exponential", "exponential with mean 1 / rate", {{"rate", true}}, exponential},
      {"gamma", "gamma with mean shape × scale", {{"shape", true}, {"scale", true}}, gamma},
      {"chi_squared", "chi-squared", {{"df", true}}, chi_squared},
      {"beta", "beta on (0, 1)", {{"alpha", true}, {"beta", true}}, beta},
      {"student_t", "Student's t", {{"df", true}}, student_t},
      {"weibull", "Weibull", {{"shape", true}, {"scale", true}}, weibull},
      {"bernoulli", "1 with probability p, else 0", {{"p", false, true}}, bernoulli},
      {"poisson", "Poisson", {{"mean", true}}, poisson},
  };
  return list;
}

}  // namespace steelyard
