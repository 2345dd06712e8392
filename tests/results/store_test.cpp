#include "results/store.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <type_traits>

#include "core/output.hpp"
#include "core/text.hpp"
#include "inspection.hpp"
#include "results/layout.hpp"
#include "sample_results.hpp"
#include "store_fixture.hpp"

namespace steelyard {
namespace {

using testing::inspect;
using testing::Inspection;
using testing::sample_results;
using Store = testing::StoreTest;

/// Bits, so that NaN equals NaN and -0 differs from 0.
std::vector<std::uint64_t> bits(const std::vector<double>& values) {
  std::vector<std::uint64_t> result;
  for (double value : values) result.push_back(std::bit_cast<std::uint64_t>(value));
  return result;
}

template <typename Value>
std::string as_text(const Value& value) {
  if constexpr (std::is_same_v<Value, std::string>)
    return value;
  else if constexpr (std::is_same_v<Value, double>)
    return std::to_string(std::bit_cast<std::uint64_t>(value));
  else
    return std::to_string(static_cast<std::uint64_t>(value));
}

TEST_F(Store, ReadsBackEveryFieldAsItWasWritten) {
  StudyResults written = sample_results();
  write_store(written, file());
  StudyResults read = read_store(file());
  const auto same_value = [](const auto& a, const auto& b) {
    return [&](const char* name, auto member, const char*) {
      EXPECT_EQ(as_text(a.*member), as_text(b.*member)) << name;
    };
  };
  EXPECT_EQ(read.version, written.version);
  layout::scenario_fields(same_value(read, written));
  layout::scenario_run_fields(same_value(read, written));
  layout::provenance_fields(same_value(read.run, written.run));
  EXPECT_EQ(read.survey_numbers, written.survey_numbers);
  EXPECT_EQ(bits(read.survey_published), bits(written.survey_published));
  EXPECT_EQ(bits(read.survey_weights_cv2), bits(written.survey_weights_cv2));
  EXPECT_EQ(bits(read.survey_profile_sample), bits(written.survey_profile_sample));
  EXPECT_EQ(bits(read.survey_profile_weighted), bits(written.survey_profile_weighted));
  std::vector<std::string> texts[2];
  for (int i = 0; i < 2; ++i)
    layout::tables(i == 0 ? written : read, [&](const char* group, const char*, const auto& rows) {
      using Record = typename std::decay_t<decltype(rows)>::value_type;
      layout::columns(
          std::type_identity<Record>{}, [&](const char* name, auto member, const char*) {
            for (const Record& row : rows)
              texts[i].push_back(std::string(group) + "/" + name + " " + as_text(row.*member));
          });
    });
  EXPECT_GT(texts[0].size(), 200u);
  EXPECT_EQ(texts[0], texts[1]);
  EXPECT_EQ(bits(read.estimate), bits(written.estimate));
  EXPECT_EQ(bits(read.se), bits(written.se));
  EXPECT_EQ(bits(read.lower), bits(written.lower));
  EXPECT_EQ(bits(read.upper), bits(written.upper));
  for (std::size_t i = 0; i < read.performance.size(); ++i)
    EXPECT_EQ(read.performance[i].mean_us, written.performance[i].mean_us);
}

TEST_F(Store, KeepsAStudyWithoutEstimatorsOrReplicates) {
  write_store({}, file());
  const StudyResults read = read_store(file());
  EXPECT_TRUE(read.estimators.empty());
  EXPECT_TRUE(read.estimate.empty());
  EXPECT_EQ(read.scenario, "");
}

TEST_F(Store, KeepsMoreThanOneChunk) {
  StudyResults results = sample_results();
  results.replicates = 1500;
  results.failures.clear();
  results.estimators.assign(130, results.estimators[0]);
  results.performance.assign(130, results.performance[0]);
  results.estimate.clear();
  for (int k = 0; k < 130 * 1500; ++k) results.estimate.push_back(std::sin(k));
  results.se = results.lower = results.upper = results.estimate;
  results.survey_numbers.clear();
  results.survey_published.clear();
  results.survey_profile_sample.assign(results.profile.size() * 1500, 0.5);
  results.survey_profile_weighted = results.survey_profile_sample;
  results.survey_weights_cv2 = results.estimate;
  write_store(results, file());
  EXPECT_EQ(read_store(file()).estimate, results.estimate);
  const testing::Dataset dataset = inspect(file()).datasets.at("/estimates/se");
  EXPECT_EQ(dataset.chunk, (std::vector<std::size_t>{64, 1024}));
  EXPECT_EQ(dataset.filters, (std::vector<std::string>{"shuffle", "deflate", "fletcher32"}));
}

TEST_F(Store, HoldsTheSameBytesOutsideProvenanceForTwoEqualRuns) {
  StudyResults results = sample_results();
  write_store(results, file("a.h5"));
  results.run = {.started_utc = "2023-01-01T00:00:00Z",
                 .host = "another host",
                 .threads = 16,
                 .setup_seconds = 9};
  for (PerformanceRecord& record : results.performance) record.mean_us *= 3;
  write_store(results, file("b.h5"));
  const Inspection a = inspect(file("a.h5")), b = inspect(file("b.h5"));
  EXPECT_EQ(a.attributes, b.attributes);
  ASSERT_EQ(a.datasets.size(), b.datasets.size());
  std::size_t compared = 0, different = 0;
  for (const auto& [path, dataset] : a.datasets) {
    if (path.starts_with("/provenance/")) {
      different += dataset.bytes != b.datasets.at(path).bytes;
    } else {
      ++compared;
      EXPECT_EQ(dataset.bytes, b.datasets.at(path).bytes) << path;
    }
  }
  EXPECT_GT(compared, 60u);
  EXPECT_GE(different, 5u) << "the runs differ, so /provenance must";
}

TEST_F(Store, IsTheSameFileToTheByteForTheSameResults) {
  write_store(sample_results(), file("a.h5"));
  write_store(sample_results(), file("b.h5"));
  EXPECT_TRUE(read_file(file("a.h5")) == read_file(file("b.h5")));
  EXPECT_EQ(inspect(file("a.h5")).timed_objects, 0u);
}

TEST_F(Store, ReplacesAnOlderFile) {
  write_file(file(), std::string(1 << 20, 'x'));
  write_store(sample_results(), file());
  EXPECT_EQ(read_store(file()).scenario, "flexible-employment-2022q2");
}

}  // namespace
}  // namespace steelyard
