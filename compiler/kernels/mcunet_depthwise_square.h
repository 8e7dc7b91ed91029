/* SPDX-License-Identifier: MIT-0 */
/* Depthwise convolution with a square kernel of 3, 5 or 7, in strips of one output row and four
 * channels. A strip's input is widened into scratch such that two taps of a channel lie in one word
 * and go through one SMLAD; padding is written there too, so that nothing is asked in between.
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

/* Sums of four outputs, s0 ... s3, or of two, over one tap after the other. a, b, c, d: words of
 * the tap for each output. w and v: weights of the tap and of the next one, in turns; packed: two
 * words of weights to come, from `weights` on. A tap is four multiplications, and what the next
 * ones need is fetched in their shadow: in one cycle a Cortex-M7 issues a multiplication with a
 * load behind it or with a SXTB16 before it.
 * even and odd:  after its use, a gets the word of the next column, x[next].
 * ..._row: the last tap of a row: a, b, c and d get row[na], row[nb] ...
 * load: MCUNET_LOAD, or MCUNET_NO_LOAD where all weights are fetched. */
#define MCUNET_LOAD packed = mcunet_load_s8x4(weights), weights += 4
#define MCUNET_NO_LOAD (void)0
#define MCUNET_EVEN4(a, b, c, d, next, load) \
  MCUNET_MAC(s0, a, w);                      \
  MCUNET_FETCH(a, x[next]);                  \
  MCUNET_SECOND_PAIR(v, packed);             \
  MCUNET_MAC(s1, b, w);                      \
  MCUNET_MAC(s2, c, w);                      \
  load;                                      \
  MCUNET_MAC(s3, d, w)
#define MCUNET_ODD4(a, b, c, d, next, load) \
  MCUNET_MAC(s0, a, v);                     \
  MCUNET_FETCH(a, x[next]);                 \
  MCUNET_FIRST_PAIR(w, packed);             \
  MCUNET_MAC(s1, b, v);                     \
  MCUNET_MAC(s2, c, v);                     \
  MCUNET_MAC(s3, d, v)
#define MCUNET_EVEN4_ROW(a, b, c, d, row, na, nb, nc, nd, load) \
  MCUNET_MAC(s0, a, w);                                         \
  MCUNET_FETCH(a, (row)[na]);                                   \
  MCUNET_SECOND_PAIR(v, packed);                                \
  MCUNET_MAC(s1, b, w);                                         \
  load;                                                         \
  MCUNET_MAC(s2, c, w);                                         \
  MCUNET_FETCH(b, (row)[nb]);                                   \
  MCUNET_MAC(s3, d, w);                                         \
  MCUNET_FETCH(c, (row)[nc]);                                   \
  MCUNET_FETCH(d, (row)[nd])
#define MCUNET_ODD4_ROW(a, b, c, d, row, na, nb, nc, nd, load) \
  MCUNET_MAC(s0, a, v);                                        \
  MCUNET_FETCH(a, (row)[na]);                                  \
  MCUNET_FIRST_PAIR(w, packed);                                \
  MCUNET_MAC(s1, b, v);                                        \
  MCUNET_MAC(s2, c, v);                                        \
  MCUNET_FETCH(b, (row)[nb]);                                  \
  MCUNET_MAC(s3, d, v);                                        \
  MCUNET_FETCH(c, (row)[nc]);                                  \
  MCUNET_FETCH(d, (row)[nd])
#define MCUNET_EVEN2(a, b, next, load) \
  MCUNET_MAC(s0, a, w);                \
  MCUNET_FETCH(a, x[next]);            \
  MCUNET_SECOND_PAIR(v, packed);       \
  MCUNET_MAC(s1, b, w);                \
  load
#define MCUNET_ODD2(a, b, next, load) \
  MCUNET_MAC(s0, a, v);               \
  MCUNET_FETCH(a, x[next]);           \
  MCUNET_FIRST_PAIR(w, packed);       \
  MCUNET_MAC(s1, b, v)
