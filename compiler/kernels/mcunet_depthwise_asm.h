/* SPDX-License-Identifier: MIT-0 */
/* Text of the assembly of mcunet_depthwise_KxK: one channel of a strip, four outputs at a time and
 * at the end two. On a Cortex-M7 a multiplication goes together with a load after it or a SXTB16 or
 * SSAT before it, and the order of instructions is that of issue. */
#ifndef MCUNET_DEPTHWISE_ASM_H
#define MCUNET_DEPTHWISE_ASM_H

#include <stddef.h>

#define MCUNET_TEXT(x) MCUNET_TEXT_OF(x)
#define MCUNET_TEXT_OF(x) #x

/* One of four accumulators stands for one of four outputs. Operands of all the assembly. */
#define MCUNET_RUN_OPERANDS                                                                   \
  [x] "i"(offsetof(mcunet_depthwise_run, x)), [end] "i"(offsetof(mcunet_depthwise_run, end)), \
      [weights] "i"(offsetof(mcunet_depthwise_run, weights)),                                 \
      [out] "i"(offsetof(mcunet_depthwise_run, out)),                                         \
      [bias] "i"(offsetof(mcunet_depthwise_run, bias)),                                       \
      [multiplier] "i"(offsetof(mcunet_depthwise_run, multiplier)),                           \
      [right] "i"(offsetof(mcunet_depthwise_run, right)),                                     \
      [zero] "i"(offsetof(mcunet_depthwise_run, zero)),                                       \
      [pitch] "i"(offsetof(mcunet_depthwise_run, pitch)),                                     \
      [last] "i"(offsetof(mcunet_depthwise_run, last)),                                       \
      [rest] "i"(offsetof(mcunet_depthwise_run, rest)),                                       \
      [left] "i"(offsetof(mcunet_depthwise_run, left)),                                       \
      [tap] "i"(offsetof(mcunet_depthwise_run, tap)),                                         \
      [tap1] "i"(offsetof(mcunet_depthwise_run, tap) + 4)
#define MCUNET_RUN_CLOBBERS \
  "r0", "r1", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"

#define MCUNET_OF_RUN(to, member) "ldr " to ", [r2, %[" #member "]]\n\t"
#define MCUNET_TO_RUN(from, member) "str " from ", [r2, %[" #member "]]\n\t"
#define MCUNET_X(to, word) "ldr " to ", [r0, #4*(" MCUNET_TEXT(word) ")]\n\t"
#define MCUNET_SMLA(kind, s, x, w) "smla" #kind " " s ", " x ", " w ", " s "\n\t"
#define MCUNET_SMLAD(s, x, w) MCUNET_SMLA(d, s, x, w)

/* Short scaling, for a zero point of -128 and a right shift. m holds twice the multiplier less
 * 2^32, so that s + s * m / 2^32 is the doubling high multiplication. A negative value gives -128
 * however its half is rounded: the rounding shift is one through the carry. */
#define MCUNET_SHORT1(s, m) "smmlar " s ", " s ", " m ", " s "\n\t"
#define MCUNET_SHORT2(s, right) "asrs " s ", " s ", " right "\n\t"
#define MCUNET_SHORT3(s, zero) "adc " s ", " s ", " zero "\n\t"
#define MCUNET_SHORT4(s) "ssat " s ", #8, " s "\n\t"

/* Long scaling, for all that mcunet_scale can hold; as mcunet_scale4. */
#define MCUNET_LONG1(s, left, m) "lsl " s ", " s ", " left "\n\tsmmulr " s ", " s ", " m "\n\t"
#define MCUNET_LONG2(s, right, zero)                                                             \
  "adds " s ", " s ", " s ", asr #31\n\tasrs " s ", " s ", " right "\n\tadc " s ", " s ", " zero \
  "\n\tssat " s ", #8, " s "\n\t"

/* What a kernel does once its sums of four outputs, or two, are made but for the scaling: see
 * mcunet_depthwise_rolling. */

#define MCUNET_STORE(s, offset) "strb " s ", [r1, " offset "]\n\t"

