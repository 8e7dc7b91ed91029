/* SPDX-License-Identifier: MIT-0 */
/* Depthwise convolution with a square kernel of 3, 5 or 7, in strips of one output row and four
 * channels. A strip's input is widened into scratch such that two taps of a channel lie in one word
 * and go through one SMLAD; padding is written there too, once for all channels, so that nothing is
 * asked in between.
 *
 * Stride 1: a word holds one column of two rows, (x[0][c], x[1][c]), and serves that column as any
 * tap of any output. The last row is alone and is paired along itself, (x[c], x[c + 1]) for even c:
 * an even output takes its taps as (0, 1), (2, 3) ..., an odd one as 0, (1, 2), (3, 4) ...
 * Stride 2: words hold two columns of one row, which are the taps (0, 1), (2, 3) ... of all
 * outputs.
 *
 * In scratch the words of four channels lie together, and two columns are a block of 4 * k words,
 * whatever the stride:
 *   stride 1: rows 0 and 1 of the one column, of the other; rows 2 and 3 ...; the last row of both
 *   stride 2: row 0 of both; row 1 ... */
#ifndef MCUNET_DEPTHWISE_SQUARE_H
#define MCUNET_DEPTHWISE_SQUARE_H

#include "compiler/kernels/mcunet_kernels.h"
#include "compiler/kernels/mcunet_requantize.h"
#include "compiler/kernels/mcunet_ring.h"

/* Word of the first of four channels: column c of the pair of rows p, at stride 1; the last row
 * there, and row r at stride 2, of the columns 2 * c and 2 * c + 1. */
#define MCUNET_AT(k, p, c) (((c) >> 1) * 4 * (k) + 8 * (p) + ((c)&1) * 4)
#define MCUNET_AT_LAST(k, c) ((c)*4 * (k) + 4 * ((k)-1))
#define MCUNET_AT_ROW(k, r, c) ((c)*4 * (k) + 4 * (r))

/* Channels of a strip. What the assembly keeps for one channel comes last. */
typedef struct mcunet_depthwise_run {
  const uint32_t* x;     /* under the first output; these six go on to the next channel */
  const int8_t* weights; /* packed */
  const int32_t* bias;
  const int32_t* multiplier;
  const int8_t* shift;
  int8_t* out;
  int32_t full;     /* bytes of x for the whole fours */
  int32_t rest;     /* outputs after them */
  int32_t count;    /* all outputs */
  int32_t channels; /* to come */
  int32_t zero;     /* of the output */
  int32_t pitch;    /* from output to output */
  int32_t last;     /* 3 * pitch: from the first of four outputs to the fourth */
  int32_t least;    /* short scaling is for multipliers above */
  const uint32_t* end;
  const int8_t* taps;
  int8_t* to;
  uint32_t first; /* bias */
  int32_t m, right, left;
  uint32_t tap0, tap1, tap2;
} mcunet_depthwise_run;

#if MCUNET_DSP
#include "compiler/kernels/mcunet_depthwise_asm.h"
#else
/* The two taps number i of packed weights. */
MCUNET_INLINE uint32_t mcunet_depthwise_weights(const int8_t* weights, int32_t i) {
  const uint32_t packed = mcunet_load_s8x4(weights + i / 2 * 4);
  return i % 2 == 0 ? mcunet_sxtb16(packed) : mcunet_sxtb16_ror8(packed);
}

