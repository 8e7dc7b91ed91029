// CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED. Weights are packed here, once, in the order the
// kernels read them; the input's zero point goes into the bias: Σ w·(x − z) + b = Σ w·x + (b − z·Σ
// w), modulo 2^32 on both sides.
#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "compiler/cost/kernel_work.h"
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/schedule/conv_block.h"
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

// What the channels of a convolution are computed from.
struct ConvConstants {
  reference::ConvParams params;
  std::vector<int8_t> weights;
  std::vector<int32_t> bias;
  // Whether all sums, shifted left where their scale asks for it, stay below 2^30 whatever the
  // input: what the kernels with the short requantization ask for.
  bool bounded = true;
};

ConvConstants stored_constants(const Lowering& to) {
  return {reference::conv_params(to.graph(), to.op()), reference::weight_values(to.input(1)),
          reference::bias_values(to.graph(), to.op()), false};
}

// The same outputs from sums that are bounded if possible. Pruned channels have vanishing scales
// and with them enormous biases; but their output does not depend on the input, so that they can do
// with no weights and a bias that stands for that output. Weights: element i belongs to channel
// i / row, or i % channels where they are innermost.
ConvConstants bounded_constants(const Lowering& to, bool channels_innermost) {
  ConvConstants from = stored_constants(to);
  const reference::ConvParams& params = from.params;
  const size_t channels = params.requantize.size(), row = from.weights.size() / channels;
  const auto channel_of = [&](size_t i) { return channels_innermost ? i % channels : i / row; };
  const int64_t least = -128 - params.input_zero_point, most = 127 - params.input_zero_point;
  std::vector<int64_t> low(from.bias.begin(), from.bias.end()), high = low;
  for (size_t i = 0; i < from.weights.size(); ++i) {
    const int64_t w = from.weights[i];
    low[channel_of(i)] += std::min(w * least, w * most);
    high[channel_of(i)] += std::max(w * least, w * most);
  }
  std::vector<bool> constant(channels, false);
  from.bounded = true;
  for (size_t c = 0; c < channels; ++c) {
    const int shift = params.requantize[c].shift;
    const int64_t magnitude = std::max(std::abs(low[c]), std::abs(high[c]));
    if (magnitude << std::max(shift, 0) < int64_t{1} << 30) continue;
    const auto output = [&](int64_t sum) {
      const int64_t y = int64_t{reference::multiply_by_quantized_multiplier(
                            static_cast<int32_t>(sum), params.requantize[c])} +
                        params.output_zero_point;
      return std::clamp(y, int64_t{params.clamp.min}, int64_t{params.clamp.max});
    };
    // Outputs rise, or fall, with the sum as long as nothing wraps around.
    constant[c] = shift <= 0 && magnitude < int64_t{1} << 31 && output(low[c]) == output(high[c]);
    if (!constant[c]) {
      from.bounded = false;
      continue;
    }
    from.bias[c] = static_cast<int32_t>(2 * (output(low[c]) - params.output_zero_point));
    from.params.requantize[c] = {1 << 30, 0};  // 1 / 2
  }
  for (size_t i = 0; i < from.weights.size(); ++i) {
    if (constant[channel_of(i)]) from.weights[i] = 0;
  }
  return from;
}

Channels add_channels(Lowering& to, const ConvConstants& from, const std::vector<int8_t>& packed,
                      const std::vector<int32_t>& weight_sums, int32_t first,
                      bool one_multiplier = false) {
  const reference::ConvParams& params = from.params;
  std::vector<int32_t> folded, multiplier;
  std::vector<int8_t> shift;
  for (size_t i = 0; i < weight_sums.size(); ++i) {
    const size_t channel = static_cast<size_t>(first) + i;
    folded.push_back(folded_bias(from.bias[channel], params.input_zero_point, weight_sums[i]));
    if (one_multiplier && i > 0) continue;
    multiplier.push_back(params.requantize[channel].multiplier);
    shift.push_back(static_cast<int8_t>(params.requantize[channel].shift));
  }
  return {to.int8s("weights", packed, ConstantRole::Weights),
          to.int32s("bias", folded, ConstantRole::Weights),
          to.int32s("multiplier", multiplier, ConstantRole::Table),
          to.int8s("shift", shift, ConstantRole::Table)};
}

