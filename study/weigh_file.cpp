#include "study/weigh_file.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <unordered_map>

#include "core/sums.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

constexpr std::size_t kMaxWideLevels = 65534;
const std::string kNoAnswer = "(no answer)";

std::string toml_text(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + '"';
}

class Assembly {
 public:
  Assembly(const WeighRequest& request, const DataSource& data, MarginsFile margins,
           std::span<const ColumnRequest> extra)
      : r_(request),
        data_(data),
        margins_(std::move(margins)),
        extra_(extra),
        out_(std::make_unique<WeighedFile>()) {}

  std::unique_ptr<WeighedFile> run(std::vector<ColumnData>* columns) {
    out_->method = r_.method;
    read();
    if (r_.missing == MissingRule::drop) drop();
    check_base();
    settle();
    make_schema();
    recode();
    make_benchmarks();
    make_weighting();
    make_index();
    weigh();
    if (columns != nullptr) {
      columns->assign(
          std::make_move_iterator(columns_.begin()),
          std::make_move_iterator(columns_.begin() + static_cast<std::ptrdiff_t>(extra_.size())));
    }
    return std::move(out_);
  }

 private:
  /// A variable of the margins: its column and its levels in the order of the margins file.
  struct Factor {
    std::string name;
    std::vector<std::string> levels;
    std::size_t column = 0;
    int line = 0;
    VariableId id{};
  };

  [[noreturn]] void fail(std::string problem, std::string hint, int line = 0) const {
    throw UserError({data_.name(), line}, {}, std::move(problem), std::move(hint));
  }

  Factor* find(const std::string& name) {
    for (Factor& f : factors_)
      if (f.name == name) return &f;
    return nullptr;
  }

  // --- columns -----------------------------------------------------------------------------------

  void read() {
    std::vector<ColumnRequest> wanted(extra_.begin(), extra_.end());
    const auto want = [&](const std::string& name, ColumnRequest::As as) {
      wanted.push_back({name, as});
      return wanted.size() - 1;
    };
    for (const auto& margin : margins_.margins)
      for (const std::string& name : margin.variables)
        if (find(name) == nullptr) {
          require(name, margin.line);
          factors_.push_back({name, {}, want(name, ColumnRequest::As::levels), margin.line});
        }
    for (const auto& total : margins_.totals) {
      require(total.variable, total.line);
      numbers_.push_back({total.variable, {}, want(total.variable, ColumnRequest::As::numbers)});
    }
    for (const std::string& name : r_.also)
      if (find(name) == nullptr)
        others_.push_back({name, {}, want(name, ColumnRequest::As::levels)});
    if (!r_.base.empty()) base_at_ = want(r_.base, ColumnRequest::As::numbers);
    if (!r_.strata.empty()) strata_at_ = want(r_.strata, ColumnRequest::As::ids);
    if (!r_.clusters.empty()) cluster_at_ = want(r_.clusters[0], ColumnRequest::As::ids);
    columns_ = data_.read(wanted, r_.threads);
    n_ = out_->rows = data_.rows();
  }

  /// A margin's variable must be a column; the message points at the margins file.
  void require(const std::string& name, int line) const {
    if (data_.has_column(name)) return;
    std::string hint = suggestion(name, data_.header());
    if (hint.empty()) hint = "the columns are: " + join(data_.header(), ", ");
    throw UserError({margins_.file, line}, {},
                    "\"" + name + "\" is not a column of " + data_.name(), hint);
  }

  bool is_missing(const Factor& f, std::size_t i) const {
    return columns_[f.column].numbers.empty() ? columns_[f.column].levels.codes[i] == kMissingCode
                                              : std::isnan(columns_[f.column].numbers[i]);
  }

  void drop() {
    std::vector<bool> gone(n_, false);
    for (const auto* group : {&factors_, &numbers_, &others_})
      for (const Factor& f : *group)
        for (std::size_t i = 0; i < n_; ++i)
          if (is_missing(f, i)) gone[i] = true;
    std::vector<std::uint32_t> kept;
    for (std::size_t i = 0; i < n_; ++i)
      if (!gone[i]) kept.push_back(static_cast<std::uint32_t>(i));
    if (kept.size() == n_) return;
    if (kept.empty()) fail("has no row with answers to all margin variables", "use --missing");
    out_->notes.push_back(
        fmt::format("{} of {} rows lack an answer to a margin variable and are "
                    "left out (weight 0)",
                    n_ - kept.size(), n_));
    keep_rows(kept, columns_);
    out_->kept = std::move(kept);
    n_ = out_->kept.size();
  }

