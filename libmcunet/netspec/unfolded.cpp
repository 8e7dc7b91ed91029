#include "libmcunet/netspec/unfolded.h"

#include <cstring>
#include <map>

#include "libmcunet/netspec/structure.h"
#include "libmcunet/netspec/weight_layout.h"
#include "libmcunet/support/error.h"

namespace mcunet::netspec {
namespace {

class Unfolder {
 public:
  Unfolder(const Graph& graph, double eps) : eps_(eps) {
    for (const Tensor& tensor : graph.tensors) {
      if (tensor.is_constant()) constants_.emplace(tensor.name, &tensor);
    }
  }

  void add(const WeightRequest& request) {
    const Tensor& weights = constant(request.name + ".weight");
    Tensor stored = framework_weights(weights, request.kind);
    stored.shape = framework_shape(request);
    put(request.name + ".weight", std::move(stored));
    if (request.bias) put(request.name + ".bias", constant(request.name + ".bias"));
    if (!request.batch_norm) return;
    const std::string norm = batch_norm_name(request.name);
    const Shape shape = {request.shape[static_cast<size_t>(request.channel_axis())]};
    const auto all = [&](float value) {
      return float_tensor("", shape, std::vector<float>(static_cast<size_t>(shape.front()), value));
    };
    put(norm + ".weight", all(1));
    // The convolution's own bias is in the graph's, and would be added twice.
    if (request.bias) put(request.name + ".bias", all(0));
    put(norm + ".bias", constant(request.name + ".bias"));
    put(norm + ".running_mean", all(0));
    put(norm + ".running_var", all(static_cast<float>(1 - eps_)));
    Tensor batches;
    batches.dtype = DType::Int64;
    batches.data = std::make_shared<const std::vector<uint8_t>>(8, uint8_t{0});
    put(norm + ".num_batches_tracked", std::move(batches));
  }

  checkpoint::StateDict state;

 private:
  const Tensor& constant(const std::string& name) const {
    const auto found = constants_.find(name);
    if (found == constants_.end())
      throw Error(ErrorKind::Internal, "the graph has no weights '" + name + "'");
    return *found->second;
  }

  void put(const std::string& name, Tensor tensor) {
    tensor.name = name;
    state[name] = std::move(tensor);
  }

  double eps_;
  std::map<std::string, const Tensor*> constants_;
};

}  // namespace

checkpoint::StateDict unfolded_state(const NetworkDescription& network, const Graph& graph) {
  const NetworkDescription described = checked(network, {}, graph.name);
  Unfolder unfolder(graph, described.bn.eps);
  for (const WeightRequest& request : weight_requests(described)) unfolder.add(request);
  return std::move(unfolder.state);
}

}  // namespace mcunet::netspec
