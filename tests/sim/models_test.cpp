// Model populations: formulas against hand-made columns, solved intercepts, and what draws give
// against their exact probabilities.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "core/sums.hpp"
#include "sim/models/model_sampler.hpp"
#include "tests/message.hpp"

namespace steelyard {
namespace {

/// A scenario folder with a text as its scenario.toml, removed in the end.
class ModelFolder {
 public:
  explicit ModelFolder(const std::string& toml)
      : path_(std::filesystem::path(::testing::TempDir()) /
              ("model_" + std::to_string(::getpid()) + "_" + std::to_string(++count_))) {
    std::filesystem::create_directories(path_);
    std::ofstream(path_ / "scenario.toml") << toml;
  }
  ~ModelFolder() { std::filesystem::remove_all(path_); }
  ModelFolder(const ModelFolder&) = delete;
  ModelFolder& operator=(const ModelFolder&) = delete;

  ModelScenario load(const std::vector<std::string>& settings = {}) const {
    return load_model_scenario(path_.string(), settings);
  }
  std::string complaint(Seed seed = Seed{1}) const {
    std::string text = message([&] {
      const ModelScenario model = load();
      const ModelPopulation population(model, seed, Replicate{0});
      const ModelSampler sampler(model, population);
    });
    const std::string file = (path_ / "scenario.toml").string();
    if (text.starts_with(file)) text.erase(0, file.size());
    return text;
  }

