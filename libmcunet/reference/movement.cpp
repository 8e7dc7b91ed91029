// Operators that move values without changing them; they work on elements of any size.
#include "libmcunet/reference/movement.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "libmcunet/reference/kernel.h"
#include "libmcunet/reference/params.h"
#include "libmcunet/reference/strided.h"

namespace mcunet::reference {
namespace {

// The size of the elements, which all operands must share.
size_t element_size(const Graph& graph, const Op& op) {
  const DType type = graph.output(op).dtype;
  if (type == DType::Int4) unsupported("int4 activations");
  for (const TensorId id : op.inputs) {
    if (graph.tensor(id).dtype != type)
      unsupported(std::string(dtype_name(graph.tensor(id).dtype)) + " to " + dtype_name(type));
  }
  for (const TensorId id : op.outputs) {
    if (graph.tensor(id).dtype != type) unsupported("outputs of different types");
  }
  return dtype_size(type);
}

// Copies `count` elements that lie `step` elements apart in `from` next to each other.
template <typename T>
void copy_elements(const uint8_t* from, int64_t step, int64_t count, uint8_t* to) {
  for (int64_t i = 0; i < count; ++i)
    std::memcpy(to + i * static_cast<int64_t>(sizeof(T)),
                from + i * step * static_cast<int64_t>(sizeof(T)), sizeof(T));
}

void copy_run(const uint8_t* from, int64_t step, int64_t count, size_t size, uint8_t* to) {
  if (step == 1) {
    std::memcpy(to, from, static_cast<size_t>(count) * size);
    return;
  }
  switch (size) {
    case 1:
      return copy_elements<uint8_t>(from, step, count, to);
    case 2:
      return copy_elements<uint16_t>(from, step, count, to);
    case 4:
      return copy_elements<uint32_t>(from, step, count, to);
    default:
      return copy_elements<uint64_t>(from, step, count, to);
  }
}

// An output, read in the order of `shape`, whose elements lie `strides` apart in the input from
// element `offset` on.
struct View {
  Shape shape;
  Strides strides;
  int64_t offset = 0;
};

View transpose_view(const Shape& x, const std::vector<int32_t>& permutation) {
  const Strides strides = dense_strides(x);
  View view;
  for (const int32_t source : permutation) {
    view.shape.push_back(x[static_cast<size_t>(source)]);
    view.strides.push_back(strides[static_cast<size_t>(source)]);
  }
  return view;
}

View slice_view(const Shape& x, const StridedSliceAttrs& attrs) {
  const Strides strides = dense_strides(x);
  View view;
  view.shape = attrs.size;
  for (size_t d = 0; d < x.size(); ++d) {
    view.offset += attrs.begin[d] * strides[d];
    view.strides.push_back(attrs.stride[d] * strides[d]);
  }
  return view;
}

View view_of(const Graph& graph, const Op& op) {
  const Shape& x = graph.input(op, 0).shape;
  if (op.kind == OpKind::Transpose) return transpose_view(x, op.as<TransposeAttrs>().permutation);
  if (op.kind == OpKind::StridedSlice) return slice_view(x, op.as<StridedSliceAttrs>());
  const int32_t b = op.as<BlockAttrs>().block;
  if (op.kind == OpKind::DepthToSpace) {  // [n, h, w, by, bx, c] to [n, h, by, w, bx, c]
    return transpose_view({x[0], x[1], x[2], b, b, x[3] / (b * b)}, {0, 1, 3, 2, 4, 5});
  }
  return transpose_view({x[0], x[1] / b, b, x[2] / b, b, x[3]}, {0, 1, 3, 2, 4, 5});
}

// How a tensor falls apart along an axis: `outer` times a run of (extent along the axis) * `inner`
// elements.
struct Split {
  size_t outer = 1;
  std::vector<size_t> runs;  // bytes that each part contributes to one outer step
};

// `parts` are the tensors that make up `whole`; Pack and Unpack have an axis that the parts lack.
Split split_along(const Graph& graph, const std::vector<TensorId>& parts, TensorId whole,
                  int32_t axis, size_t size) {
  const Shape& shape = graph.tensor(whole).shape;
  Split split;
  for (size_t d = 0; d < static_cast<size_t>(axis); ++d)
    split.outer *= static_cast<size_t>(shape[d]);
  for (const TensorId id : parts)
    split.runs.push_back(static_cast<size_t>(graph.tensor(id).elements()) / split.outer * size);
  return split;
}

}  // namespace

int32_t nearest_index(int32_t position, int32_t in, int32_t out, const ResizeAttrs& attrs) {
  const float scale = attrs.align_corners && out > 1
                          ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                          : static_cast<float>(in) / static_cast<float>(out);
  const float source =
      (static_cast<float>(position) + (attrs.half_pixel_centers ? 0.5f : 0.0f)) * scale;
  const auto index =
      static_cast<int32_t>(attrs.align_corners ? std::round(source) : std::floor(source));
  return std::clamp(index, 0, in - 1);
}

Kernel prepare_reshape(const Graph& graph, const Op& op) {
  element_size(graph, op);
  return [bytes = graph.output(op).byte_size()](const Operands& operands) {
    std::memcpy(operands.outputs[0], operands.inputs[0], bytes);
  };
}

Kernel prepare_gather(const Graph& graph, const Op& op) {
  const size_t size = element_size(graph, op);
  const View view = view_of(graph, op);
  return [walk = StridedWalk<1>(view.shape, {view.strides}), offset = view.offset,
          size](const Operands& operands) {
    const auto bytes = static_cast<int64_t>(size);
    uint8_t* y = operands.outputs[0];
    walk.for_each_row([&](const auto& position, const auto& steps, int64_t count) {
      copy_run(operands.inputs[0] + (offset + position[0]) * bytes, steps[0], count, size, y);
      y += count * bytes;
    });
  };
}

Kernel prepare_pad(const Graph& graph, const Op& op) {
  const size_t size = element_size(graph, op);
  const auto& attrs = op.as<PadAttrs>();
  const Tensor& y = graph.output(op);
  const Strides strides = dense_strides(y.shape);
  int64_t offset = 0;
  for (size_t d = 0; d < strides.size(); ++d) offset += attrs.before[d] * strides[d];
  // Only int8 and uint8 have a zero point; everywhere else the padding is zero bytes.
  int32_t fill = 0;
  if (size == 1 && !y.quantization.empty()) fill = y.quantization.zero_point();
  if (attrs.has_value) fill = attrs.value;
  if (size != 1 && fill != 0)
    unsupported(std::string("padding of ") + dtype_name(y.dtype) + " with another value than 0");
  return [walk = StridedWalk<1>(graph.input(op, 0).shape, {strides}), offset, size, fill,
          total = y.byte_size()](const Operands& operands) {
    const auto bytes = static_cast<int64_t>(size);
    std::memset(operands.outputs[0], fill, total);
    const uint8_t* x = operands.inputs[0];
    // The input's last dimension stays contiguous, so every row of the walk is.
    walk.for_each_row([&](const auto& position, const auto& steps, int64_t count) {
      for (int64_t i = 0; i < count; i += steps[0] == 1 ? count : 1) {
        const int64_t run = steps[0] == 1 ? count : 1;
        std::memcpy(operands.outputs[0] + (offset + position[0] + i * steps[0]) * bytes, x,
                    static_cast<size_t>(run * bytes));
        x += run * bytes;
      }
    });
  };
}

Kernel prepare_concatenate(const Graph& graph, const Op& op) {
  const size_t size = element_size(graph, op);
  if (graph.output(op).dtype == DType::Int8) require_same_quantization(graph, op);
  const Split split = split_along(graph, op.inputs, op.outputs[0], op.as<AxisAttrs>().axis, size);
  return [split](const Operands& operands) {
    uint8_t* y = operands.outputs[0];
    for (size_t step = 0; step < split.outer; ++step) {
      for (size_t i = 0; i < split.runs.size(); ++i) {
        std::memcpy(y, operands.inputs[i] + step * split.runs[i], split.runs[i]);
        y += split.runs[i];
      }
    }
  };
}

Kernel prepare_split(const Graph& graph, const Op& op) {
  const size_t size = element_size(graph, op);
  const Split split = split_along(graph, op.outputs, op.inputs[0], op.as<AxisAttrs>().axis, size);
  return [split](const Operands& operands) {
    const uint8_t* x = operands.inputs[0];
    for (size_t step = 0; step < split.outer; ++step) {
      for (size_t i = 0; i < split.runs.size(); ++i) {
        std::memcpy(operands.outputs[i] + step * split.runs[i], x, split.runs[i]);
        x += split.runs[i];
      }
    }
  };
}

Kernel prepare_resize(const Graph& graph, const Op& op) {
  const size_t size = element_size(graph, op);
  const Shape& x = graph.input(op, 0).shape;
  const Shape& y = graph.output(op).shape;
  const auto& attrs = op.as<ResizeAttrs>();
  std::vector<size_t> rows, columns;
  for (int32_t i = 0; i < y[1]; ++i)
    rows.push_back(static_cast<size_t>(nearest_index(i, x[1], y[1], attrs)));
  for (int32_t i = 0; i < y[2]; ++i)
    columns.push_back(static_cast<size_t>(nearest_index(i, x[2], y[2], attrs)));
  const size_t pixel = static_cast<size_t>(x[3]) * size;
  const size_t in_row = static_cast<size_t>(x[2]) * pixel;
  const size_t in_image = static_cast<size_t>(x[1]) * in_row;
  return [rows, columns, pixel, in_row, in_image,
          batches = static_cast<size_t>(x[0])](const Operands& operands) {
    uint8_t* out = operands.outputs[0];
    for (size_t b = 0; b < batches; ++b) {
      for (const size_t row : rows) {
        for (const size_t column : columns) {
          std::memcpy(out, operands.inputs[0] + b * in_image + row * in_row + column * pixel,
                      pixel);
          out += pixel;
        }
      }
    }
  };
}

}  // namespace mcunet::reference
