#include "quant/ranges.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "libmcunet/graph/activation.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/suggest.h"
#include "quant/prepare.h"

namespace mcunet::quant {
namespace {

constexpr int32_t kLevels = 256;
constexpr double kPercentile = 1e-4;  // share of the values that may lie beyond either end

const std::vector<std::pair<std::string, RangeMethod>>& methods() {
  static const std::vector<std::pair<std::string, RangeMethod>> table = {
      {"mse", RangeMethod::Mse},
      {"minmax", RangeMethod::MinMax},
      {"percentile", RangeMethod::Percentile},
      {"kl", RangeMethod::Kl}};
  return table;
}

// ---- groups
// ---------------------------------------------------------------------------------------------------

Quantization prescribed(OpKind kind) {
  switch (kind) {
    case OpKind::Softmax:
    case OpKind::Logistic:
      return {{1.0F / 256}, {-128}, 0};
    case OpKind::Tanh:
      return {{1.0F / 128}, {0}, 0};
    default:
      return {};
  }
}

size_t activation_inputs(const Op& op) { return is_weighted(op.kind) ? 1 : op.inputs.size(); }

class Grouper {
 public:
  explicit Grouper(const Graph& graph)
      : graph_(graph),
        parent_(graph.tensors.size()),
        fixed_(graph.tensors.size()),
        used_(graph.tensors.size(), false) {
    std::iota(parent_.begin(), parent_.end(), TensorId{0});
  }

  ScaleGroups run() {
    for (const TensorId id : graph_.inputs) used_[static_cast<size_t>(id)] = true;
    for (const Op& op : graph_.ops) visit(op);
    ScaleGroups result;
    result.group.assign(graph_.tensors.size(), -1);
    std::vector<int> group_of_root(graph_.tensors.size(), -1);
    for (size_t t = 0; t < graph_.tensors.size(); ++t) {
      if (!used_[t]) continue;
      int& group = group_of_root[root(static_cast<TensorId>(t))];
      if (group < 0) {
        group = static_cast<int>(result.groups.size());
        result.groups.push_back({{}, fixed_[t]});
      }
      result.group[t] = group;
      result.groups[static_cast<size_t>(group)].tensors.push_back(static_cast<TensorId>(t));
    }
    return result;
  }

 private:
  size_t root(TensorId id) {
    while (parent_[static_cast<size_t>(id)] != id) {
      TensorId& parent = parent_[static_cast<size_t>(id)];
      parent = parent_[static_cast<size_t>(parent)];
      id = parent;
    }
    return static_cast<size_t>(id);
  }
  void join(TensorId a, TensorId b) { parent_[root(b)] = static_cast<TensorId>(root(a)); }

  void visit(const Op& op) {
    for (size_t i = 0; i < activation_inputs(op); ++i)
      used_[static_cast<size_t>(op.inputs[i])] = true;
    for (const TensorId id : op.outputs) used_[static_cast<size_t>(id)] = true;
    const Quantization own = prescribed(op.kind);
    if (!own.empty()) fixed_[static_cast<size_t>(op.outputs[0])] = own;
    if (!operator_info(op.kind).keeps_scale) return;
    // What has a prescribed scale passes it on when all inputs have the same; otherwise it stays
    // apart, and assemble() puts a QUANTIZE between.
    const Quantization& first = fixed_[static_cast<size_t>(op.inputs[0])];
    const bool all_fixed =
        !first.empty() && std::all_of(op.inputs.begin(), op.inputs.end(), [&](TensorId id) {
          return fixed_[static_cast<size_t>(id)] == first;
        });
    if (all_fixed) {
      const Quantization passed = first;
      for (const TensorId id : op.outputs) fixed_[static_cast<size_t>(id)] = passed;
    }
    for (const TensorId id : op.outputs) join(op.outputs[0], id);
    for (const TensorId id : op.inputs) {
      if (all_fixed || fixed_[static_cast<size_t>(id)].empty()) join(op.outputs[0], id);
    }
  }

