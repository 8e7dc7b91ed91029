// The inner loop of convolution and fully connected layers: every column times every row.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mcunet::reference {

// Columns and rows are padded with zeros: their depth to a multiple of kDotDepth, their numbers to
// those below.
constexpr size_t kDotDepth = 8;
constexpr size_t kDotColumns = 2;
constexpr size_t kDotRows = 4;

inline size_t round_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// The constant side of int8 products: [rows, depth] widened to 16 bits and padded.
struct DotRows {
  size_t rows, depth;  // padded
  std::vector<int16_t> values;

  // `values` holds rows * depth elements without padding.
  DotRows(const int8_t* values, size_t rows, size_t depth);
};

// sums[c * rows.rows + r] = columns[c] . rows[r] modulo 2^32. `columns` is [count, rows.depth];
// count is a multiple of kDotColumns. Column values lie in [-255, 255], row values in [-128, 127].
void dot_products(const int16_t* columns, size_t count, const DotRows& rows, int32_t* sums);

// The constant side of float products, as [depth, padded rows], so that the sums of several rows
// run side by side and each is still added up in the order of depth.
constexpr size_t kFloatRows = 8;
struct FloatRows {
  size_t rows, depth;  // rows padded to kFloatRows
  std::vector<float> values;

  FloatRows(const float* values, size_t rows, size_t depth);
};

// sums[r] = column . rows[r] for rows.rows sums.
void dot_products(const float* column, const FloatRows& rows, float* sums);

}  // namespace mcunet::reference