  std::size_t row_number(std::size_t i) const {
    return (out_->kept.empty() ? i : out_->kept[i]) + 1;
  }

  void check_base() {
    if (!base_at_) return;
    out_->base = std::move(columns_[*base_at_].numbers);
    for (std::size_t i = 0; i < n_; ++i) {
      const double d = out_->base[i];
      if (d > 0) continue;
      fail(std::isnan(d)
               ? fmt::format("row {} has no base weight in column {}", row_number(i), r_.base)
               : fmt::format("row {} has the base weight {:g} in column {}", row_number(i), d,
                             r_.base),
           d == 0 ? "a weight of 0 represents nobody: remove the row, or correct it"
                  : "base weights are positive: remove the row, or correct it");
    }
  }

  void settle() {
    double base = static_cast<double>(n_);
    if (base_at_) base = total(out_->base);
    const bool known = r_.population || margins_.population ||
                       std::any_of(margins_.margins.begin(), margins_.margins.end(),
                                   [](const auto& margin) { return !margin.shares; });
    out_->population = margins_.settle(r_.population, base, r_.rescale, out_->notes);
    if (!known && !margins_.margins.empty() && !base_at_)
      out_->notes.push_back(
          "no count, no --population and no base weights: weights sum to the number of rows");
  }

  // --- schema ------------------------------------------------------------------------------------

  void make_schema() {
    for (Factor& f : factors_) {
      for (const auto& margin : margins_.margins) {
        const auto at = std::find(margin.variables.begin(), margin.variables.end(), f.name);
        if (at == margin.variables.end()) continue;
        const auto position = static_cast<std::size_t>(at - margin.variables.begin());
        std::vector<std::string> levels;
        for (const auto& cell : margin.cells)
          if (std::find(levels.begin(), levels.end(), cell.levels[position]) == levels.end())
            levels.push_back(cell.levels[position]);
        if (f.levels.empty()) {
          f.levels = levels;
          continue;
        }
        same_levels(f, levels, margin);
      }
      if (f.levels.size() < 2)
        throw UserError({margins_.file, f.line}, {}, f.name + " has a single level",
                        "give all its levels, or the population's size as the variable 1");
      add_missing_level(f);
      Variable v;
      v.name = f.name;
      v.levels = f.levels;
      v.place = {margins_.file, f.line};
      if (std::find(r_.ordered.begin(), r_.ordered.end(), f.name) != r_.ordered.end())
        v.kind = VariableKind::ordered;
      f.id = out_->schema.add(std::move(v), kMaxWideLevels);
    }
    for (const std::string& name : r_.ordered)
      if (find(name) == nullptr)
        throw UserError({}, "--ordered", "\"" + name + "\" is in no margin",
                        "name variables of the margins");
    for (Factor& f : numbers_) {
      Variable v;
      v.name = f.name;
      v.kind = VariableKind::continuous;
      f.id = out_->schema.add(std::move(v));
    }
    for (Factor& f : others_) add_other(f);
  }

  /// A column that only the method's options name: levels as they are, their numbers as values.
  void add_other(Factor& f) {
    const LevelColumn& column = columns_[f.column].levels;
    f.levels = column.levels;
    Variable v;
    v.name = f.name;
    v.levels = f.levels;
    for (const std::string& level : f.levels)
      if (const auto number = parse_number(level)) v.assumed_values.push_back(*number);
    if (v.assumed_values.size() != f.levels.size()) v.assumed_values.clear();
    for (std::uint16_t code : column.codes)
      if (code == kMissingCode)
        fail("column " + f.name + " has rows without an answer", "use --missing drop");
    f.id = out_->schema.add(std::move(v), kMaxWideLevels);
  }

  void same_levels(const Factor& f, const std::vector<std::string>& levels,
                   const MarginsFile::Margin& margin) const {
    const auto lacks = [&](const std::vector<std::string>& from,
                           const std::vector<std::string>& in) -> const std::string* {
      for (const std::string& level : from)
        if (std::find(in.begin(), in.end(), level) == in.end()) return &level;
      return nullptr;
    };
    const std::string* more = lacks(levels, f.levels);
    const std::string* less = lacks(f.levels, levels);
    if (more != nullptr || less != nullptr)
      throw UserError({margins_.file, margin.line}, {},
                      fmt::format("{} {} the level \"{}\" of {}, and another margin {}",
                                  margin.name(), more ? "has" : "lacks", more ? *more : *less,
                                  f.name, more ? "does not" : "has it"),
                      "give the same levels in every margin");
  }

