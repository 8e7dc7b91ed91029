/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"
#include "compiler/kernels/mcunet_ring.h"

/* The taps of one output pixel: those with y0 <= ky < y1 and x0 <= kx < x1 lie in the image. Those
 * with ky >= wrap are past the end of the ring, that is, at its beginning. */
typedef struct mcunet_depthwise_window {
  int32_t y0, y1, x0, x1, wrap;
} mcunet_depthwise_window;

/* The sums of four channels. */
typedef struct mcunet_depthwise_sums {
  uint32_t s0, s1, s2, s3;
} mcunet_depthwise_sums;

/* Of the output. A copy, since for all the compiler knows a store to out could change *p. */
typedef struct mcunet_depthwise_range {
  int32_t zero, low, high;
} mcunet_depthwise_range;

MCUNET_INLINE void mcunet_depthwise_tap(const int8_t* x, const int8_t* w,
                                        mcunet_depthwise_sums* sums) {
  const uint32_t values = mcunet_load_s8x4(x), weights = mcunet_load_s8x4(w);
  const uint32_t x02 = mcunet_sxtb16(values), w02 = mcunet_sxtb16(weights);
  const uint32_t x13 = mcunet_sxtb16_ror8(values), w13 = mcunet_sxtb16_ror8(weights);
  sums->s0 = mcunet_smlabb(x02, w02, sums->s0);
  sums->s2 = mcunet_smlatt(x02, w02, sums->s2);
  sums->s1 = mcunet_smlabb(x13, w13, sums->s1);
  sums->s3 = mcunet_smlatt(x13, w13, sums->s3);
}

/* Four channels of one pixel, depth multiplier 1, whose taps all lie in the image; x: under the
 * first tap. The kernel's rows are in two runs, up to the end of the ring and from its beginning.
 */
MCUNET_INLINE void mcunet_depthwise_interior(const int8_t* x, const int8_t* w, int32_t wrap,
                                             mcunet_depthwise_sums* sums,
                                             const mcunet_depthwise_params* p) {
  const int32_t channels = p->in_c, kernel_w = p->kernel_w;
  const ptrdiff_t tap_step = (ptrdiff_t)p->dilation_w * channels;
  const ptrdiff_t row_step = (ptrdiff_t)p->dilation_h * p->in_row_stride - kernel_w * tap_step;
  int32_t rows = wrap, after = p->kernel_h - wrap;
  do {
    do {
      int32_t n = kernel_w;
      do {
        mcunet_depthwise_tap(x, w, sums);
        x += tap_step;
        w += channels;
      } while (--n > 0);
      x += row_step;
    } while (--rows > 0);
    x -= (ptrdiff_t)p->in_rows * p->in_row_stride;
    rows = after;
    after = 0;
  } while (rows > 0);
}

/* The same where taps lie outside; first: the offset in the ring of what would be under the first
 * tap. Taps outside count as in_zero, as the folded bias expects: each row of the kernel has up to
 * three runs, of padding, image and padding, and padding is a run that stays on four bytes. */
MCUNET_INLINE void mcunet_depthwise_border(const int8_t* in, ptrdiff_t first, const int8_t* w,
                                           mcunet_depthwise_window taps,
                                           mcunet_depthwise_sums* sums,
                                           const mcunet_depthwise_params* p) {
  const int32_t channels = p->in_c, kernel_w = p->kernel_w;
  const ptrdiff_t tap_step = (ptrdiff_t)p->dilation_w * channels;
  const ptrdiff_t row_step = (ptrdiff_t)p->dilation_h * p->in_row_stride;
  const int8_t padding[4] = {p->in_zero, p->in_zero, p->in_zero, p->in_zero};
  for (int32_t ky = 0; ky < p->kernel_h; ++ky, first += row_step) {
    const int32_t inside = ky >= taps.y0 && ky < taps.y1;
    int32_t kx = 0;
    if (ky == taps.wrap) first -= (ptrdiff_t)p->in_rows * p->in_row_stride;
    do {
      const int8_t* x = padding;
      ptrdiff_t step = 0;
      int32_t end = kernel_w;
      if (inside && kx < taps.x1) {
        end = taps.x0;
        if (kx >= taps.x0) {
          x = in + (first + kx * tap_step);
          step = tap_step;
          end = taps.x1;
        }
      }
      do {
        mcunet_depthwise_tap(x, w, sums);
        x += step;
        w += channels;
      } while (++kx < end);
    } while (kx < kernel_w);
  }
}

/* One output channel of one pixel: any depth multiplier, and the channels that are left over from
 * the fours. */
