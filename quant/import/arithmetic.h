// Arithmetic on known numbers: what exporters leave of the shapes of tensors.
#pragma once

#include <functional>
#include <vector>

#include "quant/import/value.h"

namespace mcunet::import {

// Results are limited to 2^20 elements: shapes are small. All throw Error(Input) for operands that
// do not fit each other.

// NumPy broadcasting; the result is integral when both operands are.
Constant combined(const Constant& a, const Constant& b,
                  const std::function<double(double, double)>& combine);
Constant concatenated(const std::vector<Constant>& parts, int64_t axis);
Constant gathered(const Constant& x, const Constant& indices, int64_t axis);
Constant sliced(const Constant& x, int64_t axis, int64_t begin, int64_t end, int64_t step);
Constant permuted(const Constant& x, const std::vector<int64_t>& permutation);
Constant filled(const std::vector<int64_t>& shape, double value, bool integral);
// −1 once: whatever remains.
Constant reshaped(const Constant& x, const std::vector<int64_t>& shape);

// Shapes without the dimensions of one element (all of them, or those at `axes`), and with new ones
// at the places that `axes` have in the result.
std::vector<int64_t> squeezed(const std::vector<int64_t>& shape, const std::vector<int64_t>& axes);
std::vector<int64_t> unsqueezed(const std::vector<int64_t>& shape,
                                const std::vector<int64_t>& axes);

}  // namespace mcunet::import
