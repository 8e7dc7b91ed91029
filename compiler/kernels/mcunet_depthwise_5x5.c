/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_depthwise_square.h"

#define MCUNET_FOUR_5X5                                                                           \
  MCUNET_ROW4_5(MCUNET_BEGIN4(5, MCUNET_AT, MCUNET_AT(5, 0, 4)), MCUNET_EVEN, MCUNET_ODD, 5,      \
                MCUNET_AT, 0, MCUNET_AT, 1)                                                       \
  MCUNET_ROW4_5(MCUNET_ODD4_FIRST("r6", MCUNET_AT(5, 1, 3), MCUNET_AT(5, 1, 4)), MCUNET_ODD,      \
                MCUNET_EVEN, 5, MCUNET_AT, 1, MCUNET_TO_LAST, 0)                                  \
  MCUNET_X("r6", MCUNET_AT_LAST(5, 3))                                                            \
  MCUNET_SMLAD("r10", "r3", "r7")                                                                 \
  MCUNET_V MCUNET_SMLA(tb, "r11", "r3", "r7") MCUNET_LOAD MCUNET_SMLAD("r12", "r4", "r7")         \
      MCUNET_SMLA(tb, "lr", "r4", "r7") MCUNET_SMLAD("r11", "r4", "r8") MCUNET_W MCUNET_SMLAD(    \
          "lr", "r5", "r8") MCUNET_V MCUNET_SMLAD("r10", "r4", "r7") MCUNET_OF_RUN("r1", right)   \
          MCUNET_SMLAD("r12", "r5", "r7") MCUNET_OF_RUN("r9", m)                                  \
              MCUNET_SMLA(bt, "r10", "r5", "r8") "cmp r1, #0\n\t" MCUNET_SMLAD("r11", "r5", "r8") \
                  MCUNET_SMLA(bt, "r12", "r6", "r8") MCUNET_SMLAD("lr", "r6", "r8")
#define MCUNET_TWO_5X5                                                                       \
  MCUNET_ROW2_5(MCUNET_BEGIN2(MCUNET_AT(5, 0, 2)), MCUNET_EVEN, MCUNET_ODD, 5, MCUNET_AT, 0, \
                MCUNET_AT, 1)                                                                \
  MCUNET_ROW2_5(MCUNET_ODD2("r3", "r4", MCUNET_AT(5, 1, 2)), MCUNET_ODD, MCUNET_EVEN, 5,     \
                MCUNET_AT, 1, MCUNET_TO_LAST, 0)                                             \
  MCUNET_V MCUNET_SMLAD("r10", "r3", "r7") MCUNET_LOAD MCUNET_SMLA(tb, "r11", "r3", "r7")    \
      MCUNET_SMLAD("r11", "r4", "r8") MCUNET_X("r5", MCUNET_AT_LAST(5, 2))                   \
          MCUNET_W MCUNET_V MCUNET_SMLAD("r10", "r4", "r7") MCUNET_OF_RUN("r1", right)       \
              MCUNET_OF_RUN("r9", m) MCUNET_SMLA(                                            \
                  bt, "r10", "r5", "r8") "cmp r1, #0\n\t" MCUNET_SMLAD("r11", "r5", "r8")

MCUNET_INLINE void mcunet_depthwise_5x5_channels(mcunet_depthwise_run* run) {
#if MCUNET_DSP
  MCUNET_DEPTHWISE_ASM(run, 5, 1, 4, MCUNET_ROLLING(5, MCUNET_AT, MCUNET_FOUR_5X5, MCUNET_TWO_5X5));
#else
  mcunet_depthwise_channels(run, 5, 1, 1);
#endif
}

void mcunet_depthwise_5x5(const int8_t* in, int8_t* out, int16_t* scratch,
                          const mcunet_depthwise_params* p, int32_t row, int32_t rows) {
  mcunet_depthwise_square(in, out, scratch, p, row, rows, 5, 1, 0, mcunet_depthwise_5x5_channels);
}
