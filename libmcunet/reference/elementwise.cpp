#include "libmcunet/reference/elementwise.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "libmcunet/reference/arithmetic.h"
#include "libmcunet/reference/kernel.h"

namespace mcunet::reference {
namespace {

// From a quantized input to an output that is not clamped yet.
using Map = std::function<int32_t(int32_t)>;

// Input scale over output scale. Which of the two divisions the reference does differs from
// operator to operator.
double ratio_in_float(const Quantization& x, const Quantization& y) {
  return static_cast<double>(x.scale() / y.scale());
}
double ratio_in_double(const Quantization& x, const Quantization& y) {
  return static_cast<double>(x.scale()) / static_cast<double>(y.scale());
}

Map rescale(const Quantization& x, const Quantization& y, double ratio) {
  return [m = quantize_multiplier(ratio), zx = x.zero_point(), zy = y.zero_point()](int32_t value) {
    return wrapping_add(multiply_by_quantized_multiplier(value - zx, m), zy);
  };
}

Map relu_map(const Quantization& x, const Quantization& y, Activation activation) {
  const QuantizedRange range = activation_range(activation, y.scale(), y.zero_point());
  return [range, map = rescale(x, y, ratio_in_float(x, y))](int32_t value) {
    return range.clamp(map(value));
  };
}

// The reference's RELU6 only limits the stored values: it takes the output to be quantized as the
// input is, whatever the model says.
Map relu6_map(const Quantization& x) {
  const QuantizedRange range = activation_range(Activation::Relu6, x.scale(), x.zero_point());
  return [range](int32_t value) { return range.clamp(value); };
}

Map leaky_relu_map(const Quantization& x, const Quantization& y, float alpha) {
  const float negative_ratio = x.scale() * alpha / y.scale();
  return [zx = x.zero_point(), positive = rescale(x, y, ratio_in_float(x, y)),
          negative = rescale(x, y, static_cast<double>(negative_ratio))](int32_t value) {
    return value >= zx ? positive(value) : negative(value);
  };
}

Map abs_map(const Quantization& x, const Quantization& y) {
  return [m = quantize_multiplier(ratio_in_float(x, y)), zx = x.zero_point(),
          zy = y.zero_point()](int32_t value) {
    return wrapping_add(multiply_by_quantized_multiplier(std::abs(value - zx), m), zy);
  };
}

Map elu_map(const Quantization& x, const Quantization& y) {
  return [x, y, inverse = 1.0f / y.scale()](int32_t value) {
    const float real = x.scale() * static_cast<float>(value - x.zero_point());
    const float result = real < 0.0f ? std::exp(real) - 1.0f : real;
    return wrapping_add(round_to_int32(result * inverse), y.zero_point());
  };
}

// LOGISTIC and TANH read the input as Q4.27, beyond which they saturate; `function` gives Q0.31, of
// which `fraction` bits are kept.
Map fixed_point_map(const Quantization& x, const Quantization& y, int32_t (*function)(int32_t),
                    int fraction) {
  constexpr int kInputIntegerBits = 4;
  const double factor = static_cast<double>(x.scale()) * (1 << (31 - kInputIntegerBits));
  const QuantizedMultiplier m = quantize_multiplier(factor);
  const int32_t radius = input_radius(kInputIntegerBits, m.shift);
  return [m, radius, function, fraction, zx = x.zero_point(), zy = y.zero_point()](int32_t value) {
    const int32_t centred = value - zx;
    if (centred <= -radius) return -128;
    if (centred >= radius) return 127;
    const int32_t result = function(multiply_by_quantized_multiplier(centred, m));
    return rounding_divide_by_pot(result, 31 - fraction) + zy;
  };
}

void require_output(const Quantization& y, float scale, int32_t zero_point, const char* text) {
  if (y.scale() != scale || y.zero_point() != zero_point)
    unsupported(std::string("the output must have ") + text);
}

// ---- HARD_SWISH in 16 bits
// ---------------------------------------------------------------------------------------------

int32_t saturate16(int32_t value) { return std::clamp(value, -32768, 32767); }

// The high half of the doubled 16-bit product, rounded (halves up) or truncated towards zero.
int32_t rounding_high_mul16(int32_t a, int32_t b) { return saturate16((a * b + (1 << 14)) >> 15); }
int32_t truncating_high_mul16(int32_t a, int32_t b) { return saturate16(a * b / (1 << 15)); }

QuantizedMultiplier quantize_multiplier16(double factor) {
  QuantizedMultiplier m = quantize_multiplier(factor);
  const int64_t rounded = (int64_t{m.multiplier} + (1 << 15)) >> 16;
  m.multiplier = static_cast<int32_t>(std::min<int64_t>(rounded, 32767));
  return m;
}

Map hard_swish_map(const Quantization& x, const Quantization& y) {
  const float fine_scale = 1.0f / 128.0f * x.scale();  // the input, seven bits finer
  const QuantizedMultiplier output =
      quantize_multiplier16(static_cast<double>(fine_scale / y.scale()));
  const QuantizedMultiplier gate =
      quantize_multiplier16(static_cast<double>(fine_scale / (3.0f / 32768.0f)));
  if (output.shift > 0) unsupported("the input's scale is more than 128 times the output's");
  if (output.shift < -15 || gate.shift < -15 || gate.shift > 16)
    unsupported("the input's scale is out of range");
  return [output, gate, zx = x.zero_point(), zy = y.zero_point()](int32_t value) {
    const int32_t fine = (value - zx) * 128;
    const int32_t unshifted = rounding_high_mul16(fine, output.multiplier);
    // relu6(x + 3) / 6: x in units of 3/2^15, saturated at +-1, moved to [0, 1].
    int32_t reluish = fine;
    if (gate.shift > 0) reluish = saturate16(reluish * (1 << (gate.shift - 1)));
    reluish = rounding_high_mul16(reluish, gate.multiplier);
    if (gate.shift > 0) reluish = saturate16(reluish * 2);
    if (gate.shift < 0) reluish = rounding_divide_by_pot(reluish, -gate.shift);
    reluish = (reluish + (1 << 15)) >> 1;
    return rounding_divide_by_pot(truncating_high_mul16(reluish, unshifted), -output.shift) + zy;
  };
}

Map quantized_map(const Graph& graph, const Op& op) {
  const Quantization& x = graph.input(op, 0).quantization;
  const Quantization& y = graph.output(op).quantization;
  switch (op.kind) {
    case OpKind::Relu:
      return relu_map(x, y, Activation::Relu);
    case OpKind::Relu6:
      return relu6_map(x);
    case OpKind::ReluN1To1:
      return relu_map(x, y, Activation::ReluN1To1);
    case OpKind::LeakyRelu:
      return leaky_relu_map(x, y, op.as<LeakyReluAttrs>().alpha);
    case OpKind::Abs:
      return abs_map(x, y);
    case OpKind::Elu:
      return elu_map(x, y);
    case OpKind::HardSwish:
      return hard_swish_map(x, y);
    case OpKind::Logistic:
      require_output(y, 1.0f / 256, -128, "the scale 1/256 and the zero point -128");
      return fixed_point_map(x, y, logistic_fixed_point, 8);
    case OpKind::Tanh:
      require_output(y, 1.0f / 128, 0, "the scale 1/128 and the zero point 0");
      return fixed_point_map(x, y, tanh_fixed_point, 7);
    case OpKind::Quantize:
      return rescale(x, y, ratio_in_double(x, y));
    default:
      break;
  }
  unsupported("is not a function of single values");
}

bool is_byte(DType dtype) { return dtype == DType::Int8 || dtype == DType::UInt8; }

float apply_float(OpKind kind, float alpha, float x) {
  switch (kind) {
    case OpKind::Relu:
      return x > 0.0f ? x : 0.0f;
    case OpKind::Relu6:
      return x < 0.0f ? 0.0f : x > 6.0f ? 6.0f : x;
    case OpKind::ReluN1To1:
      return x < -1.0f ? -1.0f : x > 1.0f ? 1.0f : x;
    case OpKind::LeakyRelu:
      return x > 0.0f ? x : x * alpha;
    case OpKind::Abs:
      return std::fabs(x);
    case OpKind::Elu:
      return x < 0.0f ? std::expm1(x) : x;
    case OpKind::HardSwish:
      return x * std::min(6.0f, std::max(0.0f, x + 3.0f)) / 6.0f;
    case OpKind::Logistic:
      return 1.0f / (1.0f + std::exp(-x));
    case OpKind::Tanh:
      return std::tanh(x);
    default:
      return x;
  }
}

}  // namespace

std::array<uint8_t, 256> unary_table(const Graph& graph, const Op& op) {
  const DType in = graph.input(op, 0).dtype;
  const DType out = graph.output(op).dtype;
  if (op.kind == OpKind::Quantize ? !is_byte(in) || !is_byte(out)
                                  : in != DType::Int8 || out != DType::Int8) {
    unsupported(std::string(dtype_name(in)) + " to " + dtype_name(out));
  }
  const QuantizedRange range =
      out == DType::Int8 ? QuantizedRange{-128, 127} : QuantizedRange{0, 255};
  const Map map = quantized_map(graph, op);
  std::array<uint8_t, 256> table{};
  for (int32_t byte = 0; byte < 256; ++byte) {
    const int32_t value = in == DType::Int8 && byte >= 128 ? byte - 256 : byte;
    table[static_cast<size_t>(byte)] = static_cast<uint8_t>(range.clamp(map(value)));
  }
  return table;
}

Kernel prepare_elementwise(const Graph& graph, const Op& op) {
  const auto count = static_cast<size_t>(graph.output(op).elements());
  if (op.kind == OpKind::Quantize || compute_type(graph, op) == DType::Int8) {
    return [count, table = unary_table(graph, op)](const Operands& operands) {
      for (size_t i = 0; i < count; ++i) operands.outputs[0][i] = table[operands.inputs[0][i]];
    };
  }
  const float alpha = op.kind == OpKind::LeakyRelu ? op.as<LeakyReluAttrs>().alpha : 0.0f;
  return [count, alpha, kind = op.kind](const Operands& operands) {
    for (size_t i = 0; i < count; ++i)
      operands.out<float>(0)[i] = apply_float(kind, alpha, operands.in<float>(0)[i]);
  };
}

}  // namespace mcunet::reference
