#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/csv.hpp"
#include "core/text.hpp"
#include "study/bucket_tables.hpp"

namespace steelyard {
namespace {

/// Reads the tables of one file, row by row.
class TablesFile {
 public:
  TablesFile(const std::string& path, Overlap overlap)
      : file_(CsvFile::read(path)), overlap_(overlap) {
    lo_ = file_.column("lo");
    hi_ = file_.column("hi");
    if (file_.has_column("weight") && file_.has_column("share"))
      throw UserError({file_.name()}, {}, "has both columns weight and share", "keep one");
    shares_ = file_.has_column("share");
    weight_ = file_.column(shares_ ? "share" : "weight");
  }

  std::vector<NamedBucketTable> read() {
    const bool named = file_.has_column("case");
    const std::size_t name = named ? file_.column("case") : 0;
    for (std::size_t row = 0; row < file_.rows(); ++row) {
      const std::string& here = named ? file_.field(row, name) : file_.name();
      if (tables_.empty() || tables_.back().name != here) start(here, row);
      add(row);
    }
    finish();
    return std::move(tables_);
  }

 private:
  Place at(std::size_t row) const { return {file_.name(), file_.line(row)}; }

  void start(const std::string& name, std::size_t row) {
    finish();
    if (name.empty())
      throw UserError(at(row), {}, "has no case", "name the table that the bucket is of");
    for (const NamedBucketTable& table : tables_)
      if (table.name == name)
        throw UserError(at(row), "case " + name, "goes on after another case",
                        "put the rows of a case together");
    tables_.push_back({name, {}, {}});
    first_ = row;
  }

  void add(std::size_t row) {
    const std::string place = "case " + tables_.back().name;
    const double lo = file_.number(row, lo_), hi = file_.number(row, hi_);
    const double weight = file_.number(row, weight_);
    if (std::isinf(lo))
      throw UserError(at(row), place, "has an open bottom bucket",
                      "give its lower edge (0 for amounts)");
    if (overlap_ == Overlap::refused) follows(row, lo);
    if (!(lo < hi))
      throw UserError(at(row), place,
                      fmt::format("has a bucket from {} to {}", shortest(lo), shortest(hi)),
                      "lo must be below hi");
    if (!(weight >= 0) || std::isinf(weight))
      throw UserError(at(row), place,
                      fmt::format("has the {} {}", shares_ ? "share" : "weight", shortest(weight)),
                      "it must be a finite number, 0 or more");
    if (overlap_ == Overlap::unfolded) {
      tables_.back().answers.push_back({lo, hi, weight});
      return;
    }
    BucketTable& table = tables_.back().table;
    if (table.edges.empty()) table.edges.push_back(lo);
    table.edges.push_back(hi);
    table.weights.push_back(weight);
  }

  /// A bucket starts where the one before ends.
  void follows(std::size_t row, double lo) const {
    const BucketTable& table = tables_.back().table;
    if (table.edges.empty() || lo == table.edges.back()) return;
    const std::string place = "case " + tables_.back().name,
                      between = fmt::format("one ends at {}, the next starts at {}",
                                            shortest(table.edges.back()), shortest(lo)),
                      order = "put buckets in order, each starting where the one before ends";
    if (lo < table.edges.back()) {
      const bool open = std::isinf(table.edges.back());
      throw UserError(
          at(row), place,
          open ? "has a bucket above an open one" : "has overlapping buckets: " + between,
          (open ? "only the last bucket may have hi = Inf" : order) +
              "; or pass --unfold if these are answers in brackets that overlap (unfolding "
              "brackets)");
    }
    throw UserError(at(row), place, "has a gap: one bucket" + between.substr(3),
                    order + "; give empty ones weight 0");
  }

  void finish() {
    if (tables_.empty()) return;
    BucketTable& table = tables_.back().table;
    const std::string place = "case " + tables_.back().name;
    double sum = 0;
    if (overlap_ == Overlap::unfolded) {
      for (const IntervalCount& answer : tables_.back().answers) sum += answer.weight;
      if (!(sum > 0)) throw UserError(at(first_), place, "is empty: nobody gave any answer");
    } else {
      if (const auto why = objection(table)) throw UserError(at(first_), place, *why);
      sum = table.total();
    }
    if (shares_) {
      // Each share is rounded by up to half a unit of its last digit: half a per cent here.
      const double slack =
          0.5 * static_cast<double>(std::max(table.size(), tables_.back().answers.size()));
      const bool percent = sum > 2;
      if (std::abs(sum - (percent ? 100 : 1)) > (percent ? slack : slack / 100))
        throw UserError(at(first_), place,
                        fmt::format("has shares that sum to {:g}, which is neither 1 nor 100", sum),
                        "correct them, or call the column weight if they are counts");
    }
    table.n = sum;
  }

  CsvFile file_;
  Overlap overlap_;
  std::size_t lo_ = 0, hi_ = 0, weight_ = 0, first_ = 0;
  bool shares_ = false;
  std::vector<NamedBucketTable> tables_;
};

void read_meta(const std::string& path, std::vector<NamedBucketTable>& tables) {
  const CsvFile file = CsvFile::read(path);
  const std::size_t name = file.column("case");
  const bool has_n = file.has_column("n"), has_mean = file.has_column("known_mean");
  if (!has_n && !has_mean)
    throw UserError({file.name()}, {}, "has neither a column n nor known_mean",
                    "give case,n,known_mean");
  std::vector<std::string> names;
  for (const auto& table : tables) names.push_back(table.name);
  std::vector<bool> seen(tables.size(), false);
  for (std::size_t row = 0; row < file.rows(); ++row) {
    const Place place{file.name(), file.line(row)};
    const std::string& here = file.field(row, name);
    const auto found = std::find(names.begin(), names.end(), here);
    if (found == names.end())
      throw UserError(place, "case \"" + here + "\"", "is not among the tables",
                      suggestion(here, names));
    const auto k = static_cast<std::size_t>(found - names.begin());
    if (seen[k]) throw UserError(place, "case \"" + here + "\"", "stands twice", "remove one");
    seen[k] = true;
    BucketTable& table = tables[k].table;
    if (has_n && !trim(file.field(row, file.column("n"))).empty()) {
      table.n = file.number(row, file.column("n"));
      if (!(table.n > 0) || std::isinf(table.n))
        throw UserError(place, "n", fmt::format("= {:g} is no number of observations", table.n),
                        "give how many persons were asked");
    }
    if (has_mean && !trim(file.field(row, file.column("known_mean"))).empty()) {
      table.known_mean = file.number(row, file.column("known_mean"));
      if (!std::isfinite(*table.known_mean))
        throw UserError(place, "known_mean", "is not finite", "leave it empty if it is unknown");
    }
  }
}

}  // namespace

std::vector<NamedBucketTable> read_bucket_tables(const std::string& tables, const std::string& meta,
                                                 Overlap overlap) {
  auto read = TablesFile(tables, overlap).read();
  if (!meta.empty()) read_meta(meta, read);
  return read;
}

}  // namespace steelyard
