#include "sim/models/formula.hpp"

#include <fmt/format.h>
#include <muParser.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "core/sums.hpp"
#include "core/text.hpp"

namespace steelyard {
namespace {

using Texts = std::vector<std::string>;

bool is_name_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_name_part(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::string_view name_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && is_name_part(text[end])) ++end;
  return text.substr(at, end - at);
}

double expit(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }
double logit(double p) { return std::log(p / (1 - p)); }
double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }
double floor_of(double x) { return std::floor(x); }
double ceil_of(double x) { return std::ceil(x); }

mu::Parser make_parser() {
  mu::Parser parser;
  parser.DefineFun("floor", floor_of);
  parser.DefineFun("ceil", ceil_of);
  parser.DefineFun("expit", expit);
  parser.DefineFun("logit", logit);
  parser.DefineFun("normal_cdf", normal_cdf);
  return parser;
}

/// Functions of the whole population, with one argument; `is` has a variable and a level.
constexpr std::string_view kAggregates[] = {"mean", "sd", "sum", "min", "max"};

Texts function_names() {
  Texts names{"mean", "sd", "is"};
  const mu::Parser parser = make_parser();
  for (const auto& [name, function] : parser.GetFunDef()) names.push_back(name);
  return names;
}

double aggregate(std::string_view function, std::span<const double> x) {
  if (function == "min") return *std::min_element(x.begin(), x.end());
  if (function == "max") return *std::max_element(x.begin(), x.end());
  if (function == "sum") return total(x);
  Moments moments;
  for (double value : x) moments.add(value);
  return function == "mean" ? total(x) / static_cast<double>(x.size()) : moments.sd();
}

}  // namespace

std::optional<std::string> objection_to_name(std::string_view name) {
  if (name.empty() || !is_name_start(name[0]) || name[0] == '_' || name_at(name, 0) != name)
    return "is not a name; use letters, digits and _, with a letter first";
  const Texts functions = function_names();
  if (std::find(functions.begin(), functions.end(), name) != functions.end())
    return "is the name of a function";
  return std::nullopt;
}

/// One formula over the columns. What muParser does not know (numbers of the whole population,
/// levels) is computed first and put in its place under a name of the same length or padded, so
/// that positions stay those of the user's text.
class FormulaEvaluation {
 public:
  FormulaEvaluation(const FormulaColumns& columns, const Formula& formula)
      : columns_(columns), formula_(formula), text_(formula.text) {}

  std::vector<double> run() {
    refuse_assignment();
    substitute();
    mu::Parser parser = make_parser();
    std::vector<double> slots(columns_.columns_.size() + made_.size());
    try {
      for (std::size_t k = 0; k < slots.size(); ++k) parser.DefineVar(column(k).name, &slots[k]);
      parser.SetExpr(text_);
      parser.Eval();  // GetUsedVar passes over names that are not known
      std::vector<std::pair<double*, const double*>> varying;
      for (const auto& [name, slot] : parser.GetUsedVar()) {
        const auto& source = column(static_cast<std::size_t>(slot - slots.data())).values;
        *slot = source[0];
        if (source.size() > 1) varying.emplace_back(slot, source.data());
      }
      std::vector<double> values(columns_.persons());
      for (std::size_t i = 0; i < values.size(); ++i) {
        for (const auto& [slot, source] : varying) *slot = source[i];
        values[i] = parser.Eval();
      }
      return values;
    } catch (const mu::Parser::exception_type& error) {
      explain(error);
    }
  }

 private:
  using Column = FormulaColumns::Column;

  const Column& column(std::size_t k) const {
    const std::size_t own = columns_.columns_.size();
    return k < own ? columns_.columns_[k] : made_[k - own];
  }

  [[noreturn]] void fail(std::size_t at, const std::string& problem, std::string hint = {}) const {
    throw UserError(formula_.place, formula_.owner,
                    fmt::format("\"{}\" = \"{}\", character {}: {}", formula_.key,
                                shown_ ? *shown_ : formula_.text,
                                std::min(at, formula_.text.size()) + 1, problem),
                    std::move(hint));
  }