  const Graph& graph_;
  std::vector<TensorId> parent_;
  std::vector<Quantization> fixed_;
  std::vector<bool> used_;
};

// ---- one interval
// ---------------------------------------------------------------------------------------------

struct Interval {
  double low, high;
};

double squared_error(const Histogram& histogram, const Interval& interval) {
  const Quantization q =
      activation_encoding(static_cast<float>(interval.low), static_cast<float>(interval.high));
  const auto scale = static_cast<double>(q.scale());
  const double zero = q.zero_point();
  double error = 0;
  for (size_t b = 0; b < histogram.counts.size(); ++b) {
    if (histogram.counts[b] == 0) continue;
    const double value = histogram.center(b);
    const double level = std::clamp(std::nearbyint(value / scale) + zero, -128.0, 127.0) - zero;
    const double difference = value - level * scale;
    error += static_cast<double>(histogram.counts[b]) * difference * difference;
  }
  return error;
}

// The best of a grid of intervals within `range`, refined around the best of a coarser one. An end
// at 0 stays there.
Interval least_error(const Interval& range,
                     const std::function<double(const Interval&)>& error_of) {
  constexpr double kSmallestShare = 0.05;
  double low_share = 1, high_share = 1, step = 0.1;
  double best = error_of(range);
  for (int round = 0; round < 3; ++round, step /= 4) {
    const double low_center = low_share, high_center = high_share;
    const int reach = round == 0 ? 9 : 4;
    for (int i = -reach; i <= reach; ++i) {
      for (int j = -reach; j <= reach; ++j) {
        const double low = range.low == 0 ? 1 : low_center + i * step;
        const double high = range.high == 0 ? 1 : high_center + j * step;
        if ((range.low == 0 && i != 0) || (range.high == 0 && j != 0)) continue;
        if (low > 1 || high > 1 || low < kSmallestShare || high < kSmallestShare) continue;
        const double error = error_of({range.low * low, range.high * high});
        if (error < best) {
          best = error;
          low_share = low;
          high_share = high;
        }
      }
    }
  }
  return {range.low * low_share, range.high * high_share};
}

Interval percentile(const Histogram& histogram, const Interval& range) {
  const auto allowed = static_cast<int64_t>(kPercentile * static_cast<double>(histogram.total()));
  Interval found = range;
  int64_t beyond = 0;
  for (size_t b = 0; b < histogram.counts.size(); ++b) {
    beyond += histogram.counts[b];
    if (beyond <= allowed) continue;
    found.low = std::max(range.low, histogram.center(b) - histogram.width() / 2);
    break;
  }
  beyond = 0;
  for (size_t b = histogram.counts.size(); b-- > 0;) {
    beyond += histogram.counts[b];
    if (beyond <= allowed) continue;
    found.high = std::min(range.high, histogram.center(b) + histogram.width() / 2);
    break;
  }
  return {std::min(found.low, 0.0), std::max(found.high, 0.0)};
}

// Divergence of the values within the interval (what lies beyond piled up at its ends) from the
// same after 256 levels: each level's count spread over its bins that hold values.
double divergence(const Histogram& histogram, const Interval& interval) {
  const Quantization q =
      activation_encoding(static_cast<float>(interval.low), static_cast<float>(interval.high));
  const auto scale = static_cast<double>(q.scale());
  const double zero = q.zero_point();
  const size_t bins = histogram.counts.size();
  std::vector<double> clipped(bins, 0), spread(bins, 0);
  std::vector<double> level_counts(kLevels, 0), level_bins(kLevels, 0);
  std::vector<size_t> level_of(bins);
  const RealRange real = real_range(q);
  const auto bin_of = [&](double value) {
    return std::clamp<int64_t>(
        static_cast<int64_t>(std::floor(value / histogram.width())) - histogram.first, 0,
        static_cast<int64_t>(bins) - 1);
  };
  const auto low_bin = bin_of(static_cast<double>(real.low));
  const auto high_bin = bin_of(static_cast<double>(real.high));
  for (size_t b = 0; b < bins; ++b) {
    const auto target = static_cast<size_t>(std::clamp(static_cast<int64_t>(b), low_bin, high_bin));
    clipped[target] += static_cast<double>(histogram.counts[b]);
    const double level =
        std::clamp(std::nearbyint(histogram.center(b) / scale) + zero, -128.0, 127.0);
    level_of[b] = static_cast<size_t>(level + 128);
    if (histogram.counts[b] == 0 || target != b) continue;
    level_counts[level_of[b]] += static_cast<double>(histogram.counts[b]);
    level_bins[level_of[b]] += 1;
  }
  double total_clipped = 0, total_spread = 0;
  for (size_t b = 0; b < bins; ++b) {
    const bool inside = static_cast<int64_t>(b) >= low_bin && static_cast<int64_t>(b) <= high_bin;
    if (inside && histogram.counts[b] > 0)
      spread[b] = level_counts[level_of[b]] / level_bins[level_of[b]];
    total_clipped += clipped[b];
    total_spread += spread[b];
  }
  if (total_spread == 0) return std::numeric_limits<double>::infinity();
  constexpr double kFloor = 1e-9;  // where the quantized form has nothing
  double sum = 0;
  for (size_t b = 0; b < bins; ++b) {
    const double p = clipped[b] / total_clipped;
    if (p > 0) sum += p * std::log(p / std::max(spread[b] / total_spread, kFloor));
  }
  return sum;
}

Interval least_divergence(const Histogram& histogram, const Interval& range) {
  constexpr int kSteps = 96;
  Interval best = range;
  double least = divergence(histogram, range);
  for (int i = 1; i < kSteps; ++i) {
    const double share = 1 - static_cast<double>(i) / kSteps;
    const Interval interval{range.low * share, range.high * share};
    const double found = divergence(histogram, interval);
    if (found >= least) continue;
    least = found;
    best = interval;
  }
  return best;
}

Interval choose(const Histogram& histogram, const Interval& range, RangeMethod method) {
  if (histogram.empty() || range.low == range.high) return range;
  switch (method) {
    case RangeMethod::MinMax:
      return range;
    case RangeMethod::Percentile:
      return percentile(histogram, range);
    case RangeMethod::Kl:
      return least_divergence(histogram, range);
    case RangeMethod::Mse:
      return least_error(range, [&](const Interval& i) { return squared_error(histogram, i); });
  }
  return range;
}

// The reference's HARD_SWISH refuses an output whose steps are less than 1/128 of the input's; half
// of that leaves room for those who tune ranges later.
void widen_hard_swish(const Graph& graph, const ScaleGroups& groups,
                      std::vector<Quantization>& encodings) {
  constexpr float kMostInputSteps = 64;
  for (const Op& op : graph.ops) {
    if (op.kind != OpKind::HardSwish) continue;
    const float input = encodings[static_cast<size_t>(op.inputs[0])].scale();
    const auto output = static_cast<size_t>(op.outputs[0]);
    const auto& group = groups.groups[static_cast<size_t>(groups.group[output])];
    const float least = input / kMostInputSteps;
    if (encodings[output].scale() >= least) continue;
    for (const TensorId id : group.tensors) encodings[static_cast<size_t>(id)].scales[0] = least;
  }
}

TensorStatistics statistics_of_constant(const Tensor& tensor) {
  const auto* values = tensor.constant<float>();
  const auto count = static_cast<size_t>(tensor.elements());
  TensorStatistics statistics;
  statistics.count = tensor.elements();
  const auto [low, high] = std::minmax_element(values, values + count);
  statistics.min = *low;
  statistics.max = *high;
  statistics.histogram.add(values, count, *low, *high);
  return statistics;
}

}  // namespace

RangeMethod parse_range_method(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& [key, method] : methods()) {
    if (key == name) return method;
    names.push_back(key);
  }
  throw Error(ErrorKind::Usage, "there is no range method '" + name +
                                    "'; methods: mse, minmax, percentile, kl" +
                                    did_you_mean(name, names));
}