/* The sum of output i; x, weights and bias are those of its channel. */
MCUNET_INLINE uint32_t mcunet_depthwise_sum(const uint32_t* x, const int8_t* weights, uint32_t bias,
                                            int32_t i, int32_t k, int32_t stride) {
  uint32_t sum = bias;
  int32_t n = 0;
  if (stride == 2) {
    for (int32_t y = 0; y < k; ++y)
      for (int32_t t = 0; t < (k + 1) / 2; ++t, ++n)
        sum =
            mcunet_smlad(x[MCUNET_AT_ROW(k, y, i + t)], mcunet_depthwise_weights(weights, n), sum);
    return sum;
  }
  for (int32_t p = 0; p < k / 2; ++p)
    for (int32_t t = 0; t < k; ++t, ++n)
      sum = mcunet_smlad(x[MCUNET_AT(k, p, i + t)], mcunet_depthwise_weights(weights, n), sum);
  if (i % 2 != 0)
    sum = mcunet_smlatb(x[MCUNET_AT_LAST(k, i / 2)], mcunet_depthwise_weights(weights, n), sum);
  for (int32_t t = i % 2; t + 1 < k; t += 2)
    sum = mcunet_smlad(x[MCUNET_AT_LAST(k, (i + t) / 2)], mcunet_depthwise_weights(weights, n + t),
                       sum);
  if (i % 2 == 0)
    sum = mcunet_smlabt(x[MCUNET_AT_LAST(k, (i + k) / 2)],
                        mcunet_depthwise_weights(weights, n + k - 2), sum);
  return sum;
}

#if MCUNET_SSE2
/* Four channels whose words lie together, one in each lane: the sums of mcunet_depthwise_sum. */
MCUNET_INLINE void mcunet_depthwise_four(const mcunet_depthwise_run* run, int32_t k,
                                         int32_t stride) {
  const int32_t bytes = MCUNET_DEPTHWISE_WEIGHT_BYTES(k, stride);
  const int32_t taps = stride == 2 ? k * ((k + 1) / 2) : k / 2 * k + k - 1;
  __m128i w[28]; /* of 7x7 at stride 2; the most */
  for (int32_t n = 0; n < taps; n += 2) {
    const int8_t* from = run->weights + n / 2 * 4;
    const __m128i packed = _mm_set_epi32(
        (int32_t)mcunet_load_s8x4(from + 3 * bytes), (int32_t)mcunet_load_s8x4(from + 2 * bytes),
        (int32_t)mcunet_load_s8x4(from + bytes), (int32_t)mcunet_load_s8x4(from));
    w[n] = _mm_srai_epi16(_mm_slli_epi16(packed, 8), 8);
    if (n + 1 < taps) w[n + 1] = _mm_srai_epi16(packed, 8);
  }
#define MCUNET_LANES(place) _mm_loadu_si128((const __m128i*)(const void*)(run->x + (place)))
#define MCUNET_ADD_PRODUCTS(a, b) sum = _mm_add_epi32(sum, _mm_madd_epi16(a, b))
  for (int32_t i = 0; i < run->count; ++i) {
    __m128i sum = _mm_loadu_si128((const __m128i*)(const void*)run->bias);
    int32_t n = 0;
    if (stride == 2) {
      for (int32_t y = 0; y < k; ++y)
        for (int32_t t = 0; t < (k + 1) / 2; ++t, ++n)
          MCUNET_ADD_PRODUCTS(MCUNET_LANES(MCUNET_AT_ROW(k, y, i + t)), w[n]);
    } else {
      for (int32_t p = 0; p < k / 2; ++p)
        for (int32_t t = 0; t < k; ++t, ++n)
          MCUNET_ADD_PRODUCTS(MCUNET_LANES(MCUNET_AT(k, p, i + t)), w[n]);
      if (i % 2 != 0)
        MCUNET_ADD_PRODUCTS(_mm_srli_epi32(MCUNET_LANES(MCUNET_AT_LAST(k, i / 2)), 16), w[n]);
      for (int32_t t = i % 2; t + 1 < k; t += 2)
        MCUNET_ADD_PRODUCTS(MCUNET_LANES(MCUNET_AT_LAST(k, (i + t) / 2)), w[n + t]);
      if (i % 2 == 0)
        MCUNET_ADD_PRODUCTS(MCUNET_LANES(MCUNET_AT_LAST(k, (i + k) / 2)),
                            _mm_srli_epi32(w[n + k - 2], 16));
    }
    uint32_t sums[4];
    _mm_storeu_si128((__m128i*)(void*)sums, sum);
    for (int32_t c = 0; c < 4; ++c)
      run->out[(ptrdiff_t)i * run->pitch + c] = (int8_t)mcunet_scale1(
          sums[c], mcunet_scale_of(run->multiplier[c], run->shift[c], run->zero));
  }
#undef MCUNET_LANES
#undef MCUNET_ADD_PRODUCTS
}
#endif

