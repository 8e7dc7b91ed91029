#include <catch2/catch.hpp>
#include <iostream>
#include <set>

#include "compiler/fit.h"
#include "libmcunet/board/board.h"
#include "libmcunet/netspec/build.h"
#include "libmcunet/netspec/read.h"
#include "libmcunet/netspec/write.h"
#include "libmcunet/support/error.h"
#include "search/cost.h"
#include "search/evolution.h"
#include "search/predictor.h"
#include "search/space.h"
#include "search/space_selection.h"

namespace mcunet::search {
namespace {

bool equal(const Space& space, const Genome& a, const Genome& b) {
  return encode(space, a) == encode(space, b);
}

compiler::CompileOptions on_board(const std::string& board) {
  compiler::CompileOptions options;
  options.name = "network";
  options.board = find_board(board);
  return options;
}

// Networks that are planned in no time.
Space tiny_space() {
  Space space = find_space("small");
  space.widths = {0.2, 0.3};
  space.resolutions = {28, 32};
  return space;
}

// As good as large.
std::vector<double> by_macs(const std::vector<Individual>& all) {
  std::vector<double> scores;
  for (const Individual& one : all) scores.push_back(static_cast<double>(one.cost.macs));
  return scores;
}

EvolutionOptions small_evolution(uint64_t seed, int threads) {
  EvolutionOptions options;
  options.population = 12;
  options.generations = 4;
  options.seed = seed;
  options.threads = threads;
  return options;
}

const std::vector<SubSpace> kPlaces = {{0, 0}, {1, 1}};

std::vector<std::string> names(const Space& space, const std::vector<Individual>& all) {
  std::vector<std::string> result;
  for (const Individual& one : all) result.push_back(encode(space, one.genome));
  return result;
}

}  // namespace

TEST_CASE("genomes keep to their space", "[search]") {
  const Space space = find_space(GENERATE("mcunet", "small", "tiny"));
  SplitMix64 random(7);
  for (int i = 0; i < 50; ++i) {
    const Genome a = sample(space, random), b = sample(space, a.width, a.resolution, random);
    for (const Genome& genome : {a, b, mutate(space, a, 0.3, random), cross_over(a, b, random)}) {
      const std::string text = encode(space, genome);
      CAPTURE(space.name, text);
      CHECK(equal(space, decode(space, text), genome));
      CHECK(genome.width == a.width);
      CHECK(genome.resolution == a.resolution);
      const netspec::NetworkDescription network = describe(space, genome);
      CHECK(netspec::problems(network).empty());
      // Ours can be read by others.
      const std::string file = netspec::write_description(network);
      CHECK(netspec::read_description(file, "network") == network);
    }
    CHECK(equal(space, mutate(space, a, 0, random), a));
    CHECK(equal(space, cross_over(a, a, random), a));
  }
}

TEST_CASE("small images keep some rows", "[search]") {
  const Space space = find_space("small");
  SplitMix64 random(1);
  for (size_t r = 0; r < space.resolutions.size(); ++r) {
    const netspec::NetworkDescription network = describe(space, sample(space, 0, r, random));
    const Graph graph = netspec::build_graph(network);
    int32_t least = 1000;
    for (const Op& op : graph.ops) {
      if (op.kind == OpKind::DepthwiseConv2D) least = std::min(least, graph.output(op).shape[1]);
    }
    CAPTURE(space.resolutions[r]);
    CHECK(least >= 3);
    CHECK(least <= 8);
  }
}

TEST_CASE("texts that are no network of the space are refused", "[search]") {
  const Space space = find_space("mcunet");
  SplitMix64 random(3);
  const std::string text = encode(space, sample(space, random));
  for (const std::string& wrong :
       {std::string(), std::string("w0.5"), "x" + text, text + ";1:3e4", text.substr(2),
        std::string("w0.5-r176-2:3e4,5e6"), std::string("w0.55-r176-") + text.substr(9)}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(decode(space, wrong), Error);
  }
}

TEST_CASE("a space with faults is refused whole", "[search]") {
  const auto document = nlohmann::json::parse(R"({"schema": "mcunet.space/1", "name": "faulty",
      "in_channels": 3, "classes": 0, "widths": [1, 0.5], "resolutions": [32], "smallest_map": 2,
      "activation": "tanh", "stem": {"channels": 8, "stride": 3}, "first_block": {"channels": 8},
      "kernels": [4], "expansions": [3], "squeeze_excite": [false],
      "stages": [{"channels": 8, "stride": 1, "depths": []}]})");
  try {
    space_from_json(document, "faulty.json");
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Usage);
    CHECK(error.problems().size() == 6);
  }
  CHECK_THROWS_AS(find_space("mcunt"), Error);
}