  /// A single = would set a variable.
  void refuse_assignment() const {
    for (std::size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] != '=') continue;
      if (i + 1 < text_.size() && text_[i + 1] == '=')
        ++i;
      else if (i == 0 || std::string_view("<>!").find(text_[i - 1]) == std::string_view::npos)
        fail(i, "\"=\" does not compare", "write ==");
    }
  }

  struct Call {
    std::size_t begin = 0, end = 0;  ///< of the whole call
    std::vector<std::pair<std::size_t, std::size_t>> arguments;
  };

  /// The call of a function whose name ends at `open`; nothing if its parenthesis is not closed
  /// (muParser says where).
  std::optional<Call> call(std::size_t begin, std::size_t open) const {
    Call found{begin, 0, {}};
    std::size_t depth = 0, start = open + 1;
    for (std::size_t i = open; i < text_.size(); ++i) {
      if (text_[i] == '(') ++depth;
      if (text_[i] == ')') --depth;
      if (depth == 0 || (depth == 1 && text_[i] == ',')) {
        found.arguments.emplace_back(start, i);
        start = i + 1;
      }
      if (depth > 0) continue;
      found.end = i + 1;
      return found;
    }
    return std::nullopt;
  }

  void substitute() {
    for (std::size_t i = 0; i < text_.size();) {
      if (!is_name_start(text_[i])) {
        // A number like 1e5 has a letter that begins no name.
        if (std::isdigit(static_cast<unsigned char>(text_[i])) != 0)
          while (i < text_.size() && (is_name_part(text_[i]) || text_[i] == '.')) ++i;
        else
          ++i;
        continue;
      }
      const std::string name(name_at(text_, i));
      std::size_t open = i + name.size();
      while (open < text_.size() && text_[open] == ' ') ++open;
      const bool called = open < text_.size() && text_[open] == '(';
      const auto found = called ? call(i, open) : std::nullopt;
      const bool whole =
          std::find(std::begin(kAggregates), std::end(kAggregates), name) != std::end(kAggregates);
      if (found && whole && found->arguments.size() == 1)
        put_aggregate(name, *found);
      else if (found && name == "is")
        put_level(*found);
      else if (found && (name == "mean" || name == "sd"))
        fail(i, name + " has one argument");
      i += name.size();
    }
  }

  /// Replaces a call by the name of a column that holds its value.
  void put(const Call& call, std::vector<double> values) {
    std::string name = fmt::format("_{}", made_.size());
    made_.push_back({name, std::move(values), {}});
    name.resize(std::max(name.size(), call.end - call.begin), ' ');
    text_.replace(call.begin, call.end - call.begin, name);
  }

  void put_aggregate(std::string_view function, const Call& call) {
    const auto [begin, end] = call.arguments[0];
    if (trim(std::string_view(text_).substr(begin, end - begin)).empty())
      fail(begin, fmt::format("{} has no argument", function));
    // The argument is a formula of its own; blanks in front of it keep its positions.
    Formula inner = formula_;
    inner.text = std::string(begin, ' ') + text_.substr(begin, end - begin);
    FormulaEvaluation evaluation(columns_, inner);
    evaluation.shown_ = shown_ ? shown_ : &formula_.text;
    put(call, {aggregate(function, evaluation.run())});
  }

  void put_level(const Call& call) {
    if (call.arguments.size() != 2) fail(call.begin, "is has a variable and a level");
    const auto part = [&](std::size_t k) {
      return std::string(trim(std::string_view(text_).substr(
          call.arguments[k].first, call.arguments[k].second - call.arguments[k].first)));
    };
    const Column* variable = columns_.column(part(0));
    if (!variable) unknown_name(call.arguments[0].first, part(0));
    if (variable->levels.empty())
      fail(call.arguments[0].first, "\"" + part(0) + "\" has no levels", "compare it by == or <");
    const auto level = std::find(variable->levels.begin(), variable->levels.end(), part(1));
    if (level == variable->levels.end()) {
      const std::string nearest = suggestion(part(1), variable->levels);
      fail(call.arguments[1].first, "\"" + part(0) + "\" has no level \"" + part(1) + "\"",
           nearest.empty() ? "its levels: " + join(variable->levels, ", ") : nearest);
    }
    const auto code = static_cast<double>(level - variable->levels.begin());
    std::vector<double> indicator(variable->values.size());
    std::transform(variable->values.begin(), variable->values.end(), indicator.begin(),
                   [&](double x) { return x == code ? 1.0 : 0.0; });
    put(call, std::move(indicator));
  }

  [[noreturn]] void unknown_name(std::size_t at, const std::string& name) const {
    Texts known = columns_.names();
    const Texts functions = function_names();
    const std::string nearest_column = suggestion(name, known);
    const std::string nearest =
        nearest_column.empty() ? suggestion(name, functions) : nearest_column;
    fail(at, "unknown name \"" + name + "\"",
         nearest.empty() ? (known.empty() ? "no variable stands before it"
                                          : "what stands before it: " + join(known, ", "))
                         : nearest);
  }

  [[noreturn]] void explain(const mu::Parser::exception_type& error) const {
    const auto at = error.GetPos() < 0 ? text_.size() : static_cast<std::size_t>(error.GetPos());
    if (error.GetCode() == mu::ecUNASSIGNABLE_TOKEN && at < text_.size() &&
        is_name_start(text_[at]))
      unknown_name(at, std::string(name_at(text_, at)));
    std::string problem = error.GetMsg();
    // The position is told once, counted from 1.
    for (const char* tail : {" found at position", " at position", " at expression position"})
      if (const auto cut = problem.find(tail); cut != std::string::npos) problem.resize(cut);
    if (!problem.empty()) problem[0] = static_cast<char>(std::tolower(problem[0]));
    fail(at, trim(problem).empty() ? "cannot be read" : problem);
  }

  const FormulaColumns& columns_;
  const Formula& formula_;
  std::string text_;
  const std::string* shown_ = nullptr;  ///< the user's whole text, of an argument
  std::vector<Column> made_;
};

