#include "quant/torch/executor.h"

#include <algorithm>
#include <cstring>

#include "libmcunet/graph/activation.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"
#include "quant/prepare.h"
#include "quant/torch/operators.h"

namespace mcunet::quant {
namespace {

std::vector<int64_t> extents(const Shape& shape) { return {shape.begin(), shape.end()}; }

bool keeps_samples_apart(const Graph& graph, const Op& op) {
  for (const TensorId id : op.outputs) {
    const Shape& shape = graph.tensor(id).shape;
    if (shape.empty() || shape[0] != 1) return false;
  }
  const Shape& x = graph.input(op, 0).shape;
  if (x.empty() || x[0] != 1) return false;
  switch (op.kind) {
    case OpKind::Mean: {
      const auto& axes = op.as<ReduceAttrs>().axes;
      return std::find(axes.begin(), axes.end(), 0) == axes.end();
    }
    case OpKind::Transpose:
      return op.as<TransposeAttrs>().permutation[0] == 0;
    case OpKind::Pad:
      return op.as<PadAttrs>().before[0] == 0 && op.as<PadAttrs>().after[0] == 0;
    case OpKind::Pack:
    case OpKind::Unpack:
    case OpKind::Split:
      return op.as<AxisAttrs>().axis != 0;
    case OpKind::Concatenation:
      // A constant operand would have to be repeated for each sample.
      return op.as<AxisAttrs>().axis != 0 &&
             std::none_of(op.inputs.begin(), op.inputs.end(),
                          [&](TensorId id) { return graph.tensor(id).is_constant(); });
    case OpKind::Add:
    case OpKind::Sub:
    case OpKind::Mul:
    case OpKind::Minimum:
    case OpKind::Maximum:
      // Operands of lower rank are aligned with the last dimensions: right for constants, not for
      // samples side by side.
      return std::all_of(op.inputs.begin(), op.inputs.end(), [&](TensorId id) {
        return graph.tensor(id).is_constant() ||
               graph.tensor(id).shape.size() == graph.output(op).shape.size();
      });
    default:
      return true;
  }
}

}  // namespace

at::Tensor to_batch(const std::vector<const float*>& samples, const Shape& shape) {
  std::vector<int64_t> all = extents(shape);
  const auto elements = static_cast<size_t>(element_count(shape));
  if (samples.size() != 1) all.at(0) = static_cast<int64_t>(samples.size());
  at::Tensor batch = at::empty(all, at::kFloat);
  for (size_t i = 0; i < samples.size(); ++i)
    std::memcpy(batch.data_ptr<float>() + i * elements, samples[i], elements * sizeof(float));
  return from_graph_order(batch);
}

at::Tensor constant_tensor(const Tensor& tensor) {
  at::Tensor value = at::empty(extents(tensor.shape), at::kFloat);
  std::memcpy(value.data_ptr<float>(), tensor.data->data(), tensor.data->size());
  return from_graph_order(value);
}

at::Tensor weights_from_graph(const Graph& graph, const Op& op, const float* values) {
  const Tensor& tensor = graph.input(op, 1);
  at::Tensor weights = at::empty(extents(tensor.shape), at::kFloat);
  std::memcpy(weights.data_ptr<float>(), values,
              static_cast<size_t>(tensor.elements()) * sizeof(float));
  if (op.kind == OpKind::DepthwiseConv2D) return weights.permute({3, 0, 1, 2}).contiguous();
  if (op.kind == OpKind::FullyConnected) return weights;
  return weights.permute({0, 3, 1, 2}).contiguous(at::MemoryFormat::ChannelsLast);
}

std::vector<float> weights_to_graph(const Graph& graph, const Op& op, const at::Tensor& weights) {
  at::Tensor ordered = weights.detach();
  if (op.kind == OpKind::DepthwiseConv2D) {
    ordered = ordered.permute({1, 2, 3, 0});
  } else if (op.kind == OpKind::Conv2D) {
    ordered = ordered.permute({0, 2, 3, 1});
  }
  ordered = ordered.contiguous();
  const auto* values = ordered.data_ptr<float>();
  return {values, values + graph.input(op, 1).elements()};
}

at::Tensor apply_activation(const at::Tensor& value, Activation activation) {
  switch (activation) {
    case Activation::Relu:
      return at::relu(value);
    case Activation::Relu6:
      return at::clamp(value, 0, 6);
    case Activation::ReluN1To1:
      return at::clamp(value, -1, 1);
    case Activation::None:
      break;
  }
  return value;
}

Executor::Executor(const Graph& graph) : graph_(graph) {
  std::vector<std::string> problems;
  batchable_ = std::all_of(graph.inputs.begin(), graph.inputs.end(), [&](TensorId id) {
    const Shape& shape = graph.tensor(id).shape;
    return !shape.empty() && shape[0] == 1;
  });
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op& op = graph.ops[i];
    if (!has_torch_operator(op.kind)) {
      problems.push_back(describe(op) + ": reconstruction works on float networks");
      continue;
    }
    batchable_ = batchable_ && keeps_samples_apart(graph, op);
    if (is_weighted(op.kind)) {
      layers_[i] = {weights_from_graph(graph, op, graph.input(op, 1).constant<float>()),
                    constant_tensor(graph.input(op, 2))};
    }
    for (size_t k = 0; k < (is_weighted(op.kind) ? 1 : op.inputs.size()); ++k) {
      const Tensor& tensor = graph.input(op, k);
      if (tensor.is_constant()) constants_.emplace(op.inputs[k], constant_tensor(tensor));
    }
  }
  if (!problems.empty()) throw Error(ErrorKind::Unsupported, std::move(problems));
}

