// DEPTHWISE_CONV_2D: the image is widened, repeated `multiplier` times along its channels and
// framed with zeros once, so that every tap is a run over all channels without bounds checks.
#include <algorithm>
#include <memory>

#include "libmcunet/reference/kernel.h"
#include "libmcunet/reference/params.h"
#include "libmcunet/reference/requantize.h"

namespace mcunet::reference {
namespace {

struct Geometry {
  int32_t batches, in_h, in_w, in_c, out_h, out_w, multiplier;
  int32_t kernel_h, kernel_w;
  size_t channels;  // of the output
  int64_t framed_w, framed_h;
  ConvAttrs attrs;

  Geometry(const Graph& graph, const Op& op) : attrs(op.as<ConvAttrs>()) {
    const Shape& x = graph.input(op, 0).shape;
    const Shape& w = graph.input(op, 1).shape;
    const Shape& y = graph.output(op).shape;
    batches = x[0], in_h = x[1], in_w = x[2], in_c = x[3];
    out_h = y[1], out_w = y[2], channels = static_cast<size_t>(y[3]);
    multiplier = y[3] / in_c;
    kernel_h = w[1], kernel_w = w[2];
    framed_h = int64_t{in_h} + attrs.padding.top + attrs.padding.bottom;
    framed_w = int64_t{in_w} + attrs.padding.left + attrs.padding.right;
  }

  // Where the taps lie in the framed image, from the window's first pixel.
  std::vector<int64_t> tap_offsets() const {
    std::vector<int64_t> offsets;
    for (int64_t ky = 0; ky < kernel_h; ++ky) {
      for (int64_t kx = 0; kx < kernel_w; ++kx) {
        offsets.push_back((ky * attrs.dilation_h * framed_w + kx * attrs.dilation_w) *
                          static_cast<int64_t>(channels));
      }
    }
    return offsets;
  }
  int64_t window_offset(int32_t oy, int32_t ox) const {
    return (int64_t{oy} * attrs.stride_h * framed_w + int64_t{ox} * attrs.stride_w) *
           static_cast<int64_t>(channels);
  }
};

template <typename In, typename Wide>
void frame(const Geometry& g, const In* image, int32_t zero_point, std::vector<Wide>& framed) {
  for (int64_t y = 0; y < g.in_h; ++y) {
    Wide* out = framed.data() + ((y + g.attrs.padding.top) * g.framed_w + g.attrs.padding.left) *
                                    static_cast<int64_t>(g.channels);
    const int64_t row = int64_t{g.in_w} * g.in_c;
    const In* in = image + y * row;
    if (g.multiplier == 1) {
      for (int64_t i = 0; i < row; ++i)
        out[i] = static_cast<Wide>(in[i] - static_cast<Wide>(zero_point));
      continue;
    }
    for (int64_t i = 0; i < row; ++i) {
      out =
          std::fill_n(out, g.multiplier, static_cast<Wide>(in[i] - static_cast<Wide>(zero_point)));
    }
  }
}

// sums[c] += sum over four taps of x[tap][c] * w[tap][c]; sums wrap.
void accumulate4(const int16_t* __restrict x, const int64_t* taps, const int16_t* __restrict w,
                 size_t channels, uint32_t* __restrict sums) {
  const int16_t *x0 = x + taps[0], *x1 = x + taps[1], *x2 = x + taps[2], *x3 = x + taps[3];
  const int16_t *w0 = w, *w1 = w + channels, *w2 = w + 2 * channels, *w3 = w + 3 * channels;
  for (size_t c = 0; c < channels; ++c) {
    sums[c] += static_cast<uint32_t>(x0[c] * w0[c] + x1[c] * w1[c] + x2[c] * w2[c] + x3[c] * w3[c]);
  }
}

void accumulate(const int16_t* __restrict x, const int16_t* __restrict w, size_t channels,
                uint32_t* __restrict sums) {
  for (size_t c = 0; c < channels; ++c) sums[c] += static_cast<uint32_t>(x[c] * w[c]);
}

struct Int8Depthwise {
  Geometry geometry;
  ConvParams params;
  std::vector<int32_t> bias;
  std::vector<int16_t> weights;  // [taps, channels]
  std::vector<int64_t> taps;

