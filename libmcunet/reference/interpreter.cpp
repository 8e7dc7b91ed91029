#include "libmcunet/reference/interpreter.h"

#include <utility>

#include "libmcunet/reference/kernel.h"
#include "libmcunet/support/error.h"

namespace mcunet::reference {

struct Interpreter::Prepared {
  Graph graph;
  std::vector<Kernel> kernels;  // one per operator
  std::vector<std::vector<TensorId>>
      last_uses;  // for each operator, the activations nobody reads after it
};

namespace {

Kernel prepare(const Graph& graph, const Op& op) {
  switch (op.kind) {
    case OpKind::Conv2D:
      return prepare_conv(graph, op);
    case OpKind::DepthwiseConv2D:
      return prepare_depthwise(graph, op);
    case OpKind::FullyConnected:
      return prepare_fully_connected(graph, op);
    case OpKind::Add:
    case OpKind::Sub:
    case OpKind::Mul:
    case OpKind::Minimum:
    case OpKind::Maximum:
      return prepare_binary(graph, op);
    case OpKind::AveragePool2D:
    case OpKind::MaxPool2D:
      return prepare_pool(graph, op);
    case OpKind::Mean:
      return prepare_mean(graph, op);
    case OpKind::Softmax:
      return prepare_softmax(graph, op);
    case OpKind::Logistic:
    case OpKind::Tanh:
    case OpKind::Relu:
    case OpKind::Relu6:
    case OpKind::ReluN1To1:
    case OpKind::HardSwish:
    case OpKind::LeakyRelu:
    case OpKind::Elu:
    case OpKind::Abs:
      return prepare_elementwise(graph, op);
    case OpKind::Pad:
      return prepare_pad(graph, op);
    case OpKind::Reshape:
      return prepare_reshape(graph, op);
    case OpKind::Transpose:
    case OpKind::StridedSlice:
    case OpKind::DepthToSpace:
    case OpKind::SpaceToDepth:
      return prepare_gather(graph, op);
    case OpKind::Concatenation:
    case OpKind::Pack:
      return prepare_concatenate(graph, op);
    case OpKind::Split:
    case OpKind::Unpack:
      return prepare_split(graph, op);
    case OpKind::ResizeNearestNeighbor:
      return prepare_resize(graph, op);
    case OpKind::Quantize:
    case OpKind::Dequantize:
      return prepare_quantize(graph, op);
  }
  unsupported("unknown operator");
}

std::vector<std::vector<TensorId>> find_last_uses(const Graph& graph) {
  std::vector<int> last(graph.tensors.size(), -1);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op& op = graph.ops[i];
    for (const TensorId id : op.inputs) last[static_cast<size_t>(id)] = static_cast<int>(i);
    for (const TensorId id : op.outputs) last[static_cast<size_t>(id)] = static_cast<int>(i);
  }
  for (const TensorId id : graph.outputs) last[static_cast<size_t>(id)] = -1;
  std::vector<std::vector<TensorId>> uses(graph.ops.size());
  for (size_t t = 0; t < last.size(); ++t) {
    if (last[t] >= 0) uses[static_cast<size_t>(last[t])].push_back(static_cast<TensorId>(t));
  }
  return uses;
}

void check_inputs(const Graph& graph, const Interpreter::Buffers& inputs) {
  if (inputs.size() != graph.inputs.size()) {
    throw Error(ErrorKind::Input, "the model has " + std::to_string(graph.inputs.size()) +
                                      " inputs, got " + std::to_string(inputs.size()));
  }
  std::vector<std::string> problems;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor& tensor = graph.tensor(graph.inputs[i]);
    if (inputs[i].size() == tensor.byte_size()) continue;
    problems.push_back("input " + std::to_string(i) + " '" + tensor.name + "' (" +
                       dtype_name(tensor.dtype) + " " + to_string(tensor.shape) + ") has " +
                       std::to_string(tensor.byte_size()) + " bytes, got " +
                       std::to_string(inputs[i].size()));
  }
  if (!problems.empty()) throw Error(ErrorKind::Input, std::move(problems));
}

}  // namespace

Interpreter::Interpreter(Graph graph) {
  auto prepared = std::make_shared<Prepared>();
  prepared->graph = std::move(graph);
  const Graph& held = prepared->graph;
  std::vector<std::string> problems;
  for (const Op& op : held.ops) {
    try {
      prepared->kernels.push_back(prepare(held, op));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Unsupported) throw;
      for (const std::string& problem : error.problems())
        problems.push_back(describe(op) + ": " + problem);
    }
  }
  if (!problems.empty()) throw Error(ErrorKind::Unsupported, std::move(problems));
  prepared->last_uses = find_last_uses(held);
  prepared_ = std::move(prepared);
}

const Graph& Interpreter::graph() const { return prepared_->graph; }

Interpreter::Buffers Interpreter::run(const Buffers& inputs, const Observer& observer) const {
  const Graph& graph = prepared_->graph;
  check_inputs(graph, inputs);

  Buffers owned(graph.tensors.size());
  std::vector<const uint8_t*> data(graph.tensors.size(), nullptr);
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    if (graph.tensors[t].is_constant()) data[t] = graph.tensors[t].data->data();
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    data[static_cast<size_t>(graph.inputs[i])] = inputs[i].data();

  std::vector<const uint8_t*> in;
  std::vector<uint8_t*> out;
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    const Op& op = graph.ops[i];
    in.clear();
    out.clear();
    for (const TensorId id : op.inputs) in.push_back(data[static_cast<size_t>(id)]);
    for (const TensorId id : op.outputs) {
      std::vector<uint8_t>& buffer = owned[static_cast<size_t>(id)];
      buffer.resize(graph.tensor(id).byte_size());
      data[static_cast<size_t>(id)] = buffer.data();
      out.push_back(buffer.data());
    }
    prepared_->kernels[i](Operands{in, out});
    if (observer) {
      for (const TensorId id : op.outputs) {
        const std::vector<uint8_t>& buffer = owned[static_cast<size_t>(id)];
        observer(op, id, graph.tensor(id), buffer.data(), buffer.size());
      }
    }
    for (const TensorId id : prepared_->last_uses[i])
      std::vector<uint8_t>().swap(owned[static_cast<size_t>(id)]);
  }

  Buffers outputs;
  for (const TensorId id : graph.outputs) {
    const uint8_t* begin = data[static_cast<size_t>(id)];
    outputs.emplace_back(begin, begin + graph.tensor(id).byte_size());
  }
  return outputs;
}

}  // namespace mcunet::reference
