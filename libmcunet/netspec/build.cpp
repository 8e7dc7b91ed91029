#include "libmcunet/netspec/build.h"

#include <algorithm>
#include <cmath>

#include "libmcunet/graph/operators.h"
#include "libmcunet/graph/validate.h"
#include "libmcunet/support/error.h"

namespace mcunet::netspec {
namespace {

struct Window {
  int32_t kernel = 1, stride = 1, dilation = 1;
};

ConvAttrs conv_attrs(const Window& window, ActivationFunction activation) {
  ConvAttrs attrs;
  attrs.stride_h = attrs.stride_w = window.stride;
  attrs.dilation_h = attrs.dilation_w = window.dilation;
  const int32_t pad = window.kernel / 2 * window.dilation;
  attrs.padding = {pad, pad, pad, pad};
  if (activation == ActivationFunction::Relu) attrs.activation = Activation::Relu;
  if (activation == ActivationFunction::Relu6) attrs.activation = Activation::Relu6;
  return attrs;
}

// Streams that do not depend on each other: scales are the same with and without weights.
constexpr uint64_t kScaleStream = 0x5CA1E5, kDataStream = 0xDA7A;

class Builder {
 public:
  Builder(const BuildOptions& options, Placeholders& placeholders)
      : random_weights_(std::get_if<Weights::Random>(&options.weights)),
        placeholders_(placeholders),
        scale_random_(seed() ^ kScaleStream),
        data_random_(seed() ^ kDataStream) {
    graph_.name = options.name;
    placeholders_.begin();
  }

  Graph build(const NetworkDescription& network, int32_t resolution) {
    // MCUNet needs some 250 tensors; a tensor that moves is cheap, but not free.
    graph_.tensors.reserve(16 * network.blocks.size() + 32);
    graph_.ops.reserve(8 * network.blocks.size() + 8);
    spreads_.reserve(graph_.tensors.capacity());
    TensorId x = input(resolution, network.first_conv.in_channels);
    x = conv_layer(x, network.first_conv, "first_conv");
    for (size_t i = 0; i < network.blocks.size(); ++i)
      x = block(x, network.blocks[i], "blocks." + std::to_string(i));
    if (network.feature_mix_layer.has_value())
      x = conv_layer(x, *network.feature_mix_layer, "feature_mix_layer");
    x = global_average(x, "global_avg_pool");
    x = classifier(x, network.classifier);
    graph_.outputs = {x};
    return std::move(graph_);
  }

 private:
  uint64_t seed() const { return random_weights_ == nullptr ? 0 : random_weights_->seed; }

  const Shape& shape(TensorId id) const { return graph_.tensor(id).shape; }
  const Spread& spread(TensorId id) const { return spreads_[static_cast<size_t>(id)]; }

  TensorId add(Tensor tensor, const Spread& spread) {
    spreads_.push_back(spread);
    return graph_.add_tensor(std::move(tensor));
  }

  TensorId input(int32_t resolution, int32_t channels) {
    Tensor image;
    image.name = "input";
    image.shape = {1, resolution, resolution, channels};
    image.quantization = per_tensor(1.0 / 127, 0);
    const TensorId id = add(std::move(image), {0, 0.58});  // of values uniform in [-1, 1]
    graph_.inputs = {id};
    return id;
  }

  TensorId append(OpKind kind, std::vector<TensorId> inputs, OpAttrs attrs, std::string name,
                  Shape output_shape, Quantization quantization, const Spread& output_spread) {
    Tensor output;
    output.name = std::move(name);
    output.shape = std::move(output_shape);
    output.quantization = std::move(quantization);
    const TensorId id = add(std::move(output), output_spread);
    Op op;
    op.kind = kind;
    op.inputs = std::move(inputs);
    op.outputs = {id};
    op.attrs = std::move(attrs);
    op.source_index = static_cast<int32_t>(graph_.ops.size());
    graph_.ops.push_back(std::move(op));
    return id;
  }