#define MCUNET_EVEN2_ROW(a, b, row, na, nb, load) \
  MCUNET_MAC(s0, a, w);                           \
  MCUNET_FETCH(a, (row)[na]);                     \
  MCUNET_SECOND_PAIR(v, packed);                  \
  MCUNET_MAC(s1, b, w);                           \
  load;                                           \
  MCUNET_FETCH(b, (row)[nb])
#define MCUNET_ODD2_ROW(a, b, row, na, nb, load) \
  MCUNET_MAC(s0, a, v);                          \
  MCUNET_FETCH(a, (row)[na]);                    \
  MCUNET_FIRST_PAIR(w, packed);                  \
  MCUNET_MAC(s1, b, v);                          \
  MCUNET_FETCH(b, (row)[nb])

/* Word of the first of four channels: column c of the pair of rows p, at stride 1; the last row
 * there, and row r at stride 2, of the columns 2 * c and 2 * c + 1. */
#define MCUNET_AT(k, p, c) ((c) / 2 * 4 * (k) + 8 * (p) + (c) % 2 * 4)
#define MCUNET_AT_LAST(k, c) ((c)*4 * (k) + 4 * ((k)-1))
#define MCUNET_AT_ROW(k, r, c) ((c)*4 * (k) + 4 * (r))

/* All taps of a row (or two) for four outputs or two. E and O: EVEN and ODD, or the other way round
 * where an odd number of taps came before; AT: one of the above; row: its number; NEXT, next:
 * likewise for what follows. The words of the first columns are in a ... d before and after. */

#define MCUNET_ROW4_3(E, O, k, AT, row, NEXT, next)                                               \
  E##4(a, b, c, d, AT(k, row, 4), MCUNET_LOAD);                                                   \
  O##4(b, c, d, a, AT(k, row, 5), MCUNET_LOAD);                                                   \
  E##4_ROW(c, d, a, b, x, NEXT(k, next, 2), NEXT(k, next, 3), NEXT(k, next, 0), NEXT(k, next, 1), \
           MCUNET_LOAD)

#define MCUNET_ROW4_4(E, O, k, AT, row, NEXT, next)                                               \
  E##4(a, b, c, d, AT(k, row, 4), MCUNET_LOAD);                                                   \
  O##4(b, c, d, a, AT(k, row, 5), MCUNET_LOAD);                                                   \
  E##4(c, d, a, b, AT(k, row, 6), MCUNET_LOAD);                                                   \
  O##4_ROW(d, a, b, c, x, NEXT(k, next, 3), NEXT(k, next, 0), NEXT(k, next, 1), NEXT(k, next, 2), \
           MCUNET_LOAD)

#define MCUNET_ROW4_5(E, O, k, AT, row, NEXT, next)                                               \
  E##4(a, b, c, d, AT(k, row, 4), MCUNET_LOAD);                                                   \
  O##4(b, c, d, a, AT(k, row, 5), MCUNET_LOAD);                                                   \
  E##4(c, d, a, b, AT(k, row, 6), MCUNET_LOAD);                                                   \
  O##4(d, a, b, c, AT(k, row, 7), MCUNET_LOAD);                                                   \
  E##4_ROW(a, b, c, d, x, NEXT(k, next, 0), NEXT(k, next, 1), NEXT(k, next, 2), NEXT(k, next, 3), \
           MCUNET_LOAD)

#define MCUNET_ROW4_7(E, O, k, AT, row, NEXT, next)                                               \
  E##4(a, b, c, d, AT(k, row, 4), MCUNET_LOAD);                                                   \
  O##4(b, c, d, a, AT(k, row, 5), MCUNET_LOAD);                                                   \
  E##4(c, d, a, b, AT(k, row, 6), MCUNET_LOAD);                                                   \
  O##4(d, a, b, c, AT(k, row, 7), MCUNET_LOAD);                                                   \
  E##4(a, b, c, d, AT(k, row, 8), MCUNET_LOAD);                                                   \
  O##4(b, c, d, a, AT(k, row, 9), MCUNET_LOAD);                                                   \
  E##4_ROW(c, d, a, b, x, NEXT(k, next, 2), NEXT(k, next, 3), NEXT(k, next, 0), NEXT(k, next, 1), \
           MCUNET_LOAD)

