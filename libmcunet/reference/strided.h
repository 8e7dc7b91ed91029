// Walks over the elements of a shape, outermost dimension first, with the positions they have in N
// other arrays.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "libmcunet/graph/types.h"

namespace mcunet::reference {

using Strides = std::vector<int64_t>;  // in elements, one per dimension

// Strides of a dense tensor.
inline Strides dense_strides(const Shape& shape) {
  Strides strides(shape.size());
  int64_t stride = 1;
  for (size_t d = shape.size(); d-- > 0; stride *= shape[d]) strides[d] = stride;
  return strides;
}

// A walk prepared once: dimensions that are contiguous in all arrays are merged, so that rows are
// as long as possible.
template <size_t N>
class StridedWalk {
 public:
  StridedWalk(const Shape& shape, const std::array<Strides, N>& strides) {
    for (size_t d = 0; d < shape.size(); ++d) {
      if (shape[d] == 1) continue;
      Dimension next{shape[d], {}};
      for (size_t n = 0; n < N; ++n) next.steps[n] = strides[n][d];
      if (!dims_.empty() && merges(dims_.back(), next)) {
        next.extent *= dims_.back().extent;
        dims_.back() = next;
      } else {
        dims_.push_back(next);
      }
    }
    if (dims_.empty()) dims_.push_back({1, {}});
  }

  // row(positions of the row's first element, steps along the row, number of elements)
  template <typename Row>
  void for_each_row(Row row) const {
    const size_t outer = dims_.size() - 1;
    std::vector<int64_t> index(outer, 0);
    std::array<int64_t, N> position{};
    while (true) {
      row(position, dims_[outer].steps, dims_[outer].extent);
      size_t d = outer;
      while (d > 0) {
        --d;
        for (size_t n = 0; n < N; ++n) position[n] += dims_[d].steps[n];
        if (++index[d] < dims_[d].extent) break;
        for (size_t n = 0; n < N; ++n) position[n] -= dims_[d].steps[n] * dims_[d].extent;
        index[d] = 0;
        if (d == 0) return;
      }
      if (outer == 0) return;
    }
  }

 private:
  struct Dimension {
    int64_t extent;
    std::array<int64_t, N> steps;
  };

  static bool merges(const Dimension& outer, const Dimension& inner) {
    for (size_t n = 0; n < N; ++n) {
      if (outer.steps[n] != inner.steps[n] * inner.extent) return false;
    }
    return true;
  }

  std::vector<Dimension> dims_;
};

}  // namespace mcunet::reference
