#include "study/user_file.hpp"

#include <fmt/format.h>

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "core/sums.hpp"
#include "core/text.hpp"
#include "estimators/weighting/trimming.hpp"

namespace steelyard {
namespace {

/// Margin variables of the file: their columns recoded to the margins' levels.
struct Matched {
  std::vector<std::string> names;
  std::vector<bool> number;
  std::vector<LevelColumn> levels;
  std::vector<std::vector<double>> numbers;
};

std::vector<std::pair<std::string, bool>> margin_variables(const MarginsFile& margins) {
  std::vector<std::pair<std::string, bool>> out;
  for (const FileMargin& margin : margins.margins)
    for (const std::string& name : margin.variables) {
      const auto at = std::find_if(out.begin(), out.end(),
                                   [&](const auto& other) { return other.first == name; });
      if (at == out.end())
        out.emplace_back(name, margin.number);
      else if (at->second != margin.number)
        throw UserError({margins.name, margin.lines[0]}, {},
                        name + " is a number in one margin and has levels in another", "");
    }
  return out;
}

/// Levels of a variable in the order of the margins file.
std::vector<std::string> margin_levels(const MarginsFile& margins, const std::string& name) {
  std::vector<std::string> levels;
  const FileMargin* from = nullptr;
  for (const FileMargin& margin : margins.margins) {
    const auto at = std::find(margin.variables.begin(), margin.variables.end(), name);
    if (at == margin.variables.end()) continue;
    const auto position = static_cast<std::size_t>(at - margin.variables.begin());
    const std::size_t known = levels.size();
    for (std::size_t row = 0; row < margin.levels.size(); ++row) {
      const std::string& level = margin.levels[row][position];
      if (std::find(levels.begin(), levels.end(), level) != levels.end()) continue;
      if (from != nullptr)
        throw UserError({margins.name, margin.lines[row]}, {},
                        fmt::format("{} has level \"{}\", which margin {} does not have", name,
                                    level, from->name()),
                        suggestion(level, std::vector<std::string>(levels.begin(),
                                                                   levels.begin() + static_cast<std::ptrdiff_t>(known))));
      levels.push_back(level);
    }
    from = &margin;
  }
  return levels;
}

class Preparation {
 public:
  Preparation(const WeighRequest& request, const DataFile& file, WeighedFile& out)
      : request_(request), file_(file), out_(out) {}

  void run(std::span<const ColumnRequest> also, std::vector<ColumnData>* also_read) {
    out_.margins = read_margins_file(request_.margins, request_.rescale);
    for (const auto& note : out_.margins.notes) out_.notes.push_back(note);
    read(also, also_read);
    for (std::size_t v = 0; v < matched_.names.size(); ++v)
      if (!matched_.number[v]) match(v);
    if (!request_.base.empty()) check_base();
    treat_missing();
    scale_population();
    make_schema();
    make_cells();
    if (request_.missing == MissingRule::category) share_missing();
    make_benchmarks();
    weigh();
    if (also_read != nullptr && !out_.kept.empty())
      for (ColumnData& column : *also_read) {
        keep(column.levels.codes);
        keep(column.numbers);
        keep(column.ids);
      }
  }

 private:
  void read(std::span<const ColumnRequest> also, std::vector<ColumnData>* also_read) {
    std::vector<ColumnRequest> wanted;
    for (const auto& [name, number] : margin_variables(out_.margins)) {
      if (!file_.has_column(name)) {
        std::string hint = suggestion(name, {file_.header().begin(), file_.header().end()});
        if (hint.empty())
          hint = "the columns are: " + join({file_.header().begin(), file_.header().end()}, ", ");
        throw UserError({file_.name(), 1}, {},
                        fmt::format("has no column \"{}\", which {} names", name,
                                    out_.margins.name),
                        hint);
      }
      matched_.names.push_back(name);
      matched_.number.push_back(number);
      wanted.push_back({name, number ? ColumnRequest::As::numbers : ColumnRequest::As::levels});
    }
    const std::size_t variables = wanted.size();
    if (!request_.base.empty()) wanted.push_back({request_.base, ColumnRequest::As::numbers});
    if (!request_.cluster.empty()) wanted.push_back({request_.cluster, ColumnRequest::As::ids});
    const std::size_t own = wanted.size();
    wanted.insert(wanted.end(), also.begin(), also.end());
    std::vector<ColumnData> columns = file_.read(wanted, request_.threads);
    out_.rows = file_.rows();
    for (std::size_t v = 0; v < variables; ++v) {
      matched_.levels.push_back(std::move(columns[v].levels));
      matched_.numbers.push_back(std::move(columns[v].numbers));
    }
    std::size_t next = variables;
    if (!request_.base.empty()) out_.base = std::move(columns[next++].numbers);
    if (!request_.cluster.empty()) clusters_ = std::move(columns[next++].ids);
    if (also_read != nullptr)
      for (std::size_t k = own; k < columns.size(); ++k)
        also_read->push_back(std::move(columns[k]));
  }

