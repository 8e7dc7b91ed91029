/* SPDX-License-Identifier: MIT-0 */
/* The few SIMD operations the kernels are built on. With the DSP extension of Armv7E-M and Armv8-M
 * each is one instruction; everywhere else (or with MCUNET_PORTABLE defined) a C twin that gives
 * the same bits. */
#ifndef MCUNET_SIMD_H
#define MCUNET_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
/* Always inlined, so that a kernel is one section whose size depends on nothing else. Not every
 * generated file uses all of them, of which clang would warn. */
#define MCUNET_INLINE static inline __attribute__((always_inline, unused))
#else
#define MCUNET_INLINE static inline
#endif

#if defined(__ARM_FEATURE_DSP) && defined(__GNUC__) && !defined(__ARM_BIG_ENDIAN) && \
    (__ARM_ARCH_PROFILE == 'M') && defined(__OPTIMIZE__) && !defined(MCUNET_PORTABLE)
/* Not without optimization, where assembly would find too few registers. */
#define MCUNET_DSP 1
#include <arm_acle.h>
#else
#define MCUNET_DSP 0
#endif

#if defined(MCUNET_VECTORS) && defined(__SSE2__)
/* On a PC that runs many inferences: four words at a time. Only where it is asked for, so that
 * tests on a PC are tests of the plain C. */
#define MCUNET_SSE2 1
#include <emmintrin.h>
#else
#define MCUNET_SSE2 0
#endif

/* Words in memory; no alignment needed (one LDR or STR). */
MCUNET_INLINE uint32_t mcunet_load32(const void* p) {
  uint32_t word;
  memcpy(&word, p, sizeof word);
  return word;
}

MCUNET_INLINE void mcunet_store32(void* p, uint32_t word) { memcpy(p, &word, sizeof word); }

/* p[0] in bits 0-7 ... p[3] in bits 24-31, whatever the byte order of the machine. */
MCUNET_INLINE uint32_t mcunet_load_s8x4(const int8_t* p) {
#if MCUNET_DSP
  return mcunet_load32(p);
#else
  return (uint32_t)(uint8_t)p[0] | (uint32_t)(uint8_t)p[1] << 8 | (uint32_t)(uint8_t)p[2] << 16 |
         (uint32_t)(uint8_t)p[3] << 24;
#endif
}

/* The first n (0 to 3) of four bytes, the others zero: the tail of a row. */
MCUNET_INLINE uint32_t mcunet_load_s8_tail(const int8_t* p, int32_t n) {
  uint32_t word = 0;
  if (n > 0) word = (uint32_t)(uint8_t)p[0];
  if (n > 1) word |= (uint32_t)(uint8_t)p[1] << 8;
  if (n > 2) word |= (uint32_t)(uint8_t)p[2] << 16;
  return word;
}

/* Bytes 0 and 2, sign-extended, in the lower and upper half. */
MCUNET_INLINE uint32_t mcunet_sxtb16(uint32_t word) {
#if MCUNET_DSP
  return (uint32_t)__sxtb16((int8x4_t)word);
#else
  const uint32_t bytes = word & 0x00ff00ffu;
  return bytes | ((bytes & 0x00800080u) * 0x1feu);
#endif
}

/* Bytes 1 and 3. Assembly, since compilers do not fold the rotation into the intrinsic. */
MCUNET_INLINE uint32_t mcunet_sxtb16_ror8(uint32_t word) {
#if MCUNET_DSP
  uint32_t halves;
  __asm__("sxtb16 %0, %1, ror #8" : "=r"(halves) : "r"(word));
  return halves;
#else
  return mcunet_sxtb16(word >> 8);
#endif
}

