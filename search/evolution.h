// The second stage of TinyNAS: evolution within the sub-spaces that were chosen. Lin et al.,
// "MCUNet" (arXiv 2007.10319), section 3.2, as in Cai et al., "Once-for-All" (arXiv 1908.09791):
// the best quarter of each generation are parents; half of the children are mutants, half are
// crossings. Children that exceed a limit are never members: others are drawn in their place.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "search/cost.h"
#include "search/space.h"
#include "search/space_selection.h"

namespace mcunet::search {

struct Individual {
  Genome genome;
  Cost cost;
  double score = 0;  // the higher the better
};

// Scores of networks that fit, in their order. Deterministic.
using Scorer = std::function<std::vector<double>(const std::vector<Individual>&)>;

struct EvolutionOptions {
  size_t population = 100, generations = 30;
  double parents = 0.25;              // share of the population
  double mutation_probability = 0.1;  // of each choice
  // Parents are those that no other surpasses in score, latency, SRAM and flash at once, instead of
  // those with the highest scores.
  bool pareto = false;
  uint64_t seed = 0;
  int threads = 0;
};

// The search as a value: take a step, keep it, go on later. Same space, limits, options and seed:
// same result, whatever the number of threads and however often it was interrupted.
class Evolution {
 public:
  Evolution(const Space& space, std::vector<SubSpace> places, const CostModel& costs, Scorer scorer,
            EvolutionOptions options);

  // One generation; the first fills the population with random networks. Throws Error(DoesNotFit)
  // when no random network fits.
  void step();
  bool finished() const { return generation_ > options_.generations; }
  size_t generation() const { return generation_; }  // how many have been made

  // All different networks that fitted, the best first.
  std::vector<Individual> ranked() const;
  // Those among them that no other surpasses in score, latency, SRAM and flash at once, the best
  // score first.
  std::vector<Individual> front() const;

  // A checkpoint's document, and what it says put in place of the present state. Throws
  // Error(Input) for documents that are damaged or of another search.
  nlohmann::ordered_json save() const;
  void restore(const nlohmann::json& document, const std::string& place);

 private:
  std::vector<Individual> feasible(size_t count, SplitMix64& random,
                                   const std::function<Genome(size_t, SplitMix64&)>& draw);
  std::vector<Individual> parents() const;
  Genome child(const std::vector<Individual>& parents, size_t i, SplitMix64& random) const;
  SubSpace random_place(SplitMix64& random) const;

  const Space& space_;
  std::vector<SubSpace> places_;
  const CostModel& costs_;
  Scorer scorer_;
  EvolutionOptions options_;
  size_t generation_ = 0;
  std::vector<Individual> population_;
  std::map<std::string, Individual> archive_;  // by encoding
};

}  // namespace mcunet::search