  // CONV_2D or DEPTHWISE_CONV_2D with weights `name`.weight and bias `name`.bias.
  TensorId weighted(OpKind kind, TensorId x, Shape weight_shape, const Window& window,
                    ActivationFunction activation, bool with_bias, const std::string& name) {
    const bool depthwise = kind == OpKind::DepthwiseConv2D;
    const int axis = depthwise ? 3 : 0;
    const int32_t channels = weight_shape[static_cast<size_t>(axis)];
    const int64_t count = element_count(weight_shape);

    Tensor weights;
    weights.name = name + ".weight";
    weights.shape = std::move(weight_shape);
    weights.quantization =
        weight_scales(channels, count / channels, spread(x), axis, scale_random_);
    weights.data = random_weights_ != nullptr
                       ? random_weights(static_cast<size_t>(count), data_random_)
                       : placeholders_.take(static_cast<size_t>(count));
    std::vector<TensorId> inputs = {x};
    inputs.reserve(3);
    Tensor bias;
    if (with_bias) {
      bias.name = name + ".bias";
      bias.dtype = DType::Int32;
      bias.shape = {channels};
      bias.quantization = bias_scales(weights.quantization, graph_.tensor(x).quantization.scale());
      bias.data = random_weights_ != nullptr
                      ? random_bias(bias.quantization, data_random_)
                      : placeholders_.take(static_cast<size_t>(channels) * sizeof(int32_t));
    }
    inputs.push_back(add(std::move(weights), {}));
    if (with_bias) inputs.push_back(add(std::move(bias), {}));

    const ConvAttrs attrs = conv_attrs(window, activation);
    const int32_t pad = attrs.padding.top;
    const auto extent = [&](int32_t in) {
      return window_output(in, window.kernel, window.stride, window.dilation, pad, pad);
    };
    Shape out = {1, extent(shape(x)[1]), extent(shape(x)[2]), channels};
    const Spread raw = {0, kConvDeviation};
    if (activation != ActivationFunction::HardSwish) {
      return append(kind, std::move(inputs), attrs, name, std::move(out),
                    quantization_for(raw, activation), after(raw, activation));
    }
    const TensorId y = append(kind, std::move(inputs), attrs, name, out,
                              quantization_for(raw, ActivationFunction::None), raw);
    return append(OpKind::HardSwish, {y}, std::monostate{}, name + ".act", std::move(out),
                  quantization_for(raw, activation), after(raw, activation));
  }

  TensorId pointwise(TensorId x, int32_t out_channels, ActivationFunction activation,
                     const std::string& name, bool with_bias = true) {
    return weighted(OpKind::Conv2D, x, {out_channels, 1, 1, shape(x)[3]}, {}, activation, with_bias,
                    name);
  }

  TensorId conv_layer(TensorId x, const ConvLayer& layer, const std::string& name) {
    const Window window = {layer.kernel_size, layer.stride, layer.dilation};
    return weighted(OpKind::Conv2D, x,
                    {layer.out_channels, layer.kernel_size, layer.kernel_size,
                     layer.in_channels / layer.groups},
                    window, layer.activation, layer.bias || layer.use_bn, name + ".conv");
  }

  TensorId block(TensorId x, const MobileInvertedResidualBlock& block, const std::string& name) {
    if (!block.mobile_inverted_conv.has_value()) return x;
    const TensorId y = inverted(x, *block.mobile_inverted_conv, name + ".mobile_inverted_conv");
    if (!block.shortcut) return y;
    const Spread sum = {0, std::hypot(spread(x).deviation, spread(y).deviation)};
    return append(OpKind::Add, {y, x}, BinaryAttrs{}, name, shape(y),
                  quantization_for(sum, ActivationFunction::None), sum);
  }

  TensorId inverted(TensorId x, const MBInvertedConvLayer& layer, const std::string& name) {
    const int32_t channels = layer.expanded_channels();
    if (layer.expands())
      x = pointwise(x, channels, layer.activation, name + ".inverted_bottleneck.conv");
    x = weighted(OpKind::DepthwiseConv2D, x, {1, layer.kernel_size, layer.kernel_size, channels},
                 {layer.kernel_size, layer.stride, 1}, layer.activation, true,
                 name + ".depth_conv.conv");
    if (layer.use_se) x = squeeze_excite(x, layer.squeezed_channels(), name + ".depth_conv.se");
    return pointwise(x, layer.out_channels, ActivationFunction::None, name + ".point_linear.conv");
  }