TEST_CASE("a candidate costs what compile() reports for its description", "[search]") {
  const Space space = find_space("mcunet");
  const compiler::CompileOptions options = on_board("stm32f746");
  const CostModel costs(options, {options.board.sram_bytes, options.board.flash_bytes, 0});
  SplitMix64 random(11);
  for (int i = 0; i < 12; ++i) {
    const Genome genome = sample(space, random);
    const Cost cost = costs.cost(space, genome);
    const Graph graph = netspec::build_graph(describe(space, genome));
    CAPTURE(encode(space, genome));
    if (cost.hopeless) {
      CHECK(cost.params > options.board.flash_bytes);
      CHECK_FALSE(costs.excess(cost).none());
      continue;
    }
    const compiler::CompiledModel model = compiler::compile(graph, "", options);
    CHECK(cost.sram == model.sram.total());
    CHECK(cost.flash == model.flash.total());
    CHECK(cost.cycles == compiler::estimated_cycles(model));
  }
}

TEST_CASE("the predictor ranks published networks that it has not seen", "[search]") {
  const std::vector<PublishedAccuracy> known = published_accuracies();
  REQUIRE(known.size() == 52);
  const LeftOut one = leave_out(known, LeaveOut::Network);
  const LeftOut family = leave_out(known, LeaveOut::Family);
  std::cout << "predictor: left out one by one: mean error " << one.mean_error << ", tau "
            << one.kendall_tau << "; by families: " << family.mean_error << ", "
            << family.kendall_tau << "\n";
  CHECK(one.kendall_tau >= 0.9);
  CHECK(one.mean_error <= 1.4);
  CHECK(family.kendall_tau >= 0.86);
  CHECK(family.mean_error <= 2);
}

TEST_CASE("resolution alone buys no accuracy beyond what was published", "[search]") {
  const AccuracyPredictor predictor = AccuracyPredictor::imagenet();
  Architecture network{82e6, 0.74e6, 160, 176, 54, 0};
  const Prediction at_176 = predictor.predict(network);
  CHECK_FALSE(at_176.extrapolated);
  CHECK(at_176.top1 == Approx(62.2).margin(3));
  const auto enlarged = [&](double factor) {
    Architecture larger = network;
    larger.resolution *= factor;
    larger.macs *= factor * factor;
    return predictor.predict(larger);
  };
  const Prediction at_220 = enlarged(1.25), at_440 = enlarged(2.5);
  CHECK(at_440.extrapolated);
  CHECK(at_440.top1 <= at_220.top1 + 0.01);
  CHECK(at_440.error > 1.5 * at_176.error);
}

TEST_CASE("the prediction answers to more than MACs", "[search]") {
  const AccuracyPredictor predictor = AccuracyPredictor::imagenet();
  const Architecture network{60e6, 1.2e6, 320, 160, 50, 0};
  const double base = predictor.predict(network).top1;
  Architecture other = network;
  other.params *= 1.5;
  CHECK(predictor.predict(other).top1 > base + 0.5);
  other = network;
  other.layers = 36;
  CHECK(predictor.predict(other).top1 < base - 0.5);
  other = network;
  other.resolution = 128;
  CHECK(predictor.predict(other).top1 < base - 0.5);
}

TEST_CASE("sub-spaces: feasible networks only, whatever the number of threads", "[search]") {
  const Space space = tiny_space();
  const Limits limits{48 * 1024, 96 * 1024, 0};
  const CostModel costs(on_board("stm32f746"), limits);
  const AccuracyPredictor predictor = AccuracyPredictor::imagenet();
  SurveyOptions options;
  options.threads = 1;
  const auto alone = survey(space, costs, predictor, options);
  options.threads = 2;
  const auto together = survey(space, costs, predictor, options);
  REQUIRE(alone.size() == together.size());
  for (size_t i = 0; i < alone.size(); ++i) {
    CHECK(alone[i].where == together[i].where);
    CHECK(alone[i].mean_macs == together[i].mean_macs);
    CHECK(alone[i].feasible >= 1);
    if (i > 0) CHECK(alone[i].upper_top1 <= alone[i - 1].upper_top1);
  }
}

