#include "results/sweep_store.hpp"

#include <cmath>
#include <functional>
#include <limits>

#include "results/hdf5_writer.hpp"

namespace steelyard {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

class SweepFile {
 public:
  SweepFile(const SweepResults& results, const std::filesystem::path& path)
      : r_(results), file_(path) {}

  void write() {
    file_.attribute("filetype", "steelyard sweep");
    const std::uint32_t version[] = {1, 0};
    file_.attribute("version", version);
    file_.attribute("steelyard", r_.version);
    scenario();
    dials();
    conditions();
    names();
    measures();
    changes();
    outputs();
    effects();
    file_.commit();
  }

 private:
  template <typename Value>
  void one(const std::string& path, const Value& value) {
    file_.dataset(path, std::vector<Value>{value}, {});
  }

  /// One value a row of a list.
  template <typename Rows, typename Get>
  void column(const std::string& path, const char* dimension, const Rows& rows, Get get,
              const char* unit = "") {
    std::vector<std::decay_t<decltype(get(rows[0]))>> values;
    for (const auto& row : rows) values.push_back(get(row));
    file_.dataset(path, values,
                  {.extents = {values.size()}, .dimensions = dimension, .unit = unit});
  }

  void matrix(const std::string& path, const char* dimensions, std::size_t rows,
              std::size_t columns, const std::function<double(std::size_t, std::size_t)>& get,
              const char* unit = "") {
    std::vector<double> values;
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns; ++j) values.push_back(get(i, j));
    hdf5::Shape shape{.extents = {rows, columns}, .dimensions = dimensions, .unit = unit};
    if (rows * columns > 4096)
      shape.chunk = {std::min<hsize_t>(rows, 64), std::min<hsize_t>(columns, 1024)};
    file_.dataset(path, values, shape);
  }

  void scenario() {
    file_.group("/scenario");
    one("/scenario/name", r_.scenario);
    one("/scenario/title", r_.title);
    one("/scenario/title_zh", r_.title_zh);
    one("/scenario/hash", r_.scenario_hash);
    one("/scenario/toml", r_.scenario_toml);
    one("/scenario/design", r_.design);
    one("/scenario/seed", r_.seed);
    one("/scenario/replicates", r_.replicates);
  }

  void dials() {
    file_.group("/dials");
    column("/dials/key", "dials", r_.dials, [](const DialRecord& d) { return d.key; });
    column("/dials/source", "dials", r_.dials, [](const DialRecord& d) { return d.source; });
    column("/dials/base", "dials", r_.dials, [](const DialRecord& d) { return d.base; });
    column("/dials/lower", "dials", r_.dials, [](const DialRecord& d) { return d.lower; });
    column("/dials/upper", "dials", r_.dials, [](const DialRecord& d) { return d.upper; });
  }

  void conditions() {
    file_.group("/conditions");
    column("/conditions/failure", "conditions", r_.conditions,
           [](const ConditionRecord& c) { return c.failure; });
    matrix("/conditions/values", "conditions, dials", r_.conditions.size(), r_.dials.size(),
           [&](std::size_t c, std::size_t k) { return r_.conditions[c].values[k]; });
    matrix(
        "/conditions/truth", "conditions, estimands", r_.conditions.size(), r_.estimands.size(),
        [&](std::size_t c, std::size_t e) {
          return r_.conditions[c].failure.empty() ? r_.conditions[c].truths[e] : kNone;
        },
        "/estimands/unit");
  }

  void names() {
    file_.group("/estimands");
    const auto& e = r_.estimands;
    column("/estimands/estimand", "estimands", e, [](const auto& x) { return x.estimand; });
    column("/estimands/domain", "estimands", e, [](const auto& x) { return x.domain; });
    column("/estimands/label", "estimands", e, [](const auto& x) { return x.label; });
    column("/estimands/unit", "estimands", e, [](const auto& x) { return x.unit; });
    file_.group("/estimators");
    const auto& m = r_.estimators;
    column("/estimators/estimand", "estimators", m, [](const auto& x) { return x.estimand; });
    column("/estimators/weighting", "estimators", m, [](const auto& x) { return x.weighting; });
    column("/estimators/value_rule", "estimators", m, [](const auto& x) { return x.value_rule; });
    column("/estimators/interval", "estimators", m, [](const auto& x) { return x.interval; });
  }

