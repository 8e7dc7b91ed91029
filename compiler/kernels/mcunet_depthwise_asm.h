/* SPDX-License-Identifier: MIT-0 */
/* Text of the assembly of mcunet_depthwise_KxK: four channels of a strip, one after the other, each
 * in blocks of four outputs and at the end one of two. r2 points to the run all the time.
 *
 * The order of instructions is that of issue on a Cortex-M7, two in a cycle if they suit: one
 * multiplication; one SXTB16, SSAT or PKHBT, only as the first of the two; one shift; one store; a
 * load or an addition with any of them. */
#ifndef MCUNET_DEPTHWISE_ASM_H
#define MCUNET_DEPTHWISE_ASM_H

#include <stddef.h>

/* clang-format off */

#define MCUNET_TEXT(x) MCUNET_TEXT_OF(x)
#define MCUNET_TEXT_OF(x) #x

#define MCUNET_RUN_MEMBER(member) [member] "i"(offsetof(mcunet_depthwise_run, member))
#define MCUNET_RUN_OPERANDS                                                                \
  MCUNET_RUN_MEMBER(x), MCUNET_RUN_MEMBER(full), MCUNET_RUN_MEMBER(bias),                  \
      MCUNET_RUN_MEMBER(multiplier), MCUNET_RUN_MEMBER(shift), MCUNET_RUN_MEMBER(weights), \
      MCUNET_RUN_MEMBER(out), MCUNET_RUN_MEMBER(zero), MCUNET_RUN_MEMBER(pitch),           \
      MCUNET_RUN_MEMBER(rest), MCUNET_RUN_MEMBER(channels), MCUNET_RUN_MEMBER(least),      \
      MCUNET_RUN_MEMBER(last), MCUNET_RUN_MEMBER(to), MCUNET_RUN_MEMBER(end),              \
      MCUNET_RUN_MEMBER(first), MCUNET_RUN_MEMBER(m), MCUNET_RUN_MEMBER(right),            \
      MCUNET_RUN_MEMBER(left), MCUNET_RUN_MEMBER(taps), MCUNET_RUN_MEMBER(tap0),           \
      MCUNET_RUN_MEMBER(tap1)
#define MCUNET_RUN_CLOBBERS \
  "r0", "r1", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory"

#define MCUNET_OF_RUN(to, member) "ldr " to ", [r2, %[" #member "]]\n\t"
#define MCUNET_TO_RUN(from, member) "str " from ", [r2, %[" #member "]]\n\t"
#define MCUNET_X(to, word) "ldr " to ", [r0, #4*(" MCUNET_TEXT(word) ")]\n\t"
#define MCUNET_SMLA(kind, s, x, w) "smla" #kind " " s ", " x ", " w ", " s "\n\t"
#define MCUNET_SMLAD(s, x, w) MCUNET_SMLA(d, s, x, w)

/* Short scaling, for a zero point of -128, a right shift and a multiplier of 2^30 or more. m holds
 * twice the multiplier less 2^32, so that s + s * m / 2^32 is the doubling high multiplication.
 * What is negative gives -128 however its half is rounded, so that the rounding shift is one
 * through the carry. */
#define MCUNET_SHORT1(s, m) "smmlar " s ", " s ", " m ", " s "\n\t"
#define MCUNET_SHORT2(s, right) "asrs " s ", " s ", " right "\n\t"
#define MCUNET_SHORT3(s, zero) "adc " s ", " s ", " zero "\n\t"
#define MCUNET_SHORT4(s) "ssat " s ", #8, " s "\n\t"

/* Long scaling, for all else; as mcunet_scale4. */
#define MCUNET_LONG1(s, left, m) "lsl " s ", " s ", " left "\n\tsmmulr " s ", " s ", " m "\n\t"
#define MCUNET_LONG2(s, right, zero)                                                             \
  "adds " s ", " s ", " s ", asr #31\n\tasrs " s ", " s ", " right "\n\tadc " s ", " s ", " zero \
  "\n\tssat " s ", #8, " s "\n\t"

/* Label 0: a channel begins. r0: x; r3: its weights, of as many bytes; r11: where its outputs go.
 */
