// Runs a float graph in LibTorch, on batches and with gradients.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "quant/torch/libtorch.h"

namespace mcunet::quant {

// How tensors are held: rank 4 as NCHW in channels-last memory, which lies as the graph's NHWC
// does; other ranks as the graph has them. Weights: [out, in / groups, kh, kw] of convolutions,
// depthwise ones too; [out, in] of fully connected layers.
at::Tensor to_batch(const std::vector<const float*>& samples, const Shape& shape);

// A constant of the graph as LibTorch holds activations.
at::Tensor constant_tensor(const Tensor& tensor);

// The weights of a Conv2D, DepthwiseConv2D or FullyConnected from `values` in the graph's order,
// and back.
at::Tensor weights_from_graph(const Graph& graph, const Op& op, const float* values);
std::vector<float> weights_to_graph(const Graph& graph, const Op& op, const at::Tensor& weights);

// What stands in for the graph's own values; an empty function leaves them.
struct Substitutes {
  // By index of the operator.
  std::function<at::Tensor(size_t)> weights, bias;
  // What the readers of a tensor get for it: called for graph inputs, outputs of operators and
  // constant operands. `fused` has not been applied; it is the function's to apply.
  std::function<at::Tensor(TensorId, const at::Tensor&, Activation fused)> activation;
};

class Executor {
 public:
  // Of a float graph as prepare() leaves it. Throws Error(Unsupported) with all operators that have
  // no counterpart here. The graph must outlive the executor.
  explicit Executor(const Graph& graph);

  // Whether samples can be computed side by side: every activation has a first dimension of 1 that
  // operators keep apart.
  bool batchable() const { return batchable_; }

  // The values of `wanted` (activations of the graph), as their readers get them. `inputs` hold any
  // number of samples in their first dimension if batchable(), else one.
  std::vector<at::Tensor> run(const std::vector<at::Tensor>& inputs, const Substitutes& substitutes,
                              const std::vector<TensorId>& wanted) const;

 private:
  const Graph& graph_;
  bool batchable_;
  // Prepared once: weights and biases by operator, constant operands by tensor.
  std::map<size_t, std::pair<at::Tensor, at::Tensor>> layers_;
  std::map<TensorId, at::Tensor> constants_;
};

// The fused activation of a float operator.
at::Tensor apply_activation(const at::Tensor& value, Activation activation);

}  // namespace mcunet::quant