  bool any_missing(const Factor& f) const {
    for (std::size_t i = 0; i < n_; ++i)
      if (is_missing(f, i)) return true;
    return false;
  }

  void add_missing_level(Factor& f) {
    if (r_.missing != MissingRule::category || !any_missing(f)) return;
    for (const auto& margin : margins_.margins)
      if (margin.variables.size() > 1 && std::find(margin.variables.begin(), margin.variables.end(),
                                                   f.name) != margin.variables.end())
        fail("column " + f.name + " has rows without an answer and is crossed in " + margin.name(),
             "a category of its own works for single variables; use --missing drop or impute");
    f.levels.push_back(kNoAnswer);
  }

  // --- codes of the margins' levels
  // ----------------------------------------------------------------

  void recode() {
    if (r_.missing == MissingRule::impute) impute();
    for (Factor& f : factors_) {
      LevelColumn& column = columns_[f.column].levels;
      std::unordered_map<std::string, std::uint16_t> code;
      for (std::size_t k = 0; k < f.levels.size(); ++k)
        code.emplace(f.levels[k], static_cast<std::uint16_t>(k));
      std::vector<std::uint16_t> to(column.levels.size(), kMissingCode);
      for (std::size_t k = 0; k < to.size(); ++k)
        if (const auto at = code.find(column.levels[k]); at != code.end()) to[k] = at->second;
      const auto no_answer = code.find(kNoAnswer);
      const bool category = no_answer != code.end() && r_.missing == MissingRule::category;
      std::vector<std::size_t> strangers(column.levels.size(), 0);
      std::size_t missing = 0, first = 0;
      for (std::size_t i = 0; i < n_; ++i) {
        std::uint16_t& c = column.codes[i];
        if (c == kMissingCode) {
          if (category) {
            c = no_answer->second;
          } else if (missing++ == 0) {
            first = i;
          }
          continue;
        }
        if (to[c] == kMissingCode)
          ++strangers[c];
        else
          c = to[c];
      }
      report_strangers(f, column, strangers);
      if (missing > 0)
        fail(fmt::format("{} rows have no answer in column {}, the first is row {}", missing,
                         f.name, row_number(first)),
             "choose --missing drop, category or impute");
    }
    for (Factor& f : numbers_)
      for (std::size_t i = 0; i < n_; ++i)
        if (std::isnan(columns_[f.column].numbers[i]))
          fail(fmt::format("row {} has no answer in column {}", row_number(i), f.name),
               "choose --missing drop or impute");
  }

  void report_strangers(const Factor& f, const LevelColumn& column,
                        const std::vector<std::size_t>& strangers) const {
    std::string text, nearest;
    std::size_t kinds = 0;
    for (std::size_t k = 0; k < strangers.size(); ++k) {
      if (strangers[k] == 0) continue;
      if (kinds++ < 5)
        text += fmt::format("{}\"{}\" ({} rows)", text.empty() ? "" : ", ", column.levels[k],
                            strangers[k]);
      if (nearest.empty()) nearest = suggestion(column.levels[k], f.levels);
    }
    if (kinds == 0) return;
    if (kinds > 5) text += fmt::format(" and {} more", kinds - 5);
    fail(fmt::format("column {} has levels that no margin has: {}", f.name, text),
         nearest.empty() ? "the margins have: " + join(f.levels, ", ") : nearest);
  }