// Of each output channel's `row` weights.
std::vector<int32_t> row_sums(const std::vector<int8_t>& weights, int32_t row) {
  std::vector<int32_t> sums;
  for (auto begin = weights.begin(); begin != weights.end(); begin += row)
    sums.push_back(std::accumulate(begin, begin + row, int32_t{0}));
  return sums;
}

// Of the output channels [first, first + count): what the block kernels read, if they can take
// them.
std::optional<std::vector<int32_t>> block_constants(const ConvConstants& from, int32_t row,
                                                    int32_t first, int32_t count) {
  const reference::ConvParams& params = from.params;
  const auto part = [&](const auto& values, int64_t size) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first * size);
    return std::decay_t<decltype(values)>(begin, begin + static_cast<std::ptrdiff_t>(count * size));
  };
  ConvChannels channels{part(from.weights, row), part(from.bias, 1), part(params.requantize, 1),
                        params.output_zero_point, params.clamp};
  const std::vector<int32_t> sums = row_sums(channels.weights, row);
  for (size_t c = 0; c < sums.size(); ++c)
    channels.bias[c] = folded_bias(channels.bias[c], params.input_zero_point, sums[c]);
  return pack_conv_block(std::move(channels));
}

// Weights of mcunet_depthwise_KxK, as mcunet_params.h describes them.
std::vector<int8_t> pack_square(const std::vector<int8_t>& weights, int32_t k, int32_t stride,
                                int32_t channels) {
  std::vector<int8_t> packed;
  for (int32_t c = 0; c < channels; ++c) {
    const auto at = [&](int32_t ky, int32_t kx) {
      return kx < k ? weights[static_cast<size_t>((ky * k + kx) * channels + c)] : int8_t{0};
    };
    std::vector<std::pair<int8_t, int8_t>> pairs;
    if (stride == 1) {
      for (int32_t ky = 0; ky + 1 < k; ky += 2)
        for (int32_t kx = 0; kx < k; ++kx) pairs.emplace_back(at(ky, kx), at(ky + 1, kx));
      for (int32_t kx = 0; kx + 1 < k; ++kx) pairs.emplace_back(at(k - 1, kx), at(k - 1, kx + 1));
    } else {
      for (int32_t ky = 0; ky < k; ++ky)
        for (int32_t kx = 0; kx < k; kx += 2) pairs.emplace_back(at(ky, kx), at(ky, kx + 1));
    }
    if (pairs.size() % 2 != 0) pairs.emplace_back(0, 0);
    for (size_t i = 0; i < pairs.size(); i += 2) {
      for (const int8_t w :
           {pairs[i].first, pairs[i + 1].first, pairs[i].second, pairs[i + 1].second})
        packed.push_back(w);
    }
  }
  return packed;
}

// Likewise, of mcunet_fully_connected.
std::vector<int8_t> pack_dense(const std::vector<int8_t>& weights, int32_t in_c, int32_t out_c) {
  std::vector<int8_t> packed;
  const auto add_word = [&](int32_t c, int32_t begin) {
    for (int32_t i = begin; i < begin + 4; ++i) {
      const auto row = static_cast<size_t>(c) * static_cast<size_t>(in_c);
      packed.push_back(i < in_c ? weights[row + static_cast<size_t>(i)] : int8_t{0});
    }
  };
  const int32_t in_fours = out_c / 4 * 4;
  for (int32_t c = 0; c < in_fours; c += 4) {
    for (int32_t i = 0; i < in_c; i += 4) {
      for (int32_t d = c; d < c + 4; ++d) add_word(d, i);
    }
  }
  for (int32_t c = in_fours; c < out_c; ++c) {
    for (int32_t i = 0; i < in_c; i += 4) add_word(c, i);
  }
  return packed;
}

