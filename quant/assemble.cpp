#include "quant/assemble.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "libmcunet/graph/operators.h"
#include "libmcunet/graph/validate.h"
#include "quant/channels.h"
#include "quant/prepare.h"

namespace mcunet::quant {
namespace {

template <typename T>
ConstantData constant_data(const std::vector<T>& values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
}

class Assembler {
 public:
  Assembler(const Graph& source, const Encodings& encodings)
      : source_(source), encodings_(encodings), graph_(source) {}

  Graph run() {
    for (size_t t = 0; t < source_.tensors.size(); ++t) {
      if (!encodings_.activations[t].empty()) quantize_activation(t);
    }
    graph_.ops.clear();
    for (size_t i = 0; i < source_.ops.size(); ++i) {
      Op op = source_.ops[i];
      if (is_weighted(op.kind)) encode_layer(graph_, op, encodings_.layers.at(i));
      if (operator_info(op.kind).keeps_scale) rescale_inputs(op);
      graph_.ops.push_back(std::move(op));
    }
    validate(graph_);
    return std::move(graph_);
  }

 private:
  void quantize_activation(size_t id) {
    Tensor& tensor = graph_.tensors[id];
    tensor.dtype = DType::Int8;
    tensor.quantization = encodings_.activations[id];
    if (!tensor.is_constant()) return;
    const auto* values = source_.tensors[id].constant<float>();
    std::vector<int8_t> levels(static_cast<size_t>(tensor.elements()));
    for (size_t i = 0; i < levels.size(); ++i) {
      const float level = std::round(values[i] / tensor.quantization.scale()) +
                          static_cast<float>(tensor.quantization.zero_point());
      levels[i] = static_cast<int8_t>(std::clamp(level, -128.0F, 127.0F));
    }
    tensor.data = constant_data(levels);
  }

  // Operators that copy or compare raw values need inputs in the scale of their output.
  void rescale_inputs(Op& op) {
    for (TensorId& id : op.inputs) {
      const Quantization wanted = graph_.output(op).quantization;
      if (graph_.tensor(id).quantization == wanted) continue;
      Tensor rescaled = graph_.tensor(id);
      rescaled.name += "/rescaled";
      rescaled.quantization = wanted;
      rescaled.data = nullptr;
      Op conversion;
      conversion.kind = OpKind::Quantize;
      conversion.inputs = {id};
      conversion.source_index = op.source_index;
      id = graph_.add_tensor(std::move(rescaled));
      conversion.outputs = {id};
      graph_.ops.push_back(std::move(conversion));
    }
  }

  const Graph& source_;
  const Encodings& encodings_;
  Graph graph_;
};

}  // namespace

std::vector<uint8_t> pack_int4(const std::vector<int8_t>& values) {
  std::vector<uint8_t> packed((values.size() + 1) / 2, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto nibble = static_cast<uint8_t>(static_cast<uint8_t>(values[i]) & 15U);
    packed[i / 2] = static_cast<uint8_t>(packed[i / 2] | (i % 2 == 0 ? nibble : nibble << 4));
  }
  return packed;
}

void encode_layer(Graph& graph, const Op& op, const LayerEncoding& layer) {
  Tensor& weights = graph.tensor(op.inputs[1]);
  weights.dtype = layer.dtype;
  weights.quantization = {layer.scales, std::vector<int32_t>(layer.scales.size(), 0),
                          channel_axis(op.kind)};
  weights.data = layer.dtype == DType::Int4
                     ? std::make_shared<const std::vector<uint8_t>>(pack_int4(layer.weights))
                     : constant_data(layer.weights);
  const float input_scale = graph.input(op, 0).quantization.scale();
  Tensor& bias = graph.tensor(op.inputs[2]);
  bias.dtype = DType::Int32;
  bias.quantization = weights.quantization;
  bias.quantization.axis = 0;
  std::vector<int32_t> values(layer.bias.size());
  for (size_t c = 0; c < values.size(); ++c) {
    bias.quantization.scales[c] = input_scale * layer.scales[c];
    // Divided by what the arithmetic multiplies with, in double.
    const double scale = static_cast<double>(input_scale) * static_cast<double>(layer.scales[c]);
    values[c] = static_cast<int32_t>(std::clamp(
        std::round(static_cast<double>(layer.bias[c]) / scale), -2147483647.0, 2147483647.0));
  }
  bias.data = constant_data(values);
}

Graph compact(const Graph& graph) {
  std::vector<TensorId> new_id(graph.tensors.size(), -1);
  const auto use = [&](const std::vector<TensorId>& ids) {
    for (const TensorId id : ids) new_id[static_cast<size_t>(id)] = 0;
  };
  use(graph.inputs);
  use(graph.outputs);
  for (const Op& op : graph.ops) {
    use(op.inputs);
    use(op.outputs);
  }
  Graph result;
  result.name = graph.name;
  result.metadata = graph.metadata;
  for (size_t t = 0; t < graph.tensors.size(); ++t) {
    if (new_id[t] == 0) new_id[t] = result.add_tensor(Tensor(graph.tensors[t]));
  }
  const auto renamed = [&](std::vector<TensorId> ids) {
    for (TensorId& id : ids) id = new_id[static_cast<size_t>(id)];
    return ids;
  };
  result.inputs = renamed(graph.inputs);
  result.outputs = renamed(graph.outputs);
  for (Op op : graph.ops) {
    op.inputs = renamed(op.inputs);
    op.outputs = renamed(op.outputs);
    result.ops.push_back(std::move(op));
  }
  return result;
}

Graph assemble(const Graph& float_graph, const Encodings& encodings) {
  return Assembler(float_graph, encodings).run();
}

}  // namespace mcunet::quant
