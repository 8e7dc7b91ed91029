// MEAN over any axes.
#include <algorithm>

#include "libmcunet/reference/kernel.h"
#include "libmcunet/reference/params.h"
#include "libmcunet/reference/strided.h"

namespace mcunet::reference {
namespace {

// For each input dimension its stride in the output, 0 where it is reduced.
Strides output_strides(const Graph& graph, const Op& op) {
  const Shape& x = graph.input(op, 0).shape;
  const auto& axes = op.as<ReduceAttrs>().axes;
  Shape kept = x;
  for (const int32_t axis : axes) kept[static_cast<size_t>(axis)] = 1;
  Strides strides = dense_strides(kept);
  for (const int32_t axis : axes) strides[static_cast<size_t>(axis)] = 0;
  return strides;
}

// One walk over the input in its order; T is read, Sum is added to.
template <typename T, typename Sum>
std::vector<Sum> sums(const StridedWalk<1>& walk, const T* x, size_t outputs) {
  std::vector<Sum> total(outputs, Sum{0});
  walk.for_each_row([&](const auto& position, const auto& steps, int64_t count) {
    Sum* out = total.data() + position[0];
    for (int64_t i = 0; i < count; ++i) out[i * steps[0]] += static_cast<Sum>(*x++);
  });
  return total;
}

Kernel mean_int8(const Graph& graph, const Op& op) {
  const auto outputs = static_cast<size_t>(graph.output(op).elements());
  return [walk = StridedWalk<1>(graph.input(op, 0).shape, {output_strides(graph, op)}),
          p = mean_params(graph, op), outputs](const Operands& operands) {
    // Unsigned, so that sums of more than 2^24 elements wrap as the reference's do.
    const std::vector<uint32_t> total =
        sums<int8_t, uint32_t>(walk, operands.in<int8_t>(0), outputs);
    const uint32_t offset =
        static_cast<uint32_t>(p.input_zero_point) * static_cast<uint32_t>(p.elements);
    for (size_t i = 0; i < outputs; ++i) {
      const auto sum = static_cast<int32_t>(total[i] - offset);
      const int32_t mean =
          wrapping_add(multiply_by_quantized_multiplier(sum, p.requantize), p.output_zero_point);
      operands.out<int8_t>(0)[i] = static_cast<int8_t>(QuantizedRange{}.clamp(mean));
    }
  };
}

Kernel mean_float(const Graph& graph, const Op& op) {
  const auto outputs = static_cast<size_t>(graph.output(op).elements());
  const auto elements =
      static_cast<float>(graph.input(op, 0).elements() / graph.output(op).elements());
  return [walk = StridedWalk<1>(graph.input(op, 0).shape, {output_strides(graph, op)}), elements,
          outputs](const Operands& operands) {
    const std::vector<float> total = sums<float, float>(walk, operands.in<float>(0), outputs);
    for (size_t i = 0; i < outputs; ++i) operands.out<float>(0)[i] = total[i] / elements;
  };
}

}  // namespace

Kernel prepare_mean(const Graph& graph, const Op& op) {
  return compute_type(graph, op) == DType::Int8 ? mean_int8(graph, op) : mean_float(graph, op);
}

}  // namespace mcunet::reference