#define MCUNET_CHANNEL \
  "0:\n\t" MCUNET_OF_RUN("r0", x) MCUNET_OF_RUN("r1", full)                      \
  MCUNET_OF_RUN("r4", bias) MCUNET_OF_RUN("r5", multiplier)                      \
  "add r3, r0, %[advance]\n\t" MCUNET_OF_RUN("r6", shift)                                \
  "add r1, r0, r1\n\t" MCUNET_TO_RUN("r3", x)                                    \
  "ldr r7, [r4], #4\n\t" MCUNET_TO_RUN("r1", end)                                \
  "ldr r8, [r5], #4\n\t" MCUNET_TO_RUN("r4", bias)                               \
  "ldrsb r9, [r6], #1\n\t" MCUNET_TO_RUN("r5", multiplier)                       \
  MCUNET_OF_RUN("r10", least) MCUNET_TO_RUN("r6", shift)                         \
  MCUNET_OF_RUN("r11", out) MCUNET_TO_RUN("r7", first)                           \
  MCUNET_OF_RUN("r3", weights) "rsbs r9, r9, #0\n\t"                             \
  "add r12, r11, #1\n\t" MCUNET_TO_RUN("r11", to)                                \
  "add r7, r3, %[bytes]\n\t" MCUNET_TO_RUN("r12", out)                         \
  "ble 10f\n\tcmp r8, r10\n\t" MCUNET_TO_RUN("r7", weights)                      \
  "ble 10f\n\tlsl r8, r8, #1\n"                                                  \
  "11:\n\t" MCUNET_TO_RUN("r9", right) MCUNET_TO_RUN("r8", m)

/* Label 9: a channel ends. aside: what is seldom reached. */
#define MCUNET_CHANNEL_END(aside) \
  "9:\n\t" MCUNET_OF_RUN("r3", channels)                                            \
  "subs r3, r3, #1\n\t" MCUNET_TO_RUN("r3", channels)                               \
  "bne 0b\n\tb 12f\n"                                                               \
  "10:\n\t" /* long scaling */                                                      \
  "add r7, r3, %[bytes]\n\t" MCUNET_TO_RUN("r7", weights)                         \
  "cmp r9, #0\n\trsb r7, r9, #1\n\tit ge\n\tmovge r7, #1\n\tit lt\n\tmovlt r9, #0\n\t" \
  "orr r9, r9, #0x80000000\n\t" MCUNET_TO_RUN("r7", left) "b 11b\n"                 \
  aside                                                                             \
  "12:\n\t"

/* Label 5: three outputs are left. They are made as four, of which the last is stored first, where
 * the third goes; the second time that is done. */
#define MCUNET_THREE(pitch, u, v)                                                            \
  "5:\n\t" MCUNET_OF_RUN(u, last) "add " v ", " pitch ", " pitch ", lsl #1\n\tcmp " u ", " v \
                                  "\n\tit eq\n\tlsleq " v ", " pitch                         \
                                  ", #1\n\t" MCUNET_TO_RUN(v, last) "beq 1b\n\tb 9b\n"

/* ---- Kernels whose weights do not fit into registers ----
 * r0: x; r1: packed weights to come; r3 to r6: words of x, a to d; r7, r8: weights of a tap and of
 * the next, w and v in turns; r9: packed weights; r10, r11, r12, lr: sums.
 * A tap is four multiplications; q0 to q3 come before them, each in the cycle of its
 * multiplication. EVEN and ODD taps: a gets the word of the next column, x[next]. EVEN also fetches
 * the packed weights, of which ODD takes the first half.
 * ..._ROW: the last tap of a row: a, b and c get words of the next row.
 * ..._FIRST: the first of one; `late` gets the word that was left. */
#define MCUNET_LOAD "ldr r9, [r1], #4\n\t"
#define MCUNET_W "sxtb16 r7, r9\n\t"
#define MCUNET_V "sxtb16 r8, r9, ror #8\n\t"
#define MCUNET_TAP4(w, a, b, c, d, q0, q1, q2, q3) \
  q0 MCUNET_SMLAD("r10", a, w)                     \
  q1 MCUNET_SMLAD("r11", b, w)                     \
  q2 MCUNET_SMLAD("r12", c, w)                     \
  q3 MCUNET_SMLAD("lr", d, w)
#define MCUNET_EVEN4(a, b, c, d, next) \
  MCUNET_TAP4("r7", a, b, c, d, "", MCUNET_X(a, next), MCUNET_V, MCUNET_LOAD)
#define MCUNET_ODD4(a, b, c, d, next) \
  MCUNET_TAP4("r8", a, b, c, d, "", MCUNET_X(a, next), MCUNET_W, "")
#define MCUNET_EVEN4_ROW(a, b, c, d, na, nb, nc) \
  MCUNET_TAP4("r7", a, b, c, d, "", MCUNET_X(a, na) MCUNET_V, MCUNET_X(b, nb), MCUNET_X(c, nc))
