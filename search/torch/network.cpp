#include "search/torch/network.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include "libmcunet/netspec/structure.h"
#include "libmcunet/netspec/weight_layout.h"
#include "libmcunet/support/random.h"
#include "libmcunet/support/text.h"

namespace mcunet::search {
namespace {

using netspec::ActivationFunction;
using netspec::NetworkDescription;

// Normal, by Box and Muller.
at::Tensor normal(const std::vector<int64_t>& shape, double deviation, SplitMix64& random) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  auto* values = tensor.data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    const double radius = std::sqrt(-2 * std::log(1 - random.unit()));
    values[i] = static_cast<float>(deviation * radius * std::cos(2 * M_PI * random.unit()));
  }
  return tensor;
}

at::Tensor run_conv(const netspec::ConvLayer& layer, const std::string& name, const at::Tensor& x,
                    LayerSource& layers) {
  const at::Tensor weights = layers.weight(
      name + ".conv",
      {layer.out_channels, layer.in_channels / layer.groups, layer.kernel_size, layer.kernel_size});
  at::Tensor y = layer.kernel_size == 1 && layer.groups == 1 && layer.stride == 1
                     ? pointwise(x, weights.flatten(1))
                     : convolution(x, weights, layer.stride, layer.dilation, layer.groups);
  if (layer.bias) y = y + layers.bias(name + ".conv", layer.out_channels);
  if (!layer.use_bn) return activate(y, layer.activation);
  return layers.normalize(y, name + ".bn", layer.activation);
}

at::Tensor squeeze_excite(const netspec::MBInvertedConvLayer& layer, const std::string& name,
                          const at::Tensor& x, LayerSource& layers) {
  const int64_t channels = layer.expanded_channels(), squeezed = layer.squeezed_channels();
  at::Tensor gate = x.mean({1, 2}, true);
  gate = pointwise(gate, layers.weight(name + ".fc.reduce", {squeezed, channels, 1, 1}).flatten(1));
  gate = at::relu(gate + layers.bias(name + ".fc.reduce", squeezed));
  gate = pointwise(gate, layers.weight(name + ".fc.expand", {channels, squeezed, 1, 1}).flatten(1));
  gate = gate + layers.bias(name + ".fc.expand", channels);
  return x * (at::clamp(gate + 3, 0, 6) * (1.0 / 6));
}

at::Tensor run_inverted(const netspec::MBInvertedConvLayer& layer, const std::string& name,
                        at::Tensor x, LayerSource& layers) {
  const int64_t middle = layer.expanded_channels();
  if (layer.expands()) {
    const std::string own = name + ".inverted_bottleneck";
    x = pointwise(x, layers.weight(own + ".conv", {middle, layer.in_channels, 1, 1}).flatten(1));
    x = layers.normalize(x, own + ".bn", layer.activation);
  }
  const std::string depth = name + ".depth_conv";
  x = depthwise(x,
                layers.weight(depth + ".conv", {middle, 1, layer.kernel_size, layer.kernel_size}),
                layer.stride);
  x = layers.normalize(x, depth + ".bn", layer.activation);
  if (layer.use_se) x = squeeze_excite(layer, depth + ".se", x, layers);
  const std::string point = name + ".point_linear";
  x = pointwise(x, layers.weight(point + ".conv", {layer.out_channels, middle, 1, 1}).flatten(1));
  return layers.normalize(x, point + ".bn", ActivationFunction::None);
}

}  // namespace

bool is_learned(const std::string& name) {
  return !ends_with(name, ".running_mean") && !ends_with(name, ".running_var");
}

Parameters initial_parameters(const NetworkDescription& network, uint64_t seed) {
  Parameters parameters;
  SplitMix64 random(seed);
  for (const netspec::WeightRequest& request : netspec::weight_requests(network)) {
    const Shape shape = netspec::framework_shape(request);
    const int64_t channels = shape[0];
    int64_t fan_out = request.kind == OpKind::DepthwiseConv2D ? 1 : channels;
    for (size_t i = 2; i < shape.size(); ++i) fan_out *= shape[i];
    const double deviation =
        netspec::is_linear(request.name) ? 0.01 : std::sqrt(2.0 / static_cast<double>(fan_out));
    parameters[request.name + ".weight"] = normal({shape.begin(), shape.end()}, deviation, random);
    if (request.bias) parameters[request.name + ".bias"] = at::zeros({channels});
    if (!request.batch_norm) continue;
    const std::string norm = netspec::batch_norm_name(request.name);
    parameters[norm + ".weight"] = at::ones({channels});
    parameters[norm + ".bias"] = at::zeros({channels});
    parameters[norm + ".running_mean"] = at::zeros({channels});
    parameters[norm + ".running_var"] = at::ones({channels});
  }
  for (size_t i = 0; i < network.blocks.size(); ++i) {
    if (!network.blocks[i].shortcut || !network.blocks[i].mobile_inverted_conv) continue;
    parameters.at("blocks." + std::to_string(i) + ".mobile_inverted_conv.point_linear.bn.weight")
        .zero_();
  }
  return parameters;
}

checkpoint::StateDict to_state_dict(const Parameters& parameters) {
  checkpoint::StateDict tensors;
  for (const auto& [name, value] : parameters) {
    const at::Tensor dense = value.detach().to(at::kCPU, at::kFloat).contiguous();
    const auto* values = dense.data_ptr<float>();
    tensors[name] = netspec::float_tensor(name, Shape(dense.sizes().begin(), dense.sizes().end()),
                                          {values, values + dense.numel()});
  }
  return tensors;
}

