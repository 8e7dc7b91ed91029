#include "search/space_selection.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "libmcunet/support/error.h"
#include "libmcunet/support/parallel.h"
#include "libmcunet/support/table.h"

namespace mcunet::search {
namespace {

constexpr size_t kFirst = 6;

struct Sampled {
  Genome genome;
  Cost cost;
  bool feasible = false;
};

// Sample i of a sub-space, whatever else is sampled.
Genome nth_sample(const Space& space, SubSpace where, size_t i, uint64_t seed) {
  const uint64_t place = (where.width * 1000 + where.resolution) * 1000 + i;
  SplitMix64 random(seed * 0x9E3779B97F4A7C15U + place);
  random.next();
  return sample(space, where.width, where.resolution, random);
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// What a fifth of the values reaches.
double upper(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() * 4 / 5];
}

std::string share_text(double excess) { return format_fixed(100 * excess, 0) + " %"; }

// The sample that is least beyond the limits, and why.
[[noreturn]] void nothing_fits(const Space& space, const CostModel& costs,
                               const std::vector<std::vector<Sampled>>& all) {
  const Sampled* nearest = nullptr;
  double least = std::numeric_limits<double>::infinity();
  for (const auto& samples : all) {
    for (const Sampled& one : samples) {
      const double worst = costs.excess(one.cost).worst();
      if (worst >= least) continue;
      least = worst;
      nearest = &one;
    }
  }
  const Cost& cost = nearest->cost;
  const Excess excess = costs.excess(cost);
  const Limits& limits = costs.limits();
  std::string text = "no network of the space " + space.name + " fits; the nearest of " +
                     std::to_string(costs.evaluated()) + " samples, " +
                     encode(space, nearest->genome) + ", needs";
  std::vector<std::string> beyond;
  if (excess.sram > 0) {
    beyond.push_back(" SRAM " + group_digits(cost.sram) + " of " + group_digits(limits.sram) +
                     " B (" + share_text(excess.sram) + " too much)");
  }
  if (excess.flash > 0) {
    beyond.push_back(" flash " + group_digits(cost.flash) + " of " + group_digits(limits.flash) +
                     " B (" + share_text(excess.flash) + " too much)");
  }
  if (excess.latency > 0) {
    beyond.push_back(" " + format_fixed(cost.ms, 1) + " of " + format_fixed(limits.latency_ms, 1) +
                     " ms (" + share_text(excess.latency) + " too much)");
  }
  for (size_t i = 0; i < beyond.size(); ++i) text += (i == 0 ? "" : ",") + beyond[i];
  throw Error(ErrorKind::DoesNotFit,
              {text, "give more of it, or a space with smaller widths and resolutions (--space)"});
}

}  // namespace

std::vector<SubSpaceSurvey> survey(const Space& space, const CostModel& costs,
                                   const AccuracyPredictor& predictor,
                                   const SurveyOptions& options) {
  std::vector<SubSpace> places;
  for (size_t w = 0; w < space.widths.size(); ++w) {
    for (size_t r = 0; r < space.resolutions.size(); ++r) places.push_back({w, r});
  }
  std::vector<std::vector<Sampled>> all(places.size());
  std::mutex mutex;
  int64_t done = 0;
  const auto total = static_cast<int64_t>(places.size());
  parallel_for(places.size(), options.threads, [&](size_t p) {
    bool any = false;
    for (size_t i = 0; i < (any ? options.samples : std::min(kFirst, options.samples)); ++i) {
      Sampled one{nth_sample(space, places[p], i, options.seed), {}, false};
      one.cost = costs.cost(space, one.genome);
      one.feasible = !one.cost.hopeless && costs.excess(one.cost).none();
      any = any || one.feasible;
      all[p].push_back(std::move(one));
    }
    const std::lock_guard<std::mutex> lock(mutex);
    if (options.progress) options.progress(++done, total);
  });

  std::vector<SubSpaceSurvey> surveys;
  for (size_t p = 0; p < places.size(); ++p) {
    std::vector<double> macs, top1;
    for (const Sampled& one : all[p]) {
      if (!one.feasible) continue;
      macs.push_back(static_cast<double>(one.cost.macs));
      top1.push_back(
          predictor
              .predict(architecture(describe(space, one.genome), one.cost.macs, one.cost.params))
              .top1);
    }
    if (macs.empty()) continue;
    surveys.push_back(
        {places[p], all[p].size(), macs.size(), mean(macs), upper(macs), mean(top1), upper(top1)});
  }
  if (surveys.empty()) nothing_fits(space, costs, all);
  const bool by_macs = options.score == SpaceScore::Macs;
  std::stable_sort(surveys.begin(), surveys.end(), [&](const auto& a, const auto& b) {
    return by_macs ? a.mean_macs > b.mean_macs : a.upper_top1 > b.upper_top1;
  });
  return surveys;
}

}  // namespace mcunet::search