void FormulaColumns::add(std::string name, std::vector<double> values,
                         std::vector<std::string> levels, const Place& place) {
  EXPECTS(values.size() == persons_ || values.size() == 1);
  if (const auto objection = objection_to_name(name))
    throw UserError(place, {}, "\"" + name + "\" " + *objection, "rename it");
  if (column(name)) throw UserError(place, {}, "\"" + name + "\" stands twice", "rename one");
  columns_.push_back({std::move(name), std::move(values), std::move(levels)});
}

const FormulaColumns::Column* FormulaColumns::column(std::string_view name) const {
  for (const Column& c : columns_)
    if (c.name == name) return &c;
  return nullptr;
}

const std::vector<double>* FormulaColumns::find(std::string_view name) const {
  const Column* found = column(name);
  return found ? &found->values : nullptr;
}

std::vector<std::string> FormulaColumns::names() const {
  std::vector<std::string> names;
  for (const Column& c : columns_) names.push_back(c.name);
  return names;
}

std::vector<double> FormulaColumns::evaluate(const Formula& formula) const {
  return FormulaEvaluation(*this, formula).run();
}

void FormulaColumns::require_finite(const Formula& formula, std::span<const double> values) const {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    std::string of;
    for (std::size_t at = 0; at < formula.text.size();) {
      const std::string name(name_at(formula.text, at));
      if (const Column* c = is_name_start(formula.text[at]) ? column(name) : nullptr)
        if (of.find(name + " = ") == std::string::npos)
          of += fmt::format("{}{} = {:g}", of.empty() ? "" : ", ", name,
                            c->values[c->values.size() == 1 ? 0 : i]);
      at += std::max<std::size_t>(1, name.size());
    }
    throw UserError(formula.place, formula.owner,
                    fmt::format("\"{}\" = \"{}\" is {} for person {}{}", formula.key, formula.text,
                                std::isnan(values[i]) ? "nan" : fmt::format("{:g}", values[i]),
                                i + 1, of.empty() ? "" : " (" + of + ")"),
                    "keep its values finite");
  }
}

}  // namespace steelyard