  Int8Depthwise(const Graph& graph, const Op& op)
      : geometry(graph, op),
        params(conv_params(graph, op)),
        bias(bias_values(graph, op)),
        taps(geometry.tap_offsets()) {
    const std::vector<int8_t> values = weight_values(graph.input(op, 1));
    weights.assign(values.begin(), values.end());
  }

  void run(const Operands& operands) const {
    const Geometry& g = geometry;
    const auto* image = operands.in<int8_t>(0);
    auto* y = operands.out<int8_t>(0);
    std::vector<int16_t> framed(static_cast<size_t>(g.framed_h * g.framed_w) * g.channels, 0);
    std::vector<uint32_t> sums(g.channels);
    std::vector<int32_t> signed_sums(g.channels);
    for (int32_t b = 0; b < g.batches; ++b, image += int64_t{g.in_h} * g.in_w * g.in_c) {
      frame(g, image, params.input_zero_point, framed);
      for (int32_t oy = 0; oy < g.out_h; ++oy) {
        for (int32_t ox = 0; ox < g.out_w; ++ox, y += g.channels) {
          const int16_t* window = framed.data() + g.window_offset(oy, ox);
          std::fill(sums.begin(), sums.end(), 0u);
          size_t tap = 0;
          for (; tap + 4 <= taps.size(); tap += 4) {
            accumulate4(window, taps.data() + tap, weights.data() + tap * g.channels, g.channels,
                        sums.data());
          }
          for (; tap < taps.size(); ++tap) {
            accumulate(window + taps[tap], weights.data() + tap * g.channels, g.channels,
                       sums.data());
          }
          for (size_t c = 0; c < g.channels; ++c) signed_sums[c] = static_cast<int32_t>(sums[c]);
          requantize_channels(params, bias, 0, g.channels, signed_sums.data(), y);
        }
      }
    }
  }
};

struct FloatDepthwise {
  Geometry geometry;
  FloatRange range;
  ConstantData weights, bias;
  std::vector<int64_t> taps;

  FloatDepthwise(const Graph& graph, const Op& op)
      : geometry(graph, op),
        range(activation_range(op.as<ConvAttrs>().activation)),
        weights(graph.input(op, 1).data),
        taps(geometry.tap_offsets()) {
    if (graph.has_input(op, 2)) bias = graph.input(op, 2).data;
  }

  void run(const Operands& operands) const {
    const Geometry& g = geometry;
    const auto* image = operands.in<float>(0);
    const auto* filter = reinterpret_cast<const float*>(weights->data());
    const auto* biases = bias ? reinterpret_cast<const float*>(bias->data()) : nullptr;
    auto* y = operands.out<float>(0);
    std::vector<float> framed(static_cast<size_t>(g.framed_h * g.framed_w) * g.channels, 0.0f);
    std::vector<float> sums(g.channels);
    for (int32_t b = 0; b < g.batches; ++b, image += int64_t{g.in_h} * g.in_w * g.in_c) {
      frame(g, image, 0, framed);
      for (int32_t oy = 0; oy < g.out_h; ++oy) {
        for (int32_t ox = 0; ox < g.out_w; ++ox, y += g.channels) {
          const float* window = framed.data() + g.window_offset(oy, ox);
          std::fill(sums.begin(), sums.end(), 0.0f);
          for (size_t tap = 0; tap < taps.size(); ++tap) {
            const float* x = window + taps[tap];
            const float* w = filter + tap * g.channels;
            for (size_t c = 0; c < g.channels; ++c) sums[c] += x[c] * w[c];
          }
          finish_channels(range, biases, 0, g.channels, sums.data(), y);
        }
      }
    }
  }
};

template <typename Depthwise>
Kernel make_kernel(const Graph& graph, const Op& op) {
  auto depthwise = std::make_shared<const Depthwise>(graph, op);
  return [depthwise](const Operands& operands) { depthwise->run(operands); };
}

}  // namespace

Kernel prepare_depthwise(const Graph& graph, const Op& op) {
  if (op.as<ConvAttrs>().planar_input) unsupported("planar input exists only in compiled code");
  return compute_type(graph, op) == DType::Int8 ? make_kernel<Int8Depthwise>(graph, op)
                                                : make_kernel<FloatDepthwise>(graph, op);
}

}  // namespace mcunet::reference
