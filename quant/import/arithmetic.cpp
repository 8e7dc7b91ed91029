#include "quant/import/arithmetic.h"

#include <algorithm>

#include "quant/import/builder.h"

namespace mcunet::import {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 20;

int64_t elements_of(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const int64_t extent : shape) {
    if (extent < 0 || (extent > 0 && count > kMaxElements / extent))
      unsound("more than 2^20 constants");
    count *= extent;
  }
  return count;
}

// Elements before, along and behind a dimension.
struct Runs {
  int64_t outer = 1, extent = 1, inner = 1;
};

Runs runs_of(const std::vector<int64_t>& shape, size_t axis) {
  Runs runs;
  for (size_t d = 0; d < axis; ++d) runs.outer *= shape[d];
  runs.extent = shape[axis];
  for (size_t d = axis + 1; d < shape.size(); ++d) runs.inner *= shape[d];
  return runs;
}

// Chosen positions along an axis, in order.
Constant chosen(const Constant& x, size_t axis, const std::vector<int64_t>& positions) {
  const Runs runs = runs_of(x.shape, axis);
  Constant y;
  y.integral = x.integral;
  y.shape = x.shape;
  y.shape[axis] = static_cast<int64_t>(positions.size());
  elements_of(y.shape);
  for (int64_t outer = 0; outer < runs.outer; ++outer) {
    for (const int64_t position : positions) {
      const auto from =
          x.values.begin() + static_cast<ptrdiff_t>((outer * runs.extent + position) * runs.inner);
      y.values.insert(y.values.end(), from, from + static_cast<ptrdiff_t>(runs.inner));
    }
  }
  return y;
}

}  // namespace

Constant combined(const Constant& a, const Constant& b,
                  const std::function<double(double, double)>& combine) {
  const size_t rank = std::max(a.shape.size(), b.shape.size());
  const auto extent = [rank](const Constant& x, size_t d) {
    const size_t missing = rank - x.shape.size();
    return d < missing ? int64_t{1} : x.shape[d - missing];
  };
  Constant y;
  y.integral = a.integral && b.integral;
  for (size_t d = 0; d < rank; ++d) {
    if (extent(a, d) != extent(b, d) && extent(a, d) != 1 && extent(b, d) != 1)
      unsound("constants that do not broadcast");
    y.shape.push_back(extent(a, d) == 1 ? extent(b, d) : extent(a, d));
  }
  const int64_t count = elements_of(y.shape);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = i, at_a = 0, at_b = 0, step_a = 1, step_b = 1;
    for (size_t d = rank; d-- > 0;) {
      const int64_t position = rest % y.shape[d];
      rest /= y.shape[d];
      at_a += extent(a, d) == 1 ? 0 : position * step_a;
      at_b += extent(b, d) == 1 ? 0 : position * step_b;
      step_a *= extent(a, d);
      step_b *= extent(b, d);
    }
    y.values.push_back(
        combine(a.values[static_cast<size_t>(at_a)], b.values[static_cast<size_t>(at_b)]));
  }
  return y;
}

Constant concatenated(const std::vector<Constant>& parts, int64_t axis) {
  if (parts.empty()) unsound("a concatenation of nothing");
  Constant y = parts.front();
  const auto dim = static_cast<size_t>(normalized_axis(axis, y.shape.size()));
  int64_t extent = 0;
  for (const Constant& part : parts) {
    if (part.shape.size() != y.shape.size()) unsound("a concatenation of different ranks");
    for (size_t d = 0; d < y.shape.size(); ++d) {
      if (d != dim && part.shape[d] != y.shape[d]) unsound("a concatenation of different shapes");
    }
    extent += part.shape[dim];
  }
  y.shape[dim] = extent;
  elements_of(y.shape);
  y.values.clear();
  for (int64_t outer = 0; outer < runs_of(y.shape, dim).outer; ++outer) {
    for (const Constant& part : parts) {
      const Runs runs = runs_of(part.shape, dim);
      const int64_t size = runs.extent * runs.inner;
      const auto from = part.values.begin() + static_cast<ptrdiff_t>(outer * size);
      y.values.insert(y.values.end(), from, from + static_cast<ptrdiff_t>(size));
    }
  }
  return y;
}