/* ---- Kernels whose weights do not fit into registers ----
 * r0: x; r1: weights; r2: run; r3 to r6: words of x, a to d; r7, r8: weights of one tap and of the
 * next, w and v in turns; r9: packed weights; r10, r11, r12, lr: sums.
 * A tap is four multiplications, and what the next ones need is fetched in their shadow.
 * EVEN and ODD: after its use, a gets the word of the next column.
 * ..._ROW: the last tap of a row: a, b, c and d get words of the next row.
 * LOAD: the next packed weights, or nothing where all are fetched. */
#define MCUNET_LOAD "ldr r9, [r1], #4\n\t"
#define MCUNET_NO_LOAD ""
#define MCUNET_W "sxtb16 r7, r9\n\t"
#define MCUNET_V "sxtb16 r8, r9, ror #8\n\t"
#define MCUNET_EVEN4(a, b, c, d, next, load)                                           \
  MCUNET_SMLAD("r10", a, "r7")                                                         \
  MCUNET_X(a, next) MCUNET_V MCUNET_SMLAD("r11", b, "r7") MCUNET_SMLAD("r12", c, "r7") \
      load MCUNET_SMLAD("lr", d, "r7")
#define MCUNET_ODD4(a, b, c, d, next, load)                                            \
  MCUNET_SMLAD("r10", a, "r8")                                                         \
  MCUNET_X(a, next) MCUNET_W MCUNET_SMLAD("r11", b, "r8") MCUNET_SMLAD("r12", c, "r8") \
      MCUNET_SMLAD("lr", d, "r8")
#define MCUNET_EVEN4_ROW(a, b, c, d, na, nb, nc, nd, load)                                \
  MCUNET_SMLAD("r10", a, "r7")                                                            \
  MCUNET_X(a, na) MCUNET_V MCUNET_SMLAD("r11", b, "r7") load MCUNET_SMLAD("r12", c, "r7") \
      MCUNET_X(b, nb) MCUNET_SMLAD("lr", d, "r7") MCUNET_X(c, nc) MCUNET_X(d, nd)
#define MCUNET_ODD4_ROW(a, b, c, d, na, nb, nc, nd, load)                            \
  MCUNET_SMLAD("r10", a, "r8")                                                       \
  MCUNET_X(a, na) MCUNET_W MCUNET_SMLAD("r11", b, "r8") MCUNET_SMLAD("r12", c, "r8") \
      MCUNET_X(b, nb) MCUNET_SMLAD("lr", d, "r8") MCUNET_X(c, nc) MCUNET_X(d, nd)
#define MCUNET_EVEN2(a, b, next, load) \
  MCUNET_SMLAD("r10", a, "r7") MCUNET_X(a, next) MCUNET_V MCUNET_SMLAD("r11", b, "r7") load
#define MCUNET_ODD2(a, b, next, load) \
  MCUNET_SMLAD("r10", a, "r8") MCUNET_X(a, next) MCUNET_W MCUNET_SMLAD("r11", b, "r8")
#define MCUNET_EVEN2_ROW(a, b, na, nb, load) \
  MCUNET_SMLAD("r10", a, "r7")               \
  MCUNET_X(a, na) MCUNET_V MCUNET_SMLAD("r11", b, "r7") load MCUNET_X(b, nb)
#define MCUNET_ODD2_ROW(a, b, na, nb, load) \
  MCUNET_SMLAD("r10", a, "r8") MCUNET_X(a, na) MCUNET_W MCUNET_SMLAD("r11", b, "r8") MCUNET_X(b, nb)

/* All taps of a row (or two) for four outputs or two. E and O: EVEN and ODD, or the other way round
 * where an odd number of taps came before; AT: where the row's words are; NEXT, next: likewise for
 * what follows. The words of the first columns are in r3 to r6 before and after. */