  /// Recodes a column to the margins' levels.
  void match(std::size_t v) {
    const std::string& name = matched_.names[v];
    LevelColumn& column = matched_.levels[v];
    std::vector<std::string> levels = margin_levels(out_.margins, name);
    std::vector<std::uint16_t> code(column.levels.size());
    std::vector<std::size_t> unknown;
    for (std::size_t k = 0; k < column.levels.size(); ++k) {
      const auto at = std::find(levels.begin(), levels.end(), column.levels[k]);
      if (at == levels.end()) unknown.push_back(k);
      code[k] = static_cast<std::uint16_t>(at - levels.begin());
    }
    if (!unknown.empty()) {
      std::vector<std::size_t> count(column.levels.size(), 0), first(column.levels.size(), 0);
      for (std::size_t i = column.codes.size(); i-- > 0;)
        if (column.codes[i] != kMissingCode) {
          ++count[column.codes[i]];
          first[column.codes[i]] = i;
        }
      const std::size_t k = unknown[0];
      std::string hint = suggestion(column.levels[k], levels);
      if (hint.empty()) hint = "its levels there are: " + join(levels, ", ");
      throw UserError(
          {file_.name()}, {},
          fmt::format("{} has level \"{}\" in {} rows (the first is row {}){}, and {} does not "
                      "have it",
                      name, column.levels[k], count[k], first[k] + 1,
                      unknown.size() > 1 ? fmt::format(" and {} more such levels",
                                                       unknown.size() - 1)
                                         : std::string(),
                      out_.margins.name),
          hint);
    }
    for (std::uint16_t& c : column.codes)
      if (c != kMissingCode) c = code[c];
    column.levels = std::move(levels);
  }

  void check_base() {
    for (std::size_t i = 0; i < out_.base.size(); ++i)
      if (!(out_.base[i] > 0))
        throw UserError({file_.name()}, {},
                        std::isnan(out_.base[i])
                            ? fmt::format("row {} has no base weight in column {}", i + 1,
                                          request_.base)
                            : fmt::format("row {} has base weight {:g} in column {}", i + 1,
                                          out_.base[i], request_.base),
                        "base weights are positive; remove the row or correct it");
  }

  bool missing_at(std::size_t v, std::size_t i) const {
    return matched_.number[v] ? std::isnan(matched_.numbers[v][i])
                              : matched_.levels[v].codes[i] == kMissingCode;
  }

  void treat_missing() {
    std::vector<std::string> counts;
    for (std::size_t v = 0; v < matched_.names.size(); ++v) {
      std::size_t count = 0;
      for (std::size_t i = 0; i < out_.rows; ++i) count += missing_at(v, i);
      if (count > 0) counts.push_back(fmt::format("{} in {} rows", matched_.names[v], count));
    }
    if (counts.empty()) return;
    const std::string what = join(counts, ", ");
    switch (request_.missing) {
      case MissingRule::error:
        throw UserError({file_.name()}, {}, "has no answer for " + what,
                        "choose --missing drop, category or impute");
      case MissingRule::drop:
        drop(what);
        return;
      case MissingRule::category:
        for (std::size_t v = 0; v < matched_.names.size(); ++v)
          if (matched_.number[v])
            for (std::size_t i = 0; i < out_.rows; ++i)
              if (missing_at(v, i))
                throw UserError({file_.name()}, {}, "has no answer for the number " + matched_.names[v],
                                "a number has no category; choose --missing drop or impute");
        out_.notes.push_back("no answer is a level of its own: " + what);
        return;
      case MissingRule::impute:
        impute(what);
        return;
    }
  }