TEST_CASE("limits that nothing meets name the nearest miss", "[search]") {
  const Space space = tiny_space();
  const CostModel costs(on_board("stm32f746"), {2048, 1 << 20, 0});
  try {
    survey(space, costs, AccuracyPredictor::imagenet(), {});
    FAIL("something fits 2 KiB");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::DoesNotFit);
    CHECK(error.problems().at(0).find("SRAM") != std::string::npos);
    CHECK(error.problems().at(0).find("of 2,048 B") != std::string::npos);
  }
}

TEST_CASE("evolution: limits hold, scores rise, threads do not matter", "[search]") {
  const Space space = tiny_space();
  const Limits limits{24 * 1024, 64 * 1024, 0};
  const CostModel costs(on_board("stm32f746"), limits);
  Evolution alone(space, kPlaces, costs, by_macs, small_evolution(5, 1));
  Evolution together(space, kPlaces, costs, by_macs, small_evolution(5, 2));
  double best = 0;
  while (!alone.finished()) {
    alone.step();
    together.step();
    CHECK(alone.ranked().front().score >= best);
    best = alone.ranked().front().score;
  }
  CHECK(names(space, alone.ranked()) == names(space, together.ranked()));
  for (const Individual& one : alone.ranked()) {
    CHECK(one.cost.sram <= limits.sram);
    CHECK(one.cost.flash <= limits.flash);
  }
  Evolution other(space, kPlaces, costs, by_macs, small_evolution(6, 1));
  while (!other.finished()) other.step();
  CHECK(names(space, alone.ranked()) != names(space, other.ranked()));
}

TEST_CASE("no member of the front is surpassed by another", "[search]") {
  const Space space = tiny_space();
  const CostModel costs(on_board("stm32f746"), {64 * 1024, 128 * 1024, 0});
  EvolutionOptions options = small_evolution(2, 0);
  options.pareto = true;
  Evolution search(space, kPlaces, costs, by_macs, options);
  while (!search.finished()) search.step();
  const std::vector<Individual> front = search.front(), all = search.ranked();
  REQUIRE(front.size() > 2);
  for (const Individual& a : front) {
    for (const Individual& b : all) {
      CHECK_FALSE((b.score > a.score && b.cost.cycles < a.cost.cycles &&
                   b.cost.sram < a.cost.sram && b.cost.flash < a.cost.flash));
    }
  }
}

TEST_CASE("a search that was interrupted ends like one that was not", "[search]") {
  const Space space = tiny_space();
  const CostModel costs(on_board("stm32f746"), {24 * 1024, 64 * 1024, 0});
  Evolution whole(space, kPlaces, costs, by_macs, small_evolution(9, 0));
  while (!whole.finished()) whole.step();

  Evolution first(space, kPlaces, costs, by_macs, small_evolution(9, 0));
  first.step();
  first.step();
  const std::string text = first.save().dump();
  Evolution second(space, kPlaces, costs, by_macs, small_evolution(9, 0));
  second.restore(nlohmann::json::parse(text), "checkpoint");
  CHECK(second.generation() == 2);
  while (!second.finished()) second.step();
  CHECK(names(space, second.ranked()) == names(space, whole.ranked()));

  SECTION("a damaged checkpoint is refused, and changes nothing") {
    SplitMix64 random(4);
    for (int i = 0; i < 200; ++i) {
      std::string damaged = text;
      damaged[random.below(damaged.size())] ^= static_cast<char>(1 + random.below(127));
      nlohmann::json document = nlohmann::json::parse(damaged, nullptr, false);
      if (document.is_discarded() || document == nlohmann::json::parse(text)) continue;
      CAPTURE(i);
      CHECK_THROWS_AS(second.restore(document, "checkpoint"), Error);
    }
    CHECK(names(space, second.ranked()) == names(space, whole.ranked()));
  }
  SECTION("so is one of another search") {
    Evolution other(space, kPlaces, costs, by_macs, small_evolution(10, 0));
    CHECK_THROWS_WITH(other.restore(nlohmann::json::parse(text), "checkpoint"),
                      Catch::Contains("another \"seed\""));
  }
}

}  // namespace mcunet::search