#define MCUNET_ROW4_2(E, O, k, AT, row, NEXT, next)                                 \
  E##4("r3", "r4", "r5", "r6", AT(k, row, 4), MCUNET_LOAD)O##4_ROW(                 \
      "r4", "r5", "r6", "r3", NEXT(k, next, 1), NEXT(k, next, 2), NEXT(k, next, 3), \
      NEXT(k, next, 0), MCUNET_LOAD)

#define MCUNET_ROW4_3(E, O, k, AT, row, NEXT, next)                                    \
  E##4("r3", "r4", "r5", "r6", AT(k, row, 4), MCUNET_LOAD)O##4(                        \
      "r4", "r5", "r6", "r3", AT(k, row, 5),                                           \
      MCUNET_LOAD)E##4_ROW("r5", "r6", "r3", "r4", NEXT(k, next, 2), NEXT(k, next, 3), \
                           NEXT(k, next, 0), NEXT(k, next, 1), MCUNET_LOAD)

#define MCUNET_ROW4_4(E, O, k, AT, row, NEXT, next)                                               \
  E##4("r3", "r4", "r5", "r6", AT(k, row, 4), MCUNET_LOAD)O##4(                                   \
      "r4", "r5", "r6", "r3", AT(k, row, 5),                                                      \
      MCUNET_LOAD)E##4("r5", "r6", "r3", "r4", AT(k, row, 6),                                     \
                       MCUNET_LOAD)O##4_ROW("r6", "r3", "r4", "r5", NEXT(k, next, 3),             \
                                            NEXT(k, next, 0), NEXT(k, next, 1), NEXT(k, next, 2), \
                                            MCUNET_LOAD)

#define MCUNET_ROW4_5(E, O, k, AT, row, NEXT, next)                                       \
  E##4("r3", "r4", "r5", "r6", AT(k, row, 4), MCUNET_LOAD)O##4(                           \
      "r4", "r5", "r6", "r3", AT(k, row, 5), MCUNET_LOAD)E##4("r5", "r6", "r3", "r4",     \
                                                              AT(k, row, 6), MCUNET_LOAD) \
      O##4("r6", "r3", "r4", "r5", AT(k, row, 7), MCUNET_LOAD)E##4_ROW(                   \
          "r3", "r4", "r5", "r6", NEXT(k, next, 0), NEXT(k, next, 1), NEXT(k, next, 2),   \
          NEXT(k, next, 3), MCUNET_LOAD)

#define MCUNET_ROW4_7(E, O, k, AT, row, NEXT, next)                                         \
  E##4("r3", "r4", "r5", "r6", AT(k, row, 4), MCUNET_LOAD)O##4(                             \
      "r4", "r5", "r6", "r3", AT(k, row, 5),                                                \
      MCUNET_LOAD)E##4("r5", "r6", "r3", "r4", AT(k, row, 6),                               \
                       MCUNET_LOAD)O##4("r6", "r3", "r4", "r5", AT(k, row, 7), MCUNET_LOAD) \
      E##4("r3", "r4", "r5", "r6", AT(k, row, 8), MCUNET_LOAD)O##4(                         \
          "r4", "r5", "r6", "r3", AT(k, row, 9),                                            \
          MCUNET_LOAD)E##4_ROW("r5", "r6", "r3", "r4", NEXT(k, next, 2), NEXT(k, next, 3),  \
                               NEXT(k, next, 0), NEXT(k, next, 1), MCUNET_LOAD)

#define MCUNET_ROW2_2(E, O, k, AT, row, NEXT, next)                                  \
  E##2("r3", "r4", AT(k, row, 2), MCUNET_LOAD)O##2_ROW("r4", "r3", NEXT(k, next, 1), \
                                                       NEXT(k, next, 0), MCUNET_LOAD)

#define MCUNET_ROW2_3(E, O, k, AT, row, NEXT, next)                                 \
  E##2("r3", "r4", AT(k, row, 2), MCUNET_LOAD)O##2(                                 \
      "r4", "r3", AT(k, row, 3), MCUNET_LOAD)E##2_ROW("r3", "r4", NEXT(k, next, 0), \
                                                      NEXT(k, next, 1), MCUNET_LOAD)