/* advance: words of x from a channel to the next. */
MCUNET_INLINE void mcunet_depthwise_channels(const mcunet_depthwise_run* run, int32_t k,
                                             int32_t stride, int32_t advance) {
#if MCUNET_SSE2
  if (advance == 1 && run->channels == 4) {
    mcunet_depthwise_four(run, k, stride);
    return;
  }
#endif
  for (int32_t c = 0; c < run->channels; ++c) {
    const mcunet_scale scale = mcunet_scale_of(run->multiplier[c], run->shift[c], run->zero);
    const int8_t* weights = run->weights + (ptrdiff_t)c * MCUNET_DEPTHWISE_WEIGHT_BYTES(k, stride);
    for (int32_t i = 0; i < run->count; ++i) {
      const uint32_t sum =
          mcunet_depthwise_sum(run->x + c * advance, weights, (uint32_t)run->bias[c], i, k, stride);
      run->out[(ptrdiff_t)i * run->pitch + c] = (int8_t)mcunet_scale1(sum, scale);
    }
  }
}
#endif

/* What of one row, or of two, lies in the image is widened: n columns, one at least, of four
 * channels, from column `first` of the strip on, whose block is x. A row of padding stays on four
 * bytes, with step 0. */
#if MCUNET_DSP
/* One word of each of four channels, the bytes of u beside those of v; u and v are overwritten. */
#define MCUNET_WIDEN(u, v, at0, at1, at2, at3)              \
  "pkhbt %[s], %[" u "], %[" v                              \
  "], lsl #16\n\t"                                          \
  "pkhtb %[t], %[" v "], %[" u                              \
  "], asr #16\n\t"                                          \
  "sxtb16 %[" u                                             \
  "], %[s]\n\tsxtb16 %[s], %[s], ror #8\n\t"                \
  "str %[" u "], [%[x], #" at0                              \
  "]\n\t"                                                   \
  "sxtb16 %[" v "], %[t]\n\tstr %[s], [%[x], #" at1         \
  "]\n\t"                                                   \
  "sxtb16 %[t], %[t], ror #8\n\tstr %[" v "], [%[x], #" at2 \
  "]\n\t"                                                   \
  "str %[t], [%[x], #" at3 "]\n\t"

