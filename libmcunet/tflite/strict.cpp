#include "libmcunet/tflite/strict.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "libmcunet/graph/operators.h"
#include "libmcunet/reference/params.h"

namespace mcunet {
namespace {

// float32 products in another order differ by some units in the last place.
constexpr double kScaleTolerance = 1e-6;

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

bool is_weighted(OpKind kind) {
  return kind == OpKind::Conv2D || kind == OpKind::DepthwiseConv2D ||
         kind == OpKind::FullyConnected;
}

class Checker {
 public:
  explicit Checker(const Graph& graph) : graph_(graph) {}

  std::vector<std::string> run() {
    for (const Op& op : graph_.ops) {
      place_ = describe(op);
      const bool int8 = graph_.output(op).dtype == DType::Int8;
      if (op.kind == OpKind::Quantize || op.kind == OpKind::Dequantize || !int8) continue;
      if (is_weighted(op.kind)) check_weights(op);
      check_output(op);
      check_alike(op);
    }
    return std::move(problems_);
  }

 private:
  void problem(const std::string& text) { problems_.push_back(place_ + ": " + text); }

  void check_weights(const Op& op) {
    const Tensor& weights = graph_.input(op, 1);
    const Quantization& q = weights.quantization;
    const auto channels = static_cast<size_t>(reference::output_channels(graph_, op));
    if (q.scales.size() != 1 && q.scales.size() != channels) {
      return problem("weights have " + std::to_string(q.scales.size()) + " scales for " +
                     std::to_string(channels) + " output channels");
    }
    if (weights.dtype == DType::Int4 && op.kind == OpKind::FullyConnected && q.per_axis())
      problem("int4 weights have a scale per channel, which the reference does not take here");
    const auto bad_scale =
        std::find_if(q.scales.begin(), q.scales.end(), [](float scale) { return !(scale > 0); });
    if (bad_scale != q.scales.end()) {
      problem("weights have the scale " + number(static_cast<double>(*bad_scale)) +
              " for channel " + std::to_string(bad_scale - q.scales.begin()));
    }
    const std::vector<int8_t> values = reference::weight_values(weights);
    const int lowest = weights.dtype == DType::Int4 ? -7 : -127;
    if (std::any_of(values.begin(), values.end(), [&](int8_t v) { return v < lowest; }))
      problem("weights are below " + std::to_string(lowest) + ", so not symmetric");
    check_multipliers(op, channels);
    if (graph_.has_input(op, 2)) check_bias(op, channels);
    check_sums(op, values, channels);
  }

  double weight_scale(const Op& op, size_t channel) const {
    const Quantization& q = graph_.input(op, 1).quantization;
    return static_cast<double>(q.scales[q.per_axis() ? channel : 0]);
  }

  void check_multipliers(const Op& op, size_t channels) {
    const auto x = static_cast<double>(graph_.input(op, 0).quantization.scale());
    const auto y = static_cast<double>(graph_.output(op).quantization.scale());
    for (size_t c = 0; c < channels; ++c) {
      const double factor = std::fabs(x * weight_scale(op, c) / y);
      // Weights that round to nothing may: their channel is its bias.
      if (factor < std::ldexp(1.0, 30)) continue;
      return problem("input scale * weight scale / output scale is " + number(factor) +
                     " for channel " + std::to_string(c) + ", at least 2^30");
    }
  }

  void check_bias(const Op& op, size_t channels) {
    const Quantization& bias = graph_.input(op, 2).quantization;
    const auto x = static_cast<double>(graph_.input(op, 0).quantization.scale());
    if (bias.scales.size() != graph_.input(op, 1).quantization.scales.size()) {
      return problem("bias has " + std::to_string(bias.scales.size()) + " scales, its weights " +
                     std::to_string(graph_.input(op, 1).quantization.scales.size()));
    }
    for (size_t c = 0; c < channels; ++c) {
      const auto scale = static_cast<double>(bias.scales[bias.per_axis() ? c : 0]);
      const double expected = x * weight_scale(op, c);
      if (std::fabs(scale - expected) <= kScaleTolerance * std::fabs(expected)) continue;
      problem("bias scale " + number(scale) + " of channel " + std::to_string(c) +
              " is not input scale * weight scale, " + number(expected));
      break;
    }
    if (std::any_of(bias.zero_points.begin(), bias.zero_points.end(),
                    [](int32_t zero) { return zero != 0; }))
      problem("bias has a zero point other than 0");
  }

  // The largest magnitude that bias and products can reach together.
  void check_sums(const Op& op, const std::vector<int8_t>& values, size_t channels) {
    const std::vector<int32_t> bias = reference::bias_values(graph_, op);
    const int32_t zero = graph_.input(op, 0).quantization.zero_point();
    const int64_t reach = std::max(127 - zero, zero + 128);
    std::vector<int64_t> sums(channels, 0);
    const bool depthwise = op.kind == OpKind::DepthwiseConv2D;
    const size_t depth = values.size() / channels;
    for (size_t i = 0; i < values.size(); ++i)
      sums[depthwise ? i % channels : i / depth] += std::abs(int64_t{values[i]}) * reach;
    for (size_t c = 0; c < channels; ++c) {
      if (sums[c] + std::abs(int64_t{bias[c]}) <= INT32_MAX) continue;
      return problem("sums of channel " + std::to_string(c) + " can overflow: bias " +
                     std::to_string(bias[c]) + " and products up to " + std::to_string(sums[c]));
    }
  }

  void check_output(const Op& op) {
    const Quantization& y = graph_.output(op).quantization;
    const auto expect = [&](float scale, int32_t zero) {
      if (y.scale() == scale && y.zero_point() == zero) return;
      problem("the output has scale " + number(static_cast<double>(y.scale())) + ", zero point " +
              std::to_string(y.zero_point()) + " instead of " + number(static_cast<double>(scale)) +
              ", " + std::to_string(zero));
    };
    if (op.kind == OpKind::Softmax || op.kind == OpKind::Logistic) expect(1.0F / 256, -128);
    if (op.kind == OpKind::Tanh) expect(1.0F / 128, 0);
  }

  void check_alike(const Op& op) {
    if (!operator_info(op.kind).keeps_scale) return;
    const Quantization& y = graph_.output(op).quantization;
    for (const auto* ids : {&op.inputs, &op.outputs}) {
      for (const TensorId id : *ids) {
        if (graph_.tensor(id).quantization == y) continue;
        return problem("'" + graph_.tensor(id).name +
                       "' has another scale or zero point than the output");
      }
    }
  }

  const Graph& graph_;
  std::string place_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> strict_problems(const Graph& graph) { return Checker(graph).run(); }

}  // namespace mcunet