#define MCUNET_ROW2_4(E, O, k, AT, row, NEXT, next)                                             \
  E##2("r3", "r4", AT(k, row, 2), MCUNET_LOAD)O##2("r4", "r3", AT(k, row, 3), MCUNET_LOAD)E##2( \
      "r3", "r4", AT(k, row, 4), MCUNET_LOAD)O##2_ROW("r4", "r3", NEXT(k, next, 1),             \
                                                      NEXT(k, next, 0), MCUNET_LOAD)

#define MCUNET_ROW2_5(E, O, k, AT, row, NEXT, next)                                             \
  E##2("r3", "r4", AT(k, row, 2), MCUNET_LOAD)O##2("r4", "r3", AT(k, row, 3), MCUNET_LOAD)E##2( \
      "r3", "r4", AT(k, row, 4), MCUNET_LOAD)O##2("r4", "r3", AT(k, row, 5), MCUNET_LOAD)       \
      E##2_ROW("r3", "r4", NEXT(k, next, 0), NEXT(k, next, 1), MCUNET_LOAD)

#define MCUNET_ROW2_7(E, O, k, AT, row, NEXT, next)                                             \
  E##2("r3", "r4", AT(k, row, 2), MCUNET_LOAD)O##2("r4", "r3", AT(k, row, 3), MCUNET_LOAD)E##2( \
      "r3", "r4", AT(k, row, 4), MCUNET_LOAD)O##2("r4", "r3", AT(k, row, 5), MCUNET_LOAD)       \
      E##2("r3", "r4", AT(k, row, 6), MCUNET_LOAD)O##2(                                         \
          "r4", "r3", AT(k, row, 7), MCUNET_LOAD)E##2_ROW("r3", "r4", NEXT(k, next, 0),         \
                                                          NEXT(k, next, 1), MCUNET_LOAD)

/* Likewise, beginning with EVEN, the last row of all at stride 2. */

#define MCUNET_LAST4_2(k, row)                                                   \
  MCUNET_EVEN4("r3", "r4", "r5", "r6", MCUNET_AT_ROW(k, row, 4), MCUNET_NO_LOAD) \
  MCUNET_ODD4("r4", "r5", "r6", "r3", 0, MCUNET_NO_LOAD)

#define MCUNET_LAST4_3(k, row)                                                \
  MCUNET_EVEN4("r3", "r4", "r5", "r6", MCUNET_AT_ROW(k, row, 4), MCUNET_LOAD) \
  MCUNET_ODD4("r4", "r5", "r6", "r3", MCUNET_AT_ROW(k, row, 5), MCUNET_LOAD)  \
  MCUNET_EVEN4("r5", "r6", "r3", "r4", 0, MCUNET_NO_LOAD)

#define MCUNET_LAST4_4(k, row)                                                   \
  MCUNET_EVEN4("r3", "r4", "r5", "r6", MCUNET_AT_ROW(k, row, 4), MCUNET_LOAD)    \
  MCUNET_ODD4("r4", "r5", "r6", "r3", MCUNET_AT_ROW(k, row, 5), MCUNET_LOAD)     \
  MCUNET_EVEN4("r5", "r6", "r3", "r4", MCUNET_AT_ROW(k, row, 6), MCUNET_NO_LOAD) \
  MCUNET_ODD4("r6", "r3", "r4", "r5", 0, MCUNET_NO_LOAD)

#define MCUNET_LAST2_2(k, row)                                       \
  MCUNET_EVEN2("r3", "r4", MCUNET_AT_ROW(k, row, 2), MCUNET_NO_LOAD) \
  MCUNET_ODD2("r4", "r3", 0, MCUNET_NO_LOAD)

#define MCUNET_LAST2_3(k, row)                                    \
  MCUNET_EVEN2("r3", "r4", MCUNET_AT_ROW(k, row, 2), MCUNET_LOAD) \
  MCUNET_ODD2("r4", "r3", MCUNET_AT_ROW(k, row, 3), MCUNET_LOAD)  \
  MCUNET_EVEN2("r3", "r4", 0, MCUNET_NO_LOAD)

