// Operators that work element by element: arithmetic with broadcasting, functions of one byte,
// conversions at the edge.
#include <stdexcept>

#include "compiler/kernels/mcunet_params.h"
#include "compiler/schedule/lower.h"
#include "compiler/schedule/strides.h"
#include "libmcunet/reference/elementwise.h"
#include "libmcunet/reference/params.h"
#include "libmcunet/support/error.h"

namespace mcunet::compiler {
namespace {

constexpr size_t kBroadcastDims = MCUNET_MAX_BROADCAST_DIMS;

// Strides of an operand along the output's dimensions: 0 where it repeats.
std::vector<int32_t> broadcast_strides(const Shape& operand, const Shape& out) {
  const std::vector<int32_t> dense = dense_strides(operand);
  std::vector<int32_t> strides(out.size(), 0);
  for (size_t i = 0; i < operand.size(); ++i) {
    if (operand[operand.size() - 1 - i] != 1)
      strides[out.size() - 1 - i] = dense[operand.size() - 1 - i];
  }
  return strides;
}

std::vector<Field> broadcast_fields(const Lowering& to) {
  const Shape& out = to.output().shape;
  const std::vector<int32_t> first = broadcast_strides(to.input(0).shape, out);
  const std::vector<int32_t> second = broadcast_strides(to.input(1).shape, out);
  const std::vector<int32_t> dense = dense_strides(out);
  LoopNest<3> nest;
  for (size_t i = 0; i < out.size(); ++i) {
    if (to.by_rows() && i == 1) continue;
    const bool columns = to.by_rows() && i == 2;
    nest.add(columns ? to.out_width() : out[i], {first[i], second[i], dense[i]});
  }
  nest = merged(nest);
  if (nest.extents.empty()) nest.add(1, {1, 1, 1});
  return {{"shape.dims", padded_front(nest.extents, kBroadcastDims, 1)},
          {"shape.strides1", padded_front(nest.strides[0], kBroadcastDims, 0)},
          {"shape.strides2", padded_front(nest.strides[1], kBroadcastDims, 0)}};
}

void add(Params& params, const char* name, int64_t value) {
  params.fields.push_back({name, value});
}

}  // namespace

void lower_add(Lowering& to) {
  const reference::AddParams params = reference::add_params(to.graph(), to.op());
  if (params.left_shift != 20) throw std::logic_error("the kernel shifts by 20");
  Params p{broadcast_fields(to)};
  add(p, "multiplier1", params.input1.multiplier);
  add(p, "multiplier2", params.input2.multiplier);
  add(p, "out_multiplier", params.output.multiplier);
  add(p, "shift1", params.input1.shift);
  add(p, "shift2", params.input2.shift);
  add(p, "out_shift", params.output.shift);
  add(p, "subtract", params.subtract ? 1 : 0);
  add(p, "zero1", params.zero_point1);
  add(p, "zero2", params.zero_point2);
  add(p, "out_zero", params.output_zero_point);
  add(p, "act_min", params.clamp.min);
  add(p, "act_max", params.clamp.max);
  to.call("add", {to.in(0), to.in(1), to.out(), ParamsArgument{}}, std::move(p));
}

void lower_mul(Lowering& to) {
  const reference::MulParams params = reference::mul_params(to.graph(), to.op());
  Params p{broadcast_fields(to)};
  add(p, "multiplier", params.requantize.multiplier);
  add(p, "shift", params.requantize.shift);
  add(p, "zero1", params.zero_point1);
  add(p, "zero2", params.zero_point2);
  add(p, "out_zero", params.output_zero_point);
  add(p, "act_min", params.clamp.min);
  add(p, "act_max", params.clamp.max);
  to.call("mul", {to.in(0), to.in(1), to.out(), ParamsArgument{}}, std::move(p));
}

void lower_minmax(Lowering& to) {
  reference::require_same_quantization(to.graph(), to.op());
  Params p{broadcast_fields(to)};
  add(p, "maximum", to.op().kind == OpKind::Maximum ? 1 : 0);
  to.call("minmax", {to.in(0), to.in(1), to.out(), ParamsArgument{}}, std::move(p));
}

void lower_table(Lowering& to) {
  const auto table = reference::unary_table(to.graph(), to.op());
  std::vector<int8_t> values;
  for (const uint8_t byte : table) values.push_back(static_cast<int8_t>(byte));
  const ConstantRef constant = to.int8s("table", values, ConstantRole::Table);
  to.call("lut", {to.in(0), to.out(), constant, to.per_call(to.output().elements())});
}

void lower_quantize(Lowering& to) {
  const bool from_float = to.input(0).dtype == DType::Float32;
  const bool to_float = to.output().dtype == DType::Float32;
  if (!from_float && !to_float) return lower_table(to);
  if (from_float && to_float) throw Error(ErrorKind::Unsupported, "converts float32 to float32");
  const Tensor& quantized = from_float ? to.output() : to.input(0);
  Params p;
  p.fields.push_back({"scale", quantized.quantization.scale()});
  add(p, "zero", quantized.quantization.zero_point());
  add(p, "count", to.per_call(quantized.elements()));
  add(p, "is_unsigned", quantized.dtype == DType::UInt8 ? 1 : 0);
  if (from_float) {
    to.call("quantize_f32", {to.in(0, 0, "float"), to.out(), ParamsArgument{}}, std::move(p));
  } else {
    to.call("dequantize_f32", {to.in(0), to.out(0, 0, "float"), ParamsArgument{}}, std::move(p));
  }
}

}  // namespace mcunet::compiler
