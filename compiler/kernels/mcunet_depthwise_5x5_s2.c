/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_depthwise_square.h"

#define MCUNET_FOUR_5X5_S2                                                                        \
  MCUNET_ROW4_3(MCUNET_BEGIN4(5, MCUNET_AT_ROW, MCUNET_AT_ROW(5, 0, 4)), MCUNET_EVEN, MCUNET_ODD, \
                5, MCUNET_AT_ROW, 0, MCUNET_AT_ROW, 1)                                            \
  MCUNET_ROW4_3(MCUNET_ODD4_FIRST("r4", MCUNET_AT_ROW(5, 1, 1), MCUNET_AT_ROW(5, 1, 4)),          \
                MCUNET_ODD, MCUNET_EVEN, 5, MCUNET_AT_ROW, 1, MCUNET_AT_ROW, 2)                   \
  MCUNET_ROW4_3(MCUNET_EVEN4_FIRST("r4", MCUNET_AT_ROW(5, 2, 1), MCUNET_AT_ROW(5, 2, 4)),         \
                MCUNET_EVEN, MCUNET_ODD, 5, MCUNET_AT_ROW, 2, MCUNET_AT_ROW, 3)                   \
  MCUNET_ROW4_3(MCUNET_ODD4_FIRST("r4", MCUNET_AT_ROW(5, 3, 1), MCUNET_AT_ROW(5, 3, 4)),          \
                MCUNET_ODD, MCUNET_EVEN, 5, MCUNET_AT_ROW, 3, MCUNET_AT_ROW, 4)                   \
  MCUNET_EVEN4_FIRST("r4", MCUNET_AT_ROW(5, 4, 1), MCUNET_AT_ROW(5, 4, 4))                        \
  MCUNET_ODD4("r4", "r5", "r6", "r3", MCUNET_AT_ROW(5, 4, 5))                                     \
  MCUNET_END4("r7", "r5", "r6", "r3", "r4")
#define MCUNET_TWO_5X5_S2                                                                         \
  MCUNET_ROW2_3(MCUNET_BEGIN2(MCUNET_AT_ROW(5, 0, 2)), MCUNET_EVEN, MCUNET_ODD, 5, MCUNET_AT_ROW, \
                0, MCUNET_AT_ROW, 1)                                                              \
  MCUNET_ROW2_3(MCUNET_ODD2("r3", "r4", MCUNET_AT_ROW(5, 1, 2)), MCUNET_ODD, MCUNET_EVEN, 5,      \
                MCUNET_AT_ROW, 1, MCUNET_AT_ROW, 2)                                               \
  MCUNET_ROW2_3(MCUNET_EVEN2("r3", "r4", MCUNET_AT_ROW(5, 2, 2)), MCUNET_EVEN, MCUNET_ODD, 5,     \
                MCUNET_AT_ROW, 2, MCUNET_AT_ROW, 3)                                               \
  MCUNET_ROW2_3(MCUNET_ODD2("r3", "r4", MCUNET_AT_ROW(5, 3, 2)), MCUNET_ODD, MCUNET_EVEN, 5,      \
                MCUNET_AT_ROW, 3, MCUNET_AT_ROW, 4)                                               \
  MCUNET_EVEN2("r3", "r4", MCUNET_AT_ROW(5, 4, 2))                                                \
  MCUNET_ODD2("r4", "r3", MCUNET_AT_ROW(5, 4, 3))                                                 \
  MCUNET_END2("r7", "r3", "r4")

MCUNET_INLINE void mcunet_depthwise_5x5_s2_channels(mcunet_depthwise_run* run) {
#if MCUNET_DSP
  MCUNET_DEPTHWISE_ASM(run, 5, 2, 4,
                       MCUNET_ROLLING(5, MCUNET_AT_ROW, MCUNET_FOUR_5X5_S2, MCUNET_TWO_5X5_S2));
#else
  mcunet_depthwise_channels(run, 5, 2, 1);
#endif
}

void mcunet_depthwise_5x5_s2(const int8_t* in, int8_t* out, int16_t* scratch,
                             const mcunet_depthwise_params* p, int32_t row, int32_t rows) {
  mcunet_depthwise_square(in, out, scratch, p, row, rows, 5, 2, 0,
                          mcunet_depthwise_5x5_s2_channels);
}
