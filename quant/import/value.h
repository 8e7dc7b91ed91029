// What a value of an imported network is while the graph is being built.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "libmcunet/graph/op.h"
#include "libmcunet/graph/types.h"

namespace mcunet::import {

// Known numbers: weights, or the results of shape arithmetic. Row-major in the framework's order of
// dimensions. Doubles hold every float32 and every extent exactly.
struct Constant {
  std::vector<int64_t> shape;
  std::vector<double> values;
  bool integral = false;

  static Constant scalar(double value) { return {{}, {value}, false}; }
  static Constant integers(const std::vector<int64_t>& values);
  // As whole numbers; beyond int64 the nearest one.
  std::vector<int64_t> as_integers() const;
};

// A tensor of the graph, whose dimensions may lie in another order than the framework's: images are
// stored as NHWC whatever the framework says. Permutations only change `order`, so that no
// transpose is left over; a flattened image keeps its layout until a linear layer takes it.
struct TensorView {
  TensorId id = -1;
  std::vector<int> order;  // dimension i in memory is dimension order[i] of `base`
  Shape base;              // the shape, in the framework's order of dimensions, that is in memory
  Shape shape;             // the framework's shape: `base`, reshaped row by row

  bool reshaped() const { return base != shape; }
};

// std::monostate: the result of an operator that is not supported.
using Value = std::variant<std::monostate, Constant, TensorView>;

// 0, 1, 2 …
std::vector<int> identity_order(size_t rank);
// NHWC in memory for NCHW in the framework.
inline const std::vector<int>& image_order() {
  static const std::vector<int> order = {0, 2, 3, 1};
  return order;
}

// The shape in memory of a tensor of the framework's shape `shape`.
Shape stored_shape(const Shape& shape, const std::vector<int>& order);

// Whether two orders put the elements of a tensor of this shape at the same places: extents of 1 do
// not matter.
bool same_layout(const Shape& shape, const std::vector<int>& a, const std::vector<int>& b);

// The order in which `to`, the row-by-row reshape of `from`, lies in memory when `from` lies there
// in `order` and nothing is moved; empty when its elements cannot be reached so.
//   [1,8,4,4] stored as [1,4,4,8] → [1,2,4,4,4]: stored as [1,4,4,2,4], order 0 3 4 1 2
//   [1,8,4,4] stored as [1,4,4,8] → [1,128]:     none, channels lie innermost
std::vector<int> reshaped_order(const Shape& from, const std::vector<int>& order, const Shape& to);

}  // namespace mcunet::import
