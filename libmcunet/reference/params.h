// The integer parameters of each int8 operator, derived from the graph's scales. The interpreter
// and the compiler both take them from here, so that there is one place where a scale becomes a
// multiplier. Rules and the files that state them in TensorFlow Lite Micro: docs/operators.md.
//
// Every function expects an operator of a validated graph whose activations are int8; it throws
// Error(Unsupported), without naming the operator, for what the reference kernels refuse.
#pragma once

#include <array>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "libmcunet/reference/arithmetic.h"

namespace mcunet::reference {

// Conv2D, DepthwiseConv2D, FullyConnected:
//   y[c] = clamp(requantize[c](bias[c] + sum w * (x - input_zero_point)) + output_zero_point)
struct ConvParams {
  std::vector<QuantizedMultiplier>
      requantize;  // one per output channel, also for per-tensor weights
  int32_t input_zero_point = 0, output_zero_point = 0;
  QuantizedRange clamp;
};
ConvParams conv_params(const Graph& graph, const Op& op);

// The weights in their tensor's order, one value per element: int8 as they are, int4 unpacked.
std::vector<int8_t> weight_values(const Tensor& weights);
// The int32 bias of a Conv2D, DepthwiseConv2D or FullyConnected, zeros where the operator has none.
std::vector<int32_t> bias_values(const Graph& graph, const Op& op);
// Output channels of a Conv2D, DepthwiseConv2D or FullyConnected.
int32_t output_channels(const Graph& graph, const Op& op);

// Add, Sub, with t_i = input_i((x_i - zero_point_i) << left_shift):
//   y = clamp(output(t_1 + t_2) + output_zero_point); Sub takes t_1 - t_2
struct AddParams {
  int left_shift = 20;
  int32_t zero_point1 = 0, zero_point2 = 0, output_zero_point = 0;
  QuantizedMultiplier input1, input2, output;
  QuantizedRange clamp;
  bool subtract = false;
};
AddParams add_params(const Graph& graph, const Op& op);
// t_1 (input 0) or t_2 (input 1) of one input value.
inline int32_t add_term(const AddParams& params, int input, int32_t value) {
  const int32_t zero_point = input == 0 ? params.zero_point1 : params.zero_point2;
  const int32_t shifted = wrapping_shift_left(value - zero_point, params.left_shift);
  return multiply_by_quantized_multiplier(shifted, input == 0 ? params.input1 : params.input2);
}

// y = clamp(requantize((x_1 - zero_point1) * (x_2 - zero_point2)) + output_zero_point)
struct MulParams {
  int32_t zero_point1 = 0, zero_point2 = 0, output_zero_point = 0;
  QuantizedMultiplier requantize;
  QuantizedRange clamp;
};
MulParams mul_params(const Graph& graph, const Op& op);

// Minimum, Maximum, MaxPool2D and Concatenation compare or copy raw values, so all their operands
// must be quantized alike.
void require_same_quantization(const Graph& graph, const Op& op);

// AveragePool2D, MaxPool2D: the fused activation in the output's quantization. Average does not
// rescale either.
QuantizedRange pool_clamp(const Graph& graph, const Op& op);

// y = clamp(requantize(sum x - input_zero_point * elements) + output_zero_point); 1/elements is in
// the multiplier.
struct MeanParams {
  int32_t elements = 1;  // how many inputs one output is the mean of
  int32_t input_zero_point = 0, output_zero_point = 0;
  QuantizedMultiplier requantize;
};
MeanParams mean_params(const Graph& graph, const Op& op);

// Softmax along the last dimension, with d = x - max of the row and e = exp(d):
//   sum = sum over the row of e >> 12, rounded (Q12.19); r = reciprocal_q12(sum)
//   y = clamp((r.mantissa * e as a Q0.31 product) / 2^(r.bits_over_unit + 23), rounded, - 128)
struct SoftmaxParams {
  QuantizedMultiplier input;  // d to Q5.26
  int32_t diff_min = 0;       // exp of what lies below counts as 0
};
SoftmaxParams softmax_params(const Graph& graph, const Op& op);
// Element -d is e of the difference d = 0 .. -255 in Q0.31, or 0 below diff_min. A kernel adds
// softmax_addend(e) for each element of the row and writes softmax_output(e, reciprocal_q12(sum)).
std::array<int32_t, 256> softmax_exp_table(const SoftmaxParams& params);
inline int32_t softmax_addend(int32_t e) { return rounding_divide_by_pot(e, 12); }
inline int8_t softmax_output(int32_t e, Reciprocal r) {
  // A sum of 512 or more leaves nothing of any output; the reference's own shift would be undefined
  // there.
  const int exponent = r.bits_over_unit + 23;
  if (exponent > 31) return -128;
  const int32_t scaled =
      rounding_divide_by_pot(saturating_rounding_doubling_high_mul(r.mantissa, e), exponent);
  return static_cast<int8_t>(QuantizedRange{}.clamp(scaled - 128));
}

}  // namespace mcunet::reference
