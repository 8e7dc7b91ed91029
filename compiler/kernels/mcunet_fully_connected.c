/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_fully_connected.h"

/* Adds the products of four channels to their sums, and returns where the next four begin. Every
 * weight is read and widened once; what bounds the speed of a Cortex-M7 is the number of
 * instructions, two a cycle: for 16 products 8 multiplications, 8 extensions, 6 loaded words, and
 * a loop's two. */
MCUNET_INLINE const int8_t* mcunet_fully_connected_four(const int16_t* x, const int16_t* end,
                                                        const int8_t* w, uint32_t sums[4]) {
  uint32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
#if MCUNET_DSP
  uint32_t x02, x13, a, b, t;
  /* One line is one cycle. */
  __asm__ volatile(
      "1: ldrd %[x02], %[x13], [%[x]], #8\n\t"
      "ldrd %[a], %[b], [%[w]], #8\n\t"
      "sxtb16 %[t], %[a]\n\tcmp %[x], %[end]\n\t"
      "sxtb16 %[a], %[a], ror #8\n\tsmlad %[s0], %[x02], %[t], %[s0]\n\t"
      "sxtb16 %[t], %[b]\n\tsmlad %[s0], %[x13], %[a], %[s0]\n\t"
      "sxtb16 %[b], %[b], ror #8\n\tsmlad %[s1], %[x02], %[t], %[s1]\n\t"
      "ldr %[a], [%[w]], #4\n\tsmlad %[s1], %[x13], %[b], %[s1]\n\t"
      "sxtb16 %[t], %[a]\n\tldr %[b], [%[w]], #4\n\t"
      "sxtb16 %[a], %[a], ror #8\n\tsmlad %[s2], %[x02], %[t], %[s2]\n\t"
      "sxtb16 %[t], %[b]\n\tsmlad %[s2], %[x13], %[a], %[s2]\n\t"
      "sxtb16 %[b], %[b], ror #8\n\tsmlad %[s3], %[x02], %[t], %[s3]\n\t"
      "smlad %[s3], %[x13], %[b], %[s3]\n\tbne 1b"
      : [x] "+&r"(x), [w] "+&r"(w), [s0] "+&r"(s0), [s1] "+&r"(s1), [s2] "+&r"(s2), [s3] "+&r"(s3),
        [x02] "=&r"(x02), [x13] "=&r"(x13), [a] "=&r"(a), [b] "=&r"(b), [t] "=&r"(t)
      : [end] "r"(end)
      : "cc", "memory");
#else
  for (; x != end; x += 4, w += 16) {
    const uint32_t x02 = mcunet_load32(x), x13 = mcunet_load32(x + 2);
    const uint32_t a = mcunet_load_s8x4(w), b = mcunet_load_s8x4(w + 4);
    const uint32_t c = mcunet_load_s8x4(w + 8), d = mcunet_load_s8x4(w + 12);
    s0 = mcunet_smlad(x13, mcunet_sxtb16_ror8(a), mcunet_smlad(x02, mcunet_sxtb16(a), s0));
    s1 = mcunet_smlad(x13, mcunet_sxtb16_ror8(b), mcunet_smlad(x02, mcunet_sxtb16(b), s1));
    s2 = mcunet_smlad(x13, mcunet_sxtb16_ror8(c), mcunet_smlad(x02, mcunet_sxtb16(c), s2));
    s3 = mcunet_smlad(x13, mcunet_sxtb16_ror8(d), mcunet_smlad(x02, mcunet_sxtb16(d), s3));
  }
#endif
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
  return w;
}

void mcunet_fully_connected(const int8_t* in, int8_t* out, int16_t* scratch,
                            const mcunet_fully_connected_params* p) {
  const int32_t in_c = p->in_c, out_c = p->out_c;
  const int16_t* const end = scratch + MCUNET_ROUND_UP_4(in_c);
  for (int32_t row = p->rows; row > 0; --row, in += in_c, out += out_c) {
    mcunet_fully_connected_scales scales = mcunet_fully_connected_scales_of(p);
    const int8_t* w = p->weights;
    const int32_t* bias = p->bias;
    mcunet_fully_connected_widen(in, scratch, in_c);
    for (int32_t n, c = 0; c < out_c; c += n, bias += n) {
      uint32_t sums[4] = {(uint32_t)bias[0], 0, 0, 0};
      n = c + 4 <= out_c ? 4 : 1;
      if (n == 4) {
        for (int32_t i = 1; i < 4; ++i) sums[i] = (uint32_t)bias[i];
        w = mcunet_fully_connected_four(scratch, end, w, sums);
      } else {
        for (const int16_t* x = scratch; x != end; x += 4, w += 4) {
          const uint32_t word = mcunet_load_s8x4(w);
          sums[0] = mcunet_smlad(mcunet_load32(x), mcunet_sxtb16(word), sums[0]);
          sums[0] = mcunet_smlad(mcunet_load32(x + 2), mcunet_sxtb16_ror8(word), sums[0]);
        }
      }
      mcunet_fully_connected_store2(out + c, sums[0], sums[1], n > 1, &scales);
      if (n > 1) mcunet_fully_connected_store2(out + c + 2, sums[2], sums[3], 1, &scales);
    }
    mcunet_narrow(out, out_c, p->act_min, p->act_max);
  }
}
