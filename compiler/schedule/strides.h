// Nested loops over tensors: extents and strides, brought to as few dimensions as the bytes allow.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "libmcunet/graph/types.h"

namespace mcunet::compiler {

// Elements between neighbours along each dimension of a dense tensor.
std::vector<int32_t> dense_strides(const Shape& shape);

// A loop nest over N operands, outermost first.
template <size_t N>
struct LoopNest {
  std::vector<int32_t> extents;
  std::array<std::vector<int32_t>, N> strides;

  void add(int32_t extent, const std::array<int32_t, N>& stride) {
    extents.push_back(extent);
    for (size_t i = 0; i < N; ++i) strides[i].push_back(stride[i]);
  }
};

// Drops extents of 1 and joins neighbouring dimensions that every operand walks as one.
template <size_t N>
LoopNest<N> merged(const LoopNest<N>& nest) {
  LoopNest<N> out;
  for (size_t d = 0; d < nest.extents.size(); ++d) {
    if (nest.extents[d] == 1) continue;
    bool joins = !out.extents.empty();
    for (size_t i = 0; i < N && joins; ++i)
      joins = int64_t{out.strides[i].back()} == int64_t{nest.strides[i][d]} * nest.extents[d];
    if (joins) {
      out.extents.back() *= nest.extents[d];
      for (size_t i = 0; i < N; ++i) out.strides[i].back() = nest.strides[i][d];
    } else {
      std::array<int32_t, N> stride;
      for (size_t i = 0; i < N; ++i) stride[i] = nest.strides[i][d];
      out.add(nest.extents[d], stride);
    }
  }
  return out;
}

// `values` at the end of `rank` entries, `filler` before them; kernels take a fixed number of
// dimensions.
std::vector<int32_t> padded_front(const std::vector<int32_t>& values, size_t rank, int32_t filler);

}  // namespace mcunet::compiler