/* Bytes 0 and 2 of a word, or bytes 1 and 3, added to the halves of sums modulo 2^16. */
MCUNET_INLINE uint32_t mcunet_sxtab16(uint32_t sums, uint32_t word) {
#if MCUNET_DSP
  uint32_t halves;
  __asm__("sxtab16 %0, %1, %2" : "=r"(halves) : "r"(sums), "r"(word));
  return halves;
#else
  const uint32_t halves = mcunet_sxtb16(word);
  return ((sums + halves) & 0xffffu) | ((sums & 0xffff0000u) + (halves & 0xffff0000u));
#endif
}

MCUNET_INLINE uint32_t mcunet_sxtab16_ror8(uint32_t sums, uint32_t word) {
#if MCUNET_DSP
  uint32_t halves;
  __asm__("sxtab16 %0, %1, %2, ror #8" : "=r"(halves) : "r"(sums), "r"(word));
  return halves;
#else
  return mcunet_sxtab16(sums, word >> 8);
#endif
}

/* A number of 16 bits twice. */
MCUNET_INLINE uint32_t mcunet_both_halves(int32_t x) { return ((uint32_t)x & 0xffffu) * 0x10001u; }

/* Two halves in one word: the low ones of a and b, or the high ones; a's is the lower half. */
MCUNET_INLINE uint32_t mcunet_pack_low(uint32_t a, uint32_t b) {
#if MCUNET_DSP
  uint32_t halves;
  __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(halves) : "r"(a), "r"(b));
  return halves;
#else
  return (a & 0xffffu) | b << 16;
#endif
}

MCUNET_INLINE uint32_t mcunet_pack_high(uint32_t a, uint32_t b) {
#if MCUNET_DSP
  uint32_t halves;
  __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(halves) : "r"(b), "r"(a));
  return halves;
#else
  return a >> 16 | (b & 0xffff0000u);
#endif
}

/* The signed halves of a word. */
MCUNET_INLINE int32_t mcunet_low16(uint32_t word) { return (int16_t)(uint16_t)word; }
MCUNET_INLINE int32_t mcunet_high16(uint32_t word) { return (int16_t)(uint16_t)(word >> 16); }

/* acc + a.low * b.low + a.high * b.high, modulo 2^32. */
MCUNET_INLINE uint32_t mcunet_smlad(uint32_t a, uint32_t b, uint32_t acc) {
#if MCUNET_DSP
  return (uint32_t)__smlad((int16x2_t)a, (int16x2_t)b, (int32_t)acc);
#else
  return acc + (uint32_t)(mcunet_low16(a) * mcunet_low16(b)) +
         (uint32_t)(mcunet_high16(a) * mcunet_high16(b));
#endif
}

/* acc[i] + a[i].low * b.low + a[i].high * b.high, modulo 2^32, for four of them. */
MCUNET_INLINE void mcunet_smlad_four(const uint32_t* a, uint32_t b, uint32_t* acc) {
#if MCUNET_SSE2
  const __m128i products =
      _mm_madd_epi16(_mm_loadu_si128((const __m128i*)(const void*)a), _mm_set1_epi32((int32_t)b));
  const __m128i sums = _mm_add_epi32(_mm_loadu_si128((const __m128i*)(const void*)acc), products);
  _mm_storeu_si128((__m128i*)(void*)acc, sums);
#else
  for (int32_t i = 0; i < 4; ++i) acc[i] = mcunet_smlad(a[i], b, acc[i]);
#endif
}

/* a.low * b.low and a.high * b.high. */
MCUNET_INLINE uint32_t mcunet_smulbb(uint32_t a, uint32_t b) {
  return (uint32_t)(mcunet_low16(a) * mcunet_low16(b));
}

MCUNET_INLINE uint32_t mcunet_smultt(uint32_t a, uint32_t b) {
  return (uint32_t)(mcunet_high16(a) * mcunet_high16(b));
}

/* acc + a.low * b.low and acc + a.high * b.high, modulo 2^32. */
MCUNET_INLINE uint32_t mcunet_smlabb(uint32_t a, uint32_t b, uint32_t acc) {
#if MCUNET_DSP
  return (uint32_t)__smlabb((int32_t)a, (int32_t)b, (int32_t)acc);
#else
  return acc + (uint32_t)(mcunet_low16(a) * mcunet_low16(b));
#endif
}

