// Operators that combine many elements into one: pooling, mean, softmax.
#include "compiler/kernels/mcunet_params.h"
#include "compiler/schedule/lower.h"
#include "compiler/schedule/strides.h"
#include "libmcunet/reference/params.h"
#include "libmcunet/support/error.h"

namespace mcunet::compiler {
namespace {

constexpr size_t kReduceDims = MCUNET_MAX_REDUCE_DIMS;

}  // namespace

void lower_pool(Lowering& to) {
  const auto& attrs = to.op().as<PoolAttrs>();
  if (to.op().kind == OpKind::MaxPool2D) reference::require_same_quantization(to.graph(), to.op());
  const Shape& x = to.input(0).shape;
  const Shape& y = to.output().shape;
  const reference::QuantizedRange clamp = reference::pool_clamp(to.graph(), to.op());
  Params p;
  p.fields = {{"batches", int64_t{x[0]}},
              {"in_h", int64_t{x[1]}},
              {"in_w", int64_t{x[2]}},
              {"channels", int64_t{x[3]}},
              {"out_h", int64_t{y[1]}},
              {"out_w", int64_t{y[2]}},
              {"filter_h", int64_t{attrs.filter_h}},
              {"filter_w", int64_t{attrs.filter_w}},
              {"stride_h", int64_t{attrs.stride_h}},
              {"stride_w", int64_t{attrs.stride_w}},
              {"pad_top", int64_t{attrs.padding.top}},
              {"pad_left", int64_t{attrs.padding.left}},
              {"act_min", int64_t{clamp.min}},
              {"act_max", int64_t{clamp.max}}};
  to.call(to.op().kind == OpKind::MaxPool2D ? "max_pool" : "average_pool",
          {to.in(0), to.out(), ParamsArgument{}}, std::move(p));
}

void lower_mean(Lowering& to) {
  const auto& attrs = to.op().as<ReduceAttrs>();
  const reference::MeanParams params = reference::mean_params(to.graph(), to.op());
  if (params.elements > (1 << 23))
    throw Error(ErrorKind::Unsupported, "mean of more than 2^23 elements");
  const Shape& x = to.input(0).shape;
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
      kept.add(x[i], {strides[i], out_stride});
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
