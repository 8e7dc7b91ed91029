// Pooling, means, and what moves or repeats pixels.
#include <algorithm>

#include "libmcunet/graph/operators.h"
#include "libmcunet/reference/movement.h"
#include "quant/import/builder.h"

namespace mcunet::import {
namespace {

constexpr int64_t kMaxPadding = 1 << 16;

int32_t checked(int64_t value, int64_t low, const char* what) {
  if (value < low || value > kMaxPadding)
    unsound(std::string(what) + " of " + std::to_string(value));
  return static_cast<int32_t>(value);
}

// The padding behind that gives as many windows as the framework has: with ceil_mode the last one
// may hang over the end, if it begins before it.
int32_t padding_after(int32_t in, int32_t kernel, int32_t stride, int32_t before, int32_t after,
                      bool ceil_mode) {
  if (!ceil_mode) return after;
  const int32_t room = in + before + after - kernel;
  if (room < 0) return after;
  int32_t windows = (room + stride - 1) / stride + 1;
  if ((windows - 1) * stride >= in + before) --windows;
  return std::max(after, (windows - 1) * stride + kernel - in - before);
}

}  // namespace

TensorView Builder::window(OpKind kind, const TensorView& x, const PoolGeometry& geometry) {
  PoolAttrs attrs;
  attrs.filter_h = checked(geometry.kernel[0], 1, "a kernel");
  attrs.filter_w = checked(geometry.kernel[1], 1, "a kernel");
  attrs.stride_h = checked(geometry.stride[0], 1, "a stride");
  attrs.stride_w = checked(geometry.stride[1], 1, "a stride");
  SpatialPadding& padding = attrs.padding;
  padding.top = checked(geometry.padding[0], 0, "a padding");
  padding.left = checked(geometry.padding[1], 0, "a padding");
  padding.bottom = padding_after(x.shape[2], attrs.filter_h, attrs.stride_h, padding.top,
                                 checked(geometry.padding[2], 0, "a padding"), geometry.ceil_mode);
  padding.right = padding_after(x.shape[3], attrs.filter_w, attrs.stride_w, padding.left,
                                checked(geometry.padding[3], 0, "a padding"), geometry.ceil_mode);
  const int32_t rows =
      window_output(x.shape[2], attrs.filter_h, attrs.stride_h, 1, padding.top, padding.bottom);
  const int32_t columns =
      window_output(x.shape[3], attrs.filter_w, attrs.stride_w, 1, padding.left, padding.right);
  if (rows < 1 || columns < 1) unsound("a window larger than the image " + to_string(x.shape));
  if (padding.top >= attrs.filter_h || padding.bottom >= attrs.filter_h ||
      padding.left >= attrs.filter_w || padding.right >= attrs.filter_w)
    unsupported("pooling with windows that lie wholly in the padding");
  TensorView y = x;
  y.shape = y.base = {x.shape[0], x.shape[1], rows, columns};
  y.id = emit(kind, {x.id}, attrs, stored_shape(y.shape, y.order));
  return y;
}

TensorView Builder::pool(OpKind kind, const TensorView& source, const PoolGeometry& geometry) {
  TensorView x = image(source, "pooling");
  PoolGeometry rest = geometry;
  const auto& p = geometry.padding;
  const bool padded = p[0] != 0 || p[1] != 0 || p[2] != 0 || p[3] != 0;
  if (kind == OpKind::AveragePool2D && geometry.count_padding && padded) {
    // The graph's average passes over padding, so that zeros that count are real ones. What a
    // window of ceil_mode sees beyond them does not count, here as in the frameworks.
    x = pad(x, {0, 0, p[0], p[1]}, {0, 0, p[2], p[3]});
    rest.padding = {0, 0, 0, 0};
    if (geometry.ceil_mode) {
      // Windows that begin in the padding behind do not exist.
      const auto after = [](int64_t in, int64_t kernel, int64_t stride, int64_t before,
                            int64_t behind) {
        return padding_after(static_cast<int32_t>(in), static_cast<int32_t>(kernel),
                             static_cast<int32_t>(stride), static_cast<int32_t>(before),
                             static_cast<int32_t>(behind), true) -
               behind;
      };
      rest.ceil_mode = false;
      rest.padding[2] = after(source.shape[2], rest.kernel[0], rest.stride[0], p[0], p[2]);
      rest.padding[3] = after(source.shape[3], rest.kernel[1], rest.stride[1], p[1], p[3]);
    }
  }
  return window(kind, x, rest);
}

TensorView Builder::adaptive_average_pool(const TensorView& source, int64_t rows, int64_t columns) {
  const TensorView x = image(source, "pooling");
  if (rows == 1 && columns == 1) return mean(x, {2, 3}, true);
  if (rows < 1 || columns < 1 || x.shape[2] % rows != 0 || x.shape[3] % columns != 0)
    unsupported("adaptive pooling of " + to_string(x.shape) + " to " + std::to_string(rows) + "x" +
                std::to_string(columns) + ", which does not divide it");
  PoolGeometry geometry;
  geometry.kernel = geometry.stride = {x.shape[2] / rows, x.shape[3] / columns};
  return window(OpKind::AveragePool2D, x, geometry);
}

TensorView Builder::mean(const TensorView& source, std::vector<int64_t> axes, bool keep_dims) {
  const TensorView x = plain(source);
  const size_t rank = x.shape.size();
  std::vector<bool> reduced(rank, axes.empty());
  for (const int64_t axis : axes) reduced[static_cast<size_t>(normalized_axis(axis, rank))] = true;
  ReduceAttrs attrs;
  attrs.keep_dims = true;
  TensorView y = x;
  std::vector<int64_t> without;
  for (size_t i = 0; i < rank; ++i) {
    if (reduced[static_cast<size_t>(x.order[i])]) attrs.axes.push_back(static_cast<int32_t>(i));
    if (reduced[i]) {
      y.shape[i] = 1;
    } else {
      without.push_back(x.shape[i]);
    }
  }
  y.base = y.shape;
  // Extents are kept, which costs nothing, so that the layout is known; a reshape drops them.
  y.id = emit(OpKind::Mean, {x.id}, attrs, stored_shape(y.shape, y.order));
  return keep_dims ? y : reshape(y, without);
}

TensorView Builder::concat(const std::vector<TensorView>& parts, int64_t axis) {
  if (parts.empty()) unsound("a concatenation of nothing");
  std::vector<TensorView> inputs;
  for (const TensorView& part : parts) inputs.push_back(plain(part));
  const TensorView& first = inputs.front();
  const auto dim = static_cast<size_t>(normalized_axis(axis, first.shape.size()));
  const std::vector<int> order = first.order;
  TensorView y = first;
  std::vector<TensorId> ids = {first.id};
  for (size_t i = 1; i < inputs.size(); ++i) {
    const Shape& shape = inputs[i].shape;
    if (shape.size() != first.shape.size()) unsound("a concatenation of different ranks");
    for (size_t d = 0; d < shape.size(); ++d) {
      if (d != dim && shape[d] != first.shape[d])
        unsound("a concatenation of " + to_string(first.shape) + " and " + to_string(shape));
    }
    const int64_t sum = int64_t{y.shape[dim]} + shape[dim];
    if (sum > INT32_MAX) unsupported("a concatenation of more than 2^30 elements");
    y.shape[dim] = static_cast<int32_t>(sum);
    ids.push_back(ordered(inputs[i], order).id);
  }
  y.base = y.shape;
  AxisAttrs attrs;
  attrs.axis = static_cast<int32_t>(std::find(order.begin(), order.end(), static_cast<int>(dim)) -
                                    order.begin());
  y.id = emit(OpKind::Concatenation, std::move(ids), attrs, stored_shape(y.shape, order));
  return y;
}

TensorView Builder::slice(const TensorView& source, int64_t axis, int64_t begin, int64_t end,
                          int64_t step) {
  const TensorView x = plain(source);
  const auto dim = static_cast<size_t>(normalized_axis(axis, x.shape.size()));
  const int64_t extent = x.shape[dim];
  if (step < 1) unsupported("a slice backwards");
  const auto inside = [&](int64_t at) {
    return std::clamp<int64_t>(at < 0 ? std::max<int64_t>(at, -extent) + extent : at, 0, extent);
  };
  const int64_t from = inside(begin), to = inside(end);
  if (from >= to) unsound("an empty slice");
  const int64_t count = (to - from + std::min(step, extent) - 1) / std::min(step, extent);
  if (count == extent) return x;
  StridedSliceAttrs attrs;
  TensorView y = x;
  y.shape[dim] = static_cast<int32_t>(count);
  y.base = y.shape;
  for (const int d : x.order) {
    const bool cut = static_cast<size_t>(d) == dim;
    attrs.begin.push_back(cut ? static_cast<int32_t>(from) : 0);
    attrs.stride.push_back(cut ? static_cast<int32_t>(std::min(step, extent)) : 1);
    attrs.size.push_back(y.shape[static_cast<size_t>(d)]);
  }
  y.id = emit(OpKind::StridedSlice, {x.id}, attrs, stored_shape(y.shape, y.order));
  return y;
}

TensorView Builder::pad(const TensorView& source, const std::vector<int64_t>& before,
                        const std::vector<int64_t>& after) {
  const TensorView x = plain(source);
  if (before.size() != x.shape.size() || after.size() != x.shape.size())
    unsound("paddings for " + std::to_string(before.size()) + " dimensions of " +
            to_string(x.shape));
  PadAttrs attrs;
  TensorView y = x;
  bool none = true;
  for (const int d : x.order) {
    const auto dim = static_cast<size_t>(d);
    if (before[dim] < 0 || after[dim] < 0) unsupported("negative padding");
    attrs.before.push_back(checked(before[dim], 0, "a padding"));
    attrs.after.push_back(checked(after[dim], 0, "a padding"));
    none = none && before[dim] == 0 && after[dim] == 0;
    y.shape[dim] += attrs.before.back() + attrs.after.back();
  }
  if (none) return x;
  y.base = y.shape;
  y.id = emit(OpKind::Pad, {x.id}, attrs, stored_shape(y.shape, y.order));
  return y;
}

TensorView Builder::resize(const TensorView& source, const NearestIndex& rows,
                           const NearestIndex& columns) {
  const TensorView x = image(source, "resizing");
  const auto out_rows = static_cast<int32_t>(rows.size());
  const auto out_columns = static_cast<int32_t>(columns.size());
  if (out_rows == x.shape[2] && out_columns == x.shape[3]) return x;
  const auto same = [](const NearestIndex& wanted, int32_t in, const ResizeAttrs& attrs) {
    const auto out = static_cast<int32_t>(wanted.size());
    for (int32_t i = 0; i < out; ++i) {
      if (reference::nearest_index(i, in, out, attrs) != wanted[static_cast<size_t>(i)])
        return false;
    }
    return true;
  };
  for (const auto& [align, half] : {std::pair{false, false}, {false, true}, {true, false}}) {
    ResizeAttrs attrs;
    attrs.align_corners = align;
    attrs.half_pixel_centers = half;
    if (!same(rows, x.shape[2], attrs) || !same(columns, x.shape[3], attrs)) continue;
    TensorView y = x;
    y.shape = y.base = {x.shape[0], x.shape[1], out_rows, out_columns};
    y.id = emit(OpKind::ResizeNearestNeighbor, {x.id}, attrs, stored_shape(y.shape, y.order));
    return y;
  }
  unsupported("this choice of neighbours from " + to_string(x.shape) + " to " +
              std::to_string(out_rows) + "x" + std::to_string(out_columns) +
              "; whole factors are supported");
}

}  // namespace mcunet::import
