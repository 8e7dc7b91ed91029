/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_depthwise_square.h"

MCUNET_INLINE void mcunet_depthwise_5x5_s2_four(const uint32_t* x, const int8_t* weights,
                                                uint32_t sums[4]) {
  uint32_t s0 = sums[0], s1 = sums[1], s2 = sums[2], s3 = sums[3];
  uint32_t a = x[MCUNET_AT_ROW(5, 0, 0)], b = x[MCUNET_AT_ROW(5, 0, 1)],
           c = x[MCUNET_AT_ROW(5, 0, 2)], d = x[MCUNET_AT_ROW(5, 0, 3)];
  uint32_t packed = mcunet_load_s8x4(weights);
  uint32_t w = mcunet_sxtb16(packed), v;
  weights += 4;
  MCUNET_ROW4_3(MCUNET_EVEN, MCUNET_ODD, 5, MCUNET_AT_ROW, 0, MCUNET_AT_ROW, 1);
  MCUNET_ROW4_3(MCUNET_ODD, MCUNET_EVEN, 5, MCUNET_AT_ROW, 1, MCUNET_AT_ROW, 2);
  MCUNET_ROW4_3(MCUNET_EVEN, MCUNET_ODD, 5, MCUNET_AT_ROW, 2, MCUNET_AT_ROW, 3);
  MCUNET_ROW4_3(MCUNET_ODD, MCUNET_EVEN, 5, MCUNET_AT_ROW, 3, MCUNET_AT_ROW, 4);
  MCUNET_LAST4_3(5, 4);
  sums[0] = s0, sums[1] = s1, sums[2] = s2, sums[3] = s3;
}

MCUNET_INLINE void mcunet_depthwise_5x5_s2_two(const uint32_t* x, const int8_t* weights,
                                               uint32_t sums[4]) {
  uint32_t s0 = sums[0], s1 = sums[1];
  uint32_t a = x[MCUNET_AT_ROW(5, 0, 0)], b = x[MCUNET_AT_ROW(5, 0, 1)];
  uint32_t packed = mcunet_load_s8x4(weights);
  uint32_t w = mcunet_sxtb16(packed), v;
  weights += 4;
  MCUNET_ROW2_3(MCUNET_EVEN, MCUNET_ODD, 5, MCUNET_AT_ROW, 0, MCUNET_AT_ROW, 1);
  MCUNET_ROW2_3(MCUNET_ODD, MCUNET_EVEN, 5, MCUNET_AT_ROW, 1, MCUNET_AT_ROW, 2);
  MCUNET_ROW2_3(MCUNET_EVEN, MCUNET_ODD, 5, MCUNET_AT_ROW, 2, MCUNET_AT_ROW, 3);
  MCUNET_ROW2_3(MCUNET_ODD, MCUNET_EVEN, 5, MCUNET_AT_ROW, 3, MCUNET_AT_ROW, 4);
  MCUNET_LAST2_3(5, 4);
  sums[0] = s0, sums[1] = s1;
}

void mcunet_depthwise_5x5_s2(const int8_t* in, int8_t* out, int16_t* scratch,
                             const mcunet_depthwise_params* p, int32_t row, int32_t rows) {
  mcunet_depthwise_square(in, out, scratch, p, row, rows, 5, 2, mcunet_depthwise_5x5_s2_four,
                          mcunet_depthwise_5x5_s2_two);
}
