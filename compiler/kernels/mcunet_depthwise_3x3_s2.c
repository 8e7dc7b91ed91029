/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_depthwise_square.h"

#define MCUNET_FOUR                                                             \
  MCUNET_ROW4_2(MCUNET_EVEN, MCUNET_ODD, 3, MCUNET_AT_ROW, 0, MCUNET_AT_ROW, 1) \
  MCUNET_ROW4_2(MCUNET_EVEN, MCUNET_ODD, 3, MCUNET_AT_ROW, 1, MCUNET_AT_ROW, 2) \
  MCUNET_LAST4_2(3, 2)
#define MCUNET_TWO                                                              \
  MCUNET_ROW2_2(MCUNET_EVEN, MCUNET_ODD, 3, MCUNET_AT_ROW, 0, MCUNET_AT_ROW, 1) \
  MCUNET_ROW2_2(MCUNET_EVEN, MCUNET_ODD, 3, MCUNET_AT_ROW, 1, MCUNET_AT_ROW, 2) \
  MCUNET_LAST2_2(3, 2)

MCUNET_INLINE void mcunet_depthwise_3x3_s2_channel(mcunet_depthwise_run* run) {
#if MCUNET_DSP
  MCUNET_DEPTHWISE_ASM(run, MCUNET_ROLLING(3, MCUNET_AT_ROW, MCUNET_FOUR, MCUNET_TWO, 192));
#else
  mcunet_depthwise_channel(run, 3, 2);
#endif
}

void mcunet_depthwise_3x3_s2(const int8_t* in, int8_t* out, int16_t* scratch,
                             const mcunet_depthwise_params* p, int32_t row, int32_t rows) {
  mcunet_depthwise_square(in, out, scratch, p, row, rows, 3, 2, mcunet_depthwise_3x3_s2_channel);
}
