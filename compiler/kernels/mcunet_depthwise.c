/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"

/* The taps of one output pixel: those with y0 <= ky < y1 and x0 <= kx < x1 lie in the image. */
typedef struct mcunet_depthwise_window {
  int32_t y0, y1, x0, x1;
} mcunet_depthwise_window;

/* The number of taps, of n that begin at first, which lie before end. */
MCUNET_INLINE int32_t mcunet_depthwise_taps(int32_t first, int32_t dilation, int32_t n,
                                            int32_t end) {
  while (n > 0 && first + (n - 1) * dilation >= end) --n;
  return n;
}

MCUNET_INLINE int8_t mcunet_depthwise_output(uint32_t sum, int32_t c,
                                             const mcunet_depthwise_params* p) {
  const int32_t scaled = mcunet_requantize(mcunet_signed(sum), p->multiplier[c], p->shift[c]);
  return mcunet_output(scaled, p->out_zero, p->act_min, p->act_max);
}

/* Four channels of one pixel, depth multiplier 1. first is the offset in the image of the channels
 * under the first tap. Taps outside count as in_zero, as the folded bias expects: each row of the
 * kernel has up to three runs, of padding, image and padding, and padding is a run that stays on
 * four bytes. With interior, a constant, all that is left out. */
MCUNET_INLINE void mcunet_depthwise_four(const int8_t* image, ptrdiff_t first, int8_t* out,
                                         int32_t c, mcunet_depthwise_window taps, int32_t interior,
                                         const mcunet_depthwise_params* p) {
  const int32_t channels = p->in_c, kernel_w = p->kernel_w;
  const ptrdiff_t tap_step = (ptrdiff_t)p->dilation_w * channels;
  const ptrdiff_t row_step = (ptrdiff_t)p->dilation_h * p->in_w * channels;
  const int8_t padding[4] = {p->in_zero, p->in_zero, p->in_zero, p->in_zero};
  const int8_t* w = p->weights + c;
  uint32_t sums[4];
  uint32_t sum0 = (uint32_t)p->bias[c], sum1 = (uint32_t)p->bias[c + 1];
  uint32_t sum2 = (uint32_t)p->bias[c + 2], sum3 = (uint32_t)p->bias[c + 3];
  for (int32_t ky = 0; ky < p->kernel_h; ++ky, first += row_step) {
    int32_t kx = 0;
    do {
      const int8_t* x = padding;
      ptrdiff_t step = 0;
      int32_t end = kernel_w;
      if (interior) {
        x = image + first;
        step = tap_step;
      } else if (ky >= taps.y0 && ky < taps.y1 && kx < taps.x1) {
        end = taps.x0;
        if (kx >= taps.x0) {
          x = image + (first + kx * tap_step);
          step = tap_step;
          end = taps.x1;
        }
      }
      do {
        const uint32_t values = mcunet_load_s8x4(x), weights = mcunet_load_s8x4(w);
        const uint32_t x02 = mcunet_sxtb16(values), w02 = mcunet_sxtb16(weights);
        const uint32_t x13 = mcunet_sxtb16_ror8(values), w13 = mcunet_sxtb16_ror8(weights);
        sum0 = mcunet_smlabb(x02, w02, sum0);
        sum2 = mcunet_smlatt(x02, w02, sum2);
        sum1 = mcunet_smlabb(x13, w13, sum1);
        sum3 = mcunet_smlatt(x13, w13, sum3);
        x += step;
        w += channels;
      } while (++kx < end);
    } while (kx < kernel_w);
  }
  sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3;
  for (int32_t i = 0; i < 4; ++i) out[c + i] = mcunet_depthwise_output(sums[i], c + i, p);
}

/* One output channel of one pixel: any depth multiplier, and the channels that are left over from
 * the fours. */
MCUNET_INLINE void mcunet_depthwise_one(const int8_t* image, ptrdiff_t first, int8_t* out,
                                        int32_t oc, mcunet_depthwise_window taps,
                                        const mcunet_depthwise_params* p) {
  const int32_t out_c = p->in_c * p->depth_multiplier;
  const ptrdiff_t tap_step = (ptrdiff_t)p->dilation_w * p->in_c;
  const ptrdiff_t row_step = (ptrdiff_t)p->dilation_h * p->in_w * p->in_c;
  const int8_t* w = p->weights + oc;
  uint32_t sum = (uint32_t)p->bias[oc];
  for (int32_t ky = 0; ky < p->kernel_h; ++ky, first += row_step) {
    const int32_t inside = ky >= taps.y0 && ky < taps.y1;
    for (int32_t kx = 0; kx < p->kernel_w; ++kx, w += out_c) {
      int32_t value = p->in_zero;
      if (inside && kx >= taps.x0 && kx < taps.x1) value = image[first + kx * tap_step];
      sum += (uint32_t)(value * *w);
    }
  }
  out[oc] = mcunet_depthwise_output(sum, oc, p);
}

void mcunet_depthwise(const int8_t* in, int8_t* out, int16_t* scratch,
                      const mcunet_depthwise_params* p) {
  const int32_t in_c = p->in_c;
  const int32_t out_c = in_c * p->depth_multiplier;
  const int32_t fours = p->depth_multiplier == 1 ? in_c - in_c % 4 : 0;
  (void)scratch;
  for (int32_t b = 0; b < p->batches; ++b, in += (ptrdiff_t)p->in_h * p->in_w * in_c) {
    for (int32_t oy = 0; oy < p->out_h; ++oy) {
      mcunet_depthwise_window taps;
      const int32_t iy = oy * p->stride_h - p->pad_top;
      taps.y0 = mcunet_depthwise_taps(iy, p->dilation_h, p->kernel_h, 0);
      taps.y1 = mcunet_depthwise_taps(iy, p->dilation_h, p->kernel_h, p->in_h);
      for (int32_t ox = 0; ox < p->out_w; ++ox, out += out_c) {
        const int32_t ix = ox * p->stride_w - p->pad_left;
        const ptrdiff_t first = ((ptrdiff_t)iy * p->in_w + ix) * in_c;
        int32_t ic = fours, m = 0;
        taps.x0 = mcunet_depthwise_taps(ix, p->dilation_w, p->kernel_w, 0);
        taps.x1 = mcunet_depthwise_taps(ix, p->dilation_w, p->kernel_w, p->in_w);
        if (taps.y0 == 0 && taps.y1 == p->kernel_h && taps.x0 == 0 && taps.x1 == p->kernel_w) {
          for (int32_t c = 0; c < fours; c += 4)
            mcunet_depthwise_four(in, first + c, out, c, taps, 1, p);
        } else {
          for (int32_t c = 0; c < fours; c += 4)
            mcunet_depthwise_four(in, first + c, out, c, taps, 0, p);
        }
        for (int32_t oc = fours; oc < out_c; ++oc) {
          mcunet_depthwise_one(in, first + ic, out, oc, taps, p);
          if (++m == p->depth_multiplier) {
            m = 0;
            ++ic;
          }
        }
      }
    }
  }
}