// Of each two bytes: the one in the upper half, the other in the lower half.
std::vector<int8_t> nibbles(const std::vector<int8_t>& upper, const std::vector<int8_t>& lower) {
  std::vector<int8_t> packed;
  for (size_t i = 0; i < upper.size(); ++i) {
    const unsigned high = static_cast<uint8_t>(upper[i]), low = static_cast<uint8_t>(lower[i]);
    packed.push_back(static_cast<int8_t>(static_cast<uint8_t>(high << 4 | (low & 15u))));
  }
  return packed;
}

// Weights of mcunet_conv_1x1_s4, as mcunet_params.h describes them.
std::vector<int8_t> pack_pointwise_s4(const std::vector<int8_t>& weights, int32_t in_c,
                                      int32_t out_c) {
  std::vector<int8_t> upper, lower;
  const auto at = [&](int32_t c, int32_t i) {
    return c < out_c && i < in_c ? weights[static_cast<size_t>(c) * static_cast<size_t>(in_c) +
                                           static_cast<size_t>(i)]
                                 : int8_t{0};
  };
  for (int32_t c = 0; c < out_c; c += 2) {
    for (int32_t i = 0; i < in_c; i += 4) {
      for (const int8_t w : {at(c, i), at(c + 1, i), at(c, i + 2), at(c + 1, i + 2)})
        upper.push_back(w);
      for (const int8_t w : {at(c, i + 1), at(c + 1, i + 1), at(c, i + 3), at(c + 1, i + 3)})
        lower.push_back(w);
    }
  }
  return nibbles(upper, lower);
}

// Likewise, of mcunet_fully_connected_s4.
std::vector<int8_t> pack_dense_s4(const std::vector<int8_t>& weights, int32_t in_c, int32_t out_c) {
  std::vector<int8_t> upper, lower;
  const auto at = [&](int32_t c, int32_t i) {
    return c < out_c && i < in_c ? weights[static_cast<size_t>(c) * static_cast<size_t>(in_c) +
                                           static_cast<size_t>(i)]
                                 : int8_t{0};
  };
  for (int32_t c = 0; c < out_c; c += 4) {
    for (int32_t i = 0; i < in_c; i += 4) {
      for (const int32_t d : {c, c + 2}) {
        for (int32_t k = i; k < i + 4; ++k) {
          upper.push_back(at(d, k));
          lower.push_back(at(d + 1, k));
        }
      }
    }
  }
  return nibbles(upper, lower);
}

// Whether the kernels for int4 weights can run the operator: 16 times a sum has to fit in 32 bits.
bool runs_on_nibbles(const Lowering& to, const ConvConstants& from, int32_t in_c) {
  return to.input(1).dtype == DType::Int4 && from.bounded && in_c < 1 << 17;
}

