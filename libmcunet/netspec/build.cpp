#include "libmcunet/netspec/build.h"

#include <algorithm>
#include <cmath>

#include "libmcunet/graph/validate.h"
#include "libmcunet/netspec/structure.h"

namespace mcunet::netspec {
namespace {

// Streams that do not depend on each other: scales are the same with and without weights.
constexpr uint64_t kScaleStream = 0x5CA1E5, kDataStream = 0xDA7A;

// The function fused into the operator, or which it is.
ActivationFunction activation_of(const Op& op) {
  if (op.kind == OpKind::HardSwish) return ActivationFunction::HardSwish;
  const Activation fused = op.kind == OpKind::FullyConnected
                               ? op.as<FullyConnectedAttrs>().activation
                               : op.as<ConvAttrs>().activation;
  switch (fused) {
    case Activation::Relu:
      return ActivationFunction::Relu;
    case Activation::Relu6:
      return ActivationFunction::Relu6;
    default:
      return ActivationFunction::None;
  }
}

// int8 tensors with weights that were never trained.
class SyntheticSource : public TensorSource {
 public:
  SyntheticSource(const BuildOptions& options, Placeholders& placeholders)
      : random_weights_(std::get_if<Weights::Random>(&options.weights)),
        placeholders_(placeholders),
        scale_random_(seed() ^ kScaleStream),
        data_random_(seed() ^ kDataStream) {
    placeholders_.begin();
  }

  void complete_input(Tensor& tensor) override {
    tensor.quantization = per_tensor(1.0 / 127, 0);
    spreads_.push_back({0, 0.58});  // of values uniform in [-1, 1]
  }

  std::vector<Tensor> weights(const Graph& graph, TensorId x,
                              const WeightRequest& request) override {
    const int axis = request.channel_axis();
    const int32_t channels = request.shape[static_cast<size_t>(axis)];
    const int64_t count = element_count(request.shape);

    std::vector<Tensor> tensors(request.batch_norm || request.bias ? 2 : 1);
    Tensor& weights = tensors.front();
    weights.name = request.name + ".weight";
    weights.shape = request.shape;
    weights.quantization =
        weight_scales(channels, count / channels, spread(x), axis, scale_random_);
    weights.data = random_weights_ != nullptr
                       ? random_weights(static_cast<size_t>(count), data_random_)
                       : placeholders_.take(static_cast<size_t>(count));
    if (tensors.size() > 1) {
      Tensor& bias = tensors.back();
      bias.name = request.name + ".bias";
      bias.dtype = DType::Int32;
      bias.shape = {channels};
      bias.quantization = bias_scales(weights.quantization, graph.tensor(x).quantization.scale());
      bias.data = random_weights_ != nullptr
                      ? random_bias(bias.quantization, data_random_)
                      : placeholders_.take(static_cast<size_t>(channels) * sizeof(int32_t));
    }
    spreads_.resize(spreads_.size() + tensors.size());
    return tensors;
  }

  Tensor scalar(double value, const std::string& name) override {
    Tensor tensor;
    tensor.name = name;
    tensor.shape = {1};
    tensor.quantization = per_tensor(value / 127, 0);
    tensor.data = std::make_shared<const std::vector<uint8_t>>(1, uint8_t{127});
    spreads_.push_back({value, 0});
    return tensor;
  }

  void complete_output(const Graph& graph, const Op& op, Tensor& tensor) override {
    const Spread in = spread(op.inputs.front());
    tensor.quantization = graph.input(op, 0).quantization;
    switch (op.kind) {
      case OpKind::Conv2D:
      case OpKind::DepthwiseConv2D:
      case OpKind::FullyConnected:
      case OpKind::HardSwish: {
        const Spread raw = {0, kConvDeviation};
        const ActivationFunction activation = activation_of(op);
        tensor.quantization = quantization_for(raw, activation);
        spreads_.push_back(after(raw, activation));
        return;
      }
      case OpKind::Add:
        return complete_sum(op, tensor);
      case OpKind::Mul:
        return complete_product(graph, op, tensor);
      case OpKind::AveragePool2D: {
        // TFLite's average does not rescale, so the quantization stays. Neighbours are alike, so
        // the mean spreads more than that of independent values.
        const auto& pool = op.as<PoolAttrs>();
        const double pixels = static_cast<double>(pool.filter_h) * pool.filter_w;
        spreads_.push_back({in.mean, in.deviation / std::pow(pixels, 0.25)});
        return;
      }
      case OpKind::Softmax:  // TFLite wants just this
        tensor.quantization = per_tensor(1.0 / 256, -128);
        spreads_.push_back({0.1, 0.2});
        return;
      default:  // RESHAPE, MAX_POOL_2D, RESIZE_NEAREST_NEIGHBOR: values are moved
        spreads_.push_back(in);
    }
  }

 private:
  uint64_t seed() const { return random_weights_ == nullptr ? 0 : random_weights_->seed; }
  const Spread& spread(TensorId id) const { return spreads_[static_cast<size_t>(id)]; }

  void complete_sum(const Op& op, Tensor& tensor) {
    if (op.as<BinaryAttrs>().activation == Activation::Relu6) {  // of h_sigmoid
      tensor.quantization = per_tensor(6.0 / 255, -128);
      spreads_.push_back({3, kConvDeviation});
      return;
    }
    const Spread sum = {0,
                        std::hypot(spread(op.inputs[1]).deviation, spread(op.inputs[0]).deviation)};
    const ActivationFunction activation = op.as<BinaryAttrs>().activation == Activation::Relu
                                              ? ActivationFunction::Relu
                                              : ActivationFunction::None;
    tensor.quantization = quantization_for(sum, activation);
    spreads_.push_back(after(sum, activation));
  }

  void complete_product(const Graph& graph, const Op& op, Tensor& tensor) {
    if (graph.input(op, 1).is_constant()) {  // of h_sigmoid
      tensor.quantization = per_tensor(1.0 / 255, -128);
      spreads_.push_back({0.5, kConvDeviation / 6});
      return;
    }
    const Spread in = spread(op.inputs.front());
    spreads_.push_back({in.mean / 2, in.deviation / 2});
  }

  const Weights::Random* random_weights_;  // null: placeholders
  Placeholders& placeholders_;
  SplitMix64 scale_random_, data_random_;
  std::vector<Spread> spreads_;  // per tensor of the graph
};

}  // namespace

std::unique_ptr<TensorSource> synthetic_source(const BuildOptions& options,
                                               Placeholders& placeholders) {
  return std::make_unique<SyntheticSource>(options, placeholders);
}

Graph build_graph(const NetworkDescription& network, const BuildOptions& options) {
  const NetworkDescription described = checked(network, options.resolution, options.name);
  Placeholders own;
  SyntheticSource source(options, options.placeholders == nullptr ? own : *options.placeholders);
  Graph graph = build_structure(described, *described.resolution, options.name, source);
  validate(graph);
  return graph;
}

}  // namespace mcunet::netspec
