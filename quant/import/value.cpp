#include "quant/import/value.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace mcunet::import {
namespace {

// The dimensions of more than one element, in the order in which they lie in memory.
std::vector<int> solid(const Shape& shape, const std::vector<int>& order) {
  std::vector<int> dims;
  for (const int d : order) {
    if (shape[static_cast<size_t>(d)] != 1) dims.push_back(d);
  }
  return dims;
}

struct Group {
  std::vector<int> from, to;  // dimensions of more than one element, equal products
};

// The finest split of both shapes into runs of dimensions with equal products.
std::vector<Group> groups_of(const Shape& from, const Shape& to) {
  std::vector<Group> groups;
  const std::vector<int> a = solid(from, identity_order(from.size()));
  const std::vector<int> b = solid(to, identity_order(to.size()));
  size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    Group group;
    int64_t left = 1, right = 1;
    do {
      if (left <= right && i < a.size()) {
        left *= from[static_cast<size_t>(a[i])];
        group.from.push_back(a[i++]);
      } else if (j < b.size()) {
        right *= to[static_cast<size_t>(b[j])];
        group.to.push_back(b[j++]);
      } else {
        return {};
      }
    } while (left != right);
    groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace

Constant Constant::integers(const std::vector<int64_t>& values) {
  return {{static_cast<int64_t>(values.size())}, {values.begin(), values.end()}, true};
}

std::vector<int64_t> Constant::as_integers() const {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  std::vector<int64_t> all;
  for (const double value : values) {
    all.push_back(value >= kLimit    ? INT64_MAX
                  : value <= -kLimit ? INT64_MIN
                                     : static_cast<int64_t>(value));
  }
  return all;
}

std::vector<int> identity_order(size_t rank) {
  std::vector<int> order(rank);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

Shape stored_shape(const Shape& shape, const std::vector<int>& order) {
  Shape stored;
  for (const int d : order) stored.push_back(shape[static_cast<size_t>(d)]);
  return stored;
}

bool same_layout(const Shape& shape, const std::vector<int>& a, const std::vector<int>& b) {
  return solid(shape, a) == solid(shape, b);
}

std::vector<int> reshaped_order(const Shape& from, const std::vector<int>& order, const Shape& to) {
  const std::vector<Group> groups = groups_of(from, to);
  const std::vector<int> memory = solid(from, order);
  std::vector<int> reached;  // dimensions of `to` with more than one element, as they lie in memory
  for (size_t at = 0; at < memory.size();) {
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& candidate) {
      return !candidate.from.empty() && candidate.from.front() == memory[at];
    });
    if (group == groups.end() || memory.size() - at < group->from.size() ||
        !std::equal(group->from.begin(), group->from.end(),
                    memory.begin() + static_cast<ptrdiff_t>(at)))
      return {};
    reached.insert(reached.end(), group->to.begin(), group->to.end());
    at += group->from.size();
  }
  for (const std::vector<int>& usual :
       {to.size() == 4 ? image_order() : identity_order(to.size()), identity_order(to.size())}) {
    if (solid(to, usual) == reached) return usual;
  }
  std::vector<int> result;
  for (const int d : identity_order(to.size())) {
    if (to[static_cast<size_t>(d)] == 1) result.push_back(d);
  }
  result.insert(result.end(), reached.begin(), reached.end());
  return result;
}

}  // namespace mcunet::import
