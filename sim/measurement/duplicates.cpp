#include <algorithm>

#include "sim/measurement/measurement_model.hpp"

namespace steelyard::measurement_kinds {
namespace {

/// A share of the answers come from respondents who answered before.
class Duplicates final : public MeasurementModel {
 public:
  Duplicates(const Schema& schema, double share, double noise, Domain among)
      : share_(share), noise_(noise), among_(std::move(among)), filter_(schema.size(), false) {
    for (const Variable& v : schema.variables()) {
      for (const Condition& c : v.universe) filter_[index(c.variable)] = true;
      if (v.kind == VariableKind::grouping) filter_[index(*v.group_of)] = true;
    }
    for (std::size_t k = 0; k < schema.size(); ++k)
      if (schema[schema.id(k)].kind == VariableKind::grouping) filter_[k] = true;
  }

  std::vector<VariableId> changes() const override { return {}; }
  std::vector<VariableId> reads() const override {
    std::vector<VariableId> ids;
    for (const Condition& c : among_) ids.push_back(c.variable);
    return ids;
  }

  void apply(ReportedAnswers& answers, const SourceStreams& streams) const override {
    Sample& sample = *answers.sample;
    std::vector<std::uint32_t> repeats, originals;
    for (std::uint32_t i = 0; i < sample.n; ++i) {
      if (streams.row(i).uniform() < share_)
        repeats.push_back(i);
      else if (std::all_of(among_.begin(), among_.end(), [&](const Condition& c) {
                 return c.holds(sample.column(c.variable)[i]);
               }))
        originals.push_back(i);
    }
    if (originals.empty()) return;
    for (const std::uint32_t i : repeats) {
      Stream stream = streams.row(i);
      (void)stream.uniform();
      repeat(answers, i, originals[stream.below(originals.size())], streams.id(i));
    }
  }

  std::string objection() const override {
    return among_.empty() && noise_ == 0
               ? ""
               : "second answers do not have the law of first ones (among, noise)";
  }

 private:
  void repeat(ReportedAnswers& answers, std::uint32_t to, std::uint32_t from,
              const StreamId& stream) const {
    Sample& sample = *answers.sample;
    answers.persons[to] = answers.persons[from];
    // The same person again: numbers, values behind buckets and design weight are the first's.
    const auto copy = [&](std::vector<double>& column) {
      if (!column.empty()) column[to] = column[from];
    };
    for (std::vector<double>& numbers : sample.numbers) copy(numbers);
    for (std::vector<double>& values : answers.values) copy(values);
    copy(sample.base_weights);
    for (std::size_t k = 0; k < sample.columns.size(); ++k) {
      std::vector<LevelCode>& column = sample.columns[k];
      if (column.empty()) continue;
      column[to] = column[from];
      if (noise_ == 0 || filter_[k]) continue;
      const std::size_t levels = (*sample.schema)[sample.schema->id(k)].size();
      // A block of numbers a question, whichever others are made.
      const PhiloxBlock words = stream_block(stream, static_cast<std::uint32_t>(kFirst + k));
      if (column[to] < levels && words[0] < noise_ * 0x1p32)
        column[to] = static_cast<LevelCode>((std::uint64_t{words[1]} * levels) >> 32);
    }
  }

  static constexpr std::size_t kFirst = 8;  ///< blocks before it decide who repeats whom
  double share_, noise_;
  Domain among_;
  std::vector<bool> filter_;  ///< by variable: decides who is asked another, or is grouped
};

std::unique_ptr<const MeasurementModel> make(ConfigReader& config, const Schema& schema) {
  const double share = config.real(
      "share", {.min = 0, .max = 0.95, .help = "of the answers that come from a second time"});
  const double noise = config.real(
      "noise", {.min = 0,
                .max = 1,
                .fallback = 0,
                .help = "share of the second answers that are another level, drawn uniformly; "
                        "questions that decide who is asked others, and numbers, stay"});
  const std::string among = config.text(
      "among", {.fallback = "", .help = "who answers again: variable=level & ...; empty: anybody"});
  if (config.is_documenting()) return nullptr;
  return std::make_unique<Duplicates>(schema, share, noise,
                                      schema.parse_domain(among, config.place("among")));
}

}  // namespace

MeasurementInfo duplicates_info() {
  return {"duplicates", "a share of the answers come from respondents who answered before",
          "Kuriakose & Robbins (2016), Statistical Journal of the IAOS 32, 283-291",
          ErrorComponent::duplicates, make};
}

}  // namespace steelyard::measurement_kinds
