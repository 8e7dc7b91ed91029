#include "libmcunet/netspec/trained.h"

#include <cmath>
#include <cstring>
#include <set>

#include "libmcunet/graph/validate.h"
#include "libmcunet/netspec/structure.h"
#include "libmcunet/netspec/weight_layout.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/text.h"

namespace mcunet::netspec {
namespace {

// Takes the weights from a state dict and notes what does not fit.
class TrainedSource : public TensorSource {
 public:
  TrainedSource(const checkpoint::StateDict& weights, double eps) : state_(weights), eps_(eps) {}

  void complete_input(Tensor& tensor) override { tensor.dtype = DType::Float32; }

  std::vector<Tensor> weights(const Graph&, TensorId, const WeightRequest& request) override {
    const auto channels =
        static_cast<size_t>(request.shape[static_cast<size_t>(request.channel_axis())]);
    std::vector<float> values = kernel(request);
    std::vector<double> bias(channels, 0.0);
    if (request.bias) {
      const std::vector<float> own = vector(request.name + ".bias", channels);
      bias.assign(own.begin(), own.end());
    }
    if (request.batch_norm) fold_batch_norm(request, values, bias);
    std::vector<Tensor> tensors;
    tensors.push_back(float_tensor(request.name + ".weight", request.shape, values));
    if (request.bias || request.batch_norm) {
      tensors.push_back(float_tensor(request.name + ".bias", {static_cast<int32_t>(channels)},
                                     std::vector<float>(bias.begin(), bias.end())));
    }
    return tensors;
  }

  Tensor scalar(double value, const std::string& name) override {
    return float_tensor(name, {1}, {static_cast<float>(value)});
  }

  void complete_output(const Graph&, const Op&, Tensor& tensor) override {
    tensor.dtype = DType::Float32;
  }

  // With the tensors that nothing asked for.
  std::vector<std::string> problems() const {
    std::vector<std::string> all = problems_;
    for (const auto& [name, tensor] : state_) {
      if (used_.count(name) == 0 && !ends_with(name, ".num_batches_tracked"))
        all.push_back("tensor '" + name + "' " + to_string(tensor.shape) +
                      " belongs to no layer of the description");
    }
    return all;
  }

 private:
  void problem(const std::string& name, const std::string& text) {
    problems_.push_back("tensor '" + name + "' " + text);
  }

  // The finite values of a tensor of this shape, in PyTorch's order; zeros where there is none.
  std::vector<float> values(const std::string& name, const Shape& shape) {
    std::vector<float> found(static_cast<size_t>(element_count(shape)), 0.0F);
    used_.insert(name);
    const auto entry = state_.find(name);
    if (entry == state_.end()) {
      problem(name, to_string(shape) + " is missing");
      return found;
    }
    const Tensor& tensor = entry->second;
    if (tensor.dtype != DType::Float32) {
      problem(name, std::string("is ") + dtype_name(tensor.dtype) + " instead of float32");
    } else if (tensor.shape != shape) {
      problem(name, "has shape " + to_string(tensor.shape) + " instead of " + to_string(shape));
    } else {
      std::memcpy(found.data(), tensor.data->data(), tensor.data->size());
      check_finite(name, found);
    }
    return found;
  }

  void check_finite(const std::string& name, const std::vector<float>& found) {
    for (size_t i = 0; i < found.size(); ++i) {
      if (std::isfinite(found[i])) continue;
      problem(name, std::string("holds ") + (std::isnan(found[i]) ? "a NaN" : "an infinity") +
                        " at element " + std::to_string(i));
      return;
    }
  }

  std::vector<float> vector(const std::string& name, size_t channels) {
    return values(name, {static_cast<int32_t>(channels)});
  }

  // The weights in the graph's order of dimensions.
  std::vector<float> kernel(const WeightRequest& request) {
    const Shape& to = request.shape;
    if (is_linear(request.name))
      return values(request.name + ".weight", {to[0], to[3]});  // [out, in], 1×1
    const bool depthwise = request.kind == OpKind::DepthwiseConv2D;
    const Shape shape = {depthwise ? to[3] : to[0], depthwise ? 1 : to[3], to[1], to[2]};
    return graph_order(values(request.name + ".weight", shape), to, request.kind);
  }

  void fold_batch_norm(const WeightRequest& request, std::vector<float>& weights,
                       std::vector<double>& bias) {
    const std::string name = batch_norm_name(request.name);
    const size_t channels = bias.size();
    const std::vector<float> gamma = vector(name + ".weight", channels);
    const std::vector<float> beta = vector(name + ".bias", channels);
    const std::vector<float> mean = vector(name + ".running_mean", channels);
    const std::vector<float> variance = vector(name + ".running_var", channels);
    std::vector<double> factors(channels, 1.0);
    for (size_t c = 0; c < channels; ++c) {
      const double spread = double{variance[c]} + eps_;
      if (variance[c] < 0 || !(spread > 0)) {
        if (std::isfinite(variance[c]))
          problem(name + ".running_var", "holds " + std::to_string(variance[c]) + " at element " +
                                             std::to_string(c) + ": no variance");
        return;
      }
      factors[c] = double{gamma[c]} / std::sqrt(spread);
      bias[c] = double{beta[c]} + (bias[c] - double{mean[c]}) * factors[c];
    }
    const size_t per_channel = weights.size() / channels;
    const bool last = request.channel_axis() == 3;
    for (size_t i = 0; i < weights.size(); ++i) {
      const size_t c = last ? i % channels : i / per_channel;
      const bool finite = std::isfinite(weights[i]) && std::isfinite(factors[c]);
      weights[i] = static_cast<float>(double{weights[i]} * factors[c]);
      if (std::isfinite(weights[i]) || !finite) continue;  // those are named already
      problem(request.name + ".weight", "is too large for float32 once " + name + " is folded in");
      return;
    }
  }

  const checkpoint::StateDict& state_;
  double eps_;
  std::set<std::string> used_;
  std::vector<std::string> problems_;
};

}  // namespace

Graph build_trained_graph(const NetworkDescription& network, const checkpoint::StateDict& weights,
                          const TrainedOptions& options) {
  const NetworkDescription described = checked(network, options.resolution, options.description);
  if (described.bn.ws_eps.has_value())
    throw Error(ErrorKind::Unsupported,
                options.description + ": bn.ws_eps: weight standardization is not supported");
  TrainedSource source(weights, described.bn.eps);
  Graph graph = build_structure(described, *described.resolution, options.name, source);
  std::vector<std::string> problems = source.problems();
  for (std::string& problem : problems) problem = options.checkpoint + ": " + problem;
  if (!problems.empty()) throw Error(ErrorKind::Input, std::move(problems));
  validate(graph);
  return graph;
}

}  // namespace mcunet::netspec
