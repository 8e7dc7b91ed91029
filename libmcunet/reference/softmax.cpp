// SOFTMAX along the last dimension.
#include <algorithm>
#include <cmath>

#include "libmcunet/reference/kernel.h"
#include "libmcunet/reference/params.h"

namespace mcunet::reference {
namespace {

Kernel softmax_int8(size_t rows, size_t depth, const std::array<int32_t, 256>& table) {
  return [rows, depth, table](const Operands& operands) {
    const auto* x = operands.in<int8_t>(0);
    auto* y = operands.out<int8_t>(0);
    for (size_t row = 0; row < rows; ++row, x += depth, y += depth) {
      const int32_t max = *std::max_element(x, x + depth);
      uint32_t sum = 0;
      for (size_t i = 0; i < depth; ++i)
        sum += static_cast<uint32_t>(softmax_addend(table[static_cast<size_t>(max - x[i])]));
      const Reciprocal reciprocal = reciprocal_q12(static_cast<int32_t>(sum));
      for (size_t i = 0; i < depth; ++i)
        y[i] = softmax_output(table[static_cast<size_t>(max - x[i])], reciprocal);
    }
  };
}

Kernel softmax_float(size_t rows, size_t depth, float beta) {
  return [rows, depth, beta](const Operands& operands) {
    const auto* x = operands.in<float>(0);
    auto* y = operands.out<float>(0);
    for (size_t row = 0; row < rows; ++row, x += depth, y += depth) {
      const float max = *std::max_element(x, x + depth);
      float sum = 0;
      for (size_t i = 0; i < depth; ++i) sum += y[i] = std::exp((x[i] - max) * beta);
      for (size_t i = 0; i < depth; ++i) y[i] /= sum;
    }
  };
}

}  // namespace

Kernel prepare_softmax(const Graph& graph, const Op& op) {
  const Tensor& x = graph.input(op, 0);
  const auto depth = static_cast<size_t>(x.shape.empty() ? 1 : x.shape.back());
  const size_t rows = static_cast<size_t>(x.elements()) / depth;
  if (compute_type(graph, op) == DType::Float32)
    return softmax_float(rows, depth, op.as<SoftmaxAttrs>().beta);
  return softmax_int8(rows, depth, softmax_exp_table(softmax_params(graph, op)));
}

}  // namespace mcunet::reference