#define MCUNET_ODD4_ROW(a, b, c, d, na, nb, nc) \
  MCUNET_TAP4("r8", a, b, c, d, "", MCUNET_X(a, na) MCUNET_W, MCUNET_X(b, nb), MCUNET_X(c, nc))
#define MCUNET_EVEN4_FIRST(late, nl, next)                                                      \
  MCUNET_TAP4("r7", "r3", "r4", "r5", "r6", MCUNET_X(late, nl), MCUNET_X("r3", next), MCUNET_V, \
              MCUNET_LOAD)
#define MCUNET_ODD4_FIRST(late, nl, next)                                                          \
  MCUNET_TAP4("r8", "r3", "r4", "r5", "r6", MCUNET_X(late, nl), MCUNET_LOAD, MCUNET_X("r3", next), \
              MCUNET_W)
/* The first tap of all, EVEN; lr is the bias. */
#define MCUNET_BEGIN4(k, AT, next)                                                             \
  "smlad r10, r3, r7, lr\n\t" MCUNET_X("r6", AT(k, 0, 3)) MCUNET_V                             \
      "smlad r11, r4, r7, lr\n\t" MCUNET_X("r3", next) "smlad r12, r5, r7, lr\n\t" MCUNET_LOAD \
                                                       "smlad lr, r6, r7, lr\n\t"
/* The last tap of all, without words or weights to fetch. */
#define MCUNET_END4(w, a, b, c, d)                                                                 \
  MCUNET_TAP4(w, a, b, c, d, MCUNET_OF_RUN("r1", right), MCUNET_OF_RUN("r9", m), "cmp r1, #0\n\t", \
              "")

#define MCUNET_EVEN2(a, b, next) \
  MCUNET_SMLAD("r10", a, "r7") MCUNET_X(a, next) MCUNET_V MCUNET_SMLAD("r11", b, "r7") MCUNET_LOAD
#define MCUNET_ODD2(a, b, next) \
  MCUNET_SMLAD("r10", a, "r8") MCUNET_X(a, next) MCUNET_W MCUNET_SMLAD("r11", b, "r8")
#define MCUNET_EVEN2_ROW(a, b, na, nb) MCUNET_EVEN2(a, b, na) MCUNET_X(b, nb)
#define MCUNET_ODD2_ROW(a, b, na, nb) MCUNET_ODD2(a, b, na) MCUNET_X(b, nb)
#define MCUNET_BEGIN2(next)                                  \
  "smlad r10, r3, r7, r11\n\t" MCUNET_X("r3", next) MCUNET_V \
      "smlad r11, r4, r7, r11\n\t" MCUNET_LOAD
#define MCUNET_END2(w, a, b) \
  MCUNET_OF_RUN("r1", right) \
  MCUNET_SMLAD("r10", a, w) MCUNET_OF_RUN("r9", m) MCUNET_SMLAD("r11", b, w) "cmp r1, #0\n\t"

/* All taps of a row (or two) for four outputs or two. FIRST: its first tap; E and O: EVEN and ODD,
 * or the other way round where the first is ODD; AT: where the row's words are; NEXT, next:
 * likewise for what follows. */
#define MCUNET_ROW4_2(FIRST, O, k, AT, row, NEXT, next) \
  FIRST                                                 \
  O##4_ROW("r4", "r5", "r6", "r3", NEXT(k, next, 1), NEXT(k, next, 2), NEXT(k, next, 3))
#define MCUNET_ROW4_3(FIRST, E, O, k, AT, row, NEXT, next)                                      \
  FIRST                                                                                         \
  O##4("r4", "r5", "r6", "r3", AT(k, row, 5))E##4_ROW("r5", "r6", "r3", "r4", NEXT(k, next, 2), \
                                                      NEXT(k, next, 3), NEXT(k, next, 0))
#define MCUNET_ROW4_4(FIRST, E, O, k, AT, row, NEXT, next)                                        \
  FIRST                                                                                           \
  O##4("r4", "r5", "r6", "r3", AT(k, row, 5))E##4("r5", "r6", "r3", "r4", AT(k, row, 6))O##4_ROW( \
      "r6", "r3", "r4", "r5", NEXT(k, next, 3), NEXT(k, next, 0), NEXT(k, next, 1))
#define MCUNET_ROW4_5(FIRST, E, O, k, AT, row, NEXT, next)                                     \
  FIRST                                                                                        \
  O##4("r4", "r5", "r6", "r3", AT(k, row, 5))E##4("r5", "r6", "r3", "r4", AT(k, row, 6))O##4(  \
      "r6", "r3", "r4", "r5", AT(k, row, 7))E##4_ROW("r3", "r4", "r5", "r6", NEXT(k, next, 0), \
                                                     NEXT(k, next, 1), NEXT(k, next, 2))