  // x · h_sigmoid(expand(relu(reduce(mean of x)))), with h_sigmoid(v) = relu6(v + 3) / 6.
  TensorId squeeze_excite(TensorId x, int32_t squeezed, const std::string& name) {
    const int32_t channels = shape(x)[3];
    TensorId gate = global_average(x, name + ".mean");
    gate = pointwise(gate, squeezed, ActivationFunction::Relu, name + ".fc.reduce");
    gate = pointwise(gate, channels, ActivationFunction::None, name + ".fc.expand");
    const Shape vector = {1, 1, 1, channels};
    gate = append(OpKind::Add, {gate, scalar(3, name + ".three")}, BinaryAttrs{Activation::Relu6},
                  name + ".relu6", vector, per_tensor(6.0 / 255, -128), {3, kConvDeviation});
    gate =
        append(OpKind::Mul, {gate, scalar(1.0 / 6, name + ".sixth")}, BinaryAttrs{},
               name + ".h_sigmoid", vector, per_tensor(1.0 / 255, -128), {0.5, kConvDeviation / 6});
    const Spread in = spread(x);
    const Quantization quantization = graph_.tensor(x).quantization;
    return append(OpKind::Mul, {x, gate}, BinaryAttrs{}, name, shape(x), quantization,
                  {in.mean / 2, in.deviation / 2});
  }

  TensorId scalar(double value, std::string name) {
    Tensor tensor;
    tensor.name = std::move(name);
    tensor.shape = {1};
    tensor.quantization = per_tensor(value / 127, 0);
    tensor.data = std::make_shared<const std::vector<uint8_t>>(1, uint8_t{127});
    return add(std::move(tensor), {value, 0});
  }

  // TFLite's average does not rescale, so the quantization stays.
  TensorId global_average(TensorId x, const std::string& name) {
    const Shape& in = shape(x);
    PoolAttrs attrs;
    attrs.filter_h = in[1];
    attrs.filter_w = in[2];
    // Neighbours are alike, so the mean spreads more than that of independent values.
    const double pixels = static_cast<double>(in[1]) * in[2];
    const Spread mean = {spread(x).mean, spread(x).deviation / std::pow(pixels, 0.25)};
    const Shape out = {1, 1, 1, in[3]};
    const Quantization quantization = graph_.tensor(x).quantization;
    return append(OpKind::AveragePool2D, {x}, attrs, name, out, quantization, mean);
  }

  TensorId classifier(TensorId x, const LinearLayer& layer) {
    x = pointwise(x, layer.out_features, ActivationFunction::None, "classifier.linear", layer.bias);
    const Quantization quantization = graph_.tensor(x).quantization;
    return append(OpKind::Reshape, {x}, std::monostate{}, "classifier", {1, layer.out_features},
                  quantization, spread(x));
  }

  const Weights::Random* random_weights_;  // null: placeholders
  Placeholders& placeholders_;
  SplitMix64 scale_random_, data_random_;
  Graph graph_;
  std::vector<Spread> spreads_;  // per tensor
};

}  // namespace

Graph build_graph(const NetworkDescription& network, const BuildOptions& options) {
  NetworkDescription described = network;
  if (options.resolution.has_value()) described.resolution = options.resolution;
  std::vector<std::string> found = problems(described);
  if (!described.resolution.has_value())
    found.emplace_back("resolution: is missing; it is the number of rows and columns of the image");
  if (!found.empty()) {
    for (std::string& problem : found) problem = options.name + ": " + problem;
    throw Error(ErrorKind::Input, std::move(found));
  }
  Placeholders own;
  Placeholders& placeholders = options.placeholders == nullptr ? own : *options.placeholders;
  Graph graph = Builder(options, placeholders).build(described, *described.resolution);
  validate(graph);
  return graph;
}

}  // namespace mcunet::netspec