  /// Hot deck: donors are alike in all other margin variables; if there is none, anybody who
  /// answered. Drawn with probability proportional to the base weight.
  void impute() {
    if (!r_.seed)
      throw UserError({}, "--missing", "impute draws at random",
                      "pass --seed N, so that it can be "
                      "repeated");
    std::vector<Factor*> all;
    for (auto* group : {&factors_, &numbers_})
      for (Factor& f : *group) all.push_back(&f);
    std::vector<std::vector<std::uint16_t>> answers;  // before any imputation
    for (const Factor& f : factors_) answers.push_back(columns_[f.column].levels.codes);
    const auto key_without = [&](std::size_t i, std::size_t left_out) {
      std::string key;
      for (std::size_t v = 0; v < answers.size(); ++v)
        if (v != left_out) key += std::to_string(answers[v][i]) + ",";
      return key;
    };
    for (std::size_t v = 0; v < all.size(); ++v) {
      std::vector<std::size_t> empty, answered;
      for (std::size_t i = 0; i < n_; ++i) (is_missing(*all[v], i) ? empty : answered).push_back(i);
      if (empty.empty()) continue;
      if (answered.empty()) fail("column " + all[v]->name + " has no answer at all", "remove it");
      std::map<std::string, std::vector<std::size_t>> donors;
      for (std::size_t i : empty) donors[key_without(i, v)];
      for (std::size_t i : answered)
        if (const auto at = donors.find(key_without(i, v)); at != donors.end())
          at->second.push_back(i);
      ColumnData& column = columns_[all[v]->column];
      std::vector<std::size_t> from(empty.size());
      for (std::size_t k = 0; k < empty.size(); ++k) {
        const auto& near = donors[key_without(empty[k], v)];
        Stream stream({*r_.seed, purpose("impute"), Replicate{static_cast<std::uint32_t>(v)},
                       Unit{row_number(empty[k])}});
        from[k] = draw_donor(near.empty() ? answered : near, stream);
      }
      for (std::size_t k = 0; k < empty.size(); ++k)
        if (column.numbers.empty())
          column.levels.codes[empty[k]] = column.levels.codes[from[k]];
        else
          column.numbers[empty[k]] = column.numbers[from[k]];
      out_->imputed += empty.size();
      out_->notes.push_back(
          fmt::format("{} answers to {} were imputed from rows alike in the other margin "
                      "variables; standard errors take them as given",
                      empty.size(), all[v]->name));
    }
  }

  std::size_t draw_donor(const std::vector<std::size_t>& donors, Stream& stream) const {
    if (out_->base.empty()) return donors[stream.below(donors.size())];
    double sum = 0;
    for (std::size_t i : donors) sum += out_->base[i];
    double left = stream.uniform() * sum;
    for (std::size_t i : donors)
      if ((left -= out_->base[i]) <= 0) return i;
    return donors.back();
  }

  // --- benchmarks, cells, weighting
  // ----------------------------------------------------------------

  void make_benchmarks() {
    out_->benchmarks = std::make_unique<Benchmarks>(out_->schema);
    for (const auto& margin : margins_.margins) {
      Benchmarks::Table table;
      std::vector<const Factor*> factors;
      std::size_t size = 1;
      for (const std::string& name : margin.variables) {
        factors.push_back(find(name));
        table.variables.push_back(factors.back()->id);
        size *= factors.back()->levels.size();
        if (size > (std::size_t{1} << 26))
          throw UserError({margins_.file, margin.line}, {}, margin.name() + " has too many cells",
                          "cross fewer variables");
      }
      table.totals.assign(size, 0.0);
      std::vector<bool> given(size, false);
      for (const auto& cell : margin.cells) {
        std::size_t at = 0;
        for (std::size_t v = 0; v < factors.size(); ++v) {
          const auto& levels = factors[v]->levels;
          at = at * levels.size() +
               static_cast<std::size_t>(std::find(levels.begin(), levels.end(), cell.levels[v]) -
                                        levels.begin());
        }
        table.totals[at] = cell.target;
        given[at] = true;
      }
      if (factors.size() > 1) given_.push_back({out_->margins.size(), std::move(given)});
      if (factors.size() == 1 && factors[0]->levels.back() == kNoAnswer)
        keep_share_of_no_answer(*factors[0], table.totals);
      out_->margins.push_back(table.variables);
      out_->benchmarks->add(std::move(table));
    }
    for (std::size_t k = 0; k < numbers_.size(); ++k) {
      out_->benchmarks->add_number(numbers_[k].id, margins_.totals[k].total);
      out_->margins.push_back({numbers_[k].id});
    }
  }

  void keep_share_of_no_answer(const Factor& f, std::vector<double>& totals) {
    const auto& codes = columns_[f.column].levels.codes;
    const std::size_t last = f.levels.size() - 1;
    double without = 0, all = 0;
    for (std::size_t i = 0; i < n_; ++i) {
      const double d = out_->base.empty() ? 1.0 : out_->base[i];
      all += d;
      if (codes[i] == last) without += d;
    }
    const double share = without / all;
    for (double& t : totals) t *= 1 - share;
    totals[last] = share * out_->population;
    out_->notes.push_back(fmt::format(
        "{:.2f} % have no answer to {} and keep that share; its targets are scaled to the rest",
        100 * share, f.name));
  }