  void drop(const std::string& what) {
    for (std::size_t i = 0; i < out_.rows; ++i) {
      bool missing = false;
      for (std::size_t v = 0; v < matched_.names.size(); ++v) missing |= missing_at(v, i);
      if (!missing) out_.kept.push_back(static_cast<std::uint32_t>(i));
    }
    if (out_.kept.empty())
      throw UserError({file_.name()}, {}, "has no row with all answers", "choose --missing impute");
    out_.notes.push_back(fmt::format("{} of {} rows have no weight (no answer for {})",
                                     out_.rows - out_.kept.size(), out_.rows, what));
    for (std::size_t v = 0; v < matched_.names.size(); ++v) {
      keep(matched_.levels[v].codes);
      keep(matched_.numbers[v]);
    }
    keep(out_.base);
    keep(clusters_);
  }

  template <typename T>
  void keep(std::vector<T>& values) const {
    if (values.empty()) return;
    for (std::size_t k = 0; k < out_.kept.size(); ++k) values[k] = values[out_.kept[k]];
    values.resize(out_.kept.size());
  }

  void impute(const std::string& what) {
    if (!request_.seed)
      throw UserError({}, "--missing impute", "draws at random and needs a seed", "add --seed N");
    for (std::size_t v = 0; v < matched_.names.size(); ++v) {
      std::vector<std::uint32_t> donors;
      for (std::size_t i = 0; i < out_.rows; ++i)
        if (!missing_at(v, i)) donors.push_back(static_cast<std::uint32_t>(i));
      if (donors.empty())
        throw UserError({file_.name()}, {}, matched_.names[v] + " has no answer at all", "");
      Stream random({*request_.seed, purpose("hot deck"), {}, Unit{v}});
      for (std::size_t i = 0; i < out_.rows; ++i)
        if (missing_at(v, i)) {
          const std::uint32_t donor = donors[random.below(donors.size())];
          if (matched_.number[v])
            matched_.numbers[v][i] = matched_.numbers[v][donor];
          else
            matched_.levels[v].codes[i] = matched_.levels[v].codes[donor];
        }
    }
    out_.notes.push_back("no answer was replaced by a random respondent's: " + what);
  }

  std::size_t n() const { return out_.kept.empty() ? out_.rows : out_.kept.size(); }

  void scale_population() {
    double population = out_.margins.population;
    if (request_.population > 0) {
      if (population > 0 && std::abs(population / request_.population - 1) > 1e-6)
        throw UserError({}, "--population",
                        fmt::format("is {:g}, but the counts of {} sum to {:g}",
                                    request_.population, out_.margins.name, population),
                        "leave it out, or give shares");
      population = request_.population;
    }
    if (!(population > 0)) {
      population = out_.base.empty() ? static_cast<double>(n()) : total(out_.base);
      out_.notes.push_back(
          fmt::format("the margins are shares, so weights sum to {} ({:.10g}); give --population "
                      "for totals",
                      out_.base.empty() ? "the number of rows" : "the base weights' sum",
                      population));
    }
    out_.population = population;
    scale_margins(out_.margins, population);
  }

  void make_schema() {
    for (std::size_t v = 0; v < matched_.names.size(); ++v) {
      Variable variable;
      variable.name = matched_.names[v];
      variable.place = {out_.margins.name};
      if (matched_.number[v]) {
        variable.kind = VariableKind::continuous;
      } else {
        variable.levels = matched_.levels[v].levels;
        if (request_.missing == MissingRule::category) {
          const auto& codes = matched_.levels[v].codes;
          if (std::find(codes.begin(), codes.end(), kMissingCode) != codes.end()) {
            const auto level = static_cast<std::uint16_t>(variable.levels.size());
            variable.levels.push_back("(no answer)");
            for (std::uint16_t& c : matched_.levels[v].codes)
              if (c == kMissingCode) c = level;
          }
        }
        if (std::find(request_.ordered.begin(), request_.ordered.end(), variable.name) !=
            request_.ordered.end())
          variable.kind = VariableKind::ordered;
      }
      out_.schema.add(std::move(variable), kMaxFileLevels);
    }
    for (const std::string& name : request_.ordered)
      if (!out_.schema.find(name))
        throw UserError({}, "--ordered", "names \"" + name + "\", which is in no margin",
                        suggestion(name, matched_.names));
  }

