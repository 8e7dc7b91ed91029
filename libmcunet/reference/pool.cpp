// AVERAGE_POOL_2D and MAX_POOL_2D; only positions inside the image take part.
#include <algorithm>

#include "libmcunet/reference/kernel.h"
#include "libmcunet/reference/params.h"

namespace mcunet::reference {
namespace {

struct Geometry {
  int32_t batches, in_h, in_w, channels, out_h, out_w;
  PoolAttrs attrs;

  Geometry(const Graph& graph, const Op& op) : attrs(op.as<PoolAttrs>()) {
    const Shape& x = graph.input(op, 0).shape;
    const Shape& y = graph.output(op).shape;
    batches = x[0], in_h = x[1], in_w = x[2], channels = x[3];
    out_h = y[1], out_w = y[2];
  }
};

// Folds every window's pixels, channel by channel, with add(accumulator, value) from `start`, and
// writes finish(accumulator, number of pixels).
template <typename T, typename Accumulator, typename Add, typename Finish>
Kernel pool(const Graph& graph, const Op& op, Accumulator start, Add add, Finish finish) {
  return [g = Geometry(graph, op), start, add, finish](const Operands& operands) {
    const auto channels = static_cast<size_t>(g.channels);
    std::vector<Accumulator> sums(channels);
    const T* image = operands.in<T>(0);
    T* y = operands.out<T>(0);
    for (int32_t b = 0; b < g.batches; ++b, image += int64_t{g.in_h} * g.in_w * g.channels) {
      for (int32_t oy = 0; oy < g.out_h; ++oy) {
        const int32_t y0 = oy * g.attrs.stride_h - g.attrs.padding.top;
        const int32_t y_end = std::min(y0 + g.attrs.filter_h, g.in_h);
        for (int32_t ox = 0; ox < g.out_w; ++ox, y += channels) {
          const int32_t x0 = ox * g.attrs.stride_w - g.attrs.padding.left;
          const int32_t x_end = std::min(x0 + g.attrs.filter_w, g.in_w);
          std::fill(sums.begin(), sums.end(), start);
          int32_t pixels = 0;
          for (int32_t iy = std::max(y0, 0); iy < y_end; ++iy) {
            for (int32_t ix = std::max(x0, 0); ix < x_end; ++ix, ++pixels) {
              const T* pixel = image + (int64_t{iy} * g.in_w + ix) * g.channels;
              for (size_t c = 0; c < channels; ++c) sums[c] = add(sums[c], pixel[c]);
            }
          }
          for (size_t c = 0; c < channels; ++c) y[c] = finish(sums[c], pixels);
        }
      }
    }
  };
}

Kernel prepare_int8(const Graph& graph, const Op& op) {
  const QuantizedRange range = pool_clamp(graph, op);
  if (op.kind == OpKind::MaxPool2D) {
    require_same_quantization(graph, op);
    return pool<int8_t>(
        graph, op, int8_t{-128}, [](int8_t a, int8_t b) { return a > b ? a : b; },
        [range](int8_t value, int32_t) { return static_cast<int8_t>(range.clamp(value)); });
  }
  return pool<int8_t>(
      graph, op, int32_t{0}, [](int32_t a, int8_t b) { return a + b; },
      [range](int32_t sum, int32_t n) {
        const int32_t average = (sum > 0 ? sum + n / 2 : sum - n / 2) / n;
        return static_cast<int8_t>(range.clamp(average));
      });
}

Kernel prepare_float(const Graph& graph, const Op& op) {
  const FloatRange range = activation_range(op.as<PoolAttrs>().activation);
  const auto clamp = [range](float value) {
    return value < range.min ? range.min : value > range.max ? range.max : value;
  };
  if (op.kind == OpKind::MaxPool2D) {
    return pool<float>(
        graph, op, std::numeric_limits<float>::lowest(),
        [](float a, float b) { return a > b ? a : b; },
        [clamp](float value, int32_t) { return clamp(value); });
  }
  return pool<float>(
      graph, op, 0.0f, [](float a, float b) { return a + b; },
      [clamp](float sum, int32_t n) { return clamp(sum / static_cast<float>(n)); });
}

}  // namespace

Kernel prepare_pool(const Graph& graph, const Op& op) {
  return compute_type(graph, op) == DType::Int8 ? prepare_int8(graph, op)
                                                : prepare_float(graph, op);
}

}  // namespace mcunet::reference
