#include <algorithm>
#include <memory>

#include "libmcunet/reference/dot_products.h"
#include "libmcunet/reference/kernel.h"
#include "libmcunet/reference/params.h"
#include "libmcunet/reference/requantize.h"

namespace mcunet::reference {
namespace {

struct Geometry {
  size_t rows, inputs, outputs;  // [rows, inputs] to [rows, outputs]

  Geometry(const Graph& graph, const Op& op) {
    const Shape& w = graph.input(op, 1).shape;
    inputs = static_cast<size_t>(w[1]);
    outputs = static_cast<size_t>(w[0]);
    rows = static_cast<size_t>(graph.input(op, 0).elements()) / inputs;
  }
};

struct Int8FullyConnected {
  Geometry geometry;
  ConvParams params;
  std::vector<int32_t> bias;
  DotRows weights;

  Int8FullyConnected(const Graph& graph, const Op& op)
      : geometry(graph, op),
        params(conv_params(graph, op)),
        bias(bias_values(graph, op)),
        weights(weight_values(graph.input(op, 1)).data(), geometry.outputs, geometry.inputs) {}

  void run(const Operands& operands) const {
    const auto* x = operands.in<int8_t>(0);
    auto* y = operands.out<int8_t>(0);
    const auto zero_point = static_cast<int16_t>(params.input_zero_point);
    std::vector<int16_t> columns(kDotColumns * weights.depth, 0);
    std::vector<int32_t> sums(kDotColumns * weights.rows);
    for (size_t row = 0; row < geometry.rows; row += kDotColumns) {
      const size_t count = std::min(kDotColumns, geometry.rows - row);
      for (size_t i = 0; i < count; ++i) {
        const int8_t* in = x + (row + i) * geometry.inputs;
        int16_t* column = columns.data() + i * weights.depth;
        for (size_t k = 0; k < geometry.inputs; ++k)
          column[k] = static_cast<int16_t>(in[k] - zero_point);
      }
      dot_products(columns.data(), kDotColumns, weights, sums.data());
      for (size_t i = 0; i < count; ++i) {
        requantize_channels(params, bias, 0, geometry.outputs, sums.data() + i * weights.rows,
                            y + (row + i) * geometry.outputs);
      }
    }
  }
};

struct FloatFullyConnected {
  Geometry geometry;
  FloatRange range;
  ConstantData bias;
  FloatRows weights;

  FloatFullyConnected(const Graph& graph, const Op& op)
      : geometry(graph, op),
        range(activation_range(op.as<FullyConnectedAttrs>().activation)),
        weights(graph.input(op, 1).constant<float>(), geometry.outputs, geometry.inputs) {
    if (graph.has_input(op, 2)) bias = graph.input(op, 2).data;
  }

  void run(const Operands& operands) const {
    const auto* biases = bias ? reinterpret_cast<const float*>(bias->data()) : nullptr;
    std::vector<float> sums(weights.rows);
    for (size_t row = 0; row < geometry.rows; ++row) {
      dot_products(operands.in<float>(0) + row * geometry.inputs, weights, sums.data());
      finish_channels(range, biases, 0, geometry.outputs, sums.data(),
                      operands.out<float>(0) + row * geometry.outputs);
    }
  }
};

template <typename Layer>
Kernel make_kernel(const Graph& graph, const Op& op) {
  auto layer = std::make_shared<const Layer>(graph, op);
  return [layer](const Operands& operands) { layer->run(operands); };
}

}  // namespace

Kernel prepare_fully_connected(const Graph& graph, const Op& op) {
  return compute_type(graph, op) == DType::Int8 ? make_kernel<Int8FullyConnected>(graph, op)
                                                : make_kernel<FloatFullyConnected>(graph, op);
}

}  // namespace mcunet::reference