MCUNET_INLINE uint32_t mcunet_depthwise_one(const int8_t* in, ptrdiff_t first, int32_t oc,
                                            mcunet_depthwise_window taps,
                                            const mcunet_depthwise_params* p) {
  const int32_t out_c = p->in_c * p->depth_multiplier, kernel_w = p->kernel_w;
  const ptrdiff_t tap_step = (ptrdiff_t)p->dilation_w * p->in_c;
  const ptrdiff_t row_step = (ptrdiff_t)p->dilation_h * p->in_row_stride;
  const int8_t* w = p->weights + oc;
  uint32_t sum = (uint32_t)p->bias[oc];
  for (int32_t ky = 0; ky < p->kernel_h; ++ky, first += row_step) {
    const uint32_t n = ky >= taps.y0 && ky < taps.y1 ? (uint32_t)(taps.x1 - taps.x0) : 0;
    if (ky == taps.wrap) first -= (ptrdiff_t)p->in_rows * p->in_row_stride;
    ptrdiff_t x = first;
    for (int32_t kx = 0; kx < kernel_w; ++kx, w += out_c, x += tap_step) {
      const int32_t value = (uint32_t)(kx - taps.x0) < n ? in[x] : p->in_zero;
      sum += (uint32_t)(value * *w);
    }
  }
  return sum;
}

MCUNET_INLINE int8_t mcunet_depthwise_output(uint32_t sum, int32_t c, mcunet_depthwise_range range,
                                             const mcunet_depthwise_params* p) {
  const int32_t scaled = mcunet_requantize(mcunet_signed(sum), p->multiplier[c], p->shift[c]);
  return mcunet_output(scaled, range.zero, range.low, range.high);
}

void mcunet_depthwise(const int8_t* in, int8_t* out, int16_t* scratch,
                      const mcunet_depthwise_params* p, int32_t row, int32_t rows) {
  const int32_t in_c = p->in_c;
  const int32_t out_c = in_c * p->depth_multiplier;
  const int32_t fours = p->depth_multiplier == 1 ? in_c - in_c % 4 : 0;
  const mcunet_depthwise_range range = {p->out_zero, p->act_min, p->act_max};
  (void)scratch;
  for (; rows > 0; ++row, --rows) {
    mcunet_depthwise_window taps;
    const int32_t top = row * p->stride_h - p->pad_top;
    int32_t slot;
    taps.y0 = mcunet_taps_before(0, top, p->dilation_h, p->kernel_h);
    taps.y1 = mcunet_taps_before(p->in_h, top, p->dilation_h, p->kernel_h);
    /* Of the first tap, as if the rows above the image were in the ring too. */
    slot = mcunet_ring_slot(top + taps.y0 * p->dilation_h, p->in_rows) - taps.y0 * p->dilation_h;
    taps.wrap = mcunet_taps_before(p->in_rows, slot, p->dilation_h, p->kernel_h);
    for (int32_t ox = 0; ox < p->out_w; ++ox) {
      const int32_t left = ox * p->stride_w - p->pad_left;
      const ptrdiff_t first = (ptrdiff_t)slot * p->in_row_stride + (ptrdiff_t)left * in_c;
      int32_t c = 0;
      taps.x0 = mcunet_taps_before(0, left, p->dilation_w, p->kernel_w);
      taps.x1 = mcunet_taps_before(p->in_w, left, p->dilation_w, p->kernel_w);
      const int32_t interior = taps.y1 - taps.y0 == p->kernel_h && taps.x1 - taps.x0 == p->kernel_w;
      for (; c < fours; out += 4) {
        const int32_t* bias = p->bias + c;
        mcunet_depthwise_sums s = {(uint32_t)bias[0], (uint32_t)bias[1], (uint32_t)bias[2],
                                   (uint32_t)bias[3]};
        if (interior) {
          mcunet_depthwise_interior(in + (first + c), p->weights + c, taps.wrap, &s, p);
        } else {
          mcunet_depthwise_border(in, first + c, p->weights + c, taps, &s, p);
        }
        const uint32_t sums[4] = {s.s0, s.s1, s.s2, s.s3};
        for (int32_t i = 0; i < 4; ++i, ++c) out[i] = mcunet_depthwise_output(sums[i], c, range, p);
      }
      for (; c < out_c; ++c) {
        const uint32_t sum = mcunet_depthwise_one(in, first + c / p->depth_multiplier, c, taps, p);
        *out++ = mcunet_depthwise_output(sum, c, range, p);
      }
    }
  }
}
