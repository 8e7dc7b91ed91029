// CONV_2D: the window of each output pixel becomes a column, and columns are multiplied by the
// weights' rows.
#include <algorithm>
#include <memory>

#include "libmcunet/reference/dot_products.h"
#include "libmcunet/reference/kernel.h"
#include "libmcunet/reference/params.h"
#include "libmcunet/reference/requantize.h"

namespace mcunet::reference {
namespace {

constexpr int64_t kColumnsPerBlock =
    32;  // enough to reuse a row of weights from the cache, few enough to stay there

struct Geometry {
  int32_t batches, in_h, in_w, in_c, out_h, out_w, out_c;
  int32_t kernel_h, kernel_w, group_in, group_out, groups;
  ConvAttrs attrs;

  Geometry(const Graph& graph, const Op& op) : attrs(op.as<ConvAttrs>()) {
    const Shape& x = graph.input(op, 0).shape;
    const Shape& w = graph.input(op, 1).shape;
    const Shape& y = graph.output(op).shape;
    batches = x[0], in_h = x[1], in_w = x[2], in_c = x[3];
    out_h = y[1], out_w = y[2], out_c = y[3];
    kernel_h = w[1], kernel_w = w[2], group_in = w[3];
    groups = in_c / group_in;
    group_out = out_c / groups;
  }
  size_t depth() const {
    return static_cast<size_t>(kernel_h) * static_cast<size_t>(kernel_w) *
           static_cast<size_t>(group_in);
  }
};

// The window of one output pixel and group, [kernel_h, kernel_w, group_in], minus the zero point;
// padding becomes 0.
template <typename In, typename Out>
void fill_column(const Geometry& g, const In* image, int32_t zero_point, int32_t oy, int32_t ox,
                 int32_t group, Out* column) {
  const auto channels = static_cast<size_t>(g.group_in);
  const auto convert = [zero_point](In value) {
    return static_cast<Out>(value - static_cast<Out>(zero_point));
  };
  for (int32_t ky = 0; ky < g.kernel_h; ++ky) {
    const int32_t y = oy * g.attrs.stride_h + ky * g.attrs.dilation_h - g.attrs.padding.top;
    const bool row_inside = y >= 0 && y < g.in_h;
    const In* row = row_inside
                        ? image + static_cast<int64_t>(y) * g.in_w * g.in_c + group * g.group_in
                        : nullptr;
    for (int32_t kx = 0; kx < g.kernel_w; ++kx, column += channels) {
      const int32_t x = ox * g.attrs.stride_w + kx * g.attrs.dilation_w - g.attrs.padding.left;
      if (!row_inside || x < 0 || x >= g.in_w) {
        std::fill_n(column, channels, Out{0});
      } else {
        const In* pixel = row + static_cast<int64_t>(x) * g.in_c;
        for (size_t c = 0; c < channels; ++c) column[c] = convert(pixel[c]);
      }
    }
  }
}

struct Int8Conv {
  Geometry geometry;
  ConvParams params;
  std::vector<int32_t> bias;
  std::vector<DotRows> groups;

  Int8Conv(const Graph& graph, const Op& op)
      : geometry(graph, op), params(conv_params(graph, op)), bias(bias_values(graph, op)) {
    const std::vector<int8_t> weights = weight_values(graph.input(op, 1));
    const auto rows = static_cast<size_t>(geometry.group_out);
    for (size_t g = 0; g < static_cast<size_t>(geometry.groups); ++g) {
      groups.emplace_back(weights.data() + g * rows * geometry.depth(), rows, geometry.depth());
    }
  }

