#include "quant/observe.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"

namespace mcunet::quant {
namespace {

// The least exponent of bins: their edges stay normal doubles, and floats that are smaller are zero
// for every purpose here.
constexpr int kLeastExponent = -160;

int64_t floor_shift(int64_t value, int bits) {
  if (bits >= 63) return value < 0 ? -1 : 0;
  return value >> bits;
}

int64_t bin_of(float value, int exponent) {
  return static_cast<int64_t>(std::floor(std::ldexp(static_cast<double>(value), -exponent)));
}

}  // namespace

double Histogram::width() const { return std::ldexp(1.0, exponent); }

double Histogram::center(size_t bin) const {
  return (static_cast<double>(first + static_cast<int64_t>(bin)) + 0.5) * width();
}

int64_t Histogram::total() const {
  int64_t sum = 0;
  for (const int64_t n : counts) sum += n;
  return sum;
}

void Histogram::coarsen(int to_exponent) {
  if (to_exponent <= exponent) return;
  const int bits = to_exponent - exponent;
  exponent = to_exponent;
  if (counts.empty()) return;
  const int64_t old_first = first;
  const int64_t last = first + static_cast<int64_t>(counts.size()) - 1;
  first = floor_shift(old_first, bits);
  std::vector<int64_t> merged(static_cast<size_t>(floor_shift(last, bits) - first + 1), 0);
  for (size_t i = 0; i < counts.size(); ++i) {
    merged[static_cast<size_t>(floor_shift(old_first + static_cast<int64_t>(i), bits) - first)] +=
        counts[i];
  }
  counts = std::move(merged);
}

// Makes room for bins `low` to `high` of 2^at_exponent; afterwards the exponent is at least that.
void Histogram::cover(int64_t low, int64_t high, int at_exponent) {
  if (counts.empty()) exponent = at_exponent;
  coarsen(at_exponent);
  low = floor_shift(low, exponent - at_exponent);
  high = floor_shift(high, exponent - at_exponent);
  if (!counts.empty()) {
    low = std::min(low, first);
    high = std::max(high, first + static_cast<int64_t>(counts.size()) - 1);
  }
  int bits = 0;
  while (floor_shift(high, bits) - floor_shift(low, bits) >= kMostBins) ++bits;
  coarsen(exponent + bits);
  low = floor_shift(low, bits);
  high = floor_shift(high, bits);
  if (counts.empty()) {
    first = low;
    counts.assign(static_cast<size_t>(high - low + 1), 0);
    return;
  }
  counts.insert(counts.begin(), static_cast<size_t>(first - low), 0);
  first = low;
  counts.resize(static_cast<size_t>(high - low + 1), 0);
}

void Histogram::add(const float* values, size_t count, float low, float high) {
  if (count == 0) return;
  // The finest grid on which the extremes are fewer than kMostBins apart.
  const double extent = std::max(
      static_cast<double>(high) - static_cast<double>(low),
      std::max(std::fabs(static_cast<double>(low)), std::fabs(static_cast<double>(high))) * 1e-6);
  int grid = kLeastExponent;
  if (extent > 0) grid = std::max(grid, std::ilogb(extent / static_cast<double>(kMostBins)));
  while (bin_of(high, grid) - bin_of(low, grid) >= kMostBins) ++grid;
  cover(bin_of(low, grid), bin_of(high, grid), grid);
  const double inverse = std::ldexp(1.0, -exponent);
  const auto origin = static_cast<double>(first);
  for (size_t i = 0; i < count; ++i) {
    const double position = std::floor(static_cast<double>(values[i]) * inverse) - origin;
    ++counts[static_cast<size_t>(position)];
  }
}

void Histogram::add(const Histogram& other) {
  if (other.counts.empty()) return;
  cover(other.first, other.first + static_cast<int64_t>(other.counts.size()) - 1, other.exponent);
  const int bits = exponent - other.exponent;
  for (size_t i = 0; i < other.counts.size(); ++i) {
    const int64_t bin = floor_shift(other.first + static_cast<int64_t>(i), bits);
    counts[static_cast<size_t>(bin - first)] += other.counts[i];
  }
}

namespace {

// Channel means are kept as sums until the end.
void add_values(TensorStatistics& statistics, const float* values, size_t count, size_t channels) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (statistics.count == 0) {
    statistics.min = kInfinity;
    statistics.max = -kInfinity;
    statistics.channel_min.assign(channels, kInfinity);
    statistics.channel_max.assign(channels, -kInfinity);
    statistics.channel_mean.assign(channels, 0.0);
  }
  float low = kInfinity, high = -kInfinity;
  double squares = 0;
  std::vector<double> sums(channels, 0.0);
  for (size_t i = 0; i < count; i += channels) {
    for (size_t c = 0; c < channels; ++c) {
      const float value = values[i + c];
      statistics.channel_min[c] = std::min(statistics.channel_min[c], value);
      statistics.channel_max[c] = std::max(statistics.channel_max[c], value);
      sums[c] += static_cast<double>(value);
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
  }
  for (size_t c = 0; c < channels; ++c) {
    low = std::min(low, statistics.channel_min[c]);
    high = std::max(high, statistics.channel_max[c]);
    statistics.channel_mean[c] += sums[c];
    statistics.sum += sums[c];
  }
  statistics.sum_of_squares += squares;
  statistics.min = low;
  statistics.max = high;
  statistics.count += static_cast<int64_t>(count);
  if (std::isfinite(statistics.sum) && std::isfinite(squares))
    statistics.histogram.add(values, count, low, high);
}

void merge(TensorStatistics& into, const TensorStatistics& from) {
  if (from.count == 0) return;
  if (into.count == 0) {
    into = from;
    return;
  }
  into.count += from.count;
  into.min = std::min(into.min, from.min);
  into.max = std::max(into.max, from.max);
  into.sum += from.sum;
  into.sum_of_squares += from.sum_of_squares;
  into.histogram.add(from.histogram);
  for (size_t c = 0; c < into.channel_mean.size(); ++c) {
    into.channel_min[c] = std::min(into.channel_min[c], from.channel_min[c]);
    into.channel_max[c] = std::max(into.channel_max[c], from.channel_max[c]);
    into.channel_mean[c] += from.channel_mean[c];
  }
}

size_t channels_of(const Tensor& tensor) {
  return tensor.shape.empty() ? 1 : static_cast<size_t>(tensor.shape.back());
}

void observe_sample(const reference::Interpreter& interpreter, const Calibration::Sample& sample,
                    size_t number, Statistics& statistics) {
  const Graph& graph = interpreter.graph();
  const auto see = [&](TensorId id, const uint8_t* data) {
    const Tensor& tensor = graph.tensor(id);
    add_values(statistics.tensors[static_cast<size_t>(id)], reinterpret_cast<const float*>(data),
               static_cast<size_t>(tensor.elements()), channels_of(tensor));
  };
  for (size_t i = 0; i < sample.size(); ++i) see(graph.inputs[i], sample[i].data());
  interpreter.run(sample, [&](const Op& op, TensorId id, const Tensor& tensor, const uint8_t* data,
                              size_t) {
    see(id, data);
    const TensorStatistics& seen = statistics.tensors[static_cast<size_t>(id)];
    if (std::isfinite(seen.sum) && std::isfinite(seen.sum_of_squares)) return;
    throw Error(ErrorKind::Input, describe(op) + ": '" + tensor.name + "' becomes NaN or infinite" +
                                      " on calibration sample " + std::to_string(number) +
                                      "; the weights or the preprocessing are wrong");
  });
}

}  // namespace

Statistics observe(const Graph& graph, const Calibration& calibration, int threads,
                   const ProgressHook& progress) {
  const reference::Interpreter interpreter(graph);
  const size_t count = calibration.samples.size();
  const size_t slots = std::min(kSlots, count);
  std::vector<Statistics> partial(slots);
  for (Statistics& statistics : partial) statistics.tensors.resize(graph.tensors.size());
  for_each_slot(count, threads, "observing", progress, [&](size_t slot, size_t sample) {
    observe_sample(interpreter, calibration.samples[sample], sample, partial[slot]);
  });
  Statistics result;
  result.tensors.resize(graph.tensors.size());
  for (const Statistics& statistics : partial) {
    for (size_t t = 0; t < result.tensors.size(); ++t)
      merge(result.tensors[t], statistics.tensors[t]);
  }
  for (TensorStatistics& statistics : result.tensors) {
    if (statistics.count == 0) continue;
    const auto per_channel =
        static_cast<double>(statistics.count) / static_cast<double>(statistics.channel_mean.size());
    for (double& mean : statistics.channel_mean) mean /= per_channel;
  }
  return result;
}

}  // namespace mcunet::quant
