/* SPDX-License-Identifier: MIT-0 */
#include "compiler/kernels/mcunet_depthwise_square.h"

/* r0: x; r1: out; r2: run; r3, r4, r5: columns 0, 1, 2 of rows 0 and 1, whose place the multiplier,
 * the right shift and the zero point take in between; r6, r7: (0, 1) and (1, 2) of row 2; r8 to
 * r11: sums, r11 first the bias; r12, lr: words of x. */
#define MCUNET_3X3 \
  MCUNET_CHANNEL   \
  "ldr r4, [r3]\n\tldr r5, [r3, #4]\n\tldr r6, [r3, #8]\n\t" \
  MCUNET_OF_RUN("r8", end) \
  "sxtb16 r3, r4\n\tmov r1, r11\n\t" \
  "sxtb16 r4, r4, ror #8\n\t" MCUNET_TO_RUN("r3", tap0) \
  "sxtb16 r7, r6\n\tcmp r0, r8\n\t" \
  "sxtb16 r6, r5, ror #8\n\tsxtb16 r5, r5\n\tstrd r4, r5, [r2, %[tap1]]\n\t" \
  "bhs 3f\n" \
  "1:\n\t" MCUNET_X("r12", MCUNET_AT(3, 0, 0)) MCUNET_OF_RUN("r11", first)                      \
  MCUNET_X("lr", MCUNET_AT(3, 0, 1))                                                           \
  "smlad r8, r12, r3, r11\n\t" MCUNET_X("r12", MCUNET_AT(3, 0, 2))                             \
  "smlad r9, lr, r3, r11\n\t"                                                                  \
  MCUNET_SMLAD("r8", "lr", "r4") MCUNET_X("lr", MCUNET_AT(3, 0, 3))                            \
  "smlad r10, r12, r3, r11\n\t"                                                                \
  MCUNET_SMLAD("r9", "r12", "r4")                                                              \
  MCUNET_SMLAD("r8", "r12", "r5") MCUNET_X("r12", MCUNET_AT(3, 0, 4))                          \
  MCUNET_SMLAD("r11", "lr", "r3") MCUNET_OF_RUN("r3", m)                              \
  MCUNET_SMLAD("r10", "lr", "r4")                                                              \
  MCUNET_SMLAD("r9", "lr", "r5") MCUNET_X("lr", MCUNET_AT(3, 0, 5))                            \
  MCUNET_SMLAD("r11", "r12", "r4") MCUNET_OF_RUN("r4", right)                                  \
  MCUNET_SMLAD("r10", "r12", "r5") MCUNET_X("r12", MCUNET_AT_LAST(3, 0))                       \
  MCUNET_SMLAD("r11", "lr", "r5") MCUNET_X("lr", MCUNET_AT_LAST(3, 1))                         \
  MCUNET_SMLAD("r8", "r12", "r6") "cmp r4, #0\n\t"                                             \
  MCUNET_SMLA(tb, "r9", "r12", "r6") MCUNET_X("r12", MCUNET_AT_LAST(3, 2))                     \
  MCUNET_SMLA(bt, "r8", "lr", "r7") MCUNET_OF_RUN("r5", zero)                                  \
  MCUNET_SMLAD("r9", "lr", "r7") "blt 6f\n\t"                                                  \
  MCUNET_SHORT1("r8", "r3")                                                                    \
  MCUNET_SHORT1("r9", "r3")                                                                    \
  MCUNET_SMLAD("r10", "lr", "r6") MCUNET_SHORT2("r8", "r4")                                    \
  MCUNET_SMLA(tb, "r11", "lr", "r6") MCUNET_SHORT3("r8", "r5")                                 \
  MCUNET_SMLA(bt, "r10", "r12", "r7") MCUNET_SHORT2("r9", "r4")                                \
  MCUNET_SHORT4("r8") MCUNET_SMLAD("r11", "r12", "r7")                                         \
  MCUNET_SHORT1("r10", "r3") MCUNET_SHORT3("r9", "r5")                                         \
  MCUNET_SHORT1("r11", "r3") "strb r8, [r1]\n\t"                                          \
  MCUNET_SHORT4("r9") MCUNET_OF_RUN("r12", pitch)                                              \
  MCUNET_SHORT2("r10", "r4") MCUNET_OF_RUN("lr", last)                                         \
  MCUNET_SHORT3("r10", "r5") MCUNET_OF_RUN("r8", end)                                          \
  MCUNET_SHORT2("r11", "r4") "strb r9, [r1, r12]\n\t"                                         \
  MCUNET_SHORT4("r10") MCUNET_SHORT3("r11", "r5")                                              \
  "add r0, r0, %[step]\n\t" MCUNET_OF_RUN("r3", tap0)                                               \
  MCUNET_SHORT4("r11") "cmp r0, r8\n"                                                          \
  "2:\n\tldrd r4, r5, [r2, %[tap1]]\n\t"                                                       \
  "strb r11, [r1, lr]\n\t"                                                                    \
  "strb r10, [r1, r12, lsl #1]\n\t"                                                           \
  "add r1, r1, r12, lsl #2\n\tblo 1b\n"                                                        \
  "3:\n\t" MCUNET_OF_RUN("r8", rest) MCUNET_OF_RUN("r12", pitch) \
  "subs r8, r8, #2\n\tbgt 5f\n\tadds r10, r8, #1\n\tblt 9f\n\t" \
  MCUNET_X("r12", MCUNET_AT(3, 0, 0)) MCUNET_OF_RUN("r11", first)                               \
  MCUNET_X("lr", MCUNET_AT(3, 0, 1))                                                           \
  "smlad r8, r12, r3, r11\n\t" MCUNET_X("r12", MCUNET_AT(3, 0, 2))                             \
  "smlad r9, lr, r3, r11\n\t" MCUNET_OF_RUN("r3", m)                                  \
  MCUNET_SMLAD("r8", "lr", "r4") MCUNET_X("lr", MCUNET_AT(3, 0, 3))                            \
  MCUNET_SMLAD("r9", "r12", "r4") MCUNET_OF_RUN("r4", right)                                   \
  MCUNET_SMLAD("r8", "r12", "r5") MCUNET_X("r12", MCUNET_AT_LAST(3, 0))                        \
  MCUNET_SMLAD("r9", "lr", "r5") MCUNET_X("lr", MCUNET_AT_LAST(3, 1))                          \
  MCUNET_SMLAD("r8", "r12", "r6") MCUNET_OF_RUN("r5", zero)                                    \
  MCUNET_SMLA(tb, "r9", "r12", "r6") "cmp r4, #0\n\t"                                          \
  MCUNET_SMLA(bt, "r8", "lr", "r7") MCUNET_OF_RUN("r12", pitch) \
  MCUNET_SMLAD("r9", "lr", "r7") "blt 7f\n\t"                                                  \
  MCUNET_SHORT1("r8", "r3")                                                                    \
  MCUNET_SHORT1("r9", "r3")                                                                    \
  MCUNET_SHORT2("r8", "r4") MCUNET_SHORT3("r8", "r5")                                          \
  MCUNET_SHORT2("r9", "r4") MCUNET_SHORT3("r9", "r5")                                          \
  MCUNET_SHORT4("r8") MCUNET_SHORT4("r9")                                                      \
  "8:\n\tmul r12, r12, r10\n\tstrb r9, [r1, r12]\n\tstrb r8, [r1]\n"                                  \
  MCUNET_CHANNEL_END(MCUNET_3X3_ASIDE)

