// Operators that combine many elements into one: pooling, mean, softmax.
#include "compiler/kernels/mcunet_params.h"
#include "compiler/schedule/lower.h"
#include "compiler/schedule/strides.h"
#include "libmcunet/reference/params.h"
#include "libmcunet/support/error.h"

namespace mcunet::compiler {
namespace {

constexpr size_t kReduceDims = MCUNET_MAX_REDUCE_DIMS;

// One call per row of the input.
void lower_mean_rows(Lowering& to, const reference::MeanParams& params) {
  const int64_t channels = to.output().elements();
  const int64_t row = to.input(0).elements() / to.steps();
  const int64_t last = to.steps() - 1;
  Params p;
  p.fields = {{"width", row / channels},
              {"channels", channels},
              {"offset", int64_t{params.input_zero_point} * params.elements},
              {"multiplier", int64_t{params.requantize.multiplier}},
              {"first_row", to.bottom_up() ? last : 0},
              {"last_row", to.bottom_up() ? 0 : last},
              {"shift", int64_t{params.requantize.shift}},
              {"out_zero", int64_t{params.output_zero_point}},
              {"act_min", int64_t{-128}},
              {"act_max", int64_t{127}}};
  to.call("mean_rows", {to.in(0), to.out_image(), to.sums(), ParamsArgument{}, RowArgument::Row},
          std::move(p));
}

void lower_pool_rows(Lowering& to) {
  const Shape& x = to.input(0).shape;
  const reference::QuantizedRange clamp = reference::pool_clamp(to.graph(), to.op());
  const int64_t last = to.steps() - 1;
  Params p;
  p.fields = {{"width", int64_t{x[2]}},
              {"channels", int64_t{x[3]}},
              {"count", int64_t{x[1]} * x[2]},
              {"first_row", to.bottom_up() ? last : 0},
              {"last_row", to.bottom_up() ? 0 : last},
              {"act_min", int64_t{clamp.min}},
              {"act_max", int64_t{clamp.max}}};
  to.call("average_pool_rows",
          {to.in(0), to.out_image(), to.sums(), ParamsArgument{}, RowArgument::Row}, std::move(p));
}

}  // namespace

void lower_pool(Lowering& to) {
  const auto& attrs = to.op().as<PoolAttrs>();
  if (to.by_rows() && is_pool_over_rows(to.graph(), to.op())) return lower_pool_rows(to);
  if (to.op().kind == OpKind::MaxPool2D) reference::require_same_quantization(to.graph(), to.op());
  const Shape& x = to.input(0).shape;
  const Shape& y = to.output().shape;
  const reference::QuantizedRange clamp = reference::pool_clamp(to.graph(), to.op());
  Params p;
  p.fields = {{"in_h", int64_t{x[1]}},
              {"in_w", int64_t{to.in_width(0)}},
              {"channels", int64_t{x[3]}},
              {"out_h", int64_t{y[1]}},
              {"out_w", int64_t{to.out_width()}},
              {"in_rows", int64_t{to.ring_rows(0)}},
              {"in_row_stride", to.row_stride(0)},
              {"filter_h", int64_t{attrs.filter_h}},
              {"filter_w", int64_t{attrs.filter_w}},
              {"stride_h", int64_t{attrs.stride_h}},
              {"stride_w", int64_t{attrs.stride_w}},
              {"pad_top", int64_t{attrs.padding.top}},
              {"pad_left", int64_t{to.pad_left(attrs.stride_w, attrs.padding.left)}},
              {"act_min", int64_t{clamp.min}},
              {"act_max", int64_t{clamp.max}}};
  for (int64_t image = 0; image < x[0]; ++image) {
    to.call_rows(to.op().kind == OpKind::MaxPool2D ? "max_pool" : "average_pool",
                 {to.in_image(0, image * x[1] * x[2] * x[3]), to.out(0, image * y[1] * y[2] * y[3]),
                  ParamsArgument{}},
                 p);
  }
}

void lower_mean(Lowering& to) {
  const auto& attrs = to.op().as<ReduceAttrs>();
  const reference::MeanParams params = reference::mean_params(to.graph(), to.op());
  if (params.elements > (1 << 23))
    throw Error(ErrorKind::Unsupported, "mean of more than 2^23 elements");
  const Shape& x = to.input(0).shape;
  if (to.by_rows() && is_mean_over_rows(to.graph(), to.op())) return lower_mean_rows(to, params);
  const std::vector<int32_t> strides = dense_strides(x);
  LoopNest<2> kept;  // strides in the input and in the output
  LoopNest<1> reduced;
  std::vector<bool> is_reduced(x.size(), false);
  for (const int32_t axis : attrs.axes) is_reduced[static_cast<size_t>(axis)] = true;
  int32_t out_stride = static_cast<int32_t>(to.output().elements());
  for (size_t i = 0; i < x.size(); ++i) {
    if (is_reduced[i]) {
      reduced.add(x[i], {strides[i]});
    } else {
      out_stride /= x[i];
      if (!to.by_rows() || i != 1) kept.add(x[i], {strides[i], out_stride});
    }
  }
  kept = merged(kept);
  reduced = merged(reduced);
  Params p;
  p.fields = {{"kept", padded_front(kept.extents, kReduceDims, 1)},
              {"kept_in_strides", padded_front(kept.strides[0], kReduceDims, 0)},
              {"kept_out_strides", padded_front(kept.strides[1], kReduceDims, 0)},
              {"reduced", padded_front(reduced.extents, kReduceDims, 1)},
              {"reduced_strides", padded_front(reduced.strides[0], kReduceDims, 0)},
              {"offset", int64_t{params.input_zero_point} * params.elements},
              {"multiplier", int64_t{params.requantize.multiplier}},
              {"shift", int64_t{params.requantize.shift}},
              {"out_zero", int64_t{params.output_zero_point}},
              {"act_min", int64_t{-128}},
              {"act_max", int64_t{127}}};
  to.call("mean", {to.in(0), to.out(), ParamsArgument{}}, std::move(p));
}

void lower_softmax(Lowering& to) {
  const Shape& x = to.input(0).shape;
  const int32_t depth = x.empty() ? 1 : x.back();
  if (depth >= 4096)
    throw Error(ErrorKind::Unsupported, "softmax over " + std::to_string(depth) +
                                            " classes; fewer than 4,096 are supported");
  const auto table = reference::softmax_exp_table(reference::softmax_params(to.graph(), to.op()));
  Params p;
  p.fields = {{"exp", to.int32s("exp", {table.begin(), table.end()}, ConstantRole::Table)},
              {"rows", to.input(0).elements() / depth},
              {"depth", int64_t{depth}}};
  to.call("softmax", {to.in(0), to.out(), ParamsArgument{}}, std::move(p));
}

}  // namespace mcunet::compiler