#define MCUNET_LAST2_4(k, row)                                       \
  MCUNET_EVEN2("r3", "r4", MCUNET_AT_ROW(k, row, 2), MCUNET_LOAD)    \
  MCUNET_ODD2("r4", "r3", MCUNET_AT_ROW(k, row, 3), MCUNET_LOAD)     \
  MCUNET_EVEN2("r3", "r4", MCUNET_AT_ROW(k, row, 4), MCUNET_NO_LOAD) \
  MCUNET_ODD2("r4", "r3", 0, MCUNET_NO_LOAD)

/* What follows for AT_LAST: `next` is not used. */
#define MCUNET_TO_LAST(k, next, c) MCUNET_AT_LAST(k, c)

/* The last row at stride 1, first and last pair of its weights: the even output takes both of the
 * first pair and the second of the last one, the odd output the other way round. */
#define MCUNET_TAIL_FIRST(even, odd, y, w) MCUNET_SMLAD(even, y, w) MCUNET_SMLA(tb, odd, y, w)
#define MCUNET_TAIL_LAST(even, odd, y, w) MCUNET_SMLA(bt, even, y, w) MCUNET_SMLAD(odd, y, w)

/* The whole channel. first: word of x of a column of the first row; four, two: the sums from there
 * on; step: bytes from a block of four outputs to the next. */