  void make_cells() {
    std::vector<VariableId> ids, numbers;
    std::vector<CodeView> columns;
    std::vector<std::uint32_t> states;
    for (std::size_t v = 0; v < matched_.names.size(); ++v) {
      const VariableId id = out_.schema.id(v);
      if (matched_.number[v]) {
        numbers.push_back(id);
        continue;
      }
      ids.push_back(id);
      columns.push_back({{}, matched_.levels[v].codes});
      states.push_back(static_cast<std::uint32_t>(out_.schema[id].size()));
    }
    double cross = 1;
    for (std::uint32_t s : states) cross *= s;
    if (!(cross < 0x1p63))
      throw UserError({out_.margins.name}, {}, "the cross of all margin variables is too large",
                      "leave some margins out");
    out_.index = make_cell_index(n(), ids, columns, states, out_.base);
    const bool clustered = !clusters_.empty();
    const bool trimmed = request_.options.find("trim") != std::string::npos && !out_.base.empty();
    const bool cosmetic = request_.options.find("cosmetic") != std::string::npos;
    if (numbers.empty() && !clustered && !trimmed && !cosmetic) {
      for (LevelColumn& column : matched_.levels) column = {};
      return;
    }
    out_.index.number_variables = numbers;
    for (VariableId id : numbers)
      out_.index.numbers.push_back(std::move(matched_.numbers[index(id)]));
    one_cell_each(out_.index, out_.base);
    out_.index.cluster_of = std::move(clusters_);
  }

  /// The level "(no answer)" keeps its weighted share; the others share the rest of their targets.
  void share_missing() {
    for (FileMargin& margin : out_.margins.margins) {
      if (margin.number) continue;
      std::vector<VariableId> ids;
      for (const std::string& name : margin.variables) ids.push_back(*out_.schema.find(name));
      const bool any = std::any_of(ids.begin(), ids.end(), [&](VariableId id) {
        return out_.schema[id].levels.back() == "(no answer)";
      });
      if (!any) continue;
      const CellGroups groups = group_cells(out_.index, out_.schema, ids);
      std::vector<double> present(groups.groups, 0.0);
      double sum = 0, missing = 0;
      for (std::size_t c = 0; c < out_.index.cells; ++c) {
        present[groups.group_of[c]] += out_.index.weight[c];
        sum += out_.index.weight[c];
      }
      for (std::size_t g = 0; g < groups.groups; ++g) {
        std::vector<std::string> levels(ids.size());
        std::size_t rest = g;
        bool has_missing = false;
        for (std::size_t k = ids.size(); k-- > 0;) {
          const Variable& v = out_.schema[ids[k]];
          levels[k] = v.levels[rest % v.size()];
          has_missing |= levels[k] == "(no answer)";
          rest /= v.size();
        }
        if (!has_missing) continue;
        const double share = present[g] / sum;
        missing += share;
        margin.levels.push_back(levels);
        margin.targets.push_back(share * out_.population);
        margin.lines.push_back(margin.lines[0]);
      }
      for (std::size_t row = 0; row < margin.targets.size(); ++row)
        if (std::find(margin.levels[row].begin(), margin.levels[row].end(), "(no answer)") ==
            margin.levels[row].end())
          margin.targets[row] *= 1 - missing;
    }
  }

  void make_benchmarks() {
    out_.benchmarks = std::make_unique<Benchmarks>(out_.schema);
    for (const FileMargin& margin : out_.margins.margins) {
      std::vector<VariableId> ids;
      std::size_t size = 1;
      for (const std::string& name : margin.variables) {
        ids.push_back(*out_.schema.find(name));
        if (!margin.number) size *= out_.schema[ids.back()].size();
      }
      if (margin.number) {
        out_.benchmarks->add_number(ids[0], margin.targets[0]);
        continue;
      }
      std::vector<double> totals(size, 0.0);
      for (std::size_t row = 0; row < margin.targets.size(); ++row) {
        std::size_t at = 0;
        for (std::size_t k = 0; k < ids.size(); ++k) {
          const auto& levels = out_.schema[ids[k]].levels;
          at = at * levels.size() +
               static_cast<std::size_t>(
                   std::find(levels.begin(), levels.end(), margin.levels[row][k]) -
                   levels.begin());
        }
        totals[at] = margin.targets[row];
      }
      out_.benchmarks->add({std::move(ids), std::move(totals)});
    }
  }