#define MCUNET_3X3_ASIDE          \
  MCUNET_THREE("r12", "r8", "r9") \
  "6:\n\t"                                                                                     \
  MCUNET_SMLAD("r10", "lr", "r6") MCUNET_SMLA(tb, "r11", "lr", "r6")                           \
  MCUNET_SMLA(bt, "r10", "r12", "r7") MCUNET_SMLAD("r11", "r12", "r7")                         \
  MCUNET_OF_RUN("lr", left)                                                                    \
  MCUNET_LONG1("r8", "lr", "r3") MCUNET_LONG1("r9", "lr", "r3")                                \
  MCUNET_LONG1("r10", "lr", "r3") MCUNET_LONG1("r11", "lr", "r3")                              \
  MCUNET_LONG2("r8", "r4", "r5") MCUNET_OF_RUN("r12", pitch)                                   \
  MCUNET_LONG2("r9", "r4", "r5") MCUNET_OF_RUN("lr", last)                                     \
  MCUNET_LONG2("r10", "r4", "r5") MCUNET_OF_RUN("r3", tap0)                                     \
  MCUNET_LONG2("r11", "r4", "r5") "strb r8, [r1]\n\t" "strb r9, [r1, r12]\n\t"           \
  MCUNET_OF_RUN("r8", end)                                                                     \
  "add r0, r0, %[step]\n\tcmp r0, r8\n\tb 2b\n"                                                    \
  "7:\n\t" MCUNET_OF_RUN("lr", left)                                                           \
  MCUNET_LONG1("r8", "lr", "r3") MCUNET_LONG1("r9", "lr", "r3")                                \
  MCUNET_LONG2("r8", "r4", "r5") MCUNET_LONG2("r9", "r4", "r5")                                \
  "b 8b\n"

MCUNET_INLINE void mcunet_depthwise_3x3_channels(mcunet_depthwise_run* run) {
#if MCUNET_DSP
  MCUNET_DEPTHWISE_ASM(run, 3, 1, 4, MCUNET_3X3);
#else
  mcunet_depthwise_channels(run, 3, 1, 1);
#endif
}

void mcunet_depthwise_3x3(const int8_t* in, int8_t* out, int16_t* scratch,
                          const mcunet_depthwise_params* p, int32_t row, int32_t rows) {
  mcunet_depthwise_square(in, out, scratch, p, row, rows, 3, 1, 0, mcunet_depthwise_3x3_channels);
}
