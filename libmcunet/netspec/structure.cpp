#include "libmcunet/netspec/structure.h"

#include <utility>

#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"

namespace mcunet::netspec {
namespace {

struct Window {
  int32_t kernel = 1, stride = 1, dilation = 1;
};

// The parameters beside the weights.
struct Affine {
  bool batch_norm = false, bias = false;
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

class Builder {
 public:
  Builder(TensorSource& source, const std::string& name) : source_(source) { graph_.name = name; }

  Graph build(const NetworkDescription& network, int32_t resolution) {
    // MCUNet needs some 250 tensors; a tensor that moves is cheap, but not free.
    graph_.tensors.reserve(16 * network.blocks.size() + 32);
    graph_.ops.reserve(8 * network.blocks.size() + 8);
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
  const Shape& shape(TensorId id) const { return graph_.tensor(id).shape; }

  TensorId input(int32_t resolution, int32_t channels) {
    Tensor image;
    image.name = "input";
    image.shape = {1, resolution, resolution, channels};
    source_.complete_input(image);
    graph_.inputs = {graph_.add_tensor(std::move(image))};
    return graph_.inputs.front();
  }

  TensorId append(OpKind kind, std::vector<TensorId> inputs, OpAttrs attrs, std::string name,
                  Shape output_shape) {
    Op op;
    op.kind = kind;
    op.inputs = std::move(inputs);
    op.attrs = std::move(attrs);
    op.source_index = static_cast<int32_t>(graph_.ops.size());
    Tensor output;
    output.name = std::move(name);
    output.shape = std::move(output_shape);
    source_.complete_output(graph_, op, output);
    op.outputs = {graph_.add_tensor(std::move(output))};
    graph_.ops.push_back(std::move(op));
    return graph_.ops.back().outputs.front();
  }

  // CONV_2D or DEPTHWISE_CONV_2D with weights `name`.weight and bias `name`.bias.
  TensorId weighted(OpKind kind, TensorId x, Shape weight_shape, const Window& window,
                    ActivationFunction activation, const Affine& affine, const std::string& name) {
    WeightRequest request;
    request.kind = kind;
    request.shape = std::move(weight_shape);
    request.name = name;
    request.batch_norm = affine.batch_norm;
    request.bias = affine.bias;
    const int32_t channels = request.shape[static_cast<size_t>(request.channel_axis())];
    std::vector<TensorId> inputs = {x};
    inputs.reserve(3);
    for (Tensor& tensor : source_.weights(graph_, x, request))
      inputs.push_back(graph_.add_tensor(std::move(tensor)));

    const ConvAttrs attrs = conv_attrs(window, activation);
    const int32_t pad = attrs.padding.top;
    const auto extent = [&](int32_t in) {
      return window_output(in, window.kernel, window.stride, window.dilation, pad, pad);
    };
    Shape out = {1, extent(shape(x)[1]), extent(shape(x)[2]), channels};
    const TensorId y = append(kind, std::move(inputs), attrs, name, out);
    if (activation != ActivationFunction::HardSwish) return y;
    return append(OpKind::HardSwish, {y}, std::monostate{}, name + ".act", std::move(out));
  }

  TensorId pointwise(TensorId x, int32_t out_channels, ActivationFunction activation,
                     const Affine& affine, const std::string& name) {
    return weighted(OpKind::Conv2D, x, {out_channels, 1, 1, shape(x)[3]}, {}, activation, affine,
                    name);
  }

  TensorId conv_layer(TensorId x, const ConvLayer& layer, const std::string& name) {
    const Window window = {layer.kernel_size, layer.stride, layer.dilation};
    return weighted(OpKind::Conv2D, x,
                    {layer.out_channels, layer.kernel_size, layer.kernel_size,
                     layer.in_channels / layer.groups},
                    window, layer.activation, {layer.use_bn, layer.bias}, name + ".conv");
  }

  TensorId block(TensorId x, const MobileInvertedResidualBlock& block, const std::string& name) {
    if (!block.mobile_inverted_conv.has_value()) return x;
    const TensorId y = inverted(x, *block.mobile_inverted_conv, name + ".mobile_inverted_conv");
    if (!block.shortcut) return y;
    return append(OpKind::Add, {y, x}, BinaryAttrs{}, name, shape(y));
  }

  TensorId inverted(TensorId x, const MBInvertedConvLayer& layer, const std::string& name) {
    constexpr Affine kBatchNorm = {true, false};
    const int32_t channels = layer.expanded_channels();
    if (layer.expands())
      x = pointwise(x, channels, layer.activation, kBatchNorm, name + ".inverted_bottleneck.conv");
    x = weighted(OpKind::DepthwiseConv2D, x, {1, layer.kernel_size, layer.kernel_size, channels},
                 {layer.kernel_size, layer.stride, 1}, layer.activation, kBatchNorm,
                 name + ".depth_conv.conv");
    if (layer.use_se) x = squeeze_excite(x, layer.squeezed_channels(), name + ".depth_conv.se");
    return pointwise(x, layer.out_channels, ActivationFunction::None, kBatchNorm,
                     name + ".point_linear.conv");
  }

  // x · h_sigmoid(expand(relu(reduce(mean of x)))), with h_sigmoid(v) = relu6(v + 3) / 6.
  TensorId squeeze_excite(TensorId x, int32_t squeezed, const std::string& name) {
    constexpr Affine kBias = {false, true};
    const int32_t channels = shape(x)[3];
    TensorId gate = global_average(x, name + ".mean");
    gate = pointwise(gate, squeezed, ActivationFunction::Relu, kBias, name + ".fc.reduce");
    gate = pointwise(gate, channels, ActivationFunction::None, kBias, name + ".fc.expand");
    const Shape vector = {1, 1, 1, channels};
    gate = append(OpKind::Add, {gate, scalar(3, name + ".three")}, BinaryAttrs{Activation::Relu6},
                  name + ".relu6", vector);
    gate = append(OpKind::Mul, {gate, scalar(1.0 / 6, name + ".sixth")}, BinaryAttrs{},
                  name + ".h_sigmoid", vector);
    return append(OpKind::Mul, {x, gate}, BinaryAttrs{}, name, shape(x));
  }

  TensorId scalar(double value, const std::string& name) {
    return graph_.add_tensor(source_.scalar(value, name));
  }

  TensorId global_average(TensorId x, const std::string& name) {
    const Shape& in = shape(x);
    PoolAttrs attrs;
    attrs.filter_h = in[1];
    attrs.filter_w = in[2];
    return append(OpKind::AveragePool2D, {x}, attrs, name, {1, 1, 1, in[3]});
  }

  TensorId classifier(TensorId x, const LinearLayer& layer) {
    x = pointwise(x, layer.out_features, ActivationFunction::None, {false, layer.bias},
                  "classifier.linear");
    return append(OpKind::Reshape, {x}, std::monostate{}, "classifier", {1, layer.out_features});
  }

  TensorSource& source_;
  Graph graph_;
};

// Notes which weights a network has; its graph is thrown away.
class Recorder : public TensorSource {
 public:
  void complete_input(Tensor& tensor) override { tensor.dtype = DType::Float32; }
  std::vector<Tensor> weights(const Graph&, TensorId, const WeightRequest& request) override {
    requests.push_back(request);
    std::vector<Tensor> tensors(1);
    tensors.front().shape = request.shape;
    return tensors;
  }
  Tensor scalar(double, const std::string&) override { return {}; }
  void complete_output(const Graph&, const Op&, Tensor&) override {}

  std::vector<WeightRequest> requests;
};

}  // namespace

Graph build_structure(const NetworkDescription& network, int32_t resolution,
                      const std::string& name, TensorSource& source) {
  return Builder(source, name).build(network, resolution);
}

std::vector<WeightRequest> weight_requests(const NetworkDescription& network) {
  Recorder recorder;
  build_structure(network, network.resolution.value(), "", recorder);
  return std::move(recorder.requests);
}

NetworkDescription checked(const NetworkDescription& network, std::optional<int32_t> resolution,
                           const std::string& place) {
  NetworkDescription described = network;
  if (resolution.has_value()) described.resolution = resolution;
  std::vector<std::string> found = problems(described);
  if (!described.resolution.has_value())
    found.emplace_back("resolution: is missing; it is the number of rows and columns of the image");
  for (std::string& problem : found) problem = place + ": " + problem;
  if (!found.empty()) throw Error(ErrorKind::Input, std::move(found));
  return described;
}

}  // namespace mcunet::netspec