  void weigh() {
    Texts names;
    const WeightingInfo* info = nullptr;
    for (const WeightingInfo& candidate : weightings()) {
      names.emplace_back(candidate.name);
      if (candidate.name == request_.method) info = &candidate;
    }
    if (info == nullptr) {
      std::string hint = suggestion(request_.method, names);
      if (hint.empty()) hint = "the methods are: " + join(names, ", ");
      throw UserError({}, "--method", "= \"" + request_.method + "\" is not known", hint);
    }
    std::string margins;
    for (const FileMargin& margin : out_.margins.margins) {
      std::string list;
      for (const std::string& name : margin.variables)
        list += (list.empty() ? "" : ", ") + quoted(name);
      margins += (margins.empty() ? "[" : ", [") + list + "]";
    }
    std::string text = request_.options;
    if (request_.method == "poststratification") {
      if (out_.margins.margins.size() != 1)
        throw UserError({out_.margins.name}, {},
                        fmt::format("has {} margins, post-stratification needs one",
                                    out_.margins.margins.size()),
                        "join the variables: region*sex; or use --method raking");
      text += "\ncross = " + margins;
    } else if (request_.method != "none" && request_.method != "sequential") {
      text += "\nmargins = [" + margins + "]";
    }
    toml::table table;
    try {
      table = toml::parse(text);
    } catch (const toml::parse_error& error) {
      throw UserError({}, "--option", std::string("is not key=value: ") + error.what(),
                      "for instance --option minimum_cell=30 --option 'collapse=[\"age\"]'");
    }
    ConfigReader reader(table, "", "method " + request_.method);
    out_.weighting = info->make(reader, out_.schema);
    reader.finish();
    auto made = out_.weighting->weigh(out_.index, *out_.benchmarks);
    if (!made) {
      std::string problem = made.failure().detail;
      const std::string more = out_.weighting->explain(out_.index, *out_.benchmarks);
      throw NegativeAnswer(fmt::format("{} cannot be done: {}{}{}", request_.method, problem,
                                       more.empty() ? "" : "\n  ", more));
    }
    out_.weights = std::move(made.value());
    for (const std::string& note : out_.weights.notes) out_.notes.push_back(note);
    if (request_.method == "none" && out_.base.empty())
      for (double& g : out_.weights.factor) g *= out_.population / static_cast<double>(n());
  }

  static std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (char c : text) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    return out + "\"";
  }

  static constexpr std::size_t kMaxFileLevels = 65534;

  const WeighRequest& request_;
  const DataFile& file_;
  WeighedFile& out_;
  Matched matched_;
  std::vector<std::uint32_t> clusters_;
};

}  // namespace

std::unique_ptr<WeighedFile> weigh_file(const WeighRequest& request, const DataFile& file,
                                        std::span<const ColumnRequest> also,
                                        std::vector<ColumnData>* also_read) {
  auto out = std::make_unique<WeighedFile>();  // the benchmarks refer to its schema
  Preparation(request, file, *out).run(also, also_read);
  return out;
}

