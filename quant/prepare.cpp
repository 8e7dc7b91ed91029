#include "quant/prepare.h"

#include <cmath>
#include <cstring>
#include <set>

#include "compiler/passes/passes.h"
#include "libmcunet/graph/activation.h"
#include "libmcunet/graph/validate.h"
#include "libmcunet/support/error.h"

namespace mcunet::quant {
namespace {

std::string place_of(const Graph& graph, const Op& op, TensorId id) {
  return describe(op) + ": tensor " + std::to_string(id) + " '" + graph.tensor(id).name + "'";
}

void check_types(const Graph& graph) {
  std::vector<std::string> problems;
  for (const Op& op : graph.ops) {
    if (op.kind == OpKind::Quantize || op.kind == OpKind::Dequantize) {
      problems.push_back(describe(op) + ": the network is quantized already, at least in part; " +
                         "give its float32 original");
      continue;
    }
    if (op.kind == OpKind::Pad && op.as<PadAttrs>().has_value) {
      problems.push_back(describe(op) + ": padding with a value other than 0");
    }
    std::set<TensorId> touched(op.inputs.begin(), op.inputs.end());
    touched.insert(op.outputs.begin(), op.outputs.end());
    for (const TensorId id : touched) {
      if (graph.tensor(id).dtype == DType::Float32) continue;
      problems.push_back(place_of(graph, op, id) + " is " + dtype_name(graph.tensor(id).dtype) +
                         " instead of float32");
    }
  }
  if (!problems.empty()) throw Error(ErrorKind::Unsupported, std::move(problems));
}

void check_constants(const Graph& graph) {
  std::vector<std::string> problems;
  std::set<TensorId> seen;
  for (const Op& op : graph.ops) {
    for (const TensorId id : op.inputs) {
      const Tensor& tensor = graph.tensor(id);
      if (!tensor.is_constant() || !seen.insert(id).second) continue;
      const auto* values = tensor.constant<float>();
      for (int64_t i = 0; i < tensor.elements(); ++i) {
        if (std::isfinite(values[i])) continue;
        problems.push_back(place_of(graph, op, id) + ": element " + std::to_string(i) + " is " +
                           (std::isnan(values[i]) ? "NaN" : "infinite") +
                           "; the checkpoint is damaged or training diverged");
        break;
      }
    }
  }
  if (!problems.empty()) throw Error(ErrorKind::Input, std::move(problems));
}

void own_weights_and_bias(Graph& graph) {
  std::set<TensorId> owned;
  const auto own = [&](TensorId& id) {
    if (!owned.insert(id).second) id = graph.add_tensor(Tensor(graph.tensor(id)));
    owned.insert(id);
  };
  // What else is read stays as it is.
  for (const Op& op : graph.ops) {
    for (size_t i = is_weighted(op.kind) ? op.inputs.size() : 0; i < op.inputs.size(); ++i)
      owned.insert(op.inputs[i]);
  }
  for (Op& op : graph.ops) {
    if (!is_weighted(op.kind)) continue;
    own(op.inputs[1]);
    if (op.inputs.size() == 2) {
      Tensor bias;
      bias.name = graph.input(op, 1).name + "/bias";
      bias.dtype = DType::Float32;
      bias.shape = {graph.input(op, 1).shape[op.kind == OpKind::DepthwiseConv2D ? 3 : 0]};
      bias.data = std::make_shared<const std::vector<uint8_t>>(bias.byte_size(), uint8_t{0});
      op.inputs.push_back(graph.add_tensor(std::move(bias)));
    }
    own(op.inputs[2]);
  }
}

}  // namespace

bool is_weighted(OpKind kind) {
  return kind == OpKind::Conv2D || kind == OpKind::DepthwiseConv2D ||
         kind == OpKind::FullyConnected;
}

Graph prepare(const Graph& graph) {
  check_types(graph);
  check_constants(graph);
  Graph prepared = compiler::fuse_activations(compiler::drop_dead_ops(graph));
  own_weights_and_bias(prepared);
  validate(prepared);
  return prepared;
}

SplitGraph split_activations(const Graph& graph) {
  SplitGraph split{graph, {}};
  split.graph.ops.clear();
  for (Op op : graph.ops) {
    const Activation activation = fused_activation(op);
    if (!is_weighted(op.kind) || activation == Activation::None) {
      split.linear.push_back(op.outputs[0]);
      split.graph.ops.push_back(std::move(op));
      continue;
    }
    Tensor between = graph.output(op);
    between.name += "/linear";
    Op clamp;
    clamp.kind = activation == Activation::Relu    ? OpKind::Relu
                 : activation == Activation::Relu6 ? OpKind::Relu6
                                                   : OpKind::ReluN1To1;
    clamp.inputs = {split.graph.add_tensor(std::move(between))};
    clamp.outputs = op.outputs;
    clamp.source_index = op.source_index;
    *activation_slot(op) = Activation::None;
    op.outputs = clamp.inputs;
    split.linear.push_back(clamp.inputs[0]);
    split.graph.ops.push_back(std::move(op));
    split.graph.ops.push_back(std::move(clamp));
  }
  return split;
}

}  // namespace mcunet::quant