MCUNET_INLINE void mcunet_depthwise_widen_two(const int8_t* a, const int8_t* b, ptrdiff_t step_a,
                                              ptrdiff_t step_b, uint32_t* x, int32_t first,
                                              int32_t n, int32_t k) {
  uint32_t u, v, s, t, p, q;
  n = 2 * n + first % 2;
  __asm__ volatile(
      "lsrs %[n], %[n], #1\n\tldr %[u], [%[a]]\n\tldr %[v], [%[b]]\n\t"
      "bcc 1f\n\t"
      "add %[a], %[a], %[sa]\n\tadd %[b], %[b], %[sb]\n\t" MCUNET_WIDEN("u", "v", "16", "20", "24", "28")
      "add %[x], %[x], %[block]\n\tsub %[n], %[n], #1\n"
      "1:\n\t"
      "subs %[n], %[n], #2\n\tblt 3f\n"
      "2:\n\t"
      "ldr %[u], [%[a]]\n\tldr %[v], [%[b]]\n\t"
      "ldr %[p], [%[a], %[sa]]\n\tldr %[q], [%[b], %[sb]]\n\t"
      "pkhbt %[s], %[u], %[v], lsl #16\n\tsubs %[n], %[n], #2\n\t"
      "pkhtb %[t], %[v], %[u], asr #16\n\tadd %[x], %[x], %[block]\n\t"
      "sxtb16 %[u], %[s]\n\tadd %[a], %[a], %[sa], lsl #1\n\t"
      "sxtb16 %[s], %[s], ror #8\n\tstr %[u], [%[x], #-%c[block]]\n\t"
      "sxtb16 %[v], %[t]\n\tstr %[s], [%[x], #4-%c[block]]\n\t"
      "sxtb16 %[t], %[t], ror #8\n\tstr %[v], [%[x], #8-%c[block]]\n\t"
      "pkhbt %[s], %[p], %[q], lsl #16\n\tstr %[t], [%[x], #12-%c[block]]\n\t"
      "pkhtb %[t], %[q], %[p], asr #16\n\t"
      "sxtb16 %[u], %[s]\n\tadd %[b], %[b], %[sb], lsl #1\n\t"
      "sxtb16 %[s], %[s], ror #8\n\tstr %[u], [%[x], #16-%c[block]]\n\t"
      "sxtb16 %[v], %[t]\n\tstr %[s], [%[x], #20-%c[block]]\n\t"
      "sxtb16 %[t], %[t], ror #8\n\tstr %[v], [%[x], #24-%c[block]]\n\t"
      "str %[t], [%[x], #28-%c[block]]\n\tbge 2b\n"
      "3:\n\t"
      "adds %[n], %[n], #1\n\tblt 4f\n\t"
      "ldr %[u], [%[a]]\n\tldr %[v], [%[b]]\n\t" MCUNET_WIDEN("u", "v", "0", "4", "8", "12")
      "4:\n\t"
      : [a] "+&r"(a), [b] "+&r"(b), [x] "+&r"(x), [n] "+&r"(n), [u] "=&r"(u), [v] "=&r"(v),
        [s] "=&r"(s), [t] "=&r"(t), [p] "=&r"(p), [q] "=&r"(q)
      : [sa] "r"(step_a), [sb] "r"(step_b), [block] "i"(16 * k)
      : "cc", "memory");
}

MCUNET_INLINE void mcunet_depthwise_widen_one(const int8_t* a, ptrdiff_t step, uint32_t* x,
                                              int32_t first, int32_t n, uint32_t zeros, int32_t k) {
  uint32_t u, v, s, t;
  n = 2 * n + first % 2;
  __asm__ volatile(
      "lsrs %[n], %[n], #1\n\tldr %[v], [%[a]]\n\tmov %[u], %[zeros]\n\t"
      "bcc 1f\n\t"
      "add %[a], %[a], %[step]\n\t" MCUNET_WIDEN("u", "v", "0", "4", "8", "12")
      "add %[x], %[x], %[block]\n\tsub %[n], %[n], #1\n"
      "1:\n\t"
      "subs %[n], %[n], #2\n\tblt 3f\n"
      "2:\n\t"
      "ldr %[u], [%[a]]\n\tldr %[v], [%[a], %[step]]\n\t"
      "subs %[n], %[n], #2\n\tadd %[a], %[a], %[step], lsl #1\n\t"
      "pkhbt %[s], %[u], %[v], lsl #16\n\tadd %[x], %[x], %[block]\n\t"
      "pkhtb %[t], %[v], %[u], asr #16\n\t"
      "sxtb16 %[u], %[s]\n\t"
      "sxtb16 %[s], %[s], ror #8\n\tstr %[u], [%[x], #-%c[block]]\n\t"
      "sxtb16 %[v], %[t]\n\tstr %[s], [%[x], #4-%c[block]]\n\t"
      "sxtb16 %[t], %[t], ror #8\n\tstr %[v], [%[x], #8-%c[block]]\n\t"
      "str %[t], [%[x], #12-%c[block]]\n\tbge 2b\n"
      "3:\n\t"
      "adds %[n], %[n], #1\n\tblt 4f\n\t"
      "ldr %[u], [%[a]]\n\tmov %[v], %[zeros]\n\t" MCUNET_WIDEN("u", "v", "0", "4", "8", "12")
      "4:\n\t"
      : [a] "+&r"(a), [x] "+&r"(x), [n] "+&r"(n), [u] "=&r"(u), [v] "=&r"(v), [s] "=&r"(s),
        [t] "=&r"(t)
      : [step] "r"(step), [zeros] "r"(zeros), [block] "i"(16 * k)
      : "cc", "memory");
}
#else
/* One word of each of four channels, the bytes of u beside those of v. */
MCUNET_INLINE void mcunet_depthwise_words(uint32_t u, uint32_t v, uint32_t* x) {
  const uint32_t low = mcunet_pack_low(u, v), high = mcunet_pack_high(u, v);
  x[0] = mcunet_sxtb16(low);
  x[1] = mcunet_sxtb16_ror8(low);
  x[2] = mcunet_sxtb16(high);
  x[3] = mcunet_sxtb16_ror8(high);
}