  void make_index() {
    std::vector<VariableId> ids;
    std::vector<CodeView> views;
    std::vector<std::uint32_t> states;
    for (const auto* group : {&factors_, &others_})
      for (const Factor& f : *group) {
        ids.push_back(f.id);
        views.push_back({{}, columns_[f.column].levels.codes});
        states.push_back(static_cast<std::uint32_t>(f.levels.size()));
      }
    double cross = 1;
    for (std::uint32_t s : states) cross *= s;
    if (cross >= 0x1p63)
      fail("the margin variables together have too many combinations", "use fewer of them");
    out_->index = make_cell_index(n_, ids, views, states, out_->base);
    for (const Factor& f : numbers_) {
      out_->index.number_variables.push_back(f.id);
      out_->index.numbers.push_back(std::move(columns_[f.column].numbers));
    }
    for (Factor& f : factors_) columns_[f.column].levels.codes = {};
    if (!numbers_.empty() || needs_rows()) one_cell_each(out_->index, out_->base);
    if (cluster_at_) make_clusters();
    for (const Given& given : given_) check_combinations(given);
  }

  /// A combination of levels that a crossed margin does not list is empty in the population; a
  /// respondent who has it contradicts that.
  struct Given {
    std::size_t margin;
    std::vector<bool> cell;
  };
  void check_combinations(const Given& cross) const {
    const auto& variables = out_->margins[cross.margin];
    const CellGroups groups = group_cells(out_->index, out_->schema, variables);
    for (std::size_t c = 0; c < out_->index.cells; ++c)
      if (!cross.cell[groups.group_of[c]])
        fail(
            fmt::format("has respondents with {}, which {} does not list",
                        describe_group(out_->schema, variables, groups.group_of[c]), margins_.file),
            "add the combination with its target, or correct the file");
  }

  /// Rows of a cell must not be taken together if their base weights differ and the weighting acts
  /// on each.
  bool needs_rows() const {
    if (cluster_at_) return true;
    if (out_->base.empty() || !out_->weighting->by_respondent()) return false;
    const CellIndex& index = out_->index;
    for (std::size_t c = 0; c < index.cells; ++c)
      if (index.weight_squared[c] * index.respondents[c] >
          index.weight[c] * index.weight[c] * (1 + 1e-9))
        return true;
    return false;
  }

  void make_clusters() {
    const auto& cluster = columns_[*cluster_at_].ids;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> number;
    for (std::size_t i = 0; i < n_; ++i) {
      const std::uint32_t stratum = strata_at_ ? columns_[*strata_at_].ids[i] : 0;
      if (cluster[i] == kMissingId || stratum == kMissingId)
        fail(fmt::format("row {} has no stratum or cluster", row_number(i)), "correct it");
      const auto at =
          number.try_emplace({stratum, cluster[i]}, static_cast<std::uint32_t>(number.size()));
      out_->index.cluster_of.push_back(at.first->second);
    }
  }

  /// The method's options as a TOML table: its margins (or cross) from the margins file, the rest
  /// as given.
  toml::table option_table(const WeightingInfo& info) const {
    ConfigReader known = ConfigReader::documenting();
    info.make(known, out_->schema);
    const auto takes = [&](std::string_view key) {
      for (const OptionRecord& record : known.records())
        if (record.key == key) return true;
      return false;
    };
    toml::table table;
    const auto names = [&](const std::vector<VariableId>& margin) {
      toml::array list;
      for (VariableId id : margin) list.push_back(out_->schema[id].name);
      return list;
    };
    for (const std::string& option : r_.options) {
      const std::size_t equals = option.find('=');
      const std::string key(trim(std::string_view(option).substr(0, equals)));
      if (equals == std::string::npos || key.empty())
        throw UserError({}, "--option", "\"" + option + "\" is not key=value",
                        "for instance --option tolerance=1e-12");
      const std::string value(trim(std::string_view(option).substr(equals + 1)));
      toml::table one;
      try {
        one = toml::parse(key + " = " + value);
      } catch (const toml::parse_error&) {
        try {
          one = toml::parse(key + " = " + toml_text(value));
        } catch (const toml::parse_error&) {
          throw UserError({}, "--option", "\"" + option + "\" cannot be read",
                          "write key=value, lists as [\"a\", \"b\"]");
        }
      }
      for (auto& [k, node] : one) table.insert_or_assign(k, std::move(node));
    }
    if (takes("predictors")) {
      toml::array list;
      for (const auto& margin : out_->margins) list.push_back(names(margin));
      table.emplace("predictors", std::move(list));
    } else if (takes("margins") && !table.contains("margins")) {
      toml::array list;
      for (const auto& margin : out_->margins) list.push_back(names(margin));
      table.insert("margins", std::move(list));
    }
    if (takes("cross") && !table.contains("cross")) {
      if (out_->margins.size() != 1)
        throw UserError({r_.margins}, "--method " + r_.method,
                        fmt::format("needs one margin, the cross of its variables; there are {}",
                                    out_->margins.size()),
                        "give the totals of a*b, or use raking for separate margins");
      table.insert("cross", names(out_->margins[0]));
    }
    return table;
  }

