// The first stage of TinyNAS: which sub-space, of one width and one resolution, holds the networks
// that are worth searching? Lin et al., "MCUNet" (arXiv 2007.10319), section 3.1: among the random
// networks of each that fit the board, the more computation they afford the better the sub-space.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "search/cost.h"
#include "search/predictor.h"
#include "search/space.h"

namespace mcunet::search {

struct SubSpace {
  size_t width = 0, resolution = 0;  // indices into the space's
};
inline bool operator==(const SubSpace& a, const SubSpace& b) {
  return a.width == b.width && a.resolution == b.resolution;
}

struct SubSpaceSurvey {
  SubSpace where;
  size_t sampled = 0, feasible = 0;
  // Of the feasible ones: the mean, and what the best fifth reaches.
  double mean_macs = 0, upper_macs = 0;
  double mean_top1 = 0, upper_top1 = 0;  // predicted, per cent
};

// What sub-spaces are compared by: the paper's rule, or the predicted accuracy.
enum class SpaceScore { Macs, Accuracy };

struct SurveyOptions {
  SpaceScore score = SpaceScore::Accuracy;
  size_t samples = 16;  // per sub-space; 6 where none of the first 6 fits
  uint64_t seed = 0;
  int threads = 0;
  std::function<void(int64_t done, int64_t total)> progress;
};

// All sub-spaces with at least one feasible sample, the best first. Does not depend on `threads`.
// Throws Error(DoesNotFit), naming the nearest miss and the limit that binds, when nothing fits.
std::vector<SubSpaceSurvey> survey(const Space& space, const CostModel& costs,
                                   const AccuracyPredictor& predictor,
                                   const SurveyOptions& options);

}  // namespace mcunet::search
