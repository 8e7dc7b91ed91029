// For scripts/bench-search; JSON documents on standard output, one per line.
//   mcunet_search_bench evolution [SEEDS [POPULATION [GENERATIONS]]]      (10, 30, 8)
// Evolution against random search with equally many networks costed. The task: STM32F746 with the
// flash and the time that MCUNet-320kB needs there.
//   mcunet_search_bench predict NAME…
// The predicted accuracies of networks of the zoo, and the published ones.
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "libmcunet/board/board.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/netspec/build.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/parallel.h"
#include "libmcunet/zoo/zoo.h"
#include "search/evolution.h"
#include "search/predictor.h"

namespace {

using namespace mcunet;
using namespace mcunet::search;

constexpr int64_t kFlash = 839798;
constexpr double kMilliseconds = 320.9;

double score(const Space& space, const AccuracyPredictor& predictor, const Individual& one) {
  return predictor
      .predict(architecture(describe(space, one.genome), one.cost.macs, one.cost.params))
      .top1;
}

void compare(uint64_t seed, size_t population, size_t generations) {
  const Space space = find_space("mcunet");
  const AccuracyPredictor predictor = AccuracyPredictor::imagenet();
  compiler::CompileOptions options;
  options.board = find_board("stm32f746");
  const Limits limits{options.board.sram_bytes, kFlash, kMilliseconds};

  const CostModel surveyed(options, limits);
  SurveyOptions survey_options;
  survey_options.seed = seed;
  std::vector<SubSpace> places;
  for (const SubSpaceSurvey& one : survey(space, surveyed, predictor, survey_options)) {
    if (places.size() < 4) places.push_back(one.where);
  }

  const auto begin = std::chrono::steady_clock::now();
  const CostModel costs(options, limits);
  EvolutionOptions evolution;
  evolution.population = population;
  evolution.generations = generations;
  evolution.seed = seed;
  const Scorer scorer = [&](const std::vector<Individual>& all) {
    std::vector<double> scores;
    for (const Individual& one : all) scores.push_back(score(space, predictor, one));
    return scores;
  };
  Evolution search(space, places, costs, scorer, evolution);
  while (!search.finished()) search.step();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;

  const CostModel others(options, limits);
  SplitMix64 random(seed);
  double best = 0;
  while (others.evaluated() < costs.evaluated()) {
    std::vector<Individual> batch(std::min<size_t>(64, costs.evaluated() - others.evaluated()));
    for (Individual& one : batch) {
      const SubSpace place = places[random.below(places.size())];
      one.genome = sample(space, place.width, place.resolution, random);
    }
    parallel_for(batch.size(), 0,
                 [&](size_t i) { batch[i].cost = others.cost(space, batch[i].genome); });
    for (const Individual& one : batch) {
      if (!one.cost.hopeless && others.excess(one.cost).none())
        best = std::max(best, score(space, predictor, one));
    }
  }
  const nlohmann::ordered_json out = {{"seed", seed},
                                      {"evaluations", costs.evaluated()},
                                      {"seconds", took.count()},
                                      {"evolution", search.ranked().front().score},
                                      {"random", best}};
  std::cout << out.dump() << std::endl;
}

void predict(const std::string& name) {
  const zoo::ZooNetwork entry = zoo::get(name);
  const auto& network = std::get<netspec::NetworkDescription>(entry.network);
  const Graph graph = netspec::build_graph(network);
  const Prediction prediction = AccuracyPredictor::imagenet().predict(
      architecture(network, total_macs(graph), total_parameters(graph)));
  nlohmann::ordered_json out = {{"network", name}, {"predicted", prediction.top1}};
  out["published"] = entry.published.top1_float.value_or(0);
  std::cout << out.dump() << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const auto argument = [&](int i, size_t otherwise) {
    return argc > i ? std::stoul(argv[i]) : otherwise;
  };
  try {
    if (what == "predict") {
      for (int i = 2; i < argc; ++i) predict(argv[i]);
    } else if (what == "evolution") {
      for (uint64_t seed = 0; seed < argument(2, 10); ++seed)
        compare(seed, argument(3, 30), argument(4, 8));
    } else {
      throw Error(ErrorKind::Usage, "evolution or predict?");
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "mcunet_search_bench: " << error.what() << "\n";
    return 1;
  }
}
