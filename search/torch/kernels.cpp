#include "search/torch/kernels.h"

#include <algorithm>
#include <cstring>
#include <vector>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MCUNET_CLONES \
  __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define MCUNET_CLONES
#endif

namespace mcunet::search::kernels {
namespace {

#define MCUNET_INLINE inline __attribute__((always_inline))

constexpr int64_t kBlock = 16;  // channels at a time: one or two registers

struct Range {
  int64_t low, high;
};

// Output columns (rows) whose tap `k` lies inside an image of `in` columns.
MCUNET_INLINE Range inside(int64_t in, int64_t out, int64_t stride, int64_t offset) {
  const int64_t low = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
  const int64_t last = in - 1 - offset;
  return {std::min(low, out), last < 0 ? 0 : std::min(out, last / stride + 1)};
}

// One output row's `n` channels from `c` on; n is a constant where this is inlined.
MCUNET_INLINE void forward_row(const Depthwise& d, int64_t oy, int64_t c, int64_t n,
                               const float* in, const float* weights, float* out) {
  const int64_t pad = d.kernel / 2;
  for (int64_t ox = 0; ox < d.out_w; ++ox) {
    float sum[kBlock] = {};
    const int64_t left = ox * d.stride - pad;
    const int64_t first = std::max<int64_t>(0, -left);
    const int64_t last = std::min(d.kernel, d.in_w - left);
    for (int64_t ky = 0; ky < d.kernel; ++ky) {
      const int64_t iy = oy * d.stride + ky - pad;
      if (iy < 0 || iy >= d.in_h) continue;
      for (int64_t kx = first; kx < last; ++kx) {
        const float* x = in + (iy * d.in_w + left + kx) * d.channels + c;
        const float* w = weights + (ky * d.kernel + kx) * d.channels + c;
        for (int64_t i = 0; i < n; ++i) sum[i] += x[i] * w[i];
      }
    }
    float* y = out + (oy * d.out_w + ox) * d.channels + c;
    for (int64_t i = 0; i < n; ++i) y[i] = sum[i];
  }
}

MCUNET_INLINE void input_gradient_row(const Depthwise& d, int64_t iy, int64_t c, int64_t n,
                                      const float* gradient, const float* weights, float* out) {
  const int64_t pad = d.kernel / 2;
  for (int64_t ix = 0; ix < d.in_w; ++ix) {
    float sum[kBlock] = {};
    for (int64_t ky = 0; ky < d.kernel; ++ky) {
      const int64_t y = iy + pad - ky;
      if (y < 0 || y % d.stride != 0 || y / d.stride >= d.out_h) continue;
      const float* row = gradient + y / d.stride * d.out_w * d.channels + c;
      for (int64_t kx = 0; kx < d.kernel; ++kx) {
        const int64_t x = ix + pad - kx;
        if (x < 0 || x % d.stride != 0 || x / d.stride >= d.out_w) continue;
        const float* g = row + x / d.stride * d.channels;
        const float* w = weights + (ky * d.kernel + kx) * d.channels + c;
        for (int64_t i = 0; i < n; ++i) sum[i] += g[i] * w[i];
      }
    }
    float* y = out + (iy * d.in_w + ix) * d.channels + c;
    for (int64_t i = 0; i < n; ++i) y[i] = sum[i];
  }
}

MCUNET_INLINE void weight_gradient_block(const Depthwise& d, int64_t c, int64_t n, const float* in,
                                         const float* gradient, float* out) {
  const int64_t pad = d.kernel / 2;
  for (int64_t ky = 0; ky < d.kernel; ++ky) {
    const Range rows = inside(d.in_h, d.out_h, d.stride, ky - pad);
    for (int64_t kx = 0; kx < d.kernel; ++kx) {
      const Range columns = inside(d.in_w, d.out_w, d.stride, kx - pad);
      float sum[kBlock] = {};
      for (int64_t oy = rows.low; oy < rows.high; ++oy) {
        const float* x =
            in +
            ((oy * d.stride + ky - pad) * d.in_w + columns.low * d.stride + kx - pad) * d.channels +
            c;
        const float* g = gradient + (oy * d.out_w + columns.low) * d.channels + c;
        for (int64_t ox = columns.low; ox < columns.high; ++ox) {
          for (int64_t i = 0; i < n; ++i) sum[i] += x[i] * g[i];
          x += d.stride * d.channels;
          g += d.channels;
        }
      }
      float* w = out + (ky * d.kernel + kx) * d.channels + c;
      for (int64_t i = 0; i < n; ++i) w[i] += sum[i];
    }
  }
}

}  // namespace

MCUNET_CLONES
void depthwise(const Depthwise& d, const float* in, const float* weights, float* out) {
  const int64_t whole = d.channels / kBlock * kBlock;
  for (int64_t oy = 0; oy < d.out_h; ++oy) {
    for (int64_t c = 0; c < whole; c += kBlock) forward_row(d, oy, c, kBlock, in, weights, out);
    int64_t c = whole;
    if (d.channels - c >= 8) {
      forward_row(d, oy, c, 8, in, weights, out);
      c += 8;
    }
    if (c < d.channels) forward_row(d, oy, c, d.channels - c, in, weights, out);
  }
}

MCUNET_CLONES
void depthwise_input_gradient(const Depthwise& d, const float* out_gradient, const float* weights,
                              float* in_gradient) {
  if (d.stride == 1) {
    // The same convolution with the kernel turned round.
    const int64_t taps = d.kernel * d.kernel;
    std::vector<float> turned(static_cast<size_t>(taps * d.channels));
    for (int64_t t = 0; t < taps; ++t)
      std::memcpy(turned.data() + t * d.channels, weights + (taps - 1 - t) * d.channels,
                  static_cast<size_t>(d.channels) * sizeof(float));
    depthwise(d, out_gradient, turned.data(), in_gradient);
    return;
  }
  const int64_t whole = d.channels / kBlock * kBlock;
  for (int64_t iy = 0; iy < d.in_h; ++iy) {
    for (int64_t c = 0; c < whole; c += kBlock)
      input_gradient_row(d, iy, c, kBlock, out_gradient, weights, in_gradient);
    int64_t c = whole;
    if (d.channels - c >= 8) {
      input_gradient_row(d, iy, c, 8, out_gradient, weights, in_gradient);
      c += 8;
    }
    if (c < d.channels)
      input_gradient_row(d, iy, c, d.channels - c, out_gradient, weights, in_gradient);
  }
}

MCUNET_CLONES
void depthwise_weight_gradient(const Depthwise& d, const float* in, const float* out_gradient,
                               float* weight_gradient) {
  int64_t c = 0;
  for (; c + kBlock <= d.channels; c += kBlock)
    weight_gradient_block(d, c, kBlock, in, out_gradient, weight_gradient);
  if (d.channels - c >= 8) {
    weight_gradient_block(d, c, 8, in, out_gradient, weight_gradient);
    c += 8;
  }
  if (c < d.channels)
    weight_gradient_block(d, c, d.channels - c, in, out_gradient, weight_gradient);
}

// ---- by channel. Networks for microcontrollers have few channels: several rows are taken as one
// long one, with what belongs to the channels repeated.

namespace {

constexpr int64_t kLong = 512;  // values

struct Rows {
  int64_t together;  // rows
  int64_t length;    // values of them
};
Rows long_rows(int64_t rows, int64_t channels) {
  const int64_t together = std::max<int64_t>(1, std::min(rows, kLong / channels));
  return {together, together * channels};
}

std::vector<float> repeated(const float* values, int64_t channels, int64_t times) {
  std::vector<float> all(static_cast<size_t>(channels * times));
  for (int64_t i = 0; i < times; ++i)
    std::copy(values, values + channels, all.begin() + i * channels);
  return all;
}

// Adds a long row of sums to those of the channels, and clears it.
void collect(std::vector<float>& part, int64_t channels, double* sum) {
  for (size_t i = 0; i < part.size(); ++i) {
    sum[static_cast<int64_t>(i) % channels] += double{part[i]};
    part[i] = 0;
  }
}

// After so many long rows floats go into doubles: exact enough for variances of any batch.
constexpr int64_t kSummands = 64;

MCUNET_INLINE float inside_of(float value, float low, float high, float gradient) {
  return (value > low) & (value < high) ? gradient : 0.0F;
}

MCUNET_INLINE void add_moments(int64_t n, const float* __restrict x, float* __restrict sum,
                               float* __restrict square) {
  for (int64_t i = 0; i < n; ++i) {
    sum[i] += x[i];
    square[i] += x[i] * x[i];
  }
}

MCUNET_INLINE void scale_row(int64_t n, const float* __restrict x, const float* __restrict scale,
                             const float* __restrict shift, float low, float high,
                             float* __restrict y) {
  for (int64_t i = 0; i < n; ++i) {
    const float value = x[i] * scale[i] + shift[i];
    const float above = value < low ? low : value;
    y[i] = above > high ? high : above;
  }
}

MCUNET_INLINE void add_gradients(int64_t n, const float* __restrict x, const float* __restrict y,
                                 const float* __restrict gradient, const float* __restrict mean,
                                 float low, float high, float* __restrict sum,
                                 float* __restrict product) {
  for (int64_t i = 0; i < n; ++i) {
    const float d = inside_of(y[i], low, high, gradient[i]);
    sum[i] += d;
    product[i] += d * (x[i] - mean[i]);
  }
}

MCUNET_INLINE void combine_row(int64_t n, const float* __restrict x, const float* __restrict y,
                               const float* __restrict gradient, float low, float high,
                               const float* __restrict a, const float* __restrict b,
                               const float* __restrict c, float* __restrict out) {
  for (int64_t i = 0; i < n; ++i)
    out[i] = inside_of(y[i], low, high, gradient[i]) * a[i] + x[i] * b[i] + c[i];
}

}  // namespace

MCUNET_CLONES
void channel_sums(int64_t rows, int64_t channels, const float* x, double* sum, double* square) {
  const Rows group = long_rows(rows, channels);
  std::vector<float> s(static_cast<size_t>(group.length)), q(static_cast<size_t>(group.length));
  std::fill(sum, sum + channels, 0.0);
  std::fill(square, square + channels, 0.0);
  const int64_t total = rows * channels;
  int64_t groups = 0;
  for (int64_t from = 0; from < total; from += group.length) {
    add_moments(std::min(group.length, total - from), x + from, s.data(), q.data());
    if (++groups % kSummands == 0 || from + group.length >= total) {
      collect(s, channels, sum);
      collect(q, channels, square);
    }
  }
}

MCUNET_CLONES
void scale_clamp(int64_t rows, int64_t channels, const float* x, const float* scale,
                 const float* shift, float low, float high, float* y) {
  const Rows group = long_rows(rows, channels);
  const std::vector<float> scales = repeated(scale, channels, group.together);
  const std::vector<float> shifts = repeated(shift, channels, group.together);
  const int64_t total = rows * channels;
  for (int64_t from = 0; from < total; from += group.length)
    scale_row(std::min(group.length, total - from), x + from, scales.data(), shifts.data(), low,
              high, y + from);
}

MCUNET_CLONES
void gradient_sums(int64_t rows, int64_t channels, const float* x, const float* y,
                   const float* gradient, const float* mean, float low, float high, double* sum,
                   double* product) {
  const Rows group = long_rows(rows, channels);
  const std::vector<float> means = repeated(mean, channels, group.together);
  std::vector<float> s(static_cast<size_t>(group.length)), p(static_cast<size_t>(group.length));
  std::fill(sum, sum + channels, 0.0);
  std::fill(product, product + channels, 0.0);
  const int64_t total = rows * channels;
  int64_t groups = 0;
  for (int64_t from = 0; from < total; from += group.length) {
    add_gradients(std::min(group.length, total - from), x + from, y + from, gradient + from,
                  means.data(), low, high, s.data(), p.data());
    if (++groups % kSummands == 0 || from + group.length >= total) {
      collect(s, channels, sum);
      collect(p, channels, product);
    }
  }
}

MCUNET_CLONES
void combine_gradient(int64_t rows, int64_t channels, const float* x, const float* y,
                      const float* gradient, float low, float high, const float* a, const float* b,
                      const float* c, float* in_gradient) {
  const Rows group = long_rows(rows, channels);
  const std::vector<float> as = repeated(a, channels, group.together);
  const std::vector<float> bs = repeated(b, channels, group.together);
  const std::vector<float> cs = repeated(c, channels, group.together);
  const int64_t total = rows * channels;
  for (int64_t from = 0; from < total; from += group.length)
    combine_row(std::min(group.length, total - from), x + from, y + from, gradient + from, low,
                high, as.data(), bs.data(), cs.data(), in_gradient + from);
}

}  // namespace mcunet::search::kernels