WeightDiagnostics diagnose_weights(const WeighedFile& f) {
  WeightDiagnostics d;
  const CellIndex& index = f.index;
  d.n = f.n();
  d.iterations = f.weights.iterations;
  d.min = d.g_min = std::numeric_limits<double>::infinity();
  d.max = d.g_max = -d.min;
  const double base_sum = total(index.weight), scale = f.population / base_sum;
  double squares = 0;
  std::vector<double> after(index.cells);
  Sum sum;
  for (std::size_t c = 0; c < index.cells; ++c) {
    const double g = f.weights.factor[c];
    after[c] = index.weight[c] * g;
    sum.add(after[c]);
    squares += index.weight_squared[c] * g * g;
    // Without base weights g is the weight over population / n.
    const double relative = f.base.empty() ? g / scale : g;
    d.g_min = std::min(d.g_min, relative);
    d.g_max = std::max(d.g_max, relative);
    if (g < 0) d.negative += index.respondents[c];
  }
  d.sum = sum.value();
  d.mean = d.sum / static_cast<double>(d.n);
  d.kish_deff = static_cast<double>(d.n) * squares / (d.sum * d.sum);
  d.effective_n = static_cast<double>(d.n) / d.kish_deff;
  d.distinct = index.cells;
  for (std::size_t c = 0; c < index.cells; ++c) {
    const double g = f.base.empty() ? f.weights.factor[c] / scale : f.weights.factor[c];
    if (f.weights.at_bounds > 0 && (std::abs(g - d.g_min) <= 1e-12 * std::abs(d.g_min) ||
                                    std::abs(g - d.g_max) <= 1e-12 * d.g_max))
      d.at_bounds += index.respondents[c];
  }
  // Quantiles of the weights: cells stand for respondents where base weights are equal.
  std::vector<double> values;
  std::vector<std::uint32_t> counts;
  if (f.base.empty()) {
    values = f.weights.factor;
    counts = index.respondents;
  } else {
    for (std::size_t k = 0; k < d.n; ++k) values.push_back(f.weight(k));
    counts.assign(d.n, 1);
  }
  d.min = *std::min_element(values.begin(), values.end());
  d.max = *std::max_element(values.begin(), values.end());
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::size_t at = 0;
  double below = counts[order[0]];
  for (double p : {0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99}) {
    while (below < p * static_cast<double>(d.n) && at + 1 < order.size())
      below += counts[order[++at]];
    d.quantiles.push_back(values[order[at]]);
  }
  d.largest_share = d.max / d.sum;

  for (const FileMargin& margin : f.margins.margins) {
    std::vector<VariableId> ids;
    for (const std::string& name : margin.variables) ids.push_back(*f.schema.find(name));
    double worst = 0;
    if (margin.number) {
      const auto& x = index.numbers[*index.number_position(ids[0])];
      MarginLine line{margin.name(), "(total)", d.n, margin.targets[0], 0, 0, true};
      for (std::size_t c = 0; c < index.cells; ++c) {
        line.before += index.weight[c] * scale * x[c];
        line.after += after[c] * x[c];
      }
      worst = std::abs(line.after - line.target) / std::max(std::abs(line.target), 1e-300);
      d.margins.push_back(line);
    } else {
      const CellGroups groups = group_cells(index, f.schema, ids);
      std::vector<double> before_sum(groups.groups, 0.0), after_sum(groups.groups, 0.0);
      std::vector<std::size_t> respondents(groups.groups, 0);
      for (std::size_t c = 0; c < index.cells; ++c) {
        before_sum[groups.group_of[c]] += index.weight[c] * scale;
        after_sum[groups.group_of[c]] += after[c];
        respondents[groups.group_of[c]] += index.respondents[c];
      }
      for (std::size_t row = 0; row < margin.targets.size(); ++row) {
        std::size_t g = 0;
        for (std::size_t k = 0; k < ids.size(); ++k) {
          const auto& levels = f.schema[ids[k]].levels;
          g = g * levels.size() +
              static_cast<std::size_t>(
                  std::find(levels.begin(), levels.end(), margin.levels[row][k]) - levels.begin());
        }
        MarginLine line{margin.name(), join(margin.levels[row], "*"), respondents[g],
                        margin.targets[row] / f.population, before_sum[g] / f.population,
                        after_sum[g] / f.population};
        const double sd = std::sqrt(line.target * (1 - line.target));
        line.balance_before = sd > 0 ? (line.before - line.target) / sd : 0;
        line.balance_after = sd > 0 ? (line.after - line.target) / sd : 0;
        worst = std::max(worst, std::abs(line.after - line.target));
        d.margins.push_back(line);
      }
    }
    d.margin_errors.emplace_back(margin.name(), worst);
    if (worst >= d.largest_error) {
      d.largest_error = worst;
      d.worst_margin = margin.name();
    }
  }
  return d;
}

}  // namespace steelyard
