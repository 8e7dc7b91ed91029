#include "search/evolution.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "libmcunet/support/error.h"
#include "libmcunet/support/parallel.h"
#include "libmcunet/support/sha256.h"

namespace mcunet::search {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kSchema = "mcunet.search-state/1";
// Networks drawn for one place in a generation before it stays empty.
constexpr size_t kAttempts = 40;

// Each generation has a stream of its own, so that a checkpoint need not hold the generator.
SplitMix64 stream(uint64_t seed, size_t generation) {
  SplitMix64 random(seed * 0x9E3779B97F4A7C15U + generation);
  random.next();
  return random;
}

bool surpasses(const Individual& a, const Individual& b) {
  const bool no_worse = a.score >= b.score && a.cost.cycles <= b.cost.cycles &&
                        a.cost.sram <= b.cost.sram && a.cost.flash <= b.cost.flash;
  const bool better = a.score > b.score || a.cost.cycles < b.cost.cycles ||
                      a.cost.sram < b.cost.sram || a.cost.flash < b.cost.flash;
  return no_worse && better;
}

// Indices of those that no other surpasses; earlier ones of equals.
std::vector<size_t> unsurpassed(const std::vector<Individual>& all,
                                const std::vector<size_t>& among) {
  std::vector<size_t> result;
  for (const size_t i : among) {
    const bool beaten = std::any_of(among.begin(), among.end(),
                                    [&](size_t k) { return k != i && surpasses(all[k], all[i]); });
    if (!beaten) result.push_back(i);
  }
  return result;
}

json genome_to_json(const Genome& genome) {
  json blocks = json::array();
  for (const Genome::Block& block : genome.blocks)
    blocks.push_back({block.kernel, block.expansion, block.squeeze_excite});
  return {genome.width, genome.resolution, genome.depths, blocks};
}

// Every index is checked: the document may be of another space.
Genome genome_from_json(const Space& space, const json& value) {
  const auto index = [](const json& number, size_t count) {
    const auto i = number.get<size_t>();
    if (!number.is_number_unsigned() || i >= count) throw std::out_of_range("gene");
    return i;
  };
  Genome genome;
  genome.width = index(value.at(0), space.widths.size());
  genome.resolution = index(value.at(1), space.resolutions.size());
  for (size_t s = 0; s < space.stages.size(); ++s)
    genome.depths.push_back(index(value.at(2).at(s), space.stages[s].depths.size()));
  for (size_t i = 0; i < space.blocks(); ++i) {
    const json& block = value.at(3).at(i);
    genome.blocks.push_back({index(block.at(0), space.kernels.size()),
                             index(block.at(1), space.expansions.size()),
                             index(block.at(2), space.squeeze_excite.size())});
  }
  return genome;
}

std::string digest(const ordered_json& document) {
  const std::string text = document.dump();
  return sha256_hex(std::vector<uint8_t>(text.begin(), text.end()));
}

}  // namespace

Evolution::Evolution(const Space& space, std::vector<SubSpace> places, const CostModel& costs,
                     Scorer scorer, EvolutionOptions options)
    : space_(space),
      places_(std::move(places)),
      costs_(costs),
      scorer_(std::move(scorer)),
      options_(options) {}

SubSpace Evolution::random_place(SplitMix64& random) const {
  return places_[random.below(places_.size())];
}

// Draws until `count` networks fit that differ from each other, or patience ends. Costs of a batch
// are computed by all threads; which of them are taken depends on their order only.
std::vector<Individual> Evolution::feasible(
    size_t count, SplitMix64& random, const std::function<Genome(size_t, SplitMix64&)>& draw) {
  std::vector<Individual> result;
  std::set<std::string> taken;
  for (size_t tried = 0; result.size() < count && tried < kAttempts * count;) {
    std::vector<Individual> batch(count);
    for (Individual& one : batch) one.genome = draw(tried++, random);
    parallel_for(batch.size(), options_.threads,
                 [&](size_t i) { batch[i].cost = costs_.cost(space_, batch[i].genome); });
    for (Individual& one : batch) {
      if (result.size() == count) break;
      if (one.cost.hopeless || !costs_.excess(one.cost).none()) continue;
      if (taken.insert(encode(space_, one.genome)).second) result.push_back(std::move(one));
    }
  }
  const std::vector<double> scores = scorer_(result);
  for (size_t i = 0; i < result.size(); ++i) result[i].score = scores[i];
  return result;
}

std::vector<Individual> Evolution::parents() const {
  const auto count = std::max<size_t>(
      2, static_cast<size_t>(
             std::lround(options_.parents * static_cast<double>(options_.population))));
  std::vector<Individual> sorted = population_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.score > b.score; });
  if (!options_.pareto) {
    sorted.resize(std::min(sorted.size(), count));
    return sorted;
  }
  // Front after front (Goldberg's non-dominated ranks).
  std::vector<size_t> left(sorted.size());
  for (size_t i = 0; i < left.size(); ++i) left[i] = i;
  std::vector<Individual> result;
  while (!left.empty() && result.size() < count) {
    for (const size_t i : unsurpassed(sorted, left)) {
      if (result.size() < count) result.push_back(sorted[i]);
      left.erase(std::find(left.begin(), left.end(), i));
    }
  }
  return result;
}

