#include "profiler/board_factor.h"

#include <algorithm>
#include <cmath>

#include "profiler/measurements.h"

namespace mcunet {
namespace {

// Worst error of the cycle model on networks that it was not fitted to (docs/benchmarks.md).
constexpr double kModelError = 0.05;
// Where no board of the core was measured. Caches and flash made between 0.98 and 1.25 of the
// core's cycles on the boards that were.
constexpr RelativeBar kUnmeasured = {0.95, 1.5};
struct Spread {
  RelativeBar around;  // of a network's ratio around the mean of all
  double highest = 1;  // of the ratios themselves
};

Spread spread_of(const std::vector<BoardPair>& pairs) {
  double logs = 0;
  for (const BoardPair& pair : pairs) logs += std::log(pair.ratio);
  const double mean = std::exp(logs / static_cast<double>(pairs.size()));
  Spread spread;
  for (const BoardPair& pair : pairs) {
    spread.around.low = std::min(spread.around.low, pair.ratio / mean);
    spread.around.high = std::max(spread.around.high, pair.ratio / mean);
    spread.highest = std::max(spread.highest, pair.ratio);
  }
  return spread;
}

// Sets factor, points and mape.
void average(const std::vector<double>& ratios, BoardFactor& result) {
  double logs = 0;
  for (const double ratio : ratios) logs += std::log(ratio);
  const auto count = static_cast<double>(ratios.size());
  result.points = static_cast<int64_t>(ratios.size());
  result.factor = std::exp(logs / count);
  for (const double ratio : ratios)
    result.mape += 100 * std::abs(result.factor / ratio - 1) / count;
}

// The measured board whose factor serves for `board`: itself, or the one with as large a cache.
std::string nearest_measured(const Board& board) {
  if (board.core != "cortex-m7") return "";
  return board.icache_bytes > find_board("stm32f746").icache_bytes ? "stm32h743" : "stm32f746";
}

}  // namespace

BoardFactor board_factor(const Board& board, bool estimated, const Calibration& own) {
  const Measurements all = published_measurements();
  const Spread spread = spread_of(all.pairs);
  BoardFactor result;
  std::vector<double> ratios;
  for (const CalibrationEntry& entry : own.entries) {
    if ((entry.cycles_from == "model") == estimated) {
      ratios.push_back(static_cast<double>(entry.measured_cycles) /
                       static_cast<double>(entry.core_cycles));
    }
  }
  if (!ratios.empty()) {
    average(ratios, result);
    result.id = "user/" + board.name;
    result.bar = spread.around;
    result.note = "your own measurements";
  } else if (const std::string nearest = nearest_measured(board); !nearest.empty()) {
    for (const EmulatedPoint& point : all.emulated) {
      if (point.board == nearest) ratios.push_back(point.measured_cycles / point.emulated_cycles);
    }
    average(ratios, result);
    result.id = "published/" + nearest;
    result.bar = spread.around;
    result.note = "published times of TinyEngine's kernels";
    if (nearest != board.name) {
      result.note += " on an " + nearest;
      result.bar.high *= spread.highest;
    }
  } else {
    result.id = "none";
    result.bar = kUnmeasured;
    result.note = "no network was both emulated and measured on a " + board.core;
  }
  if (estimated && result.id.rfind("user/", 0) != 0) {
    result.bar.low *= 1 - kModelError;
    result.bar.high *= 1 + kModelError;
  }
  return result;
}

}  // namespace mcunet