 private:
  static inline int count_ = 0;
  std::filesystem::path path_;
};

constexpr const char* kHead =
    "[scenario]\nname = \"m\"\ntitle = \"M\"\n[population]\nkind = \"model\"\nsize = 2000\n";
constexpr const char* kTail =
    "[participation]\nlinear = \"0.1*x\"\nexpected_size = 100\n"
    "[reference]\ndesign = \"simple_random\"\nn = 200\n";

std::string variable(const std::string& name, const std::string& rest) {
  return "[[variable]]\nname = \"" + name + "\"\n" + rest + "\n";
}
const std::string kNormalX = variable("x", R"(distribution = {name = "normal", mean = 1, sd = 2})");

FormulaColumns columns() {
  FormulaColumns c(4);
  c.add("x1", {1, 2, 3, 4}, {}, {});
  c.add("z2", {0.5, -1, 0, 2}, {}, {});
  c.add("region", {0, 1, 1, 2}, {"north", "south", "west"}, {});
  c.add("rho", {0.5}, {}, {});
  return c;
}
std::vector<double> value(const std::string& text) {
  return columns().evaluate({text, {"s.toml", 3, 5}, "variable y", "formula"});
}
std::string complaint(const std::string& text) {
  return message([&] { (void)value(text); });
}

// --- formulas ------------------------------------------------------------------------------------

TEST(Formula, IsArithmeticOverEachPersonsColumns) {
  EXPECT_EQ(value("z2 + 0.5*x1"), (std::vector<double>{1, 0, 1.5, 4}));
  EXPECT_EQ(value("x1 >= 3 ? x1^2 : 0"), (std::vector<double>{0, 0, 9, 16}));
  EXPECT_EQ(value("1e1 + rho"), (std::vector<double>(4, 10.5)));
  EXPECT_EQ(value("max(x1, 2*z2)"), (std::vector<double>{1, 2, 3, 4}));
  EXPECT_EQ(value("floor(x1/2) + ceil(x1/2)"), (std::vector<double>{1, 2, 3, 4}));
  EXPECT_NEAR(value("logit(expit(z2))")[1], -1, 1e-15);
  EXPECT_NEAR(value("normal_cdf(1.959963984540054 + 0*x1)")[0], 0.975, 1e-15);
  EXPECT_EQ(value("region"), (std::vector<double>{0, 1, 1, 2}));
}

TEST(Formula, KnowsNumbersOfTheWholePopulation) {
  EXPECT_EQ(value("mean(x1) + 0*x1"), (std::vector<double>(4, 2.5)));
  EXPECT_NEAR(value("sd(x1)")[2], std::sqrt(5. / 3), 1e-15);
  EXPECT_EQ(value("sum(x1*2) - min(z2) + max(x1)"), (std::vector<double>(4, 20 + 1 + 4)));
  EXPECT_EQ(value("x1 - mean(x1 - mean(x1) + sum(min(x1, 3)))"),
            (std::vector<double>{1 - 9., 2 - 9., 3 - 9., 4 - 9.}));
}

TEST(Formula, KnowsLevels) {
  EXPECT_EQ(value("is(region, south)*10 + x1"), (std::vector<double>{1, 12, 13, 4}));
  EXPECT_EQ(value("mean(is(region, south))")[0], 0.5);
}

TEST(Formula, SaysWhereItIsWrong) {
  EXPECT_EQ(complaint("z2 + 0.3*x9"),
            "s.toml:3:5: [variable y] \"formula\" = \"z2 + 0.3*x9\", character 10: unknown name "
            "\"x9\"; did you mean \"x1\"?");
  EXPECT_EQ(complaint("z2 + mean(x1 + x7)"),
            "s.toml:3:5: [variable y] \"formula\" = \"z2 + mean(x1 + x7)\", character 16: unknown "
            "name \"x7\"; did you mean \"x1\"?");
  EXPECT_EQ(complaint("mean(x1) + sd(x1) + q"),
            "s.toml:3:5: [variable y] \"formula\" = \"mean(x1) + sd(x1) + q\", character 21: "
            "unknown name \"q\"; what stands before it: x1, z2, region, rho");
  EXPECT_EQ(complaint("is(region, sauth)"),
            "s.toml:3:5: [variable y] \"formula\" = \"is(region, sauth)\", character 11: "
            "\"region\" has no level \"sauth\"; did you mean \"south\"?");
  EXPECT_EQ(complaint("x1 = 3"),
            "s.toml:3:5: [variable y] \"formula\" = \"x1 = 3\", character 4: \"=\" does not "
            "compare; write ==");
  EXPECT_NE(complaint("(x1 + 2").find("character 8: missing parenthesis"), std::string::npos);
  EXPECT_NE(complaint("x1 +").find("character 5: unexpected end of expression"), std::string::npos);
  EXPECT_NE(complaint("x1 x1").find("character 4: unexpected variable"), std::string::npos);
  EXPECT_NE(complaint("sin(x1, 2)").find("too many parameters"), std::string::npos);
  EXPECT_NE(complaint("mean(x1, 2)").find("character 1: mean has one argument"), std::string::npos);
  EXPECT_NE(complaint("mean()").find("mean has no argument"), std::string::npos);
}

TEST(Formula, NamesThePersonOfAValueThatIsNotFinite) {
  const FormulaColumns c = columns();
  const Formula f{"ln(z2) + x1", {"s.toml", 3, 5}, "variable y", "formula"};
  EXPECT_EQ(message([&] { c.require_finite(f, c.evaluate(f)); }),
            "s.toml:3:5: [variable y] \"formula\" = \"ln(z2) + x1\" is nan for person 2 (z2 = -1, "
            "x1 = 2); keep its values finite");
}

TEST(Formula, ColumnsNeedUsableNames) {
  FormulaColumns c(2);
  EXPECT_NE(message([&] {
              c.add("exp", {1, 2}, {}, {});
            }).find("is the name of a function"),
            std::string::npos);
  EXPECT_NE(message([&] { c.add("2x", {1, 2}, {}, {}); }).find("is not a name"), std::string::npos);
  c.add("x", {1, 2}, {}, {});
  EXPECT_NE(message([&] { c.add("x", {1}, {}, {}); }).find("stands twice"), std::string::npos);
}

// --- populations ---------------------------------------------------------------------------------

TEST(ModelPopulation, AColumnDoesNotDependOnTheOthers) {
  const std::string u = variable("u", R"(distribution = {name = "uniform", min = 0, max = 1})");
  const ModelFolder one(kHead + kNormalX + kTail), two(kHead + u + kNormalX + kTail);
  const ModelScenario a = one.load(), b = two.load();
  const ModelPopulation p(a, Seed{3}, Replicate{0}), q(b, Seed{3}, Replicate{0});
  EXPECT_EQ(*p.columns().find("x"), *q.columns().find("x"));
  const ModelPopulation other(a, Seed{3}, Replicate{1});
  EXPECT_NE(*p.columns().find("x"), *other.columns().find("x"));
}

TEST(ModelPopulation, DistributionsHaveTheirMoments) {
  struct Case {
    const char* toml;
    double mean, variance;
  };
  const Case cases[] = {
      {R"(name = "uniform", min = -1, max = 3)", 1, 16. / 12},
      {R"(name = "normal", mean = 3, sd = 2)", 3, 4},
      {R"(name = "lognormal", log_mean = 0.1, log_sd = 0.5)", std::exp(0.225),
       std::expm1(0.25) * std::exp(0.45)},
      {R"(name = "exponential", rate = 2)", 0.5, 0.25},
      {R"(name = "gamma", shape = 3, scale = 2)", 6, 12},
      {R"(name = "chi_squared", df = 4)", 4, 8},
      {R"(name = "beta", alpha = 2, beta = 3)", 0.4, 0.04},
      {R"(name = "student_t", df = 10)", 0, 10. / 8},
      {R"(name = "weibull", shape = 2, scale = 1)", std::sqrt(std::acos(-1.0)) / 2,
       1 - std::acos(-1.0) / 4},
      {R"(name = "bernoulli", p = 0.3)", 0.3, 0.21},
      {R"(name = "poisson", mean = 2.5)", 2.5, 2.5},
  };
  ASSERT_EQ(std::size(cases), distributions().size());
  for (const Case& c : cases) {
    const ModelFolder folder(kHead + variable("x", std::string("distribution = {") + c.toml + "}") +
                             kTail);
    const ModelScenario model = folder.load({"population.size=40000"});
    const ModelPopulation population(model, Seed{11}, Replicate{0});
    Moments m, squares;
    for (double x : *population.columns().find("x")) {
      m.add(x);
      squares.add((x - c.mean) * (x - c.mean));
    }
    EXPECT_NEAR(m.mean(), c.mean, 4 * m.mean_se()) << c.toml;
    EXPECT_NEAR(squares.mean(), c.variance, 4 * squares.mean_se()) << c.toml;
  }
}

TEST(ModelPopulation, VariablesWithLevelsComeFromSharesFormulasAndEdges) {
  const ModelFolder folder(
      kHead + kNormalX +
      variable("region",
               "kind = \"categorical\"\nlevels = [\"n\", \"s\", \"w\"]\n"
               "distribution = {name = \"levels\", shares = [0.5, 0.2, 0.3]}") +
      variable("class",
               "kind = \"ordered\"\nlevels = [\"low\", \"high\"]\n"
               "edges = [-inf, 1, inf]\nformula = \"x + is(region, w)\"") +
      variable("income",
               "kind = \"bucketed\"\nlevels = [\"a\", \"b\"]\nedges = [0, 2, inf]\n"
               "formula = \"exp(x)\"") +
      variable("works",
               "kind = \"yes_no\"\n"
               "distribution = {name = \"bernoulli\", p = \"0.2 + 0.6*class\"}") +
      kTail);
  const ModelScenario model = folder.load();
  const ModelPopulation population(model, Seed{5}, Replicate{0});
  const Schema& schema = model.scenario.schema;
  const Sample& all = population.everybody();
  const auto id = [&](const char* name) { return *schema.find(name); };
  const auto& x = all.numbers[index(id("x"))];
  std::vector<double> counts(3, 0);
  double working[2] = {0, 0}, classes[2] = {0, 0};
  for (std::size_t i = 0; i < all.n; ++i) {
    const LevelCode region = all.column(id("region"))[i];
    counts[region] += 1;
    const LevelCode high = x[i] + (region == 2 ? 1 : 0) >= 1;
    ASSERT_EQ(all.column(id("class"))[i], high);
    ASSERT_EQ(all.column(id("income"))[i], std::exp(x[i]) >= 2 ? 1 : 0);
    ASSERT_EQ(population.values_behind(id("income"))[i], std::exp(x[i]));
    classes[high] += 1;
    working[high] += all.column(id("works"))[i] == 0;  // level 0 is "yes"
  }
  const double shares[] = {0.5, 0.2, 0.3};
  for (std::size_t k = 0; k < 3; ++k)
    EXPECT_NEAR(counts[k] / 2000, shares[k], 4 * std::sqrt(shares[k] * (1 - shares[k]) / 2000));
  for (std::size_t k = 0; k < 2; ++k)
    EXPECT_NEAR(working[k] / classes[k], k == 0 ? 0.2 : 0.8, 4 * std::sqrt(0.16 / classes[k]));
  const std::vector<VariableId> cross{id("region")};
  EXPECT_EQ(population.totals(cross), counts);
}

TEST(ModelPopulation, RefusesWhatItCannotMake) {
  EXPECT_EQ(
      ModelFolder(kHead + kNormalX + variable("y", "formula = \"x + xx\"") + kTail).complaint(),
      ":12:11: [variable y] \"formula\" = \"x + xx\", character 5: unknown name \"xx\"; did you "
      "mean \"x\"?");
  EXPECT_NE(ModelFolder(kHead + kNormalX + variable("y", "formula = \"sqrt(x - 100)\"") + kTail)
                .complaint()
                .find("is nan for person 1 (x = "),
            std::string::npos);
  EXPECT_NE(
      ModelFolder(kHead + kNormalX +
                  variable("y", R"(distribution = {name = "normal", mean = 0, sd = "x"})") + kTail)
          .complaint()
          .find("; it must be above 0"),
      std::string::npos);
  EXPECT_NE(ModelFolder(kHead + variable("x", "formula = 1\ndistribution = {name = \"normal\"}"))
                .complaint()
                .find("\"x\" has a formula and a distribution; give one of them"),
            std::string::npos);
  EXPECT_NE(ModelFolder(kHead + variable("x", "distribution = {name = \"normal\", mean = 0}"))
                .complaint()
                .find("\"sd\" of normal is missing"),
            std::string::npos);
  EXPECT_NE(ModelFolder(kHead + variable("x", "distribution = {name = \"nrmal\", mean = 0}"))
                .complaint()
                .find("did you mean \"normal\"?"),
            std::string::npos);
  EXPECT_NE(ModelFolder(kHead +
                        variable("x",
                                 "kind = \"categorical\"\nlevels = [\"a\", \"b\"]\n"
                                 "formula = 2") +
                        kTail)
                .complaint()
                .find("is 2 for person 1; it must be a whole number from 0 to 1"),
            std::string::npos);
  EXPECT_NE(ModelFolder(kHead + kNormalX).complaint().find("has neither [participation]"),
            std::string::npos);
  EXPECT_NE(ModelFolder(kHead + kNormalX + "[participation]\nlinear = 1\nexpected_size = 2000\n")
                .complaint()
                .find("= 2000 is not below the population (2000)"),
            std::string::npos);
  EXPECT_NE(ModelFolder(kHead + kNormalX + kTail + "siz = \"x\"\n").complaint().find("unknown key"),
            std::string::npos);
  EXPECT_NE(ModelFolder(kHead + kNormalX +
                        "[participation]\nlinear = 1\nexpected_size = 20\n[reference]\ndesign = "
                        "\"sampford\"\nn = 20\nsize = \"x - 100\"\n")
                .complaint()
                .find("a measure of size is not negative"),
            std::string::npos);
}

// --- samples -------------------------------------------------------------------------------------

TEST(Intercept, SolvesTheExpectedSize) {
  std::vector<double> linear;
  Stream rng({Seed{2}, purpose("test"), Replicate{0}, Unit{0}});
  for (int i = 0; i < 5000; ++i) linear.push_back(8 * rng.uniform() - 3);
  const auto expected_of = [&](ParticipationModel::Link link, double a) {
    Sum sum;
    for (double x : linear) {
      const double t = a + x;
      sum.add(link == ParticipationModel::Link::logit    ? 1 / (1 + std::exp(-t))
              : link == ParticipationModel::Link::probit ? 0.5 * std::erfc(-t / std::sqrt(2.0))
                                                         : -std::expm1(-std::exp(t)));
    }
    return sum.value();
  };
  for (const auto link : {ParticipationModel::Link::logit, ParticipationModel::Link::probit,
                          ParticipationModel::Link::cloglog})
    for (double expected : {0.5, 300.0, 2500.0, 4990.0}) {
      const double a = solve_intercept(link, linear, expected);
      EXPECT_NEAR(expected_of(link, a) / expected, 1, 1e-12);
    }
  // Without covariates it has a closed form.
  EXPECT_NEAR(solve_intercept(ParticipationModel::Link::logit, std::vector<double>(100, 0.25), 20),
              std::log(0.25) - 0.25, 1e-12);
}

TEST(ModelSampler, EverybodyIsInASampleAsOftenAsStated) {
  const ModelFolder folder(
      kHead + kNormalX +
      variable("part",
               "kind = \"ordered\"\nlevels = [\"a\", \"b\"]\nedges = [-inf, 1, inf]\n"
               "formula = \"x\"") +
      "[participation]\nlinear = \"0.8*x\"\nexpected_size = 15\n[reference]\ndesign = "
      "\"random_systematic_pps\"\nn = 8\nsize = \"(max(x) - 50*min(x))/49 + x\"\n");
  const ModelScenario model = folder.load({"population.size=40"});
  const ModelPopulation population(model, Seed{9}, Replicate{0});
  const ModelSampler sampler(model, population);
  EXPECT_NEAR(sampler.expected_size(), 15, 1e-10);
  const auto d = sampler.reference_design()->probabilities();
  EXPECT_NEAR(*std::max_element(d.begin(), d.end()) / *std::min_element(d.begin(), d.end()), 50,
              1e-9);
  const auto& x = *population.columns().find("x");
  std::vector<double> in_a(40, 0), in_b(40, 0);
  ModelSampler::Scratch scratch;
  constexpr int kDraws = 20000;
  for (std::uint32_t r = 0; r < kDraws; ++r) {
    sampler.draw(Seed{9}, Replicate{r}, scratch);
    const auto count = [&](const Sample& sample, std::vector<double>& in) {
      for (double value : sample.numbers[0])
        in[static_cast<std::size_t>(std::find(x.begin(), x.end(), value) - x.begin())] += 1;
    };
    count(scratch.sample, in_a);
    count(scratch.reference->sample, in_b);
    ASSERT_EQ(scratch.reference->sample.n, 8u);
    ASSERT_TRUE(scratch.sample.base_weights.empty());
  }
  for (std::size_t i = 0; i < 40; ++i) {
    for (const auto& [in, p] : {std::pair{in_a[i], sampler.probabilities()[i]}, {in_b[i], d[i]}})
      EXPECT_NEAR(in / kDraws, p, 4.5 * std::sqrt(p * (1 - p) / kDraws)) << i;
  }
}

TEST(ModelSampler, ADrawIsAFunctionOfSeedAndReplicateAlone) {
  const ModelFolder folder(kHead + kNormalX + kTail);
  const ModelScenario model = folder.load();
  const ModelPopulation population(model, Seed{4}, Replicate{0});
  const ModelSampler sampler(model, population);
  ModelSampler::Scratch a, b;
  sampler.draw(Seed{4}, Replicate{7}, a);
  for (std::uint32_t r : {3u, 12u, 7u}) sampler.draw(Seed{4}, Replicate{r}, b);
  EXPECT_EQ(a.sample.numbers, b.sample.numbers);
  EXPECT_EQ(a.reference->sample.numbers, b.reference->sample.numbers);
  EXPECT_EQ(a.reference->sample.base_weights, std::vector<double>(200, 10.0));
  sampler.draw(Seed{4}, Replicate{8}, b);
  EXPECT_NE(a.sample.numbers, b.sample.numbers);
}

TEST(ModelSampler, AskedVariablesStrataAndClustersAreThoseOfTheScenario) {
  const std::string text =
      kHead + kNormalX + variable("y", "formula = \"2*x\"") +
      variable("h",
               "kind = \"categorical\"\nlevels = [\"a\", \"b\"]\n"
               "distribution = {name = \"levels\", shares = [0.5, 0.5]}") +
      variable("town", "observed = false\nformula = \"floor(normal_cdf((x-1)/2)*20)\"") +
      "[sample]\ndesign = \"stratified\"\nstratum = \"h\"\nn = [40, 10]\n"
      "[reference]\ndesign = \"two_stage\"\ncluster = \"town\"\nclusters = 5\nunits = 4\n"
      "asks = [\"x\"]\n";
  const ModelFolder folder(text);
  const ModelScenario model = folder.load();
  EXPECT_FALSE(model.scenario.schema.find("town"));
  const ModelPopulation population(model, Seed{4}, Replicate{0});
  const ModelSampler sampler(model, population);
  ModelSampler::Scratch s;
  sampler.draw(Seed{4}, Replicate{0}, s);
  ASSERT_EQ(s.sample.n, 50u);
  const VariableId h = *model.scenario.schema.find("h");
  const auto totals = population.totals({&h, 1});
  for (std::size_t i = 0; i < s.sample.n; ++i) {
    const LevelCode code = s.sample.column(h)[i];
    EXPECT_NEAR(s.sample.base_weights[i], totals[code] / (code == 0 ? 40 : 10), 1e-9);
  }
  const ReferenceSample& b = *s.reference;
  EXPECT_EQ(b.sample.n, 20u);
  EXPECT_EQ(b.unit.size(), 20u);
  EXPECT_TRUE(b.stratum.empty());
  EXPECT_EQ(b.sample.numbers[0].size(), 20u);
  EXPECT_TRUE(b.sample.numbers[1].empty());
  EXPECT_TRUE(b.sample.columns[index(h)].empty());
  std::vector<std::uint32_t> towns = b.unit;
  std::sort(towns.begin(), towns.end());
  EXPECT_EQ(std::unique(towns.begin(), towns.end()) - towns.begin(), 5);
}

}  // namespace
}  // namespace steelyard
