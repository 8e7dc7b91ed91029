/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_fully_connected.h"
#include "compiler/kernels/mcunet_nibbles.h"

/* The products of four channels, as mcunet_fully_connected_four, times 16. */
MCUNET_INLINE const int8_t* mcunet_fully_connected_s4_four(const int16_t* x, const int16_t* end,
                                                           const int8_t* w, uint32_t sums[4]) {
  uint32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#if MCUNET_DSP
  uint32_t x02, x13, a, b, t;
  /* One line is one cycle. */
  __asm__ volatile(
      "1: ldrd %[x02], %[x13], [%[x]], #8\n\t"
      "ldr %[a], [%[w]], #4\n\tcmp %[x], %[end]\n\t"
      "lsl %[b], %[a], #4\n\tand %[a], %[a], #0xf0f0f0f0\n\t"
      "sxtb16 %[t], %[a]\n\tand %[b], %[b], #0xf0f0f0f0\n\t"
      "sxtb16 %[a], %[a], ror #8\n\tsmlad %[s0], %[x02], %[t], %[s0]\n\t"
      "sxtb16 %[t], %[b]\n\tsmlad %[s0], %[x13], %[a], %[s0]\n\t"
      "sxtb16 %[b], %[b], ror #8\n\tsmlad %[s1], %[x02], %[t], %[s1]\n\t"
      "ldr %[a], [%[w]], #4\n\tsmlad %[s1], %[x13], %[b], %[s1]\n\t"
      "lsl %[b], %[a], #4\n\tand %[a], %[a], #0xf0f0f0f0\n\t"
      "sxtb16 %[t], %[a]\n\tand %[b], %[b], #0xf0f0f0f0\n\t"
      "sxtb16 %[a], %[a], ror #8\n\tsmlad %[s2], %[x02], %[t], %[s2]\n\t"
      "sxtb16 %[t], %[b]\n\tsmlad %[s2], %[x13], %[a], %[s2]\n\t"
      "sxtb16 %[b], %[b], ror #8\n\tsmlad %[s3], %[x02], %[t], %[s3]\n\t"
      "smlad %[s3], %[x13], %[b], %[s3]\n\tbne 1b"
      : [x] "+&r"(x), [w] "+&r"(w), [s0] "+&r"(s0), [s1] "+&r"(s1), [s2] "+&r"(s2), [s3] "+&r"(s3),
        [x02] "=&r"(x02), [x13] "=&r"(x13), [a] "=&r"(a), [b] "=&r"(b), [t] "=&r"(t)
      : [end] "r"(end)
      : "cc", "memory");
#else
  for (; x != end; x += 4, w += 8) {
    const uint32_t x02 = mcunet_load32(x), x13 = mcunet_load32(x + 2);
    const uint32_t ab = mcunet_load_s8x4(w), cd = mcunet_load_s8x4(w + 4);
    const uint32_t a = mcunet_high_nibbles(ab), b = mcunet_low_nibbles(ab);
    const uint32_t c = mcunet_high_nibbles(cd), d = mcunet_low_nibbles(cd);
    s0 = mcunet_smlad(x13, mcunet_sxtb16_ror8(a), mcunet_smlad(x02, mcunet_sxtb16(a), s0));
    s1 = mcunet_smlad(x13, mcunet_sxtb16_ror8(b), mcunet_smlad(x02, mcunet_sxtb16(b), s1));
    s2 = mcunet_smlad(x13, mcunet_sxtb16_ror8(c), mcunet_smlad(x02, mcunet_sxtb16(c), s2));
    s3 = mcunet_smlad(x13, mcunet_sxtb16_ror8(d), mcunet_smlad(x02, mcunet_sxtb16(d), s3));
  }
#endif
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
  return w;
}

void mcunet_fully_connected_s4(const int8_t* in, int8_t* out, int16_t* scratch,
                               const mcunet_fully_connected_s4_params* p) {
  const int32_t in_c = p->in_c, out_c = p->out_c;
  const int16_t* const end = scratch + MCUNET_ROUND_UP_4(in_c);
  for (int32_t row = p->rows; row > 0; --row, in += in_c, out += out_c) {
    mcunet_fully_connected_scales scales = mcunet_fully_connected_scales_of(p);
    const int8_t* w = p->weights;
    const int32_t* bias = p->bias;
    mcunet_fully_connected_widen(in, scratch, in_c);
    for (int32_t c = 0; c < out_c; c += 4, bias += 4) {
      const int32_t n = out_c - c;
      uint32_t sums[4];
      w = mcunet_fully_connected_s4_four(scratch, end, w, sums);
      for (int32_t i = 0; i < 4; ++i) {
        if (i < n) sums[i] = mcunet_nibble_sum(sums[i], bias[i]);
      }
      mcunet_fully_connected_store2(out + c, sums[0], sums[1], n > 1, &scales);
      if (n > 2) mcunet_fully_connected_store2(out + c + 2, sums[2], sums[3], n > 3, &scales);
    }
    mcunet_narrow(out, out_c, p->act_min, p->act_max);
  }
}
