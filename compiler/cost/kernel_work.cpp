#include "compiler/cost/kernel_work.h"

#include <cmath>

#include "compiler/schedule/rows.h"

namespace mcunet::compiler {
namespace {

bool begins_with(const std::string& text, const char* prefix) { return text.rfind(prefix, 0) == 0; }

double rounded_up(double value, double step) { return std::ceil(value / step); }

// Pixels in a row are computed four at a time; what is left over, three as four, or two, or one.
struct PixelBlocks {
  double four = 0, two = 0, one = 0;
};

PixelBlocks pixel_blocks(double pixels) {
  PixelBlocks blocks;
  blocks.four = std::floor(pixels / 4);
  const double left = pixels - 4 * blocks.four;
  if (left > 2.5) {
    blocks.four += 1;
  } else if (left > 1.5) {
    blocks.two = 1;
  } else if (left > 0.5) {
    blocks.one = 1;
  }
  return blocks;
}

// Four pixels by two channels at a time, `steps` times four products each.
void add_blocks(std::vector<CycleTerm>& terms, const PixelBlocks& blocks, double repeat,
                double channels, double steps, bool rectified) {
  const double pairs = rounded_up(channels, 2);
  terms.push_back({"blocks of 4", repeat * blocks.four});
  terms.push_back({"blocks of 4, outputs", repeat * blocks.four * pairs});
  terms.push_back({"blocks of 4, any zero point", rectified ? 0 : repeat * blocks.four * pairs});
  terms.push_back({"blocks of 4, products", repeat * blocks.four * pairs * steps});
  terms.push_back({"blocks of 2, outputs", repeat * blocks.two * pairs});
  terms.push_back({"blocks of 2, products", repeat * blocks.two * pairs * steps});
  terms.push_back({"blocks of 1, outputs", repeat * blocks.one * pairs});
  terms.push_back({"blocks of 1, products", repeat * blocks.one * pairs * steps});
}

void add_pointwise(std::vector<CycleTerm>& terms, const KernelWork& work) {
  const double pixels = work.rows * work.width / work.calls;
  const double steps = rounded_up(work.in_channels, 4);
  terms.push_back({"widened", work.rows * work.width * steps});
  add_blocks(terms, pixel_blocks(pixels), work.calls, work.channels, steps, work.rectified);
}

void add_conv(std::vector<CycleTerm>& terms, const KernelWork& work) {
  const double taps = work.window_h * work.window_w * work.in_channels;
  const double pixels = work.rows * work.width * work.groups;
  terms.push_back({"rows", work.rows * work.groups});
  terms.push_back({"gathered pixels", pixels});
  terms.push_back({"gathered rows", pixels * work.window_h});
  terms.push_back({"gathered", pixels * taps});
  add_blocks(terms, pixel_blocks(work.width), work.rows * work.groups, work.channels / work.groups,
             rounded_up(taps, 4), work.rectified);
}

void add_depthwise(std::vector<CycleTerm>& terms, const KernelWork& work) {
  const PixelBlocks blocks = pixel_blocks(work.width);
  const double groups_of_four = rounded_up(work.channels, 4);
  terms.push_back({"rows", work.rows});
  terms.push_back({"rows, channel blocks", work.rows * groups_of_four});
  terms.push_back(
      {"widened columns", work.rows * groups_of_four * std::ceil(work.width / 2) * work.stride});
  terms.push_back({"rows, channels", work.rows * work.channels});
  terms.push_back({"blocks of 4", work.rows * work.channels * blocks.four});
  terms.push_back({"blocks of 2", work.rows * work.channels * (blocks.two + blocks.one)});
  const double all = blocks.four + blocks.two + blocks.one;
  terms.push_back({"any zero point", work.rectified ? 0 : work.rows * work.channels * all});
}

}  // namespace

KernelWork kernel_work(const Graph& graph, const Op& op, const std::string& kernel, int64_t calls) {
  KernelWork work;
  work.kernel = kernel;
  work.calls = static_cast<double>(calls);
  const Shape& y = graph.output(op).shape;
  work.channels = y.empty() ? 1 : y.back();
  if (y.size() == 4) work.width = y[2];
  work.rows = static_cast<double>(element_count(y)) / work.channels / work.width;
  const Quantization& scale = graph.output(op).quantization;
  work.rectified = !scale.empty() && scale.zero_point() == -128;
  const Tensor& x = graph.input(op, 0);
  work.in_elements = static_cast<double>(x.elements());
  work.in_channels = x.shape.empty() ? 1 : x.shape.back();
  if (op.kind == OpKind::Conv2D || op.kind == OpKind::DepthwiseConv2D) {
    const auto& attrs = op.as<ConvAttrs>();
    const Shape& w = graph.input(op, 1).shape;
    work.window_h = w[1];
    work.window_w = w[2];
    work.stride = attrs.stride_w;
    if (op.kind == OpKind::Conv2D) {
      const double in_channels = attrs.planar_input ? x.shape[1] : x.shape[3];
      work.in_channels = w[3];
      work.groups = in_channels / w[3];
    }
  } else if (op.kind == OpKind::FullyConnected) {
    work.in_channels = graph.input(op, 1).shape[1];
  } else if (op.kind == OpKind::AveragePool2D || op.kind == OpKind::MaxPool2D) {
    const auto& attrs = op.as<PoolAttrs>();
    work.window_h = attrs.filter_h;
    work.window_w = attrs.filter_w;
    work.stride = attrs.stride_w;
  }
  return work;
}

std::string usual_kernel(const Graph& graph, const Op& op) {
  switch (op.kind) {
    case OpKind::Conv2D:
      return is_pointwise(graph, op) ? "conv_1x1" : "conv_bounded";
    case OpKind::DepthwiseConv2D: {
      if (is_convolution_of_one_channel(graph, op)) return "conv_bounded";
      const bool single = is_single_channel_depthwise(graph, op);
      if (!single && !is_square_depthwise(graph, op)) return "depthwise";
      const std::string k = std::to_string(graph.input(op, 1).shape[2]);
      return "depthwise_" + k + "x" + k + (op.as<ConvAttrs>().stride_w == 2 ? "_s2" : "") +
             (single ? "_single" : "");
    }
    case OpKind::FullyConnected:
      return "fully_connected";
    case OpKind::Add:
    case OpKind::Sub:
      return "add";
    case OpKind::Mul:
      return "mul";
    case OpKind::Minimum:
    case OpKind::Maximum:
      return "minmax";
    case OpKind::AveragePool2D:
      return "average_pool";
    case OpKind::MaxPool2D:
      return "max_pool";
    case OpKind::Mean:
      return "mean";
    case OpKind::Softmax:
      return "softmax";
    case OpKind::ResizeNearestNeighbor:
      return "resize_nearest";
    case OpKind::Reshape:
      return "";
    case OpKind::Pad:
    case OpKind::Transpose:
    case OpKind::Concatenation:
    case OpKind::Split:
    case OpKind::StridedSlice:
    case OpKind::Pack:
    case OpKind::Unpack:
    case OpKind::DepthToSpace:
    case OpKind::SpaceToDepth:
      return "copy";
    default:
      return "lut";
  }
}

std::vector<CycleTerm> cycle_terms(const KernelWork& work) {
  std::vector<CycleTerm> terms = {{"calls", work.calls}};
  const std::string& kernel = work.kernel;
  if (begins_with(kernel, "conv_1x1")) {
    add_pointwise(terms, work);
  } else if (begins_with(kernel, "conv")) {
    add_conv(terms, work);
  } else if (begins_with(kernel, "depthwise_")) {
    add_depthwise(terms, work);
  } else if (kernel == "depthwise") {
    terms.push_back({"rows", work.rows});
    terms.push_back({"pixels", work.rows * work.width});
    terms.push_back({"outputs", work.outputs()});
    terms.push_back({"window rows", work.outputs() * work.window_h});
    terms.push_back({"products", work.outputs() * work.window_h * work.window_w});
  } else if (begins_with(kernel, "fully_connected")) {
    // Four channels at a time, then one by one.
    const double rows = work.rows * work.width, steps = rounded_up(work.in_channels, 4);
    const double fours = std::floor(work.channels / 4), left = work.channels - 4 * fours;
    terms.push_back({"widened", rows * steps});
    terms.push_back({"blocks", rows * fours});
    terms.push_back({"products", rows * fours * steps});
    terms.push_back({"single outputs", rows * left});
    terms.push_back({"single products", rows * left * steps});
  } else if (kernel == "average_pool" || kernel == "max_pool") {
    terms.push_back({"pixels", work.rows * work.width});
    terms.push_back({"window rows", work.rows * work.width * work.window_h});
    terms.push_back({"window pixels", work.rows * work.width * work.window_h * work.window_w});
    terms.push_back({"outputs", work.outputs()});
    terms.push_back({"window", work.outputs() * work.window_h * work.window_w});
  } else {
    terms.push_back({"pixels", work.rows * work.width});
    terms.push_back({"inputs", work.in_elements});
    terms.push_back({"outputs", work.outputs()});
  }
  return terms;
}

}  // namespace mcunet::compiler
