#pragma once

// The steps from a file and its margins to weights. Internal: see weigh_file.hpp.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "study/weigh_file.hpp"

namespace steelyard {

/// One call of weigh_file(): steps in the order of run(), each of which adds to the WeighedFile.
class WeighAssembly {
 public:
  WeighAssembly(const WeighRequest& request, const DataSource& data, MarginsFile margins,
                std::span<const ColumnRequest> extra)
      : r_(request),
        data_(data),
        margins_(std::move(margins)),
        extra_(extra),
        out_(std::make_unique<WeighedFile>()) {}
  std::unique_ptr<WeighedFile> run(std::vector<ColumnData>* columns);

 private:
  /// A variable of the margins: its column and its levels in the order of the margins file.
  struct Factor {
    std::string name;
    std::vector<std::string> levels;
    std::size_t column = 0;
    int line = 0;
    VariableId id{};
  };
  /// The combinations of levels that a crossed margin lists.
  struct Given {
    std::size_t margin;
    std::vector<bool> cell;
  };
  /// The level of those without an answer (MissingRule::category).
  inline static const std::string kNoAnswer = "(no answer)";

  [[noreturn]] void fail(std::string problem, std::string hint, int line = 0) const {
    throw UserError({data_.name(), line}, {}, std::move(problem), std::move(hint));
  }
  Factor* find(const std::string& name);
  bool is_missing(const Factor& f, std::size_t i) const;
  /// In the file, from 1.
  std::size_t row_number(std::size_t i) const {
    return (out_->kept.empty() ? i : out_->kept[i]) + 1;
  }
  double base_weight(std::size_t i) const { return out_->base.empty() ? 1.0 : out_->base[i]; }

  // Columns, rows and the population's size: weigh_rows.cpp.
  void read();
  void require(const std::string& name, int line) const;
  void drop();
  void check_base();
  void settle();

  // Levels of the margins and codes of the rows: weigh_levels.cpp.
  void make_schema();
  void read_levels(Factor& f) const;
  void add_factor(Factor& f);
  void add_other(Factor& f);
  void same_levels(const Factor& f, const std::vector<std::string>& levels,
                   const MarginsFile::Margin& margin) const;
  bool any_missing(const Factor& f) const;
  void add_missing_level(Factor& f);
  void recode();
  void recode_levels(const Factor& f);
  void report_strangers(const Factor& f, const LevelColumn& column,
                        const std::vector<std::size_t>& strangers) const;

  // Answers for those who gave none: weigh_imputation.cpp.
  void impute();
  void impute_factor(std::size_t position, const Factor& f,
                     const std::vector<std::vector<std::uint16_t>>& answers);
  std::size_t draw_donor(const std::vector<std::size_t>& donors, Stream& stream) const;

  // Benchmarks and cells: weigh_cells.cpp.
  void make_benchmarks();
  void add_benchmark(const MarginsFile::Margin& margin);
  void keep_share_of_no_answer(const Factor& f, std::vector<double>& totals);
  void make_index();
  void check_combinations(const Given& cross) const;
  bool needs_rows() const;
  void make_clusters();

  void add_reference();
  void weigh();

  const WeighRequest& r_;
  const DataSource& data_;
  MarginsFile margins_;
  std::span<const ColumnRequest> extra_;
  std::unique_ptr<WeighedFile> out_;
  std::vector<ColumnData> columns_;
  std::vector<Factor> factors_, numbers_, others_;  ///< with levels, with a total, of options only
  std::vector<Given> given_;
  std::optional<ReferenceFile> reference_;
  std::optional<std::size_t> base_at_, strata_at_, cluster_at_;
  std::size_t n_ = 0;
};

}  // namespace steelyard