std::vector<at::Tensor> Executor::run(const std::vector<at::Tensor>& inputs,
                                      const Substitutes& substitutes,
                                      const std::vector<TensorId>& wanted) const {
  std::vector<at::Tensor> values(graph_.tensors.size());
  const auto settle = [&](TensorId id, const at::Tensor& value, Activation fused) {
    values[static_cast<size_t>(id)] = substitutes.activation
                                          ? substitutes.activation(id, value, fused)
                                          : apply_activation(value, fused);
  };
  for (size_t i = 0; i < inputs.size(); ++i) settle(graph_.inputs[i], inputs[i], Activation::None);
  for (const auto& [id, value] : constants_) settle(id, value, Activation::None);

  // A tensor is let go after its last reader; what gradients need, autograd keeps.
  std::vector<size_t> last_use(graph_.tensors.size(), graph_.ops.size());
  for (size_t i = 0; i < graph_.ops.size(); ++i) {
    for (const TensorId id : graph_.ops[i].inputs) last_use[static_cast<size_t>(id)] = i;
  }
  for (const TensorId id : wanted) last_use[static_cast<size_t>(id)] = graph_.ops.size();

  for (size_t i = 0; i < graph_.ops.size(); ++i) {
    const Op& op = graph_.ops[i];
    std::vector<at::Tensor> outputs;
    if (is_weighted(op.kind)) {
      const auto& [weights, bias] = layers_.at(i);
      outputs = {run_layer(graph_, op, values[static_cast<size_t>(op.inputs[0])],
                           substitutes.weights ? substitutes.weights(i) : weights,
                           substitutes.bias ? substitutes.bias(i) : bias)};
    } else {
      std::vector<at::Tensor> operands;
      for (const TensorId id : op.inputs) operands.push_back(values[static_cast<size_t>(id)]);
      outputs = run_operator(graph_, op, operands);
    }
    for (size_t k = 0; k < outputs.size(); ++k)
      settle(op.outputs[k], outputs[k], fused_activation(op));
    for (const TensorId id : op.inputs) {
      if (last_use[static_cast<size_t>(id)] == i) values[static_cast<size_t>(id)] = at::Tensor();
    }
  }
  std::vector<at::Tensor> result;
  for (const TensorId id : wanted) result.push_back(values[static_cast<size_t>(id)]);
  return result;
}

}  // namespace mcunet::quant