  void make_weighting() {
    std::vector<std::string> names;
    for (const WeightingInfo& info : weightings()) {
      names.emplace_back(info.name);
      if (info.name != r_.method) continue;
      const toml::table table = option_table(info);
      ConfigReader reader(table, {}, "--method " + r_.method);
      out_->weighting = info.make(reader, out_->schema);
      reader.finish();
      return;
    }
    const std::string nearest = suggestion(r_.method, names);
    throw UserError({}, "--method", "\"" + r_.method + "\" is not a weighting",
                    nearest.empty() ? "there are: " + join(names, ", ") : nearest);
  }

  void weigh() {
    auto made = out_->weighting->weigh(out_->index, *out_->benchmarks);
    if (!made) {
      std::string text = r_.method + ": " + made.failure().detail;
      const std::string why = out_->weighting->explain(out_->index, *out_->benchmarks);
      if (!why.empty()) text += "; " + why;
      throw NegativeAnswer(text);
    }
    out_->weights = std::move(made.value());
    for (const std::string& note : out_->weights.notes) out_->notes.push_back(note);
  }

  const WeighRequest& r_;
  const DataSource& data_;
  MarginsFile margins_;
  std::span<const ColumnRequest> extra_;
  std::unique_ptr<WeighedFile> out_;
  std::vector<ColumnData> columns_;
  std::vector<Factor> factors_, numbers_, others_;
  std::vector<Given> given_;
  std::optional<std::size_t> base_at_, strata_at_, cluster_at_;
  std::size_t n_ = 0;
};

template <typename Value>
void keep(std::span<const std::uint32_t> kept, std::vector<Value>& values) {
  if (values.empty()) return;
  for (std::size_t k = 0; k < kept.size(); ++k) values[k] = values[kept[k]];
  values.resize(kept.size());
}

}  // namespace

SurveyData WeighedFile::survey_data() const {
  SurveyData data;
  data.n = n();
  data.start_scale = start_scale();
  data.d.assign(data.n, 1.0);
  if (!base.empty()) data.d = base;
  data.w.resize(data.n);
  for (std::size_t i = 0; i < data.n; ++i) data.w[i] = weight(i);
  data.index = &index;
  data.weights = &weights;
  data.weighting = weighting.get();
  data.benchmarks = benchmarks.get();
  return data;
}

std::optional<MissingRule> parse_missing_rule(std::string_view name) {
  if (name == "error") return MissingRule::error;
  if (name == "drop") return MissingRule::drop;
  if (name == "category") return MissingRule::category;
  if (name == "impute") return MissingRule::impute;
  return std::nullopt;
}

void keep_rows(std::span<const std::uint32_t> kept, std::vector<ColumnData>& columns) {
  for (ColumnData& column : columns) {
    keep(kept, column.levels.codes);
    keep(kept, column.numbers);
    keep(kept, column.ids);
  }
}

std::unique_ptr<WeighedFile> weigh_file(const WeighRequest& request, const DataSource& data,
                                        MarginsFile margins, std::span<const ColumnRequest> extra,
                                        std::vector<ColumnData>* columns) {
  return Assembly(request, data, std::move(margins), extra).run(columns);
}

std::unique_ptr<WeighedFile> weigh_file(const WeighRequest& request, const DataSource& data,
                                        std::span<const ColumnRequest> extra,
                                        std::vector<ColumnData>* columns) {
  return weigh_file(request, data, MarginsFile::read(request.margins), extra, columns);
}

}  // namespace steelyard
