#include <fmt/format.h>

#include <cmath>
#include <map>

#include "estimators/survey/contrasts.hpp"
#include "study/file_estimation.hpp"

namespace steelyard {
namespace {

FileEstimate line_of(const PreparedFile& file, std::size_t request, const char* kind,
                     std::string domain, const Result<ContrastRow>& made, std::size_t n) {
  const EstimateRequest& q = file.requests[request];
  return comparison_line(file.functional(request) + " " + kind, q.variable, q.level,
                         std::move(domain), made, n);
}

/// A comparison of which one side may have a reason of its own to fail.
Result<ContrastRow> explained(const PreparedFile& file, std::size_t request, std::size_t domain,
                              Result<ContrastRow> made) {
  const auto reason = file.incomparable.find({request, domain});
  return reason == file.incomparable.end() ? std::move(made) : reason->second;
}

}  // namespace

FileEstimate comparison_line(std::string functional, std::string variable, std::string level,
                             std::string domain, const Result<ContrastRow>& made, std::size_t n) {
  FileEstimate line{std::move(functional),
                    std::move(variable),
                    std::move(level),
                    std::move(domain),
                    {},
                    {},
                    {},
                    {}};
  const double none = std::nan("");
  line.row.n = n;
  line.row.estimate = line.row.se = line.row.lower = line.row.upper = line.row.df = none;
  line.row.deff = line.row.deff_wr = none;
  if (!made) {
    line.row.failure = made.failure();
    return line;
  }
  const ContrastRow& c = made.value();
  line.row.estimate = c.estimate;
  line.row.se = c.se;
  line.row.lower = c.lower;
  line.row.upper = c.upper;
  line.row.df = c.df;
  line.p_value = c.p_value;
  return line;
}

void compare_domains(const PreparedFile& file, DomainContrasts contrasts,
                     std::vector<FileEstimate>& rows) {
  const auto& domains = file.data.domains;
  if (domains.size() < 2)
    throw UserError({}, "--contrasts", "compares domains, and there is one",
                    "pass --by COLUMN with at least two levels");
  const auto joint = JointEstimates::make(file.data, file.requests, file.options);
  for (std::size_t r = 0; r < file.requests.size(); ++r)
    for (std::size_t a = 0; a < (contrasts == DomainContrasts::first ? 1 : domains.size()); ++a)
      for (std::size_t b = a + 1; b < domains.size(); ++b) {
        const Term terms[] = {{joint.at(r, b), 1}, {joint.at(r, a), -1}};
        const std::size_t n = joint.rows()[joint.at(r, a)].n + joint.rows()[joint.at(r, b)].n;
        rows.push_back(line_of(file, r, "difference", domains[b] + " - " + domains[a],
                               explained(file, r, a, explained(file, r, b, joint.linear(terms))),
                               n));
      }
}

void compare_weightings(const PreparedFile& file, const std::string& name, const std::string& other,
                        std::vector<FileEstimate>& rows) {
  SurveyData data = file.data;
  SurveyData calibration = file.versus->survey_data();
  data.d = std::move(calibration.d);
  data.w = std::move(calibration.w);
  data.start_scale = calibration.start_scale;
  data.index = calibration.index;
  data.weights = calibration.weights;
  data.weighting = calibration.weighting;
  data.benchmarks = calibration.benchmarks;
  auto joint = JointEstimates::make(file.data, file.requests, file.options);
  const std::size_t own = joint.size();
  if (const auto failure = joint.append(JointEstimates::make(data, file.requests, file.options)))
    throw NegativeAnswer(failure->detail);
  for (std::size_t r = 0; r < file.requests.size(); ++r)
    for (std::size_t k = 0; k < file.data.domains.size(); ++k) {
      const std::size_t at = joint.at(r, k);
      const Term terms[] = {{at, 1}, {own + at, -1}};
      const std::string& domain = file.data.domains[k];
      rows.push_back(line_of(file, r, "difference",
                             (domain.empty() ? "" : domain + ": ") + name + " - " + other,
                             joint.linear(terms), joint.rows()[at].n));
    }
}

void compare_waves(const PreparedFile& now, const PreparedFile& then,
                   std::vector<FileEstimate>& rows) {
  const auto a = JointEstimates::make(then.data, then.requests, then.options),
             b = JointEstimates::make(now.data, now.requests, now.options);
  const WaveOverlap overlap{then.units, now.units};
  std::map<std::string, std::size_t> earlier;
  for (std::size_t k = 0; k < then.data.domains.size(); ++k) earlier[then.data.domains[k]] = k;
  for (std::size_t r = 0; r < now.requests.size(); ++r) {
    std::size_t same = 0;
    while (same < then.requests.size() &&
           !(then.functional(same) == now.functional(r) &&
             then.requests[same].variable == now.requests[r].variable &&
             then.requests[same].level == now.requests[r].level))
      ++same;
    for (std::size_t k = 0; k < now.data.domains.size(); ++k) {
      const auto at = earlier.find(now.data.domains[k]);
      if (same == then.requests.size() || at == earlier.end()) {
        rows.push_back(line_of(
            now, r, "change", now.data.domains[k],
            Failure{FailureKind::empty_domain, "the other wave has no such level or domain"}, 0));
        continue;
      }
      const Term before[] = {{a.at(same, at->second), -1}}, after[] = {{b.at(r, k), 1}};
      auto made = across_waves(a, before, b, after, now.units.empty() ? nullptr : &overlap);
      rows.push_back(
          line_of(now, r, "change", now.data.domains[k],
                  explained(now, r, k, explained(then, same, at->second, std::move(made))),
                  a.rows()[a.at(same, at->second)].n + b.rows()[b.at(r, k)].n));
    }
  }
}

void cross_tables(const PreparedFile& file, const std::vector<std::string>& names,
                  std::vector<FileEstimate>& rows) {
  for (std::size_t t = 0; t < names.size(); ++t) {
    const CrossedVariable &a = file.crossed[2 * t], &b = file.crossed[2 * t + 1];
    for (std::size_t k = 0; k < file.data.domains.size(); ++k) {
      const CrossTable table = cross_table(file.data, a, b, file.options, k);
      const std::string& domain = file.data.domains[k];
      for (std::size_t i = 0; i < table.rows; ++i)
        for (std::size_t j = 0; j < table.columns; ++j) {
          const CrossCell& cell = table.cells[i * table.columns + j];
          const std::string level = a.levels[i] + "*" + b.levels[j];
          rows.push_back({"count", names[t], level, domain, cell.count, {}, {}, {}});
          rows.push_back({"share", names[t], level, domain, cell.total_share, {}, {}, {}});
          rows.push_back({"row share", names[t], level, domain, cell.row_share, {}, {}, {}});
          rows.push_back({"column share", names[t], level, domain, cell.column_share, {}, {}, {}});
        }
      for (std::size_t s = 0; s < table.tests.size(); ++s) {
        FileEstimate line{std::string("independence ") + to_string(kIndependenceStatistics[s]),
                          names[t],
                          {},
                          domain,
                          {},
                          {},
                          {},
                          {}};
        const double none = std::nan("");
        line.row.estimate = line.row.se = line.row.lower = line.row.upper = line.row.df = none;
        line.row.deff = line.row.deff_wr = none;
        line.row.n = file.data.n;
        if (const auto& test = table.tests[s]) {
          line.row.estimate = test.value().statistic;
          line.row.df = test.value().df1;
          line.row.deff = line.row.deff_wr = test.value().design_effect;
          line.p_value = test.value().p_value;
          line.df2 = test.value().df2;
        } else {
          line.row.failure = test.failure();
        }
        rows.push_back(std::move(line));
      }
    }
  }
}

}  // namespace steelyard