#define MCUNET_ROW4_7(FIRST, E, O, k, AT, row, NEXT, next)                                         \
  FIRST                                                                                            \
  O##4("r4", "r5", "r6", "r3", AT(k, row, 5))E##4("r5", "r6", "r3", "r4", AT(k, row, 6))           \
      O##4("r6", "r3", "r4", "r5", AT(k, row, 7))E##4("r3", "r4", "r5", "r6", AT(k, row, 8))O##4(  \
          "r4", "r5", "r6", "r3", AT(k, row, 9))E##4_ROW("r5", "r6", "r3", "r4", NEXT(k, next, 2), \
                                                         NEXT(k, next, 3), NEXT(k, next, 0))

#define MCUNET_ROW2_2(FIRST, O, k, AT, row, NEXT, next) \
  FIRST                                                 \
  O##2_ROW("r4", "r3", NEXT(k, next, 1), NEXT(k, next, 0))
#define MCUNET_ROW2_3(FIRST, E, O, k, AT, row, NEXT, next) \
  FIRST                                                    \
  O##2("r4", "r3", AT(k, row, 3))E##2_ROW("r3", "r4", NEXT(k, next, 0), NEXT(k, next, 1))
#define MCUNET_ROW2_4(FIRST, E, O, k, AT, row, NEXT, next)                \
  FIRST                                                                   \
  O##2("r4", "r3", AT(k, row, 3))E##2("r3", "r4", AT(k, row, 4))O##2_ROW( \
      "r4", "r3", NEXT(k, next, 1), NEXT(k, next, 0))
#define MCUNET_ROW2_5(FIRST, E, O, k, AT, row, NEXT, next)            \
  FIRST                                                               \
  O##2("r4", "r3", AT(k, row, 3))E##2("r3", "r4", AT(k, row, 4))O##2( \
      "r4", "r3", AT(k, row, 5))E##2_ROW("r3", "r4", NEXT(k, next, 0), NEXT(k, next, 1))
#define MCUNET_ROW2_7(FIRST, E, O, k, AT, row, NEXT, next)                                      \
  FIRST                                                                                         \
  O##2("r4", "r3", AT(k, row, 3))E##2("r3", "r4", AT(k, row, 4))O##2("r4", "r3", AT(k, row, 5)) \
      E##2("r3", "r4", AT(k, row, 6))O##2("r4", "r3", AT(k, row, 7))E##2_ROW(                   \
          "r3", "r4", NEXT(k, next, 0), NEXT(k, next, 1))

/* What follows for AT_LAST: `next` is not used. */
#define MCUNET_TO_LAST(k, next, c) MCUNET_AT_LAST(k, c)

/* Four channels. four: the sums of four outputs from label 1 on, with a, w and packed weights in
 * place and lr for the bias; two: of two, r11 for the bias. Both leave the right shift in r1,
 * compared with 0, and the multiplier in r9. bytes: of weights for a channel; step: of x for a
 * block.
 */