  void measures() {
    file_.group("/performance");
    const auto add = [&](const char* name, double PerformanceRecord::*member, const char* unit) {
      matrix(
          std::string("/performance/") + name, "conditions, estimators", r_.conditions.size(),
          r_.estimators.size(),
          [&](std::size_t c, std::size_t i) {
            return r_.conditions[c].failure.empty() ? r_.conditions[c].performance[i].*member
                                                    : kNone;
          },
          unit);
    };
    constexpr const char* kUnit = "/estimands/unit";
    add("mean_estimate", &PerformanceRecord::mean_estimate, kUnit);
    add("bias", &PerformanceRecord::bias, kUnit);
    add("bias_mcse", &PerformanceRecord::bias_mcse, kUnit);
    add("sd", &PerformanceRecord::sd, kUnit);
    add("rmse", &PerformanceRecord::rmse, kUnit);
    add("rmse_mcse", &PerformanceRecord::rmse_mcse, kUnit);
    add("coverage", &PerformanceRecord::coverage, "share");
    add("coverage_mcse", &PerformanceRecord::coverage_mcse, "share");
    add("mean_width", &PerformanceRecord::mean_width, kUnit);
    matrix(
        "/performance/failures", "conditions, estimators", r_.conditions.size(),
        r_.estimators.size(),
        [&](std::size_t c, std::size_t i) {
          return r_.conditions[c].failure.empty()
                     ? static_cast<double>(r_.conditions[c].performance[i].failures)
                     : kNone;
        },
        "replicates");
  }

  void changes() {
    file_.group("/changes");
    const auto add = [&](const std::string& name, PairedChange BaseChange::*measure,
                         double PairedChange::*part, const char* unit) {
      matrix(
          "/changes/" + name, "conditions, estimators", r_.conditions.size(), r_.estimators.size(),
          [&](std::size_t c, std::size_t i) {
            const ConditionRecord& condition = r_.conditions[c];
            return condition.changes.empty() ? kNone : condition.changes[i].*measure.*part;
          },
          unit);
    };
    for (const auto& [name, measure] : {std::pair{"mean_estimate", &BaseChange::mean_estimate},
                                        {"bias", &BaseChange::bias},
                                        {"rmse", &BaseChange::rmse},
                                        {"coverage", &BaseChange::coverage}}) {
      const char* unit = measure == &BaseChange::coverage ? "share" : "/estimands/unit";
      add(name, measure, &PairedChange::change, unit);
      add(std::string(name) + "_mcse", measure, &PairedChange::mcse, unit);
    }
  }

  void outputs() {
    file_.group("/outputs");
    const auto& o = r_.outputs;
    column("/outputs/estimator", "outputs", o, [](const auto& x) { return x.estimator; });
    column("/outputs/measure", "outputs", o,
           [](const auto& x) { return std::string(to_string(x.measure)); });
    column("/outputs/surface", "outputs", o, [](const auto& x) { return x.surface; });
    column("/outputs/cv_error", "outputs", o, [](const auto& x) { return x.cv_error; });
    column("/outputs/cv_r2", "outputs", o, [](const auto& x) { return x.cv_r2; });
    column("/outputs/intercept", "outputs", o, [](const auto& x) { return x.intercept; });
    file_.group("/terms");
    column("/terms/form", "terms", r_.terms, [](const auto& x) { return x.form; });
    column("/terms/first", "terms", r_.terms, [](const auto& x) { return x.first; });
    column("/terms/second", "terms", r_.terms, [](const auto& x) { return x.second; });
    column("/terms/degree", "terms", r_.terms, [](const auto& x) { return x.degree; });
    // Coefficients stand under the terms of the output's own form.
    std::vector<std::size_t> at_term;
    for (std::size_t t = 0; t < r_.terms.size(); ++t)
      at_term.push_back(t > 0 && r_.terms[t].form == r_.terms[t - 1].form ? at_term[t - 1] + 1 : 0);
    matrix("/outputs/coefficients", "outputs, terms", o.size(), r_.terms.size(),
           [&](std::size_t i, std::size_t t) {
             return o[i].surface == r_.terms[t].form ? o[i].coefficients[at_term[t]] : kNone;
           });
  }

  void effects() {
    file_.group("/effects");
    const auto& e = r_.effects;
    column("/effects/dial", "effects", e, [](const auto& x) { return x.dial; });
    column("/effects/output", "effects", e, [](const auto& x) { return x.output; });
    column("/effects/change", "effects", e, [](const auto& x) { return x.change; });
    column("/effects/change_mcse", "effects", e, [](const auto& x) { return x.mcse; });
    column("/effects/change_fit_se", "effects", e, [](const auto& x) { return x.fit_se; });
    column("/effects/first_order", "effects", e, [](const auto& x) { return x.first; });
    column("/effects/first_order_lower", "effects", e, [](const auto& x) { return x.first_lower; });
    column("/effects/first_order_upper", "effects", e, [](const auto& x) { return x.first_upper; });
    column("/effects/total", "effects", e, [](const auto& x) { return x.total; });
    column("/effects/total_lower", "effects", e, [](const auto& x) { return x.total_lower; });
    column("/effects/total_upper", "effects", e, [](const auto& x) { return x.total_upper; });
    column("/effects/indices_from", "effects", e, [](const auto& x) { return x.indices_from; });
  }

  const SweepResults& r_;
  hdf5::FileWriter file_;
};

}  // namespace

void write_sweep_store(const SweepResults& results, const std::filesystem::path& path) {
  SweepFile(results, path).write();
}

}  // namespace steelyard