#define MCUNET_ROLLING(k, AT, four, two, step) \
  MCUNET_OF_RUN("r0", x)                       \
  MCUNET_OF_RUN("r3", end)                     \
  "cmp r0, r3\n\tbhs 3f\n"                                                                   \
  "1:\n\t" MCUNET_OF_RUN("r1", weights) MCUNET_OF_RUN("r10", bias) MCUNET_X("r3", AT(k, 0, 0)) \
  MCUNET_LOAD                                                                                \
  "mov r11, r10\n\t" MCUNET_X("r4", AT(k, 0, 1))                                             \
  "mov r12, r10\n\t" MCUNET_X("r5", AT(k, 0, 2))                                             \
  MCUNET_W MCUNET_X("r6", AT(k, 0, 3))                                                       \
  "mov lr, r10\n\t"                                                                          \
  four                                                                                       \
  MCUNET_OF_RUN("r4", right) MCUNET_OF_RUN("r3", multiplier)                                 \
  MCUNET_OF_RUN("r5", zero) "cmp r4, #0\n\t" MCUNET_OF_RUN("r1", out)                        \
  "blt 6f\n\t"                                                                               \
  MCUNET_SHORT1("r10", "r3")                                                                 \
  MCUNET_SHORT1("r11", "r3")                                                                 \
  MCUNET_OF_RUN("r6", pitch)                                                                 \
  MCUNET_SHORT1("r12", "r3") MCUNET_SHORT2("r10", "r4")                                      \
  MCUNET_SHORT1("lr", "r3") MCUNET_SHORT3("r10", "r5")                                       \
  MCUNET_SHORT2("r11", "r4") MCUNET_OF_RUN("r7", last)                                       \
  MCUNET_SHORT4("r10") MCUNET_SHORT3("r11", "r5")                                            \
  MCUNET_SHORT2("r12", "r4") MCUNET_OF_RUN("r8", end)                                        \
  MCUNET_SHORT4("r11") MCUNET_SHORT3("r12", "r5")                                            \
  MCUNET_SHORT2("lr", "r4") MCUNET_STORE("r10", "#0")                                        \
  MCUNET_SHORT4("r12") MCUNET_SHORT3("lr", "r5")                                             \
  MCUNET_STORE("r11", "r6") "add r0, r0, #" #step "\n\t"                                     \
  MCUNET_SHORT4("lr") "cmp r0, r8\n"                                                         \
  "2:\n\t" MCUNET_STORE("lr", "r7")                                                          \
  MCUNET_STORE("r12", "r6, lsl #1")                                                          \
  "add r1, r1, r6, lsl #2\n\t"                                                               \
  MCUNET_TO_RUN("r1", out)                                                                   \
  "blo 1b\n"                                                                                 \
  "3:\n\t" MCUNET_OF_RUN("r8", rest)                                                         \
  "mov r9, #0\n\t" MCUNET_OF_RUN("r6", pitch)                                                \
  "subs r8, r8, #2\n\t" MCUNET_TO_RUN("r9", rest)                                            \
  "bgt 5f\n\t"                                                                               \
  "adds r8, r8, #1\n\tblt 9f\n\t"                                                            \
  "it eq\n\tmoveq r6, #0\n\t" MCUNET_TO_RUN("r6", last)                                      \
  MCUNET_OF_RUN("r1", weights) MCUNET_OF_RUN("r10", bias) MCUNET_X("r3", AT(k, 0, 0))        \
  MCUNET_LOAD MCUNET_X("r4", AT(k, 0, 1))                                                    \
  "mov r11, r10\n\t" MCUNET_W                                                                \
  two                                                                                        \
  MCUNET_OF_RUN("r4", right) MCUNET_OF_RUN("r3", multiplier)                                 \
  MCUNET_OF_RUN("r5", zero) "cmp r4, #0\n\t" MCUNET_OF_RUN("r1", out)                        \
  "blt 7f\n\t"                                                                               \
  MCUNET_SHORT1("r10", "r3")                                                                 \
  MCUNET_SHORT1("r11", "r3")                                                                 \
  MCUNET_OF_RUN("r6", last)                                                                  \
  MCUNET_SHORT2("r10", "r4") MCUNET_SHORT3("r10", "r5")                                      \
  MCUNET_SHORT2("r11", "r4") MCUNET_SHORT3("r11", "r5")                                      \
  MCUNET_SHORT4("r10") MCUNET_SHORT4("r11")                                                  \
  MCUNET_STORE("r11", "r6") MCUNET_STORE("r10", "#0")                                        \
  "b 9f\n"                                                                                   \
  "5:\n\t" /* three: the fourth is stored first, where the third goes */                     \
  "lsl r6, r6, #1\n\t" MCUNET_TO_RUN("r6", last)                                             \
  "b 1b\n"                                                                                   \
  "6:\n\t" MCUNET_OF_RUN("r7", left)                                                         \
  MCUNET_LONG1("r10", "r7", "r3") MCUNET_LONG1("r11", "r7", "r3")                            \
  MCUNET_LONG1("r12", "r7", "r3") MCUNET_LONG1("lr", "r7", "r3")                             \
  MCUNET_LONG2("r10", "r4", "r5") MCUNET_OF_RUN("r6", pitch)                                 \
  MCUNET_LONG2("r11", "r4", "r5") MCUNET_OF_RUN("r7", last)                                  \
  MCUNET_LONG2("r12", "r4", "r5") MCUNET_OF_RUN("r8", end)                                   \
  MCUNET_LONG2("lr", "r4", "r5") MCUNET_STORE("r10", "#0") MCUNET_STORE("r11", "r6")         \
  "add r0, r0, #" #step "\n\tcmp r0, r8\n\tb 2b\n"                                           \
  "7:\n\t" MCUNET_OF_RUN("r7", left)                                                         \
  MCUNET_LONG1("r10", "r7", "r3") MCUNET_LONG1("r11", "r7", "r3")                            \
  MCUNET_OF_RUN("r6", last)                                                                  \
  MCUNET_LONG2("r10", "r4", "r5") MCUNET_LONG2("r11", "r4", "r5")                            \
  MCUNET_STORE("r11", "r6") MCUNET_STORE("r10", "#0")                                        \
  "9:\n\t"

/* As a function. */
#define MCUNET_DEPTHWISE_ASM(run, text)                    \
  register mcunet_depthwise_run* base __asm__("r2") = run; \
  __asm__ volatile(text : "+r"(base) : MCUNET_RUN_OPERANDS : MCUNET_RUN_CLOBBERS)

#endif /* MCUNET_DEPTHWISE_ASM_H */