#define MCUNET_ROW2_3(E, O, k, AT, row, NEXT, next) \
  E##2(a, b, AT(k, row, 2), MCUNET_LOAD);           \
  O##2(b, a, AT(k, row, 3), MCUNET_LOAD);           \
  E##2_ROW(a, b, x, NEXT(k, next, 0), NEXT(k, next, 1), MCUNET_LOAD)

#define MCUNET_ROW2_4(E, O, k, AT, row, NEXT, next) \
  E##2(a, b, AT(k, row, 2), MCUNET_LOAD);           \
  O##2(b, a, AT(k, row, 3), MCUNET_LOAD);           \
  E##2(a, b, AT(k, row, 4), MCUNET_LOAD);           \
  O##2_ROW(b, a, x, NEXT(k, next, 1), NEXT(k, next, 0), MCUNET_LOAD)

#define MCUNET_ROW2_5(E, O, k, AT, row, NEXT, next) \
  E##2(a, b, AT(k, row, 2), MCUNET_LOAD);           \
  O##2(b, a, AT(k, row, 3), MCUNET_LOAD);           \
  E##2(a, b, AT(k, row, 4), MCUNET_LOAD);           \
  O##2(b, a, AT(k, row, 5), MCUNET_LOAD);           \
  E##2_ROW(a, b, x, NEXT(k, next, 0), NEXT(k, next, 1), MCUNET_LOAD)

#define MCUNET_ROW2_7(E, O, k, AT, row, NEXT, next) \
  E##2(a, b, AT(k, row, 2), MCUNET_LOAD);           \
  O##2(b, a, AT(k, row, 3), MCUNET_LOAD);           \
  E##2(a, b, AT(k, row, 4), MCUNET_LOAD);           \
  O##2(b, a, AT(k, row, 5), MCUNET_LOAD);           \
  E##2(a, b, AT(k, row, 6), MCUNET_LOAD);           \
  O##2(b, a, AT(k, row, 7), MCUNET_LOAD);           \
  E##2_ROW(a, b, x, NEXT(k, next, 0), NEXT(k, next, 1), MCUNET_LOAD)

/* Likewise, beginning with EVEN, the last row of all at stride 2. */

#define MCUNET_LAST4_3(k, row)                                     \
  MCUNET_EVEN4(a, b, c, d, MCUNET_AT_ROW(k, row, 4), MCUNET_LOAD); \
  MCUNET_ODD4(b, c, d, a, MCUNET_AT_ROW(k, row, 5), MCUNET_LOAD);  \
  MCUNET_EVEN4(c, d, a, b, 0, MCUNET_NO_LOAD)

#define MCUNET_LAST4_4(k, row)                                        \
  MCUNET_EVEN4(a, b, c, d, MCUNET_AT_ROW(k, row, 4), MCUNET_LOAD);    \
  MCUNET_ODD4(b, c, d, a, MCUNET_AT_ROW(k, row, 5), MCUNET_LOAD);     \
  MCUNET_EVEN4(c, d, a, b, MCUNET_AT_ROW(k, row, 6), MCUNET_NO_LOAD); \
  MCUNET_ODD4(d, a, b, c, 0, MCUNET_LOAD)

#define MCUNET_LAST2_3(k, row)                               \
  MCUNET_EVEN2(a, b, MCUNET_AT_ROW(k, row, 2), MCUNET_LOAD); \
  MCUNET_ODD2(b, a, MCUNET_AT_ROW(k, row, 3), MCUNET_LOAD);  \
  MCUNET_EVEN2(a, b, 0, MCUNET_NO_LOAD)

#define MCUNET_LAST2_4(k, row)                                  \
  MCUNET_EVEN2(a, b, MCUNET_AT_ROW(k, row, 2), MCUNET_LOAD);    \
  MCUNET_ODD2(b, a, MCUNET_AT_ROW(k, row, 3), MCUNET_LOAD);     \
  MCUNET_EVEN2(a, b, MCUNET_AT_ROW(k, row, 4), MCUNET_NO_LOAD); \
  MCUNET_ODD2(b, a, 0, MCUNET_LOAD)

