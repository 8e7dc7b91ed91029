#include "libmcunet/data/metrics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace mcunet {
namespace {

// a before b, were it not for their indices.
bool higher(float a, float b) { return std::isnan(b) ? !std::isnan(a) : a > b; }

}  // namespace

Interval wilson_interval(int64_t hits, int64_t total) {
  assert(total > 0 && hits >= 0 && hits <= total);
  constexpr double kZ = 1.959963984540054;  // 97.5 % of the normal distribution lie below it
  const auto n = static_cast<double>(total);
  const double share = static_cast<double>(hits) / n;
  const double middle = (share + kZ * kZ / (2 * n)) / (1 + kZ * kZ / n);
  const double half =
      kZ * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n)) / (1 + kZ * kZ / n);
  // Exact at the ends, where rounding might leave them.
  return {hits == 0 ? 0.0 : std::max(0.0, middle - half),
          hits == total ? 1.0 : std::min(1.0, middle + half)};
}

size_t top_class(const std::vector<float>& scores) {
  size_t best = 0;
  for (size_t i = 1; i < scores.size(); ++i) {
    if (higher(scores[i], scores[best])) best = i;
  }
  return best;
}

size_t class_rank(const std::vector<float>& scores, size_t cls) {
  size_t before = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    const bool equal = !higher(scores[i], scores[cls]) && !higher(scores[cls], scores[i]);
    if (higher(scores[i], scores[cls]) || (equal && i < cls)) ++before;
  }
  return before;
}

void SignalToNoise::add(const std::vector<float>& reference, const std::vector<float>& values) {
  assert(reference.size() == values.size());
  for (size_t i = 0; i < reference.size(); ++i) {
    const double expected = static_cast<double>(reference[i]);
    const double difference = expected - static_cast<double>(values[i]);
    signal_ += expected * expected;
    noise_ += difference * difference;
  }
}

void SignalToNoise::add(const SignalToNoise& other) {
  signal_ += other.signal_;
  noise_ += other.noise_;
}

double SignalToNoise::decibels() const {
  if (noise_ == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal_ / noise_);
}

}  // namespace mcunet