MCUNET_INLINE uint32_t mcunet_smlatt(uint32_t a, uint32_t b, uint32_t acc) {
#if MCUNET_DSP
  return (uint32_t)__smlatt((int32_t)a, (int32_t)b, (int32_t)acc);
#else
  return acc + (uint32_t)(mcunet_high16(a) * mcunet_high16(b));
#endif
}

/* acc + a.low * b.high and acc + a.high * b.low, modulo 2^32. */
MCUNET_INLINE uint32_t mcunet_smlabt(uint32_t a, uint32_t b, uint32_t acc) {
#if MCUNET_DSP
  return (uint32_t)__smlabt((int32_t)a, (int32_t)b, (int32_t)acc);
#else
  return acc + (uint32_t)(mcunet_low16(a) * mcunet_high16(b));
#endif
}

MCUNET_INLINE uint32_t mcunet_smlatb(uint32_t a, uint32_t b, uint32_t acc) {
#if MCUNET_DSP
  return (uint32_t)__smlatb((int32_t)a, (int32_t)b, (int32_t)acc);
#else
  return acc + (uint32_t)(mcunet_high16(a) * mcunet_low16(b));
#endif
}

/* Single instructions in the order in which they are written, which compilers would change. */
#if MCUNET_DSP
#define MCUNET_MAC(s, x, w) __asm__ volatile("smlad %0, %1, %2, %0" : "+r"(s) : "r"(x), "r"(w))
#define MCUNET_MAC_FROM(s, from, x, w) \
  __asm__ volatile("smlad %0, %1, %2, %3" : "=r"(s) : "r"(x), "r"(w), "r"(from))
#define MCUNET_FETCH(x, from) __asm__ volatile("ldr %0, %1" : "=r"(x) : "m"(from))
#define MCUNET_FIRST_PAIR(w, packed) __asm__ volatile("sxtb16 %0, %1" : "=r"(w) : "r"(packed))
#define MCUNET_SECOND_PAIR(w, packed) \
  __asm__ volatile("sxtb16 %0, %1, ror #8" : "=r"(w) : "r"(packed))
#define MCUNET_FETCH_NEXT(x, from) \
  __asm__ volatile("ldr %0, [%1], #4" : "=r"(x), "+r"(from) : : "memory")
#define MCUNET_STORE_NEXT(x, to) \
  __asm__ volatile("str %1, [%0], #4" : "+r"(to) : "r"(x) : "memory")
#define MCUNET_FETCH_TWO(x, y, from) \
  __asm__ volatile("ldrd %0, %1, [%2], #8" : "=&r"(x), "=&r"(y), "+&r"(from) : : "memory")
#define MCUNET_OPAQUE(pointer) __asm__("" : "+r"(pointer))
#else
#define MCUNET_MAC(s, x, w) s = mcunet_smlad(x, w, s)
#define MCUNET_MAC_FROM(s, from, x, w) s = mcunet_smlad(x, w, from)
#define MCUNET_FETCH(x, from) x = (from)
#define MCUNET_FIRST_PAIR(w, packed) w = mcunet_sxtb16(packed)
#define MCUNET_SECOND_PAIR(w, packed) w = mcunet_sxtb16_ror8(packed)
#define MCUNET_FETCH_NEXT(x, from) x = mcunet_load_s8x4(from), from += 4
#define MCUNET_STORE_NEXT(x, to) mcunet_store32(to, x), to += 4
#define MCUNET_FETCH_TWO(x, y, from) \
  x = mcunet_load_s8x4(from), y = mcunet_load_s8x4((from) + 4), from += 8
#define MCUNET_OPAQUE(pointer) (void)0
#endif

#endif /* MCUNET_SIMD_H */