/* What follows for AT_LAST: `next` is not used. */
#define MCUNET_TO_LAST(k, next, c) MCUNET_AT_LAST(k, c)

/* The last row at stride 1, first and last pair of its weights: the even output takes both of the
 * first pair and the second of the last one, the odd output the other way round. */
#define MCUNET_TAIL_FIRST(even, odd, y, w) \
  even = mcunet_smlad(y, w, even), odd = mcunet_smlatb(y, w, odd)
#define MCUNET_TAIL_LAST(even, odd, y, w) \
  even = mcunet_smlabt(y, w, even), odd = mcunet_smlad(y, w, odd)

/* Where a strip reads: columns from `left` on, which may lie outside of the image. */
typedef struct mcunet_depthwise_columns {
  int32_t left, in_w;
  ptrdiff_t in_c;
  const int8_t* zero; /* four bytes of the input's zero point */
} mcunet_depthwise_columns;

/* One word of each of four channels, the bytes of u beside those of v. */
MCUNET_INLINE void mcunet_depthwise_words(uint32_t u, uint32_t v, uint32_t* x) {
  const uint32_t low = mcunet_pack_low(u, v), high = mcunet_pack_high(u, v);
  x[0] = mcunet_sxtb16(low);
  x[1] = mcunet_sxtb16_ror8(low);
  x[2] = mcunet_sxtb16(high);
  x[3] = mcunet_sxtb16_ror8(high);
}

/* One row (two, with b) of n blocks of two columns. A row outside of the image is NULL. */
MCUNET_INLINE void mcunet_depthwise_widen(const int8_t* a, const int8_t* b, int32_t two,
                                          mcunet_depthwise_columns c, uint32_t* x, int32_t n,
                                          int32_t k) {
  const ptrdiff_t in_c = c.in_c, first = c.left * in_c;
  const int32_t block = 4 * k;
  const ptrdiff_t step_a = a ? in_c : 0, step_b = b ? in_c : 0;
  const int8_t* pa = a ? a + first : c.zero;
  const int8_t* pb = b ? b + first : c.zero;
  int32_t column = c.left;
  const int32_t end = a || (two && b) ? c.in_w : 0;
  while (n > 0) {
    if (column >= 0 && column + 1 < end) {
      int32_t run = (end - column) / 2;
      if (run > n) run = n;
      n -= run;
      column += 2 * run;
      do {
        if (two) {
          mcunet_depthwise_words(mcunet_load_s8x4(pa), mcunet_load_s8x4(pb), x);
          mcunet_depthwise_words(mcunet_load_s8x4(pa + step_a), mcunet_load_s8x4(pb + step_b),
                                 x + 4);
          pb += 2 * step_b;
        } else {
          mcunet_depthwise_words(mcunet_load_s8x4(pa), mcunet_load_s8x4(pa + step_a), x);
        }
        pa += 2 * step_a;
        x += block;
      } while (--run > 0);
      continue;
    }
    /* At the image's sides, one block at a time. */
    const int32_t here = column >= 0 && column < end, next = column + 1 >= 0 && column + 1 < end;
    const uint32_t a0 = mcunet_load_s8x4(here ? pa : c.zero);
    const uint32_t a1 = mcunet_load_s8x4(next ? pa + step_a : c.zero);
    if (two) {
      mcunet_depthwise_words(a0, mcunet_load_s8x4(here ? pb : c.zero), x);
      mcunet_depthwise_words(a1, mcunet_load_s8x4(next ? pb + step_b : c.zero), x + 4);
      pb += 2 * step_b;
    } else {
      mcunet_depthwise_words(a0, a1, x);
    }
    pa += 2 * step_a;
    x += block;
    column += 2;
    --n;
  }
}

/* Up to four outputs of one channel. */
MCUNET_INLINE void mcunet_depthwise_store(int8_t* out, int32_t pitch, const uint32_t y[4],
                                          int32_t n) {
  out[0] = (int8_t)y[0];
  if (n > 1) out[pitch] = (int8_t)y[1];
  if (n > 2) out[2 * pitch] = (int8_t)y[2];
  if (n > 3) out[3 * pitch] = (int8_t)y[3];
}