MCUNET_INLINE void mcunet_depthwise_widen_two(const int8_t* a, const int8_t* b, ptrdiff_t step_a,
                                              ptrdiff_t step_b, uint32_t* x, int32_t first,
                                              int32_t n, int32_t k) {
  for (int32_t c = first % 2; c < first % 2 + n; ++c, a += step_a, b += step_b)
    mcunet_depthwise_words(mcunet_load_s8x4(a), mcunet_load_s8x4(b), x + MCUNET_AT(k, 0, c));
}

MCUNET_INLINE void mcunet_depthwise_widen_one(const int8_t* a, ptrdiff_t step, uint32_t* x,
                                              int32_t first, int32_t n, uint32_t zeros, int32_t k) {
  for (int32_t c = first % 2 == 0 ? 0 : -1; c < n; c += 2, x += 4 * k) {
    const uint32_t u = c < 0 ? zeros : mcunet_load_s8x4(a + c * step);
    mcunet_depthwise_words(u, c + 1 < n ? mcunet_load_s8x4(a + (c + 1) * step) : zeros, x);
  }
}
#endif

/* The same of a row of one channel, to the first of each four words. */
MCUNET_INLINE void mcunet_depthwise_widen_single(const int8_t* a, uint32_t* x, int32_t first,
                                                 int32_t n, int8_t zero, int32_t k) {
  if (first % 2 != 0) {
    *x = mcunet_pack_low((uint32_t)zero, (uint32_t)*a++);
    x += 4 * k;
    --n;
  }
  for (; n > 1; n -= 2, a += 2, x += 4 * k) *x = mcunet_pack_low((uint32_t)a[0], (uint32_t)a[1]);
  if (n > 0) *x = mcunet_pack_low((uint32_t)*a, (uint32_t)zero);
}

typedef void mcunet_depthwise_kernel(mcunet_depthwise_run* run);

/* The whole convolution for k and stride that are constants where this is inlined; single:
 * one input channel for all output channels, at stride 2; channels: the sums of some channels of a
 * strip, scaled and stored. */
