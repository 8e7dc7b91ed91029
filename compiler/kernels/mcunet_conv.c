/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_conv_gather.h"
#include "compiler/kernels/mcunet_requantize.h"

/* All channels of two pixels, or without two, a constant, of one. An odd last channel is its own
 * neighbour: it is computed and stored twice, which needs no further code. */
MCUNET_INLINE void mcunet_conv_pixels(const int16_t* x0, const int16_t* x1, int8_t* out0,
                                      int8_t* out1, int32_t two, int32_t k4,
                                      const mcunet_conv_params* p) {
  const int32_t low = p->act_min, high = p->act_max, zero = p->out_zero;
  const int32_t out_c = p->out_c;
  for (int32_t c = 0; c < out_c; c += 2) {
    const int32_t d = c + 1 < out_c ? c + 1 : c;
    const int8_t* w0 = p->weights + (ptrdiff_t)c * k4;
    const int8_t* w1 = p->weights + (ptrdiff_t)d * k4;
    const int8_t* end = w0 + k4;
    const int16_t* a = x0;
    const int16_t* b = x1;
    uint32_t a0 = (uint32_t)p->bias[c], b0 = a0;
    uint32_t a1 = (uint32_t)p->bias[d], b1 = a1;
    do {
      const uint32_t u = mcunet_load_s8x4(w0), v = mcunet_load_s8x4(w1);
      const uint32_t u02 = mcunet_sxtb16(u), u13 = mcunet_sxtb16_ror8(u);
      const uint32_t v02 = mcunet_sxtb16(v), v13 = mcunet_sxtb16_ror8(v);
      const uint32_t a02 = mcunet_load32(a), a13 = mcunet_load32(a + 2);
      const uint32_t b02 = mcunet_load32(b), b13 = mcunet_load32(b + 2);
      a0 = mcunet_smlad(a02, u02, a0);
      a1 = mcunet_smlad(a02, v02, a1);
      b0 = mcunet_smlad(b02, u02, b0);
      b1 = mcunet_smlad(b02, v02, b1);
      a0 = mcunet_smlad(a13, u13, a0);
      a1 = mcunet_smlad(a13, v13, a1);
      b0 = mcunet_smlad(b13, u13, b0);
      b1 = mcunet_smlad(b13, v13, b1);
      w0 += 4;
      w1 += 4;
      a += 4;
      b += 4;
    } while (w0 != end);
    /* Loaded before any store, which for all the compiler knows could change them. */
    const int32_t m0 = p->multiplier[c], s0 = p->shift[c];
    const int32_t m1 = p->multiplier[d], s1 = p->shift[d];
    out0[c] = mcunet_output(mcunet_requantize(mcunet_signed(a0), m0, s0), zero, low, high);
    out0[d] = mcunet_output(mcunet_requantize(mcunet_signed(a1), m1, s1), zero, low, high);
    if (two) {
      out1[c] = mcunet_output(mcunet_requantize(mcunet_signed(b0), m0, s0), zero, low, high);
      out1[d] = mcunet_output(mcunet_requantize(mcunet_signed(b1), m1, s1), zero, low, high);
    }
  }
}

void mcunet_conv(const int8_t* in, int8_t* out, int16_t* scratch, const mcunet_conv_params* p,
                 int32_t row, int32_t rows) {
  const int32_t k = p->kernel_h * p->kernel_w * p->in_c;
  const int32_t k4 = MCUNET_ROUND_UP_4(k);
  const int32_t out_w = p->out_w;
  const int32_t dense =
      p->dilation_w == 1 && p->in_channel_stride == 1 && p->in_pixel_stride == p->in_c;
  int16_t* x = scratch;
  int8_t* first_out = out; /* of a pair of pixels, which may belong to two rows */
  for (; rows > 0; ++row, --rows) {
    const mcunet_conv_window window = mcunet_conv_window_of(p, row);
    int32_t column = -p->pad_left;
    for (int32_t ox = 0; ox < out_w; ++ox, column += p->stride_w, out += p->out_pixel_stride) {
      int8_t* bytes = (int8_t*)x + k4; /* the later half, so that widening can go on in place */
      mcunet_conv_gather(in, window, column, dense, bytes, k4 - k, p);
      for (int32_t i = 0; i < k4; i += 4) {
        const uint32_t word = mcunet_load_s8x4(bytes + i);
        mcunet_store32(x + i, mcunet_sxtb16(word));
        mcunet_store32(x + i + 2, mcunet_sxtb16_ror8(word));
      }
      if (x == scratch) {
        first_out = out;
        x += k4;
      } else {
        mcunet_conv_pixels(scratch, x, first_out, out, 1, k4, p);
        x = scratch;
      }
    }
  }
  if (x != scratch) mcunet_conv_pixels(scratch, scratch, first_out, first_out, 0, k4, p);
}
