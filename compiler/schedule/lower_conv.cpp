// CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED. Weights are packed here, once, in the order the
// kernels read them; the input's zero point goes into the bias: Σ w·(x − z) + b = Σ w·x + (b − z·Σ
// w), modulo 2^32 on both sides.
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/schedule/lower.h"
#include "libmcunet/reference/params.h"

namespace mcunet::compiler {
namespace {

// Constants of the output channels [first, first + count).
struct Channels {
  ConstantRef weights, bias, multiplier, shift;
};

int32_t folded_bias(int32_t bias, int32_t zero_point, int32_t weight_sum) {
  return static_cast<int32_t>(static_cast<uint32_t>(bias) - static_cast<uint32_t>(zero_point) *
                                                                static_cast<uint32_t>(weight_sum));
}

Channels add_channels(Lowering& to, const reference::ConvParams& params,
                      const std::vector<int8_t>& packed, const std::vector<int32_t>& weight_sums,
                      int32_t first, bool one_multiplier = false) {
  const std::vector<int32_t> bias = reference::bias_values(to.graph(), to.op());
  std::vector<int32_t> folded, multiplier;
  std::vector<int8_t> shift;
  for (size_t i = 0; i < weight_sums.size(); ++i) {
    const size_t channel = static_cast<size_t>(first) + i;
    folded.push_back(folded_bias(bias[channel], params.input_zero_point, weight_sums[i]));
    if (one_multiplier && i > 0) continue;
    multiplier.push_back(params.requantize[channel].multiplier);
    shift.push_back(static_cast<int8_t>(params.requantize[channel].shift));
  }
  return {to.int8s("weights", packed, ConstantRole::Weights),
          to.int32s("bias", folded, ConstantRole::Weights),
          to.int32s("multiplier", multiplier, ConstantRole::Table),
          to.int8s("shift", shift, ConstantRole::Table)};
}

// Rows [first, first + count) of `row` weights each, padded with zeros to whole words.
Channels add_rows(Lowering& to, const reference::ConvParams& params,
                  const std::vector<int8_t>& weights, int32_t row, int32_t first, int32_t count,
                  bool one_multiplier = false) {
  const int32_t packed_row = MCUNET_ROUND_UP_4(row);
  std::vector<int8_t> packed(static_cast<size_t>(packed_row) * static_cast<size_t>(count), 0);
  std::vector<int32_t> sums(static_cast<size_t>(count), 0);
  for (int32_t c = 0; c < count; ++c) {
    for (int32_t k = 0; k < row; ++k) {
      const int8_t w = weights[static_cast<size_t>(first + c) * static_cast<size_t>(row) +
                               static_cast<size_t>(k)];
      packed[static_cast<size_t>(c) * static_cast<size_t>(packed_row) + static_cast<size_t>(k)] = w;
      sums[static_cast<size_t>(c)] += w;
    }
  }
  return add_channels(to, params, packed, sums, first, one_multiplier);
}

std::vector<Field> channel_fields(const Channels& channels) {
  return {{"weights", channels.weights},
          {"bias", channels.bias},
          {"multiplier", channels.multiplier},
          {"shift", channels.shift}};
}

void append(std::vector<Field>& fields, std::vector<Field> more) {
  for (Field& field : more) fields.push_back(std::move(field));
}

std::vector<Field> clamp_fields(const reference::ConvParams& params) {
  return {{"out_zero", int64_t{params.output_zero_point}},
          {"act_min", int64_t{params.clamp.min}},
          {"act_max", int64_t{params.clamp.max}}};
}

std::vector<Field> window_fields(const ConvAttrs& attrs, const Shape& w) {
  return {{"kernel_h", int64_t{w[1]}},
          {"kernel_w", int64_t{w[2]}},
          {"stride_h", int64_t{attrs.stride_h}},
          {"stride_w", int64_t{attrs.stride_w}},
          {"dilation_h", int64_t{attrs.dilation_h}},
          {"dilation_w", int64_t{attrs.dilation_w}},
          {"pad_top", int64_t{attrs.padding.top}},
          {"pad_left", int64_t{attrs.padding.left}}};
}

}  // namespace

void lower_conv(Lowering& to) {
  const auto& attrs = to.op().as<ConvAttrs>();
  const Shape& x = to.input(0).shape;
  const Shape& w = to.input(1).shape;
  const Shape& y = to.output().shape;
  const int32_t in_h = attrs.planar_input ? x[2] : x[1];
  const int32_t in_w = attrs.planar_input ? x[3] : x[2];
  const int32_t in_c = attrs.planar_input ? x[1] : x[3];
  const int32_t out_c = w[0];
  const int32_t group_in = w[3];
  const int32_t groups = in_c / group_in;
  const int32_t group_out = out_c / groups;
  const reference::ConvParams params = reference::conv_params(to.graph(), to.op());
  const std::vector<int8_t> weights = reference::weight_values(to.input(1));
  const int32_t row = w[1] * w[2] * group_in;

  const bool pointwise = groups == 1 && !attrs.planar_input && w[1] == 1 && w[2] == 1 &&
                         attrs.stride_h == 1 && attrs.stride_w == 1 && attrs.padding.none();
  if (pointwise) {
    Params p;
    p.fields = channel_fields(add_rows(to, params, weights, row, 0, out_c));
    append(p.fields, {{"pixels", int64_t{y[0]} * y[1] * y[2]},
                      {"in_c", int64_t{in_c}},
                      {"out_c", int64_t{out_c}}});
    append(p.fields, clamp_fields(params));
    to.call("conv_1x1",
            {to.in(0), to.out(), to.scratch(MCUNET_CONV_1X1_SCRATCH_BYTES(int64_t{in_c})),
             ParamsArgument{}},
            std::move(p));
    return;
  }
  const Argument scratch = to.scratch(MCUNET_CONV_SCRATCH_BYTES(int64_t{row}));
  const int64_t plane = int64_t{in_h} * in_w;
  for (int32_t group = 0; group < groups; ++group) {
    Params p;
    p.fields = channel_fields(add_rows(to, params, weights, row, group * group_out, group_out));
    append(p.fields, {{"batches", int64_t{x[0]}},
                      {"in_h", int64_t{in_h}},
                      {"in_w", int64_t{in_w}},
                      {"in_c", int64_t{group_in}},
                      {"out_h", int64_t{y[1]}},
                      {"out_w", int64_t{y[2]}},
                      {"out_c", int64_t{group_out}},
                      {"in_batch_stride", plane * in_c},
                      {"in_row_stride", attrs.planar_input ? int64_t{in_w} : int64_t{in_w} * in_c},
                      {"in_pixel_stride", attrs.planar_input ? int64_t{1} : int64_t{in_c}},
                      {"in_channel_stride", attrs.planar_input ? plane : int64_t{1}},
                      {"out_batch_stride", int64_t{y[1]} * y[2] * out_c},
                      {"out_pixel_stride", int64_t{out_c}}});
    append(p.fields, window_fields(attrs, w));
    append(p.fields, {{"in_zero", int64_t{params.input_zero_point}}});
    append(p.fields, clamp_fields(params));
    const int64_t in_offset = int64_t{group} * group_in * (attrs.planar_input ? plane : 1);
    to.call("conv",
            {to.in(0, in_offset), to.out(0, int64_t{group} * group_out), scratch, ParamsArgument{}},
            std::move(p));
  }
}

void lower_depthwise(Lowering& to) {
  const auto& attrs = to.op().as<ConvAttrs>();
  const Shape& x = to.input(0).shape;
  const Shape& w = to.input(1).shape;
  const Shape& y = to.output().shape;
  const reference::ConvParams params = reference::conv_params(to.graph(), to.op());
  const std::vector<int8_t> weights = reference::weight_values(to.input(1));
  std::vector<int32_t> sums(static_cast<size_t>(w[3]), 0);
  for (size_t i = 0; i < weights.size(); ++i) sums[i % sums.size()] += weights[i];
  Params p;
  p.fields = channel_fields(add_channels(to, params, weights, sums, 0));
  append(p.fields, {{"batches", int64_t{x[0]}},
                    {"in_h", int64_t{x[1]}},
                    {"in_w", int64_t{x[2]}},
                    {"in_c", int64_t{x[3]}},
                    {"out_h", int64_t{y[1]}},
                    {"out_w", int64_t{y[2]}},
                    {"depth_multiplier", int64_t{w[3] / x[3]}}});
  append(p.fields, window_fields(attrs, w));
  append(p.fields, {{"in_zero", int64_t{params.input_zero_point}}});
  append(p.fields, clamp_fields(params));
  to.call("depthwise", {to.in(0), to.out(), int64_t{0}, ParamsArgument{}}, std::move(p));
}

void lower_fully_connected(Lowering& to) {
  const Shape& w = to.input(1).shape;
  const reference::ConvParams params = reference::conv_params(to.graph(), to.op());
  bool per_channel = false;
  for (const auto& requantize : params.requantize)
    per_channel = per_channel || !(requantize == params.requantize.front());
  Params p;
  p.fields = channel_fields(
      add_rows(to, params, reference::weight_values(to.input(1)), w[1], 0, w[0], !per_channel));
  append(p.fields, {{"rows", to.input(0).elements() / w[1]},
                    {"in_c", int64_t{w[1]}},
                    {"out_c", int64_t{w[0]}},
                    {"per_channel", int64_t{per_channel ? 1 : 0}}});
  append(p.fields, clamp_fields(params));
  to.call("fully_connected",
          {to.in(0), to.out(), to.scratch(MCUNET_FULLY_CONNECTED_SCRATCH_BYTES(int64_t{w[1]})),
           ParamsArgument{}},
          std::move(p));
}

}  // namespace mcunet::compiler
