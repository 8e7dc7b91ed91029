#include "libmcunet/reference/dot_products.h"

#include <algorithm>

#include "libmcunet/reference/arithmetic.h"

namespace mcunet::reference {

DotRows::DotRows(const int8_t* source, size_t row_count, size_t row_depth)
    : rows(round_up(row_count, kDotRows)),
      depth(round_up(row_depth, kDotDepth)),
      values(rows * depth, 0) {
  for (size_t r = 0; r < row_count; ++r)
    std::copy_n(source + r * row_depth, row_depth,
                values.begin() + static_cast<ptrdiff_t>(r * depth));
}

FloatRows::FloatRows(const float* source, size_t row_count, size_t row_depth)
    : rows(round_up(row_count, kFloatRows)), depth(row_depth), values(rows * depth, 0.0f) {
  for (size_t r = 0; r < row_count; ++r) {
    for (size_t d = 0; d < depth; ++d) values[d * rows + r] = source[r * depth + d];
  }
}

namespace {

// Up to this depth a sum of products of [-255, 255] and [-128, 127] cannot overflow, so that the
// compiler may reorder it.
constexpr size_t kSafeDepth = 65536;

// Two columns by four rows: eight independent sums, which GCC keeps in registers and computes with
// pmaddwd.
void dot_block(const int16_t* __restrict x, size_t x_pitch, const int16_t* __restrict w,
               size_t w_pitch, size_t steps, int32_t* __restrict sums) {
  const int16_t *x0 = x, *x1 = x + x_pitch;
  const int16_t *w0 = w, *w1 = w + w_pitch, *w2 = w + 2 * w_pitch, *w3 = w + 3 * w_pitch;
  int32_t s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
  const size_t depth = steps * kDotDepth;
  for (size_t k = 0; k < depth; ++k) {
    s00 += x0[k] * w0[k];
    s01 += x0[k] * w1[k];
    s02 += x0[k] * w2[k];
    s03 += x0[k] * w3[k];
    s10 += x1[k] * w0[k];
    s11 += x1[k] * w1[k];
    s12 += x1[k] * w2[k];
    s13 += x1[k] * w3[k];
  }
  sums[0] = s00;
  sums[1] = s01;
  sums[2] = s02;
  sums[3] = s03;
  sums[4] = s10;
  sums[5] = s11;
  sums[6] = s12;
  sums[7] = s13;
}

}  // namespace

void dot_products(const int16_t* columns, size_t count, const DotRows& rows, int32_t* sums) {
  const size_t depth = rows.depth;
  for (size_t r = 0; r < rows.rows; r += kDotRows) {
    const int16_t* weights = rows.values.data() + r * depth;
    for (size_t c = 0; c < count; c += kDotColumns) {
      int32_t block[kDotColumns * kDotRows] = {};
      for (size_t start = 0; start < depth; start += kSafeDepth) {
        int32_t part[kDotColumns * kDotRows];
        const size_t steps = std::min(kSafeDepth, depth - start) / kDotDepth;
        dot_block(columns + c * depth + start, depth, weights + start, depth, steps, part);
        for (size_t i = 0; i < kDotColumns * kDotRows; ++i)
          block[i] = wrapping_add(block[i], part[i]);
      }
      for (size_t i = 0; i < kDotColumns; ++i) {
        for (size_t j = 0; j < kDotRows; ++j)
          sums[(c + i) * rows.rows + r + j] = block[i * kDotRows + j];
      }
    }
  }
}

void dot_products(const float* column, const FloatRows& rows, float* sums) {
  for (size_t r = 0; r < rows.rows; r += kFloatRows) {
    float part[kFloatRows] = {};
    const float* weights = rows.values.data() + r;
    for (size_t d = 0; d < rows.depth; ++d) {
      for (size_t i = 0; i < kFloatRows; ++i) part[i] += column[d] * weights[d * rows.rows + i];
    }
    std::copy_n(part, kFloatRows, sums + r);
  }
}

}  // namespace mcunet::reference
