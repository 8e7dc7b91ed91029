#include "compiler/schedule/rows.h"

#include <algorithm>

#include "compiler/kernels/mcunet_kernels.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/reference/movement.h"

namespace mcunet::compiler {
namespace {

bool one_image(const Tensor& tensor) { return tensor.shape.size() >= 3 && tensor.shape[0] == 1; }

TensorRows rows_of(const Tensor& tensor) {
  const auto bytes = static_cast<int64_t>(tensor.byte_size());
  if (tensor.shape.size() < 3) return {1, bytes};
  return {tensor.shape[1], bytes / (int64_t{tensor.shape[0]} * tensor.shape[1])};
}

// The rows of what the operator reads, all of them for each step until it is said otherwise.
RowInput whole_input(const Graph& graph, TensorId id) {
  RowInput input;
  input.tensor = id;
  input.rows = rows_of(graph.tensor(id));
  input.stride = 0;
  input.window = input.rows.height;
  return input;
}

void read_window(RowInput& input, int32_t stride, int32_t offset, int32_t window) {
  input.stride = stride;
  input.offset = offset;
  input.window = window;
}

void read_same_row(RowInput& input) { read_window(input, 1, 0, 1); }

bool reduces(const Op& op, int32_t axis) {
  const std::vector<int32_t>& axes = op.as<ReduceAttrs>().axes;
  return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

void describe_conv(const Graph& graph, const Op& op, RowOp& row) {
  const auto& attrs = op.as<ConvAttrs>();
  const Tensor& x = graph.input(op, 0);
  const Shape& w = graph.input(op, 1).shape;
  RowInput& input = row.inputs.front();
  if (attrs.planar_input) input.rows = {x.shape[2], x.shape[3]};
  row.by_rows = x.shape[0] == 1;
  if (op.kind == OpKind::Conv2D) {
    const int64_t taps = int64_t{w[1]} * w[2] * w[3];
    row.scratch = is_pointwise(graph, op) ? MCUNET_CONV_1X1_SCRATCH_BYTES(taps)
                                          : MCUNET_CONV_SCRATCH_BYTES(taps);
    // Rows of one image, or pixels of all of them, written over the same or fewer bytes.
    input.pixelwise = is_pointwise(graph, op) && w[0] <= w[3];
    const int32_t channels = attrs.planar_input ? x.shape[1] : x.shape[3];
    row.calls = channels / w[3];
  } else if (is_square_depthwise(graph, op) || is_single_channel_depthwise(graph, op)) {
    row.scratch = MCUNET_DEPTHWISE_SCRATCH_BYTES(int64_t{w[2]});
  } else if (is_convolution_of_one_channel(graph, op)) {
    row.scratch = MCUNET_CONV_SCRATCH_BYTES(int64_t{w[1]} * w[2]);
  }
  if (!row.by_rows) {
    row.calls *= is_pointwise(graph, op) ? 1 : x.shape[0];
    return;
  }
  read_window(input, attrs.stride_h, -attrs.padding.top, (w[1] - 1) * attrs.dilation_h + 1);
}

void describe_pool(const Graph& graph, const Op& op, RowOp& row) {
  const auto& attrs = op.as<PoolAttrs>();
  row.by_rows = graph.input(op, 0).shape[0] == 1;
  if (!row.by_rows) {
    row.calls = graph.input(op, 0).shape[0];
    return;
  }
  if (is_pool_over_rows(graph, op)) {
    row.steps = graph.input(op, 0).shape[1];
    row.sums = graph.output(op).elements() * static_cast<int64_t>(sizeof(int32_t));
    read_same_row(row.inputs.front());
    return;
  }
  read_window(row.inputs.front(), attrs.stride_h, -attrs.padding.top, attrs.filter_h);
}

// A constant's address is the same for every row.
bool has_constant_rows(const Graph& graph, const Op& op) {
  const Shape& out = graph.output(op).shape;
  return std::any_of(op.inputs.begin(), op.inputs.end(), [&](TensorId id) {
    const Tensor& tensor = graph.tensor(id);
    if (!tensor.is_constant() || tensor.shape.size() + 1 < out.size()) return false;
    return tensor.shape[1 + tensor.shape.size() - out.size()] > 1;
  });
}

// Operands are aligned at their last dimensions; one without rows, or with one row, is read whole.
void describe_elementwise(const Graph& graph, const Op& op, RowOp& row) {
  const Tensor& out = graph.output(op);
  row.by_rows = one_image(out) && !has_constant_rows(graph, op);
  for (RowInput& input : row.inputs) {
    const Tensor& tensor = graph.tensor(input.tensor);
    input.pixelwise = tensor.elements() == out.elements() && tensor.byte_size() >= out.byte_size();
    const size_t missing = out.shape.size() - tensor.shape.size();
    if (!row.by_rows || missing > 1 || tensor.shape[1 - missing] != out.shape[1]) continue;
    input.rows = {out.shape[1], static_cast<int64_t>(tensor.byte_size()) / out.shape[1]};
    read_same_row(input);
  }
}

void describe_mean(const Graph& graph, const Op& op, RowOp& row) {
  const Tensor& x = graph.input(op, 0);
  if (!one_image(x) || reduces(op, 0)) return;
  if (is_mean_over_rows(graph, op)) {
    row.by_rows = true;
    row.steps = x.shape[1];
    row.sums = graph.output(op).elements() * static_cast<int64_t>(sizeof(int32_t));
    read_same_row(row.inputs.front());
  } else if (!reduces(op, 1) && one_image(graph.output(op))) {
    row.by_rows = true;
    read_same_row(row.inputs.front());
  }
}

void describe_resize(const Graph& graph, const Op& op, RowOp& row) {
  const Shape& x = graph.input(op, 0).shape;
  const Shape& y = graph.output(op).shape;
  row.by_rows = x[0] == 1;
  if (!row.by_rows) {
    row.calls = x[0];
    return;
  }
  RowInput& input = row.inputs.front();
  for (int32_t i = 0; i < y[1]; ++i)
    input.map.push_back(reference::nearest_index(i, x[1], y[1], op.as<ResizeAttrs>()));
}

void describe_concatenation(const Graph& graph, const Op& op, RowOp& row) {
  row.by_rows =
      one_image(graph.output(op)) && op.as<AxisAttrs>().axis >= 2 && !has_constant_rows(graph, op);
  row.calls = static_cast<int32_t>(op.inputs.size());
  if (!row.by_rows) return;
  for (RowInput& input : row.inputs) read_same_row(input);
}

}  // namespace

int32_t RowInput::low(int32_t y) const {
  if (!map.empty()) return map[static_cast<size_t>(y)];
  return std::clamp(y * stride + offset, 0, rows.height);
}

int32_t RowInput::high(int32_t y) const {
  if (!map.empty()) return map[static_cast<size_t>(y)] + 1;
  return std::clamp(y * stride + offset + window, 0, rows.height);
}

bool is_pointwise(const Graph& graph, const Op& op) {
  if (op.kind != OpKind::Conv2D) return false;
  const auto& attrs = op.as<ConvAttrs>();
  const Shape& w = graph.input(op, 1).shape;
  return !attrs.planar_input && graph.input(op, 0).shape[3] == w[3] && w[1] == 1 && w[2] == 1 &&
         attrs.stride_h == 1 && attrs.stride_w == 1 && attrs.padding.none();
}

bool is_square_depthwise(const Graph& graph, const Op& op) {
  const auto& attrs = op.as<ConvAttrs>();
  const Shape& w = graph.input(op, 1).shape;
  return w[1] == w[2] && (w[1] == 3 || w[1] == 5 || w[1] == 7) && w[3] >= 4 &&
         w[3] == graph.input(op, 0).shape[3] && attrs.stride_w <= 2 && attrs.dilation_h == 1 &&
         attrs.dilation_w == 1;
}

bool is_single_channel_depthwise(const Graph& graph, const Op& op) {
  const auto& attrs = op.as<ConvAttrs>();
  const Shape& w = graph.input(op, 1).shape;
  return w[1] == 3 && w[2] == 3 && graph.input(op, 0).shape[3] == 1 && attrs.stride_w == 2 &&
         attrs.dilation_h == 1 && attrs.dilation_w == 1;
}

bool is_convolution_of_one_channel(const Graph& graph, const Op& op) {
  const Shape& w = graph.input(op, 1).shape;
  return graph.input(op, 0).shape[3] == 1 && !is_single_channel_depthwise(graph, op) &&
         MCUNET_ROUND_UP_4(int64_t{w[1]} * w[2]) <= MCUNET_CONV_BOUNDED_TAPS;
}

bool is_mean_over_rows(const Graph& graph, const Op& op) {
  if (op.kind != OpKind::Mean || !one_image(graph.input(op, 0))) return false;
  const std::vector<int32_t>& axes = op.as<ReduceAttrs>().axes;
  return axes == std::vector<int32_t>{1} ||
         (axes == std::vector<int32_t>{1, 2} && graph.input(op, 0).shape.size() == 4);
}

bool is_pool_over_rows(const Graph& graph, const Op& op) {
  if (op.kind != OpKind::AveragePool2D) return false;
  const auto& attrs = op.as<PoolAttrs>();
  const Shape& x = graph.input(op, 0).shape;
  const Shape& y = graph.output(op).shape;
  return x[0] == 1 && x[1] > 1 && y[1] == 1 && y[2] == 1 && attrs.padding.none() &&
         attrs.filter_h == x[1] && attrs.filter_w == x[2];
}

RowOp row_op(const Graph& graph, const Op& op) {
  RowOp row;
  for (const TensorId id : op.inputs) {
    const bool known = std::any_of(row.inputs.begin(), row.inputs.end(),
                                   [&](const RowInput& input) { return input.tensor == id; });
    if (!known && !graph.tensor(id).is_constant()) row.inputs.push_back(whole_input(graph, id));
  }
  row.output = rows_of(graph.output(op));
  if (row.inputs.empty()) return row;
  switch (op.kind) {
    case OpKind::Conv2D:
    case OpKind::DepthwiseConv2D:
      describe_conv(graph, op, row);
      break;
    case OpKind::AveragePool2D:
    case OpKind::MaxPool2D:
      describe_pool(graph, op, row);
      break;
    case OpKind::Mean:
      describe_mean(graph, op, row);
      break;
    case OpKind::ResizeNearestNeighbor:
      describe_resize(graph, op, row);
      break;
    case OpKind::Concatenation:
      describe_concatenation(graph, op, row);
      break;
    case OpKind::FullyConnected:
      row.scratch = MCUNET_FULLY_CONNECTED_SCRATCH_BYTES(int64_t{graph.input(op, 1).shape[1]});
      break;
    case OpKind::Softmax:  // reads a row of classes before it writes it
      row.inputs.front().pixelwise = true;
      break;
    default:
      if (operator_info(op.kind).elementwise) describe_elementwise(graph, op, row);
  }
  if (row.by_rows && row.sums == 0) row.steps = row.output.height;
  return row;
}

}  // namespace mcunet::compiler