MCUNET_INLINE void mcunet_depthwise_square(const int8_t* in, int8_t* out, int16_t* scratch,
                                           const mcunet_depthwise_params* p, int32_t row,
                                           int32_t rows, int32_t k, int32_t stride, int32_t single,
                                           mcunet_depthwise_kernel* channels) {
  const int32_t in_c = p->in_c, out_c = single ? p->depth_multiplier : in_c, out_w = p->out_w,
                strip = MCUNET_DEPTHWISE_STRIP(k);
  const int32_t most = stride == 1 ? strip : strip / 2;
  const int32_t weight_bytes = MCUNET_DEPTHWISE_WEIGHT_BYTES(k, stride);
  const int8_t zero[4] = {p->in_zero, p->in_zero, p->in_zero, p->in_zero};
  const uint32_t zeros = (uint8_t)p->in_zero * 0x01010101u;
  const uint32_t zero_pair = (uint16_t)p->in_zero * 0x00010001u;
  uint32_t* words = (uint32_t*)(void*)scratch;
  mcunet_depthwise_run run;
  run.zero = p->out_zero;
  run.pitch = out_c;
  run.last = 3 * out_c;
  run.least = run.zero == -128 ? (1 << 30) - 1 : INT32_MAX;
  for (; rows > 0; ++row, --rows, out += out_w * out_c) {
    const int32_t top = row * p->stride_h - p->pad_top;
    for (int32_t first = 0; first < out_w; first += most) {
      const int32_t count = out_w - first < most ? out_w - first : most;
      const int32_t even = (count + 1) / 2 * 2;
      const int32_t blocks = (stride == 1 ? even : 2 * even) / 2 + k / 2;
      const int32_t left = first * stride - p->pad_left;
      /* Columns of the strip in the image: [begin, end). */
      const int32_t begin = left < 0 ? -left : 0;
      const int32_t end = p->in_w - left < 2 * blocks ? p->in_w - left : 2 * blocks;
      uint32_t* inside = words + begin / 2 * 4 * k;
      const ptrdiff_t offset = (ptrdiff_t)(left + begin) * in_c;
      const int8_t* lines[7]; /* NULL outside of the image */
      int32_t missing = end <= begin;
      for (int32_t ky = 0; ky < k; ++ky) {
        const int32_t y = top + ky;
        lines[ky] = NULL;
        if ((uint32_t)y < (uint32_t)p->in_h && end > begin)
          lines[ky] = in + ((ptrdiff_t)mcunet_ring_slot(y, p->in_rows) * p->in_row_stride + offset);
        missing |= !lines[ky];
      }
      for (int32_t i = 0; i < blocks; ++i) {
        if (!missing && 2 * i >= begin && 2 * i + 2 <= end) continue;
        for (int32_t j = 0; j < 4 * k; ++j) words[i * 4 * k + j] = zero_pair;
      }
      run.full = count / 4 * (stride == 1 ? 32 : 64) * k;
      run.rest = count % 4;
      run.count = count;
      if (single) {
        for (int32_t ky = 0; ky < k; ++ky) {
          if (lines[ky])
            mcunet_depthwise_widen_single(lines[ky], inside + 4 * ky, begin, end - begin,
                                          p->in_zero, k);
        }
      }
      for (int32_t block = 0; block < out_c; block += single ? out_c : 4) {
        /* The last block of four begins earlier, and computes some channels again. */
        const int32_t c0 = single || block + 4 <= out_c ? block : out_c - 4;
        if (!single) {
          for (int32_t ky = 0; ky < (stride == 1 ? k - 1 : 0); ky += 2) {
            const int8_t* a = lines[ky];
            const int8_t* b = lines[ky + 1];
            if (a || b)
              mcunet_depthwise_widen_two(a ? a + c0 : zero, b ? b + c0 : zero, a ? in_c : 0,
                                         b ? in_c : 0, inside + 4 * ky, begin, end - begin, k);
          }
          for (int32_t ky = stride == 1 ? k - 1 : 0; ky < k; ++ky) {
            if (lines[ky])
              mcunet_depthwise_widen_one(lines[ky] + c0, in_c, inside + 4 * ky, begin, end - begin,
                                         zeros, k);
          }
        }
        run.x = words;
        run.weights = p->weights + (ptrdiff_t)c0 * weight_bytes;
        run.bias = p->bias + c0;
        run.multiplier = p->multiplier + c0;
        run.shift = p->shift + c0;
        run.out = out + ((ptrdiff_t)first * out_c + c0);
        run.channels = single ? out_c : 4;
        channels(&run);
      }
    }
    mcunet_narrow(out, out_w * out_c, p->act_min, p->act_max);
  }
}

#endif /* MCUNET_DEPTHWISE_SQUARE_H */
