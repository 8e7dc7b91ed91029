#include "quant/torch/quantized_network.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "libmcunet/graph/activation.h"
#include "libmcunet/graph/operators.h"
#include "quant/channels.h"
#include "quant/prepare.h"

namespace mcunet::quant {
namespace {

// Learning rates: of weights in levels, biases in levels of the output, logarithms of scales, zero
// points in levels. Chosen on MCUNet-320kB (docs/quantize.md); relative to the encodings, so that
// they fit other networks.
constexpr double kWeightRate = 0.02;
constexpr double kBiasRate = 0.03;
constexpr double kWeightScaleRate = 1e-3;
constexpr double kRangeRate = 2e-3;
constexpr double kZeroRate = 0.01;
// A learned scale stays within this factor of where it began.
constexpr double kLargestLogScale = 0.7;

at::Tensor zeros(int64_t count) { return at::zeros({count}, at::kFloat).set_requires_grad(true); }

at::Tensor from_vector(const std::vector<float>& values) {
  at::Tensor result = at::empty({static_cast<int64_t>(values.size())}, at::kFloat);
  std::copy(values.begin(), values.end(), result.data_ptr<float>());
  return result;
}

std::vector<float> to_vector(const at::Tensor& value) {
  const at::Tensor dense = value.detach().contiguous();
  return {dense.data_ptr<float>(), dense.data_ptr<float>() + dense.numel()};
}

// As quantize_sample() does it, halves away from zero: the pixels of an image often lie just
// between two levels.
at::Tensor quantize_input(const at::Tensor& value, const Quantization& q) {
  const at::Tensor steps = value / q.scale();
  const at::Tensor whole = steps.trunc();
  const at::Tensor rounded = whole + (steps - whole).mul_(2).trunc_();
  return (rounded.clamp(-128 - q.zero_point(), 127 - q.zero_point())) * q.scale();
}

// Operators that hand values on as they are stored; rounding them again would change nothing.
bool copies_levels(OpKind kind) {
  return operator_info(kind).keeps_scale && kind != OpKind::AveragePool2D;
}

bool has_fixed_limits(Activation activation) {
  return activation == Activation::Relu6 || activation == Activation::ReluN1To1;
}

// Ranges that RELU6 prescribes stay; so do those of inputs, which somebody else's code produces.
bool is_learned(const Graph& graph, const ScaleGroups::Group& group,
                const std::vector<int>& producer) {
  if (!group.fixed.empty()) return false;
  bool limited = true;
  for (const TensorId id : group.tensors) {
    if (std::find(graph.inputs.begin(), graph.inputs.end(), id) != graph.inputs.end()) return false;
    const int source = producer[static_cast<size_t>(id)];
    if (source < 0) return false;  // a constant: its levels were chosen with its range
    const Op& op = graph.ops[static_cast<size_t>(source)];
    if (!copies_levels(op.kind)) limited = limited && has_fixed_limits(fused_activation(op));
  }
  return !limited;
}

}  // namespace

QuantizedNetwork::QuantizedNetwork(const Graph& graph, const Encodings& encodings,
                                   const ScaleGroups& groups, bool at_levels)
    : graph_(graph), start_(encodings), groups_(groups) {
  const std::vector<int> producer = producers(graph);
  for (const ScaleGroups::Group& group : groups.groups) {
    const Quantization& start =
        encodings.activations.at(static_cast<size_t>(group.tensors.front()));
    LearnedEncoding range{start, zeros(1), zeros(1)};
    const bool learned = is_learned(graph, group, producer);
    range.log_scale.set_requires_grad(learned);
    // What begins at 0, as after RELU, goes on doing so.
    range.zero_shift.set_requires_grad(learned && start.zero_point() != -128);
    ranges_.push_back(std::move(range));
  }
  for (const auto& [index, encoding] : encodings.layers) {
    const Op& op = graph.ops.at(index);
    const auto* weights = graph.input(op, 1).constant<float>();
    const int32_t limit = weight_range(encoding.dtype).max;
    std::vector<float> levels(encoding.weights.size());
    for_each_weight(graph, op, [&](size_t i, size_t channel, size_t) {
      levels[i] = at_levels ? static_cast<float>(encoding.weights[i])
                            : std::clamp(weights[i] / encoding.scales[channel],
                                         static_cast<float>(-limit), static_cast<float>(limit));
    });
    Layer layer;
    layer.levels = weights_from_graph(graph, op, levels.data()).set_requires_grad(true);
    layer.scales = from_vector(encoding.scales);
    layer.log_scale = zeros(static_cast<int64_t>(encoding.scales.size()));
    layer.bias = from_vector(encoding.bias);
    layer.bias_shift = zeros(static_cast<int64_t>(encoding.bias.size()));
    layer.output_scale = encodings.activations.at(static_cast<size_t>(op.outputs[0])).scale();
    layer.limit = limit;
    layer.int4 = encoding.dtype == DType::Int4;
    layers_.emplace(index, std::move(layer));
  }
}

std::vector<at::Tensor> QuantizedNetwork::run(const Executor& executor,
                                              const std::vector<at::Tensor>& inputs,
                                              const std::vector<TensorId>& wanted) const {
  const std::vector<int> producer = producers(graph_);
  Substitutes substitutes;
  substitutes.weights = [&](size_t op) {
    const Layer& layer = layers_.at(op);
    return fake_quantize_weights(layer.levels, layer.scales, layer.log_scale, layer.limit);
  };
  substitutes.bias = [&](size_t op) {
    const Layer& layer = layers_.at(op);
    return layer.bias + layer.bias_shift * layer.output_scale;
  };
  substitutes.activation = [&](TensorId id, const at::Tensor& value, Activation fused) {
    const int source = producer[static_cast<size_t>(id)];
    const bool copy =
        source >= 0 && copies_levels(graph_.ops[static_cast<size_t>(source)].kind) &&
        groups_.group[static_cast<size_t>(id)] ==
            groups_.group[static_cast<size_t>(graph_.ops[static_cast<size_t>(source)].inputs[0])];
    if (copy) return apply_activation(value, fused);
    if (source < 0) return quantize_input(value, start_.activations[static_cast<size_t>(id)]);
    return fake_quantize(
        value, ranges_.at(static_cast<size_t>(groups_.group[static_cast<size_t>(id)])), fused);
  };
  return executor.run(inputs, substitutes, wanted);
}

std::vector<Learned> QuantizedNetwork::parameters() const {
  std::vector<Learned> result;
  for (const auto& [index, layer] : layers_) {
    result.push_back({layer.levels, kWeightRate});
    result.push_back({layer.log_scale, kWeightScaleRate});
    result.push_back({layer.bias_shift, kBiasRate});
  }
  for (const LearnedEncoding& range : ranges_) {
    if (range.log_scale.requires_grad()) result.push_back({range.log_scale, kRangeRate});
    if (range.zero_shift.requires_grad()) result.push_back({range.zero_shift, kZeroRate});
  }
  return result;
}

QuantizedNetwork QuantizedNetwork::replica() const {
  const auto share = [](at::Tensor& parameter) {
    parameter = parameter.detach().set_requires_grad(parameter.requires_grad());
  };
  QuantizedNetwork result = *this;
  for (auto& [index, layer] : result.layers_) {
    share(layer.levels);
    share(layer.log_scale);
    share(layer.bias_shift);
  }
  for (LearnedEncoding& range : result.ranges_) {
    share(range.log_scale);
    share(range.zero_shift);
  }
  return result;
}

void QuantizedNetwork::limit_parameters() {
  const at::NoGradGuard no_gradients;
  for (auto& [index, layer] : layers_) {
    layer.levels.clamp_(-layer.limit, layer.limit);
    layer.log_scale.clamp_(-kLargestLogScale, kLargestLogScale);
  }
  for (LearnedEncoding& range : ranges_) {
    range.log_scale.clamp_(-kLargestLogScale, kLargestLogScale);
    const int32_t zero_point = range.start.zero_point();
    range.zero_shift.clamp_(-128 - zero_point, 127 - zero_point);
  }
}

Encodings QuantizedNetwork::encodings() const {
  Encodings result = start_;
  for (const auto& [index, layer] : layers_) {
    LayerEncoding& encoding = result.layers.at(index);
    const at::Tensor rounded = layer.levels.detach().clamp(-layer.limit, layer.limit).round();
    const std::vector<float> levels = weights_to_graph(graph_, graph_.ops[index], rounded);
    std::transform(levels.begin(), levels.end(), encoding.weights.begin(),
                   [](float level) { return static_cast<int8_t>(level); });
    encoding.scales = to_vector(layer.scales * layer.log_scale.detach().exp());
    encoding.bias = to_vector(layer.bias + layer.bias_shift.detach() * layer.output_scale);
  }
  for (size_t g = 0; g < ranges_.size(); ++g) {
    const Quantization present = ranges_[g].present();
    for (const TensorId id : groups_.groups[g].tensors)
      result.activations[static_cast<size_t>(id)] = present;
  }
  return result;
}

}  // namespace mcunet::quant