Genome Evolution::child(const std::vector<Individual>& parents, size_t i,
                        SplitMix64& random) const {
  const auto any = [&]() -> const Genome& { return parents[random.below(parents.size())].genome; };
  Genome genome;
  if (i % 2 == 0) {
    genome = mutate(space_, any(), options_.mutation_probability, random);
    if (random.chance(options_.mutation_probability)) {
      const SubSpace place = random_place(random);
      genome.width = place.width;
      genome.resolution = place.resolution;
    }
  } else {
    const Genome& a = any();
    genome = cross_over(a, any(), random);
  }
  return genome;
}

void Evolution::step() {
  SplitMix64 random = stream(options_.seed, generation_);
  std::vector<Individual> next;
  if (generation_ == 0) {
    next = feasible(options_.population, random, [&](size_t, SplitMix64& stream) {
      const SubSpace place = random_place(stream);
      return sample(space_, place.width, place.resolution, stream);
    });
    if (next.empty())
      throw Error(ErrorKind::DoesNotFit, "no random network of the chosen sub-spaces fits");
    population_ = next;
  } else {
    const std::vector<Individual> chosen = parents();
    next = feasible(options_.population, random,
                    [&](size_t i, SplitMix64& stream) { return child(chosen, i, stream); });
    population_ = chosen;
    population_.insert(population_.end(), next.begin(), next.end());
  }
  for (const Individual& one : next) archive_.emplace(encode(space_, one.genome), one);
  ++generation_;
}

std::vector<Individual> Evolution::ranked() const {
  std::vector<Individual> all;
  for (const auto& [key, one] : archive_) all.push_back(one);
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.score != b.score ? a.score > b.score : a.cost.cycles < b.cost.cycles;
  });
  return all;
}

std::vector<Individual> Evolution::front() const {
  const std::vector<Individual> all = ranked();
  std::vector<size_t> among(all.size());
  for (size_t i = 0; i < among.size(); ++i) among[i] = i;
  std::vector<Individual> result;
  for (const size_t i : unsurpassed(all, among)) result.push_back(all[i]);
  return result;
}

ordered_json Evolution::save() const {
  ordered_json places = ordered_json::array();
  for (const SubSpace& place : places_) places.push_back({place.width, place.resolution});
  ordered_json population = ordered_json::array(), archive = ordered_json::array();
  for (const Individual& one : population_)
    population.push_back({one.score, genome_to_json(one.genome)});
  for (const auto& [key, one] : archive_)
    archive.push_back({one.score, genome_to_json(one.genome)});
  ordered_json document = {{"schema", kSchema},
                           {"space", space_.name},
                           {"seed", options_.seed},
                           {"population_size", options_.population},
                           {"pareto", options_.pareto},
                           {"sram", costs_.limits().sram},
                           {"flash", costs_.limits().flash},
                           {"latency_ms", costs_.limits().latency_ms},
                           {"places", places},
                           {"generation", generation_},
                           {"population", population},
                           {"archive", archive}};
  document["sha256"] = digest(document);
  return document;
}

void Evolution::restore(const json& document, const std::string& place) {
  const auto refuse = [&](const std::string& why) -> void {
    throw Error(ErrorKind::Input, place + ": " + why + "; start anew without --resume");
  };
  // The digest is over the members in the order that save() gives them.
  ordered_json ordered;
  for (const char* key : {"schema", "space", "seed", "population_size", "pareto", "sram", "flash",
                          "latency_ms", "places", "generation", "population", "archive"}) {
    if (!document.is_object() || !document.contains(key)) refuse("no checkpoint of a search");
    ordered[key] = document.at(key);
  }
  if (ordered.at("schema") != kSchema) refuse("of another version");
  if (document.value("sha256", json()) != digest(ordered)) refuse("the checkpoint is damaged");
  const ordered_json own = save();
  for (const char* key :
       {"space", "seed", "population_size", "pareto", "sram", "flash", "latency_ms"}) {
    if (own.at(key).dump() != ordered.at(key).dump())
      refuse("made with another \"" + std::string(key) + "\" (" + ordered.at(key).dump() + ")");
  }
  try {
    std::vector<SubSpace> places;
    for (const auto& entry : document.at("places"))
      places.push_back({entry.at(0).get<size_t>(), entry.at(1).get<size_t>()});
    const auto individuals = [&](const json& list) {
      std::vector<Individual> result(list.size());
      for (size_t i = 0; i < list.size(); ++i) {
        result[i].score = list[i].at(0).get<double>();
        result[i].genome = genome_from_json(space_, list[i].at(1));
      }
      parallel_for(result.size(), options_.threads,
                   [&](size_t i) { result[i].cost = costs_.cost(space_, result[i].genome); });
      return result;
    };
    std::vector<Individual> population = individuals(document.at("population"));
    std::map<std::string, Individual> archive;
    for (const Individual& one : individuals(document.at("archive")))
      archive.emplace(encode(space_, one.genome), one);
    places_ = std::move(places);
    generation_ = document.at("generation").get<size_t>();
    population_ = std::move(population);
    archive_ = std::move(archive);
  } catch (const json::exception&) {
    refuse("the checkpoint is damaged");
  } catch (const std::out_of_range&) {
    refuse("made with another space of the same name");
  }
}

}  // namespace mcunet::search
