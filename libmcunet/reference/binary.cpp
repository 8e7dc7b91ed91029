// ADD, SUB, MUL, MINIMUM, MAXIMUM, with NumPy broadcasting.
#include <algorithm>
#include <array>
#include <memory>

#include "libmcunet/reference/kernel.h"
#include "libmcunet/reference/params.h"
#include "libmcunet/reference/strided.h"

namespace mcunet::reference {
namespace {

// The operand's strides along the dimensions of the result, 0 where it is repeated.
Strides broadcast_strides(const Shape& operand, const Shape& result) {
  const Strides dense = dense_strides(operand);
  const size_t missing = result.size() - operand.size();
  Strides strides(result.size(), 0);
  for (size_t d = 0; d < operand.size(); ++d) {
    if (operand[d] != 1) strides[missing + d] = dense[d];
  }
  return strides;
}

StridedWalk<2> broadcast_walk(const Graph& graph, const Op& op) {
  const Shape& y = graph.output(op).shape;
  return StridedWalk<2>(y, {broadcast_strides(graph.input(op, 0).shape, y),
                            broadcast_strides(graph.input(op, 1).shape, y)});
}

// y = function(a, b) for all elements; the function is inlined into the innermost loop.
template <typename T, typename Function>
Kernel elementwise(const Graph& graph, const Op& op, Function function) {
  return [walk = broadcast_walk(graph, op), function](const Operands& operands) {
    T* y = operands.out<T>(0);
    walk.for_each_row([&](const auto& position, const auto& steps, int64_t count) {
      const T* a = operands.in<T>(0) + position[0];
      const T* b = operands.in<T>(1) + position[1];
      for (int64_t i = 0; i < count; ++i) *y++ = function(a[i * steps[0]], b[i * steps[1]]);
    });
  };
}

Kernel add_int8(const Graph& graph, const Op& op) {
  struct Prepared {
    AddParams params;
    std::array<int32_t, 256> terms1, terms2;  // by value + 128; Sub's second terms are negated
  };
  auto prepared = std::make_shared<Prepared>();
  prepared->params = add_params(graph, op);
  for (size_t i = 0; i < 256; ++i) {
    const int32_t value = static_cast<int32_t>(i) - 128;
    const int32_t second = add_term(prepared->params, 1, value);
    prepared->terms1[i] = add_term(prepared->params, 0, value);
    prepared->terms2[i] = prepared->params.subtract ? -second : second;
  }
  return elementwise<int8_t>(
      graph, op, [prepared = std::shared_ptr<const Prepared>(prepared)](int8_t a, int8_t b) {
        const AddParams& p = prepared->params;
        const int32_t sum = prepared->terms1[static_cast<size_t>(a + 128)] +
                            prepared->terms2[static_cast<size_t>(b + 128)];
        return static_cast<int8_t>(p.clamp.clamp(
            wrapping_add(multiply_by_quantized_multiplier(sum, p.output), p.output_zero_point)));
      });
}

Kernel mul_int8(const Graph& graph, const Op& op) {
  return elementwise<int8_t>(graph, op, [p = mul_params(graph, op)](int8_t a, int8_t b) {
    const int32_t product = (a - p.zero_point1) * (b - p.zero_point2);
    return static_cast<int8_t>(p.clamp.clamp(wrapping_add(
        multiply_by_quantized_multiplier(product, p.requantize), p.output_zero_point)));
  });
}

template <typename Function>
Kernel arithmetic_float(const Graph& graph, const Op& op, Function function) {
  const FloatRange range = activation_range(op.as<BinaryAttrs>().activation);
  return elementwise<float>(graph, op, [range, function](float a, float b) {
    const float value = function(a, b);
    return value < range.min ? range.min : value > range.max ? range.max : value;
  });
}

template <typename T>
Kernel extremum(const Graph& graph, const Op& op) {
  if (op.kind == OpKind::Minimum)
    return elementwise<T>(graph, op, [](T a, T b) { return a < b ? a : b; });
  return elementwise<T>(graph, op, [](T a, T b) { return a > b ? a : b; });
}

Kernel prepare_int8(const Graph& graph, const Op& op) {
  switch (op.kind) {
    case OpKind::Add:
    case OpKind::Sub:
      return add_int8(graph, op);
    case OpKind::Mul:
      return mul_int8(graph, op);
    default:
      require_same_quantization(graph, op);
      return extremum<int8_t>(graph, op);
  }
}

Kernel prepare_float(const Graph& graph, const Op& op) {
  switch (op.kind) {
    case OpKind::Add:
      return arithmetic_float(graph, op, [](float a, float b) { return a + b; });
    case OpKind::Sub:
      return arithmetic_float(graph, op, [](float a, float b) { return a - b; });
    case OpKind::Mul:
      return arithmetic_float(graph, op, [](float a, float b) { return a * b; });
    default:
      return extremum<float>(graph, op);
  }
}

}  // namespace

Kernel prepare_binary(const Graph& graph, const Op& op) {
  return compute_type(graph, op) == DType::Int8 ? prepare_int8(graph, op)
                                                : prepare_float(graph, op);
}

}  // namespace mcunet::reference