Parameters from_state_dict(const checkpoint::StateDict& tensors) {
  Parameters parameters;
  for (const auto& [name, tensor] : tensors) {
    if (tensor.dtype != DType::Float32) continue;  // num_batches_tracked
    at::Tensor value =
        at::empty(std::vector<int64_t>(tensor.shape.begin(), tensor.shape.end()), at::kFloat);
    std::memcpy(value.data_ptr<float>(), tensor.data->data(), tensor.data->size());
    parameters[name] = value;
  }
  return parameters;
}

at::Tensor run_network(const NetworkDescription& network, const at::Tensor& images,
                       LayerSource& layers) {
  at::Tensor x = run_conv(network.first_conv, "first_conv", images, layers);
  for (size_t i = 0; i < network.blocks.size(); ++i) {
    if (!network.blocks[i].mobile_inverted_conv) continue;
    const at::Tensor y = run_inverted(*network.blocks[i].mobile_inverted_conv,
                                      layers.block(i) + ".mobile_inverted_conv", x, layers);
    x = network.blocks[i].shortcut ? layers.combined(x + y) : y;
  }
  if (network.feature_mix_layer)
    x = run_conv(*network.feature_mix_layer, "feature_mix_layer", x, layers);
  x = layers.combined(x.mean({1, 2}));
  const netspec::LinearLayer& linear = network.classifier;
  const at::Tensor weights =
      layers.weight("classifier.linear", {linear.out_features, linear.in_features});
  const at::Tensor scores = at::mm(x, weights.t());
  if (!linear.bias) return scores;
  return scores + layers.bias("classifier.linear", linear.out_features);
}

namespace {

// `rounded` with the gradient of `value`.
at::Tensor straight_through(const at::Tensor& value, const at::Tensor& rounded) {
  return value + (rounded - value).detach();
}

// Symmetric, 127 levels on each side of zero, per output channel.
at::Tensor rounded_weights(const at::Tensor& weights) {
  std::vector<int64_t> others(static_cast<size_t>(weights.dim() - 1));
  std::iota(others.begin(), others.end(), int64_t{1});
  const at::Tensor scale =
      weights.detach().abs().amax(others, /*keepdim=*/true).clamp_min(1e-12) / 127;
  return straight_through(weights, at::round(weights.detach() / scale) * scale);
}

// 256 levels, of which one is zero.
at::Tensor rounded_activations(const at::Tensor& x, double low, double high) {
  const double scale = std::max(high - low, 1e-9) / 255, zero = std::round(-low / scale);
  const at::Tensor level = at::clamp(at::round(x.detach() / scale) + zero, 0, 255);
  return straight_through(x, (level - zero) * scale);
}
at::Tensor rounded_activations(const at::Tensor& x) {
  const auto [low, high] = at::aminmax(x.detach());
  return rounded_activations(x, std::min(0.0, low.item<double>()),
                             std::max(0.0, high.item<double>()));
}

}  // namespace

at::Tensor OwnLayers::weight(const std::string& name, const std::vector<int64_t>&) {
  const at::Tensor& weights = parameters_.at(name + ".weight");
  return quantized_ ? rounded_weights(weights) : weights;
}

at::Tensor OwnLayers::combined(const at::Tensor& x) {
  return quantized_ ? rounded_activations(x) : x;
}

at::Tensor OwnLayers::bias(const std::string& name, int64_t) {
  return parameters_.at(name + ".bias");
}

at::Tensor OwnLayers::normalize(const at::Tensor& x, const std::string& name,
                                ActivationFunction activation) {
  const at::Tensor &gamma = parameters_.at(name + ".weight"),
                   &beta = parameters_.at(name + ".bias");
  at::Tensor &mean = parameters_.at(name + ".running_mean"),
             &variance = parameters_.at(name + ".running_var");
  const auto as_stored = [&](const at::Tensor& y) {
    if (!quantized_) return y;
    return activation == ActivationFunction::Relu6 ? rounded_activations(y, 0, 6)
                                                   : rounded_activations(y);
  };
  if (mode_ == NormMode::Fixed)
    return as_stored(fixed_norm(x, gamma, beta, bn_.eps, activation, mean, variance));
  Moments moments;
  const at::Tensor y = batch_norm(x, gamma, beta, bn_.eps, activation, workers_, &moments);
  if (mode_ == NormMode::Running) {
    const auto count = static_cast<double>(moments.count);
    const double unbiased = count / std::max(1.0, count - 1);
    mean.lerp_(moments.mean, bn_.momentum);
    variance.lerp_(moments.variance * unbiased, bn_.momentum);
  }
  return as_stored(y);
}

at::Tensor smoothed_labels(const std::vector<int>& labels, int64_t classes, double smoothing) {
  const auto count = static_cast<int64_t>(labels.size());
  at::Tensor targets = at::full({count, classes}, smoothing / static_cast<double>(classes));
  auto* values = targets.data_ptr<float>();
  for (int64_t i = 0; i < count; ++i)
    values[i * classes + labels[static_cast<size_t>(i)]] += static_cast<float>(1 - smoothing);
  return targets;
}

at::Tensor cross_entropy(const at::Tensor& scores, const at::Tensor& targets, int64_t batch) {
  return -(targets * at::log_softmax(scores, 1)).sum() / static_cast<double>(batch);
}

}  // namespace mcunet::search