const char* range_method_name(RangeMethod method) {
  for (const auto& [name, value] : methods()) {
    if (value == method) return name.c_str();
  }
  return "";
}

ScaleGroups scale_groups(const Graph& graph) { return Grouper(graph).run(); }

std::vector<Quantization> choose_ranges(const Graph& graph, const Statistics& statistics,
                                        RangeMethod method) {
  const ScaleGroups groups = scale_groups(graph);
  const std::vector<int> producer = producers(graph);
  std::vector<Quantization> encodings(graph.tensors.size());
  for (const ScaleGroups::Group& group : groups.groups) {
    Quantization chosen = group.fixed;
    if (chosen.empty()) {
      Histogram histogram;
      Interval range{0, 0};
      bool whole = true;  // nothing may be cut off: RELU6 and RELU_N1_TO_1 already have
      for (const TensorId id : group.tensors) {
        const Tensor& tensor = graph.tensor(id);
        const TensorStatistics& seen = tensor.is_constant()
                                           ? statistics_of_constant(tensor)
                                           : statistics.tensors.at(static_cast<size_t>(id));
        if (seen.count == 0) continue;
        histogram.add(seen.histogram);
        range.low = std::min(range.low, static_cast<double>(seen.min));
        range.high = std::max(range.high, static_cast<double>(seen.max));
        const int source = producer[static_cast<size_t>(id)];
        if (source < 0) {
          whole = false;
          continue;
        }
        const Op& op = graph.ops[static_cast<size_t>(source)];
        const Activation activation = fused_activation(op);
        whole = whole && (operator_info(op.kind).keeps_scale || activation == Activation::Relu6 ||
                          activation == Activation::ReluN1To1);
      }
      if (!whole) range = choose(histogram, range, method);
      chosen = activation_encoding(static_cast<float>(range.low), static_cast<float>(range.high));
    }
    for (const TensorId id : group.tensors) encodings[static_cast<size_t>(id)] = chosen;
  }
  widen_hard_swish(graph, groups, encodings);
  return encodings;
}

}  // namespace mcunet::quant