#define MCUNET_ROLLING(k, AT, four, two) \
  MCUNET_CHANNEL                               \
  MCUNET_TO_RUN("r3", taps)                           \
  "ldr r9, [r3]\n\tadd r1, r3, #4\n\t" MCUNET_X("r3", AT(k, 0, 0))                  \
  MCUNET_OF_RUN("r8", end) "cmp r0, r8\n\t" MCUNET_W "bhs 3f\n"                     \
  "1:\n\t" MCUNET_OF_RUN("lr", first) MCUNET_X("r4", AT(k, 0, 1))                   \
  MCUNET_X("r5", AT(k, 0, 2))                                                       \
  four "blt 6f\n\t"                                                                 \
  MCUNET_SHORT1("r10", "r9") MCUNET_OF_RUN("r7", zero)                              \
  MCUNET_SHORT1("r11", "r9") MCUNET_OF_RUN("r8", to)                                \
  MCUNET_SHORT1("r12", "r9") MCUNET_SHORT2("r10", "r1")                             \
  MCUNET_SHORT1("lr", "r9") MCUNET_SHORT3("r10", "r7")                              \
  MCUNET_SHORT2("r11", "r1") MCUNET_OF_RUN("r9", end)                               \
  MCUNET_SHORT4("r10") MCUNET_SHORT3("r11", "r7")                                   \
  MCUNET_SHORT2("r12", "r1") MCUNET_OF_RUN("r6", pitch)                             \
  MCUNET_SHORT4("r11") MCUNET_SHORT3("r12", "r7")                                   \
  MCUNET_SHORT2("lr", "r1") "strb r10, [r8]\n\t"                                    \
  MCUNET_SHORT4("r12") MCUNET_SHORT3("lr", "r7")                                    \
  MCUNET_OF_RUN("r1", taps) "add r0, r0, %[step]\n\t"                             \
  MCUNET_SHORT4("lr") "strb r11, [r8, r6]\n"                                        \
  "2:\n\t" MCUNET_OF_RUN("r5", last) "cmp r0, r9\n\t"                               \
  "ldr r9, [r1], #4\n\tstrb lr, [r8, r5]\n\t"                              \
  MCUNET_X("r3", AT(k, 0, 0)) "strb r12, [r8, r6, lsl #1]\n\t"                               \
  MCUNET_W "add r8, r8, r6, lsl #2\n\t" MCUNET_TO_RUN("r8", to)                     \
  "blo 1b\n"                                                                        \
  "3:\n\t" MCUNET_OF_RUN("r4", rest) MCUNET_OF_RUN("r6", pitch)                     \
  "subs r4, r4, #2\n\tbgt 5f\n\tadds r4, r4, #1\n\tblt 9f\n\t"                      \
  "it eq\n\tmoveq r6, #0\n\t"                                                       \
  MCUNET_OF_RUN("r11", first) MCUNET_X("r4", AT(k, 0, 1))                           \
  two "blt 7f\n\t"                                                                  \
  MCUNET_SHORT1("r10", "r9") MCUNET_OF_RUN("r7", zero)                              \
  MCUNET_SHORT1("r11", "r9") MCUNET_OF_RUN("r8", to)                                \
  MCUNET_SHORT2("r10", "r1") MCUNET_SHORT3("r10", "r7")                             \
  MCUNET_SHORT2("r11", "r1") MCUNET_SHORT3("r11", "r7")                             \
  MCUNET_SHORT4("r10") MCUNET_SHORT4("r11")                                         \
  "8:\n\tstrb r11, [r8, r6]\n\tstrb r10, [r8]\n"                                    \
  MCUNET_CHANNEL_END(MCUNET_ROLLING_ASIDE)

/* 5: three outputs are left, once, and of four the last is stored first, where the third goes.
 * 6, 7: long scaling of four and of two. */
#define MCUNET_ROLLING_ASIDE                                                    \
  MCUNET_THREE("r6", "r4", "r5")                                                \
  "6:\n\t" MCUNET_OF_RUN("r3", left) MCUNET_OF_RUN("r7", zero)                  \
  MCUNET_LONG1("r10", "r3", "r9") MCUNET_LONG1("r11", "r3", "r9")               \
  MCUNET_LONG1("r12", "r3", "r9") MCUNET_LONG1("lr", "r3", "r9")                \
  MCUNET_LONG2("r10", "r1", "r7") MCUNET_OF_RUN("r8", to)                       \
  MCUNET_LONG2("r11", "r1", "r7") MCUNET_OF_RUN("r6", pitch)                    \
  MCUNET_LONG2("r12", "r1", "r7") MCUNET_OF_RUN("r9", end)                      \
  MCUNET_LONG2("lr", "r1", "r7") MCUNET_OF_RUN("r1", taps)                      \
  "strb r10, [r8]\n\tstrb r11, [r8, r6]\n\tadd r0, r0, %[step]\n\tb 2b\n"      \
  "7:\n\t" MCUNET_OF_RUN("r3", left) MCUNET_OF_RUN("r7", zero)                  \
  MCUNET_LONG1("r10", "r3", "r9") MCUNET_LONG1("r11", "r3", "r9")               \
  MCUNET_OF_RUN("r8", to)                                                       \
  MCUNET_LONG2("r10", "r1", "r7") MCUNET_LONG2("r11", "r1", "r7") "b 8b\n"

/* The body of a function of `run`; advance: bytes of x from a channel to the next. */
#define MCUNET_DEPTHWISE_ASM(run, k, stride, advance_bytes, text)           \
  register mcunet_depthwise_run* base __asm__("r2") = run;                  \
  __asm__ volatile(text                                                     \
                   : "+r"(base)                                             \
                   : MCUNET_RUN_OPERANDS,                                   \
                     [bytes] "i"(MCUNET_DEPTHWISE_WEIGHT_BYTES(k, stride)), \
                     [step] "i"((stride == 1 ? 32 : 64) * k),               \
                     [advance] "i"(advance_bytes)                           \
                   : MCUNET_RUN_CLOBBERS)

#endif /* MCUNET_DEPTHWISE_ASM_H */