Constant gathered(const Constant& x, const Constant& indices, int64_t axis) {
  const auto dim = static_cast<size_t>(normalized_axis(axis, x.shape.size()));
  std::vector<int64_t> positions;
  for (int64_t index : indices.as_integers()) {
    const int64_t extent = x.shape[dim];
    if (index < 0) index += extent;
    if (index < 0 || index >= extent) unsound("an index beyond the end");
    positions.push_back(index);
  }
  Constant y = chosen(x, dim, positions);
  y.shape.erase(y.shape.begin() + static_cast<ptrdiff_t>(dim));
  y.shape.insert(y.shape.begin() + static_cast<ptrdiff_t>(dim), indices.shape.begin(),
                 indices.shape.end());
  return y;
}

Constant sliced(const Constant& x, int64_t axis, int64_t begin, int64_t end, int64_t step) {
  const auto dim = static_cast<size_t>(normalized_axis(axis, x.shape.size()));
  const int64_t extent = x.shape[dim];
  if (step == 0) unsound("a slice with step 0");
  const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? extent : extent - 1;
  const auto inside = [&](int64_t at) {
    return std::clamp(at < 0 ? std::max(at, -extent - 1) + extent : at, low, high);
  };
  const int64_t stride = std::clamp(step, -extent - 1, extent + 1);
  std::vector<int64_t> positions;
  const int64_t last = inside(end);
  for (int64_t at = inside(begin); stride > 0 ? at < last : at > last; at += stride)
    positions.push_back(at);
  return chosen(x, dim, positions);
}

Constant permuted(const Constant& x, const std::vector<int64_t>& permutation) {
  const size_t rank = x.shape.size();
  std::vector<int> order;
  for (const int64_t axis : permutation) order.push_back(normalized_axis(axis, rank));
  std::vector<int> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  if (sorted != identity_order(rank)) unsound("a permutation that does not fit");
  std::vector<int64_t> strides(rank, 1);
  for (size_t d = rank; d-- > 1;) strides[d - 1] = strides[d] * x.shape[d];
  Constant y;
  y.integral = x.integral;
  for (const int d : order) y.shape.push_back(x.shape[static_cast<size_t>(d)]);
  y.values.reserve(x.values.size());
  for (size_t i = 0; i < x.values.size(); ++i) {
    auto rest = static_cast<int64_t>(i);
    int64_t at = 0;
    for (size_t d = rank; d-- > 0;) {
      at += rest % y.shape[d] * strides[static_cast<size_t>(order[d])];
      rest /= y.shape[d];
    }
    y.values.push_back(x.values[static_cast<size_t>(at)]);
  }
  return y;
}

Constant filled(const std::vector<int64_t>& shape, double value, bool integral) {
  return {shape, std::vector<double>(static_cast<size_t>(elements_of(shape)), value), integral};
}

Constant reshaped(const Constant& x, const std::vector<int64_t>& shape) {
  const auto count = static_cast<int64_t>(x.values.size());
  Constant y = x;
  y.shape = shape;
  int64_t known = 1;
  int64_t* open = nullptr;
  for (int64_t& extent : y.shape) {
    if (extent == -1 && open == nullptr) {
      open = &extent;
    } else if (extent < 0 || extent > count) {
      unsound("constants reshaped to an extent of " + std::to_string(extent));
    } else {
      known *= extent;
      if (known > count) unsound("constants reshaped to more elements");
    }
  }
  if (open != nullptr && known > 0) {
    *open = count / known;
    known *= *open;
  }
  if (known != count) unsound("constants reshaped to another number of elements");
  return y;
}

std::vector<int64_t> squeezed(const std::vector<int64_t>& shape, const std::vector<int64_t>& axes) {
  std::vector<bool> dropped(shape.size(), false);
  for (const int64_t axis : axes) {
    const auto dim = static_cast<size_t>(normalized_axis(axis, shape.size()));
    if (shape[dim] != 1) unsound("squeeze of an extent of " + std::to_string(shape[dim]));
    dropped[dim] = true;
  }
  std::vector<int64_t> result;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (axes.empty() ? shape[d] != 1 : !dropped[d]) result.push_back(shape[d]);
  }
  return result;
}

std::vector<int64_t> unsqueezed(const std::vector<int64_t>& shape,
                                const std::vector<int64_t>& axes) {
  const size_t rank = shape.size() + axes.size();
  std::vector<bool> added(rank, false);
  for (const int64_t axis : axes) {
    const auto dim = static_cast<size_t>(normalized_axis(axis, rank));
    if (added[dim]) unsound("unsqueeze of the same dimension twice");
    added[dim] = true;
  }
  std::vector<int64_t> result;
  size_t next = 0;
  for (size_t d = 0; d < rank; ++d) result.push_back(added[d] ? 1 : shape[next++]);
  return result;
}

}  // namespace mcunet::import
