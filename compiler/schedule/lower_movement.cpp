// Operators that only move bytes: all are strided copies, one kernel.
#include <algorithm>
#include <numeric>

#include "compiler/kernels/mcunet_params.h"
#include "compiler/schedule/lower.h"
#include "compiler/schedule/strides.h"
#include "libmcunet/reference/movement.h"
#include "libmcunet/reference/params.h"
#include "libmcunet/support/error.h"

namespace mcunet::compiler {
namespace {

constexpr size_t kCopyDims = MCUNET_MAX_COPY_DIMS;

void copy(Lowering& to, const Argument& in, const Argument& out, const LoopNest<2>& loops) {
  LoopNest<2> nest = merged(loops);
  if (nest.extents.empty()) nest.add(1, {1, 1});
  Params p;
  p.fields = {{"dims", padded_front(nest.extents, kCopyDims, 1)},
              {"in_strides", padded_front(nest.strides[0], kCopyDims, 0)},
              {"out_strides", padded_front(nest.strides[1], kCopyDims, 0)}};
  to.call("copy", {in, out, ParamsArgument{}}, std::move(p));
}

LoopNest<2> nest_of(const Shape& extents, const std::vector<int32_t>& in_strides,
                    const std::vector<int32_t>& out_strides) {
  LoopNest<2> nest;
  for (size_t i = 0; i < extents.size(); ++i) nest.add(extents[i], {in_strides[i], out_strides[i]});
  return nest;
}

int64_t offset_of(const std::vector<int32_t>& position, const std::vector<int32_t>& strides) {
  return std::inner_product(position.begin(), position.end(), strides.begin(), int64_t{0});
}

int64_t product(const Shape& shape, size_t from, size_t to) {
  int64_t total = 1;
  for (size_t i = from; i < to; ++i) total *= shape[i];
  return total;
}

// One part of a concatenation, seen as [outer, part] inside [outer, whole].
LoopNest<2> part_nest(int64_t outer, int64_t part, int64_t in_pitch, int64_t out_pitch) {
  LoopNest<2> nest;
  nest.add(static_cast<int32_t>(outer),
           {static_cast<int32_t>(in_pitch), static_cast<int32_t>(out_pitch)});
  nest.add(static_cast<int32_t>(part), {1, 1});
  return nest;
}

}  // namespace

void lower_reshape(Lowering& to) {
  if (!to.input(0).is_constant()) return;  // shares its input's bytes
  LoopNest<2> nest;
  nest.add(static_cast<int32_t>(to.output().elements()), {1, 1});
  copy(to, to.in(0), to.out(), nest);
}

void lower_pad(Lowering& to) {
  const auto& attrs = to.op().as<PadAttrs>();
  const Shape& x = to.input(0).shape;
  const Shape& y = to.output().shape;
  const int32_t value = attrs.has_value ? attrs.value : to.output().quantization.zero_point();
  const std::vector<int32_t> out_strides = dense_strides(y);
  to.call("fill", {to.out(), int64_t{value}, to.output().elements()});
  copy(to, to.in(0), to.out(0, offset_of(attrs.before, out_strides)),
       nest_of(x, dense_strides(x), out_strides));
}

void lower_transpose(Lowering& to) {
  const auto& permutation = to.op().as<TransposeAttrs>().permutation;
  const std::vector<int32_t> in_strides = dense_strides(to.input(0).shape);
  std::vector<int32_t> permuted;
  for (const int32_t source : permutation)
    permuted.push_back(in_strides[static_cast<size_t>(source)]);
  copy(to, to.in(0), to.out(),
       nest_of(to.output().shape, permuted, dense_strides(to.output().shape)));
}

void lower_concatenation(Lowering& to) {
  reference::require_same_quantization(to.graph(), to.op());
  const auto axis = static_cast<size_t>(to.op().as<AxisAttrs>().axis);
  const Shape& y = to.output().shape;
  const int64_t outer = product(y, 0, axis);
  const int64_t pitch = product(y, axis, y.size());
  int64_t offset = 0;
  for (size_t i = 0; i < to.op().inputs.size(); ++i) {
    const int64_t part = to.input(i).elements() / outer;
    copy(to, to.in(i), to.out(0, offset), part_nest(to.per_call(outer), part, part, pitch));
    offset += part;
  }
}

void lower_split(Lowering& to) {
  const auto axis = static_cast<size_t>(to.op().as<AxisAttrs>().axis);
  const Shape& x = to.input(0).shape;
  const int64_t outer = product(x, 0, axis);
  const int64_t pitch = product(x, axis, x.size());
  int64_t offset = 0;
  for (size_t i = 0; i < to.op().outputs.size(); ++i) {
    const int64_t part = to.output(i).elements() / outer;
    copy(to, to.in(0, offset), to.out(i), part_nest(outer, part, pitch, part));
    offset += part;
  }
}

void lower_strided_slice(Lowering& to) {
  const auto& attrs = to.op().as<StridedSliceAttrs>();
  const std::vector<int32_t> dense = dense_strides(to.input(0).shape);
  std::vector<int32_t> strides;
  // A single element needs no stride, and the one that the file gives may be absurd.
  for (size_t i = 0; i < dense.size(); ++i)
    strides.push_back(attrs.size[i] == 1 ? 0 : dense[i] * attrs.stride[i]);
  copy(to, to.in(0, offset_of(attrs.begin, dense)), to.out(),
       nest_of(attrs.size, strides, dense_strides(attrs.size)));
}

void lower_block_move(Lowering& to) {
  // Both see the larger image as [n, h, block, w, block, c] and the deeper one as [n, h, w, block,
  // block, c].
  const bool to_space = to.op().kind == OpKind::DepthToSpace;
  const Shape& deep = to_space ? to.input(0).shape : to.output().shape;
  const Shape& wide = to_space ? to.output().shape : to.input(0).shape;
  const int32_t block = to.op().as<BlockAttrs>().block;
  const int32_t n = deep[0], h = deep[1], w = deep[2], c = wide[3];
  const int32_t row = w * block * c;  // of the wide image
  const Shape extents = {n, h, w, block, block, c};
  const std::vector<int32_t> wide_strides = {h * block * row, block * row, block * c, row, c, 1};
  const std::vector<int32_t> deep_strides = dense_strides(extents);
  copy(to, to.in(0), to.out(),
       to_space ? nest_of(extents, deep_strides, wide_strides)
                : nest_of(extents, wide_strides, deep_strides));
}

void lower_resize(Lowering& to) {
  const auto& attrs = to.op().as<ResizeAttrs>();
  const Shape& x = to.input(0).shape;
  const Shape& y = to.output().shape;
  if (std::max({x[1], x[2], y[1], y[2]}) > 65535)
    throw Error(ErrorKind::Unsupported, "more than 65,535 rows or columns");
  const auto indices = [&](int32_t in, int32_t out, const RowRange& made, int32_t from) {
    std::vector<uint16_t> index;
    for (int32_t i = made.first; i < made.end; ++i)
      index.push_back(static_cast<uint16_t>(reference::nearest_index(i, in, out, attrs) - from));
    return index;
  };
  Params p;
  p.fields = {
      {"rows", to.uint16s("rows", indices(x[1], y[1], {0, y[1]}, 0))},
      {"cols", to.uint16s("cols", indices(x[2], y[2], to.out_columns(), to.in_columns(0).first))},
      {"in_h", int64_t{x[1]}},
      {"in_w", int64_t{to.in_width(0)}},
      {"channels", int64_t{x[3]}},
      {"out_h", int64_t{y[1]}},
      {"out_w", int64_t{to.out_width()}},
      {"in_rows", int64_t{to.ring_rows(0)}},
      {"in_row_stride", to.row_stride(0)}};
  for (int64_t image = 0; image < x[0]; ++image) {
    to.call_rows("resize_nearest",
                 {to.in_image(0, image * x[1] * x[2] * x[3]), to.out(0, image * y[1] * y[2] * y[3]),
                  ParamsArgument{}},
                 p);
  }
}

}  // namespace mcunet::compiler
