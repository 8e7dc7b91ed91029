/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_depthwise_square.h"

#define MCUNET_FOUR_7X7                                                                         \
  MCUNET_ROW4_7(MCUNET_BEGIN4(7, MCUNET_AT, MCUNET_AT(7, 0, 4)), MCUNET_EVEN, MCUNET_ODD, 7,    \
                MCUNET_AT, 0, MCUNET_AT, 1)                                                     \
  MCUNET_ROW4_7(MCUNET_ODD4_FIRST("r4", MCUNET_AT(7, 1, 1), MCUNET_AT(7, 1, 4)), MCUNET_ODD,    \
                MCUNET_EVEN, 7, MCUNET_AT, 1, MCUNET_AT, 2)                                     \
  MCUNET_ROW4_7(MCUNET_EVEN4_FIRST("r4", MCUNET_AT(7, 2, 1), MCUNET_AT(7, 2, 4)), MCUNET_EVEN,  \
                MCUNET_ODD, 7, MCUNET_AT, 2, MCUNET_TO_LAST, 0)                                 \
  MCUNET_X("r4", MCUNET_AT_LAST(7, 1))                                                          \
  MCUNET_SMLAD("r10", "r3", "r8")                                                               \
  MCUNET_LOAD MCUNET_SMLA(tb, "r11", "r3", "r8") MCUNET_X("r3", MCUNET_AT_LAST(7, 4))           \
      MCUNET_SMLAD("r12", "r4", "r8") MCUNET_W                                                  \
      MCUNET_SMLA(tb, "lr", "r4", "r8") MCUNET_V MCUNET_SMLAD("r11", "r4", "r7")                \
          MCUNET_LOAD MCUNET_SMLAD("lr", "r5", "r7") MCUNET_SMLAD("r10", "r4", "r8")            \
              MCUNET_W MCUNET_SMLAD("r12", "r5", "r8") MCUNET_V MCUNET_SMLAD("r11", "r5", "r7") \
                  MCUNET_LOAD MCUNET_SMLAD("lr", "r6", "r7") MCUNET_SMLAD("r10", "r5", "r8")    \
                      MCUNET_W MCUNET_SMLAD("r12", "r6", "r8") MCUNET_OF_RUN("r1", right)       \
                          MCUNET_SMLA(bt, "r10", "r6", "r7") MCUNET_OF_RUN("r9", m)             \
                              MCUNET_SMLAD("r11", "r6", "r7") "cmp r1, #0\n\t" MCUNET_SMLA(     \
                                  bt, "r12", "r3", "r7") MCUNET_SMLAD("lr", "r3", "r7")
#define MCUNET_TWO_7X7                                                                        \
  MCUNET_ROW2_7(MCUNET_BEGIN2(MCUNET_AT(7, 0, 2)), MCUNET_EVEN, MCUNET_ODD, 7, MCUNET_AT, 0,  \
                MCUNET_AT, 1)                                                                 \
  MCUNET_ROW2_7(MCUNET_ODD2("r3", "r4", MCUNET_AT(7, 1, 2)), MCUNET_ODD, MCUNET_EVEN, 7,      \
                MCUNET_AT, 1, MCUNET_AT, 2)                                                   \
  MCUNET_ROW2_7(MCUNET_EVEN2("r3", "r4", MCUNET_AT(7, 2, 2)), MCUNET_EVEN, MCUNET_ODD, 7,     \
                MCUNET_AT, 2, MCUNET_TO_LAST, 0)                                              \
  MCUNET_SMLAD("r10", "r3", "r8")                                                             \
  MCUNET_W MCUNET_SMLA(tb, "r11", "r3", "r8") MCUNET_X("r5", MCUNET_AT_LAST(7, 2))            \
      MCUNET_V MCUNET_SMLAD("r11", "r4", "r7") MCUNET_LOAD MCUNET_SMLAD("r10", "r4", "r8")    \
          MCUNET_X("r3", MCUNET_AT_LAST(7, 3)) MCUNET_W MCUNET_SMLAD("r11", "r5", "r7")       \
              MCUNET_V MCUNET_SMLAD("r10", "r5", "r8") MCUNET_LOAD MCUNET_OF_RUN("r1", right) \
  MCUNET_W                                                                                    \
  MCUNET_SMLA(bt, "r10", "r3", "r7")                                                          \
  MCUNET_OF_RUN("r9", m) MCUNET_SMLAD("r11", "r3", "r7") "cmp r1, #0\n\t"

MCUNET_INLINE void mcunet_depthwise_7x7_channels(mcunet_depthwise_run* run) {
#if MCUNET_DSP
  MCUNET_DEPTHWISE_ASM(run, 7, 1, 4, MCUNET_ROLLING(7, MCUNET_AT, MCUNET_FOUR_7X7, MCUNET_TWO_7X7));
#else
  mcunet_depthwise_channels(run, 7, 1, 1);
#endif
}

void mcunet_depthwise_7x7(const int8_t* in, int8_t* out, int16_t* scratch,
                          const mcunet_depthwise_params* p, int32_t row, int32_t rows) {
  mcunet_depthwise_square(in, out, scratch, p, row, rows, 7, 1, 0, mcunet_depthwise_7x7_channels);
}
