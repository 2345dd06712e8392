// Intervals of the inverse propensity under the law of Chen, Li & Wu (2020) where their reference
// sample is small and few of its rows decide, over 5,000 pairs of samples.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "study/model_study.hpp"

namespace steelyard {
namespace {
namespace fs = std::filesystem;

constexpr std::uint32_t kReplicates = 5000;

/// The shipped scenario with some of its weightings, and without the paper's tables.
class Part {
 public:
  explicit Part(const std::vector<std::string>& weightings) {
    std::ifstream file(fs::path(STEELYARD_SOURCE_DIR) / "scenarios/chen-li-wu-2020/scenario.toml");
    std::stringstream all;
    all << file.rdbuf();
    const std::string text = all.str();
    folder_ = fs::temp_directory_path() / ("published_coverage_" + std::to_string(getpid()));
    fs::create_directories(folder_);
    std::ofstream out(folder_ / "scenario.toml");
    std::size_t from = 0;
    while (from < text.size()) {  // section by section
      const std::size_t to = std::min(text.find("\n[", from + 1), text.size());
      const std::string section = text.substr(from, to - from);
      const bool weighting = section.find("[[weighting]]") != std::string::npos;
      bool kept = section.find("[published]") == std::string::npos && !weighting;
      for (const std::string& name : weightings)
        kept =
            kept || (weighting && section.find("name = \"" + name + "\"\n") != std::string::npos);
      if (kept) out << section;
      from = to;
    }
  }
  ~Part() { fs::remove_all(folder_); }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  std::string path() const { return folder_.string(); }

 private:
  fs::path folder_;
};

// 4 Monte Carlo errors are 0.0123. Plug-in standard errors are 6 to 7 % below the standard
// deviation, reduced ones 1.5 %; with n_A - 1 degrees of freedom plug-in intervals cover 93.3
// to 93.5 %.
TEST(PublishedCoverage, OfTheInversePropensityIsNominalByContributionsDegreesOfFreedom) {
  const Part part({"A", "IPW_T", "IPW_T_reduced"});
  for (const char* setting : {"nA=500,nB=500,rho=0.8", "nA=1000,nB=500,rho=0.8"}) {
    const ModelStudy study(part.path(), {}, {setting});
    const StudyResults results =
        study.run({.seed = Seed{12}, .replicates = kReplicates, .threads = 0});
    const double mcse = std::sqrt(0.95 * 0.05 / kReplicates);
    std::size_t seen = 0;
    double plug_in = 0, reduced = 0;
    for (std::size_t i = 0; i < results.estimators.size(); ++i) {
      const EstimatorRecord& e = results.estimators[i];
      if (results.estimands[e.estimand].estimand != "mean") continue;
      const PerformanceRecord& p = results.performance[i];
      SCOPED_TRACE(std::string(setting) + ' ' + e.weighting);
      EXPECT_EQ(p.failures, 0u);
      if (e.weighting == "A") {  // no weights
        EXPECT_LT(p.coverage, 0.5);
        continue;
      }
      ++seen;
      (e.weighting == "IPW_T" ? plug_in : reduced) = p.mean_se / p.sd;
      EXPECT_NEAR(p.coverage, 0.95, 4 * mcse);
    }
    EXPECT_EQ(seen, 2u);
    EXPECT_LT(plug_in, 0.96);
    EXPECT_NEAR(reduced, 1, 0.04);  // 4 Monte Carlo errors of the standard deviation
  }
}

}  // namespace
}  // namespace steelyard
