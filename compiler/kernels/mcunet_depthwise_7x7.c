/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_depthwise_square.h"

MCUNET_INLINE void mcunet_depthwise_7x7_four(const uint32_t* x, const int8_t* weights,
                                             uint32_t sums[4]) {
  uint32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
  uint32_t a = x[MCUNET_AT(7, 0, 0)], b = x[MCUNET_AT(7, 0, 1)], c = x[MCUNET_AT(7, 0, 2)],
           d = x[MCUNET_AT(7, 0, 3)];
  uint32_t packed = mcunet_load_s8x4(weights);
  uint32_t w = mcunet_sxtb16(packed), v;
  weights += 4;
  MCUNET_ROW4_7(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT, 0, MCUNET_AT, 1);
  MCUNET_ROW4_7(MCUNET_ODD, MCUNET_EVEN, 7, MCUNET_AT, 1, MCUNET_AT, 2);
  MCUNET_ROW4_7(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT, 2, MCUNET_TO_LAST, 0);
  MCUNET_TAIL_FIRST(s0, s1, a, v);
  MCUNET_TAIL_FIRST(s2, s3, b, v);
  w = mcunet_sxtb16(packed);
  s1 = mcunet_smlad(b, w, s1);
  s3 = mcunet_smlad(c, w, s3);
  v = mcunet_sxtb16_ror8(packed);
  s0 = mcunet_smlad(b, v, s0);
  s2 = mcunet_smlad(c, v, s2);
  packed = mcunet_load_s8x4(weights);
  weights += 4;
  w = mcunet_sxtb16(packed);
  s1 = mcunet_smlad(c, w, s1);
  s3 = mcunet_smlad(d, w, s3);
  v = mcunet_sxtb16_ror8(packed);
  s0 = mcunet_smlad(c, v, s0);
  s2 = mcunet_smlad(d, v, s2);
  packed = mcunet_load_s8x4(weights);
  w = mcunet_sxtb16(packed);
  MCUNET_TAIL_LAST(s0, s1, d, w);
  MCUNET_TAIL_LAST(s2, s3, x[MCUNET_AT_LAST(7, 4)], w);
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

MCUNET_INLINE void mcunet_depthwise_7x7_two(const uint32_t* x, const int8_t* weights,
                                            uint32_t sums[4]) {
  uint32_t s0 = sums[0], s1 = sums[1];
  uint32_t a = x[MCUNET_AT(7, 0, 0)], b = x[MCUNET_AT(7, 0, 1)];
  uint32_t packed = mcunet_load_s8x4(weights);
  uint32_t w = mcunet_sxtb16(packed), v;
  weights += 4;
  MCUNET_ROW2_7(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT, 0, MCUNET_AT, 1);
  MCUNET_ROW2_7(MCUNET_ODD, MCUNET_EVEN, 7, MCUNET_AT, 1, MCUNET_AT, 2);
  MCUNET_ROW2_7(MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT, 2, MCUNET_TO_LAST, 0);
  MCUNET_TAIL_FIRST(s0, s1, a, v);
  w = mcunet_sxtb16(packed);
  s1 = mcunet_smlad(b, w, s1);
  v = mcunet_sxtb16_ror8(packed);
  s0 = mcunet_smlad(b, v, s0);
  packed = mcunet_load_s8x4(weights);
  weights += 4;
  w = mcunet_sxtb16(packed);
  s1 = mcunet_smlad(x[MCUNET_AT_LAST(7, 2)], w, s1);
  v = mcunet_sxtb16_ror8(packed);
  s0 = mcunet_smlad(x[MCUNET_AT_LAST(7, 2)], v, s0);
  packed = mcunet_load_s8x4(weights);
  w = mcunet_sxtb16(packed);
  MCUNET_TAIL_LAST(s0, s1, x[MCUNET_AT_LAST(7, 3)], w);
  sums[0] = s0, sums[1] = s1;
}

void mcunet_depthwise_7x7(const int8_t* in, int8_t* out, int16_t* scratch,
                          const mcunet_depthwise_params* p, int32_t row, int32_t rows) {
  mcunet_depthwise_square(in, out, scratch, p, row, rows, 7, 1, mcunet_depthwise_7x7_four,
                          mcunet_depthwise_7x7_two);
}