// Rows [first, first + count) of `row` weights each, padded with zeros to whole words.
Channels add_rows(Lowering& to, const ConvConstants& from, int32_t row, int32_t first,
                  int32_t count, bool one_multiplier = false) {
  const int32_t packed_row = MCUNET_ROUND_UP_4(row);
  std::vector<int8_t> packed(static_cast<size_t>(packed_row) * static_cast<size_t>(count), 0);
  std::vector<int32_t> sums(static_cast<size_t>(count), 0);
  for (int32_t c = 0; c < count; ++c) {
    for (int32_t k = 0; k < row; ++k) {
      const int8_t w = from.weights[static_cast<size_t>(first + c) * static_cast<size_t>(row) +
                                    static_cast<size_t>(k)];
      packed[static_cast<size_t>(c) * static_cast<size_t>(packed_row) + static_cast<size_t>(k)] = w;
      sums[static_cast<size_t>(c)] += w;
    }
  }
  return add_channels(to, from, packed, sums, first, one_multiplier);
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

std::vector<Field> window_fields(const Lowering& to, const ConvAttrs& attrs, const Shape& w) {
  return {{"kernel_h", int64_t{w[1]}},
          {"kernel_w", int64_t{w[2]}},
          {"stride_h", int64_t{attrs.stride_h}},
          {"stride_w", int64_t{attrs.stride_w}},
          {"dilation_h", int64_t{attrs.dilation_h}},
          {"dilation_w", int64_t{attrs.dilation_w}},
          {"pad_top", int64_t{attrs.padding.top}},
          {"pad_left", int64_t{to.pad_left(attrs.stride_w, attrs.padding.left)}}};
}

// Of mcunet_conv_params, but for the window: in_c to out_c channels, which may be one group of
// more.
std::vector<Field> conv_fields(const Lowering& to, int32_t in_h, int32_t in_c, int32_t out_c,
                               int64_t pixel_stride, int64_t channel_stride) {
  const Shape& y = to.output().shape;
  return {{"in_h", int64_t{in_h}},
          {"in_w", int64_t{to.in_width(0)}},
          {"in_c", int64_t{in_c}},
          {"out_h", int64_t{y[1]}},
          {"out_w", int64_t{to.out_width()}},
          {"out_c", int64_t{out_c}},
          {"in_rows", int64_t{to.ring_rows(0)}},
          {"in_row_stride", to.row_stride(0)},
          {"in_pixel_stride", pixel_stride},
          {"in_channel_stride", channel_stride},
          {"out_pixel_stride", int64_t{y[3]}}};
}

// The weights of each output channel together, from [taps][channels].
std::vector<int8_t> rows_of_taps(const std::vector<int8_t>& weights, int32_t channels) {
  std::vector<int8_t> rows;
  for (int32_t c = 0; c < channels; ++c)
    for (size_t i = static_cast<size_t>(c); i < weights.size(); i += static_cast<size_t>(channels))
      rows.push_back(weights[i]);
  return rows;
}

std::vector<Field> pointwise_fields(const Lowering& to, const reference::ConvParams& params) {
  const Shape& w = to.input(1).shape;
  std::vector<Field> fields = {{"pixels", to.per_call(to.output().elements() / w[0])},
                               {"in_c", int64_t{w[3]}},
                               {"out_c", int64_t{w[0]}}};
  append(fields, clamp_fields(params));
  return fields;
}

// A product of matrices whose weights are stored as int4. False if there is no kernel for it.
bool lower_pointwise_s4(Lowering& to) {
  const Shape& w = to.input(1).shape;
  const int32_t out_c = w[0], in_c = w[3];
  if (to.input(1).dtype != DType::Int4) return false;
  const ConvConstants from = bounded_constants(to, false);
  if (!runs_on_nibbles(to, from, in_c)) return false;
  Params p;
  p.fields = channel_fields(add_channels(to, from, pack_pointwise_s4(from.weights, in_c, out_c),
                                         row_sums(from.weights, in_c), 0));
  append(p.fields, pointwise_fields(to, from.params));
  to.call("conv_1x1_s4",
          {to.in(0), to.out(), to.scratch(MCUNET_CONV_1X1_SCRATCH_BYTES(int64_t{in_c})),
           ParamsArgument{}},
          std::move(p));
  return true;
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
  const ConvConstants from = stored_constants(to);
  const reference::ConvParams& params = from.params;
  const int32_t row = w[1] * w[2] * group_in;

  if (is_pointwise(to.graph(), to.op())) {
    if (lower_pointwise_s4(to)) return;
    Params p;
    const auto packed = to.wants("conv_1x1") ? block_constants(from, row, 0, out_c)
                                             : std::optional<std::vector<int32_t>>();
    if (packed) {
      p.fields = {{"constants", to.int32s("constants", *packed, ConstantRole::Weights)}};
    } else {
      p.fields =
          channel_fields(add_channels(to, from, from.weights, row_sums(from.weights, row), 0));
    }
    append(p.fields, pointwise_fields(to, params));
    to.call(packed ? "conv_1x1" : "conv_1x1_any",
            {to.in(0), to.out(), to.scratch(MCUNET_CONV_1X1_SCRATCH_BYTES(int64_t{in_c})),
             ParamsArgument{}},
            std::move(p));
    return;
  }
  const Argument scratch = to.scratch(MCUNET_CONV_SCRATCH_BYTES(int64_t{row}));
  const int64_t plane = int64_t{in_h} * in_w;
  const bool blocks =
      to.wants("conv_bounded") && ((group_in % 4 == 0 && !attrs.planar_input) ||
                                   MCUNET_ROUND_UP_4(row) <= MCUNET_CONV_BOUNDED_TAPS);
  for (int32_t group = 0; group < groups; ++group) {
    Params p;
    const auto packed = blocks ? block_constants(from, row, group * group_out, group_out)
                               : std::optional<std::vector<int32_t>>();
    if (packed) {
      p.fields = {{"constants", to.int32s("constants", *packed, ConstantRole::Weights)}};
    } else {
      p.fields = channel_fields(add_rows(to, from, row, group * group_out, group_out));
    }
    append(p.fields, conv_fields(to, in_h, group_in, group_out,
                                 attrs.planar_input ? int64_t{1} : int64_t{in_c},
                                 attrs.planar_input ? plane : int64_t{1}));
    append(p.fields, window_fields(to, attrs, w));
    append(p.fields, {{"in_zero", int64_t{params.input_zero_point}}});
    append(p.fields, clamp_fields(params));
    const int64_t in_offset = int64_t{group} * group_in * (attrs.planar_input ? plane : 1);
    for (int64_t image = 0; image < x[0]; ++image) {
      to.call_rows(packed ? "conv_bounded" : "conv",
                   {to.in_image(0, image * in_c * plane + in_offset),
                    to.out(0, image * y[1] * y[2] * out_c + int64_t{group} * group_out), scratch,
                    ParamsArgument{}},
                   p);
    }
  }
}

namespace {

// DEPTHWISE_CONV_2D of one input channel, as a convolution. False if that kernel cannot take it.
bool lower_one_channel(Lowering& to) {
  if (!to.wants("conv_bounded")) return false;
  const auto& attrs = to.op().as<ConvAttrs>();
  const Shape& x = to.input(0).shape;
  const Shape& w = to.input(1).shape;
  const Shape& y = to.output().shape;
  const int32_t taps = w[1] * w[2];
  ConvConstants from = stored_constants(to);
  from.weights = rows_of_taps(from.weights, w[3]);
  const auto packed = block_constants(from, taps, 0, w[3]);
  if (!packed) return false;
  const Argument scratch = to.scratch(MCUNET_CONV_SCRATCH_BYTES(int64_t{taps}));
  Params p;
  p.fields = {{"constants", to.int32s("constants", *packed, ConstantRole::Weights)}};
  append(p.fields, conv_fields(to, x[1], 1, w[3], 1, 1));
  append(p.fields, window_fields(to, attrs, w));
  append(p.fields, {{"in_zero", int64_t{from.params.input_zero_point}}});
  append(p.fields, clamp_fields(from.params));
  for (int64_t image = 0; image < x[0]; ++image) {
    to.call_rows("conv_bounded",
                 {to.in_image(0, image * x[1] * x[2]), to.out(0, image * y[1] * y[2] * w[3]),
                  scratch, ParamsArgument{}},
                 p);
  }
  return true;
}

}  // namespace

void lower_depthwise(Lowering& to) {
  if (is_convolution_of_one_channel(to.graph(), to.op()) && lower_one_channel(to)) return;
  const auto& attrs = to.op().as<ConvAttrs>();
  const Shape& x = to.input(0).shape;
  const Shape& w = to.input(1).shape;
  const Shape& y = to.output().shape;
  const ConvConstants from = bounded_constants(to, true);
  const reference::ConvParams& params = from.params;
  const std::vector<int8_t>& weights = from.weights;
  std::vector<int32_t> sums(static_cast<size_t>(w[3]), 0);
  for (size_t i = 0; i < weights.size(); ++i) sums[i % sums.size()] += weights[i];
  const std::string usual = usual_kernel(to.graph(), to.op());
  const bool square = (is_square_depthwise(to.graph(), to.op()) ||
                       is_single_channel_depthwise(to.graph(), to.op())) &&
                      from.bounded && to.wants(usual);
  const std::string kernel = square ? usual : "depthwise";
  const Argument scratch =
      square ? to.scratch(MCUNET_DEPTHWISE_SCRATCH_BYTES(int64_t{w[2]})) : Argument{int64_t{0}};
  Params p;
  p.fields = channel_fields(add_channels(
      to, from, square ? pack_square(weights, w[2], attrs.stride_w, w[3]) : weights, sums, 0));
  append(p.fields, {{"in_h", int64_t{x[1]}},
                    {"in_w", int64_t{to.in_width(0)}},
                    {"in_c", int64_t{x[3]}},
                    {"in_rows", int64_t{to.ring_rows(0)}},
                    {"in_row_stride", to.row_stride(0)},
                    {"out_h", int64_t{y[1]}},
                    {"out_w", int64_t{to.out_width()}},
                    {"depth_multiplier", int64_t{w[3] / x[3]}}});
  append(p.fields, window_fields(to, attrs, w));
  append(p.fields, {{"in_zero", int64_t{params.input_zero_point}}});
  append(p.fields, clamp_fields(params));
  for (int64_t image = 0; image < x[0]; ++image) {
    to.call_rows(kernel,
                 {to.in_image(0, image * x[1] * x[2] * x[3]), to.out(0, image * y[1] * y[2] * w[3]),
                  scratch, ParamsArgument{}},
                 p);
  }
}

void lower_fully_connected(Lowering& to) {
  const Shape& w = to.input(1).shape;
  const int32_t in_c = w[1], out_c = w[0];
  const int64_t rows = to.input(0).elements() / in_c;
  const ConvConstants from = bounded_constants(to, false);
  const reference::ConvParams& params = from.params;
  const Argument scratch = to.scratch(MCUNET_FULLY_CONNECTED_SCRATCH_BYTES(int64_t{in_c}));
  const std::vector<int32_t> sums = row_sums(from.weights, in_c);
  Params p;
  if (!from.bounded) {  // a 1x1 convolution whose pixels are the rows
    p.fields = channel_fields(add_channels(to, from, from.weights, sums, 0));
    append(p.fields, {{"pixels", rows}, {"in_c", int64_t{in_c}}, {"out_c", int64_t{out_c}}});
    append(p.fields, clamp_fields(params));
    to.call("conv_1x1_any", {to.in(0), to.out(), scratch, ParamsArgument{}}, std::move(p));
    return;
  }
  bool per_channel = false;
  for (const auto& requantize : params.requantize)
    per_channel = per_channel || !(requantize == params.requantize.front());
  const bool s4 = runs_on_nibbles(to, from, in_c);
  const std::vector<int8_t> packed =
      s4 ? pack_dense_s4(from.weights, in_c, out_c) : pack_dense(from.weights, in_c, out_c);
  p.fields = channel_fields(add_channels(to, from, packed, sums, 0, !per_channel));
  append(p.fields, {{"rows", rows},
                    {"in_c", int64_t{in_c}},
                    {"out_c", int64_t{out_c}},
                    {"per_channel", int64_t{per_channel ? 1 : 0}}});
  append(p.fields, clamp_fields(params));
  to.call(s4 ? "fully_connected_s4" : "fully_connected",
          {to.in(0), to.out(), scratch, ParamsArgument{}}, std::move(p));
}

}  // namespace mcunet::compiler