typedef void mcunet_depthwise_kernel(const uint32_t* x, const int8_t* weights, uint32_t sums[4]);

/* The whole convolution for k and stride that are constants where this is inlined; four and two:
 * the sums of four and of two outputs of one channel, of which sums[0] is the bias. */
MCUNET_INLINE void mcunet_depthwise_square(const int8_t* in, int8_t* out, int16_t* scratch,
                                           const mcunet_depthwise_params* p, int32_t row,
                                           int32_t rows, int32_t k, int32_t stride,
                                           mcunet_depthwise_kernel* four,
                                           mcunet_depthwise_kernel* two) {
  const int32_t in_c = p->in_c, out_w = p->out_w, strip = MCUNET_DEPTHWISE_STRIP(k);
  const int32_t most = stride == 1 ? strip : strip / 2;
  const int32_t weight_bytes = MCUNET_DEPTHWISE_WEIGHT_BYTES(k, stride);
  const int8_t zero[4] = {p->in_zero, p->in_zero, p->in_zero, p->in_zero};
  uint32_t* words = (uint32_t*)(void*)scratch;
  mcunet_depthwise_columns columns;
  columns.in_w = p->in_w, columns.in_c = in_c, columns.zero = zero;
  for (; rows > 0; ++row, --rows, out += out_w * in_c) {
    const int8_t* lines[7];
    const int32_t top = row * p->stride_h - p->pad_top;
    for (int32_t ky = 0; ky < k; ++ky) {
      const int32_t y = top + ky;
      lines[ky] = (uint32_t)y >= (uint32_t)p->in_h
                      ? NULL
                      : in + (ptrdiff_t)mcunet_ring_slot(y, p->in_rows) * p->in_row_stride;
    }
    for (int32_t first = 0; first < out_w; first += most) {
      const int32_t count = out_w - first < most ? out_w - first : most;
      const int32_t even = (count + 1) / 2 * 2;
      columns.left = first * stride - p->pad_left;
      for (int32_t block = 0; block < in_c; block += 4) {
        /* The last block of four begins earlier, and computes some channels again. */
        const int32_t channel = block + 4 <= in_c ? block : in_c - 4;
        const int32_t blocks = (stride == 1 ? even : 2 * even) / 2 + k / 2;
        uint32_t* x = words;
        int32_t ky = 0;
        if (stride == 1) {
          for (; ky + 2 <= k; ky += 2, x += 8) {
            const int8_t* a = lines[ky];
            const int8_t* b = lines[ky + 1];
            mcunet_depthwise_widen(a ? a + channel : a, b ? b + channel : b, 1, columns, x, blocks,
                                   k);
          }
        }
        for (; ky < k; ++ky, x += 4) {
          const int8_t* a = lines[ky];
          mcunet_depthwise_widen(a ? a + channel : a, NULL, 0, columns, x, blocks, k);
        }
        for (int32_t c = channel; c < channel + 4; ++c) {
          const int8_t* weights = p->weights + (ptrdiff_t)c * weight_bytes;
          const mcunet_scale scale = mcunet_scale_of(p->multiplier[c], p->shift[c], p->out_zero);
          const uint32_t bias = (uint32_t)p->bias[c];
          int8_t* to = out + (ptrdiff_t)first * in_c + c;
          const uint32_t* from = words + (c - channel);
          int32_t n = count;
          for (; n > 2; n -= 4, from += (stride == 1 ? 8 : 16) * k, to += 4 * in_c) {
            uint32_t sums[4] = {bias, bias, bias, bias};
            four(from, weights, sums);
            mcunet_scale4(sums, scale);
            mcunet_depthwise_store(to, in_c, sums, n);
          }
          if (n > 0) {
            uint32_t sums[4] = {bias, bias, 0, 0};
            MCUNET_OPAQUE(from); /* or the loop would prepare the addresses that are wanted here */
            two(from, weights, sums);
            mcunet_scale2(sums, scale);
            mcunet_depthwise_store(to, in_c, sums, n);
          }
        }
      }
    }
    mcunet_narrow(out, out_w * in_c, p->act_min, p->act_max);
  }
}

#endif /* MCUNET_DEPTHWISE_SQUARE_H */