  void run(const Operands& operands) const {
    const Geometry& g = geometry;
    const auto* x = operands.in<int8_t>(0);
    auto* y = operands.out<int8_t>(0);
    const size_t depth = groups.front().depth;
    const size_t sum_pitch = groups.front().rows;
    std::vector<int16_t> columns(kColumnsPerBlock * depth, 0);
    std::vector<int32_t> sums(kColumnsPerBlock * sum_pitch);
    const int64_t pixels = int64_t{g.out_h} * g.out_w;
    for (int32_t b = 0; b < g.batches; ++b) {
      const int8_t* image = x + int64_t{b} * g.in_h * g.in_w * g.in_c;
      int8_t* result = y + b * pixels * g.out_c;
      for (int32_t group = 0; group < g.groups; ++group) {
        for (int64_t first = 0; first < pixels; first += kColumnsPerBlock) {
          const int64_t count = std::min(kColumnsPerBlock, pixels - first);
          for (int64_t i = 0; i < count; ++i) {
            const auto oy = static_cast<int32_t>((first + i) / g.out_w);
            const auto ox = static_cast<int32_t>((first + i) % g.out_w);
            fill_column(g, image, params.input_zero_point, oy, ox, group,
                        columns.data() + static_cast<size_t>(i) * depth);
          }
          // A last odd column is paired with a stale one, whose sums are not used.
          dot_products(columns.data(), round_up(static_cast<size_t>(count), kDotColumns),
                       groups[static_cast<size_t>(group)], sums.data());
          const auto first_channel = static_cast<size_t>(group) * static_cast<size_t>(g.group_out);
          for (int64_t i = 0; i < count; ++i) {
            requantize_channels(params, bias, first_channel, static_cast<size_t>(g.group_out),
                                sums.data() + static_cast<size_t>(i) * sum_pitch,
                                result + (first + i) * g.out_c + group * g.group_out);
          }
        }
      }
    }
  }
};

struct FloatConv {
  Geometry geometry;
  FloatRange range;
  ConstantData bias;
  std::vector<FloatRows> groups;

  FloatConv(const Graph& graph, const Op& op)
      : geometry(graph, op), range(activation_range(op.as<ConvAttrs>().activation)) {
    if (graph.has_input(op, 2)) bias = graph.input(op, 2).data;
    const auto* weights = graph.input(op, 1).constant<float>();
    const auto rows = static_cast<size_t>(geometry.group_out);
    for (size_t g = 0; g < static_cast<size_t>(geometry.groups); ++g) {
      groups.emplace_back(weights + g * rows * geometry.depth(), rows, geometry.depth());
    }
  }

  void run(const Operands& operands) const {
    const Geometry& g = geometry;
    const auto* biases = bias ? reinterpret_cast<const float*>(bias->data()) : nullptr;
    const auto* image = operands.in<float>(0);
    auto* y = operands.out<float>(0);
    std::vector<float> column(groups.front().depth), sums(groups.front().rows);
    for (int32_t b = 0; b < g.batches; ++b, image += int64_t{g.in_h} * g.in_w * g.in_c) {
      for (int32_t oy = 0; oy < g.out_h; ++oy) {
        for (int32_t ox = 0; ox < g.out_w; ++ox) {
          for (int32_t group = 0; group < g.groups; ++group, y += g.group_out) {
            fill_column(g, image, 0, oy, ox, group, column.data());
            dot_products(column.data(), groups[static_cast<size_t>(group)], sums.data());
            finish_channels(range, biases,
                            static_cast<size_t>(group) * static_cast<size_t>(g.group_out),
                            static_cast<size_t>(g.group_out), sums.data(), y);
          }
        }
      }
    }
  }
};

template <typename Conv>
Kernel make_kernel(const Graph& graph, const Op& op) {
  auto conv = std::make_shared<const Conv>(graph, op);
  return [conv](const Operands& operands) { conv->run(operands); };
}

}  // namespace

Kernel prepare_conv(const Graph& graph, const Op& op) {
  if (op.as<ConvAttrs>().planar_input) unsupported("planar input exists only in compiled code");
  return compute_type(graph, op) == DType::Int8 ? make_kernel<Int8Conv>(graph, op)
                                                : make_kernel<FloatConv>(graph, op);
}

}  // namespace mcunet::reference
