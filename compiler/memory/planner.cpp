#include "compiler/memory/planner.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "libmcunet/support/random.h"

namespace mcunet::compiler {
namespace {

// Exchanges tried once the fixed orders have missed the bound.
constexpr int kExchanges = 2000;

int64_t align(int64_t bytes) {
  return (bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
}

class Planner {
 public:
  explicit Planner(const std::vector<BufferRequest>& requests)
      : requests_(requests), neighbours_(requests.size()) {
    for (size_t i = 0; i < requests.size(); ++i) {
      for (size_t j = 0; j < requests.size(); ++j) {
        const bool meet =
            requests[i].first <= requests[j].last && requests[j].first <= requests[i].last;
        if (i != j && meet) neighbours_[i].push_back(j);
      }
    }
  }

  MemoryPlan run() {
    find_lower_bound();
    best_.arena = -1;
    const std::vector<size_t> by_size =
        sorted([&](size_t a, size_t b) { return requests_[a].bytes > requests_[b].bytes; });
    try_order(by_size);
    try_order(sorted([&](size_t a, size_t b) {
      return length(a) != length(b) ? length(a) > length(b)
                                    : requests_[a].bytes > requests_[b].bytes;
    }));
    try_order(sorted([&](size_t a, size_t b) { return requests_[a].first < requests_[b].first; }));
    try_order(sorted([&](size_t a, size_t b) { return area(a) > area(b); }));
    exchange(by_size);
    best_.lower_bound = bound_;
    best_.peak_time = peak_time_;
    return best_;
  }

 private:
  int length(size_t i) const { return requests_[i].last - requests_[i].first; }
  int64_t area(size_t i) const { return requests_[i].bytes * (length(i) + 1); }

  std::vector<size_t> sorted(const std::function<bool(size_t, size_t)>& before) const {
    std::vector<size_t> order(requests_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), before);
    return order;
  }

  void find_lower_bound() {
    int end = 0;
    for (const BufferRequest& request : requests_) end = std::max(end, request.last);
    std::vector<int64_t> alive(static_cast<size_t>(end) + 2, 0);
    for (const BufferRequest& request : requests_) {
      alive[static_cast<size_t>(request.first)] += align(request.bytes);
      alive[static_cast<size_t>(request.last) + 1] -= align(request.bytes);
    }
    int64_t sum = 0;
    for (size_t time = 0; time < alive.size(); ++time) {
      sum += alive[time];
      if (sum > bound_) {
        bound_ = sum;
        peak_time_ = static_cast<int>(time);
      }
    }
  }

  // Each buffer in turn goes to the lowest place where it fits.
  bool try_order(const std::vector<size_t>& order) {
    if (best_.arena == bound_) return false;
    std::vector<int64_t> offsets(requests_.size(), -1);
    std::vector<std::pair<int64_t, int64_t>> taken;
    int64_t arena = 0;
    for (const size_t i : order) {
      taken.clear();
      for (const size_t j : neighbours_[i]) {
        if (offsets[j] >= 0) taken.emplace_back(offsets[j], offsets[j] + align(requests_[j].bytes));
      }
      std::sort(taken.begin(), taken.end());
      int64_t offset = 0;
      for (const auto& [begin, end] : taken) {
        if (offset + align(requests_[i].bytes) <= begin) break;
        offset = std::max(offset, end);
      }
      offsets[i] = offset;
      arena = std::max(arena, offset + align(requests_[i].bytes));
      if (best_.arena >= 0 && arena >= best_.arena) return false;
    }
    best_.offsets = std::move(offsets);
    best_.arena = arena;
    return true;
  }

  void exchange(std::vector<size_t> order) {
    if (order.size() < 2) return;
    SplitMix64 random(0);
    for (int i = 0; i < kExchanges && best_.arena > bound_; ++i) {
      std::vector<size_t> candidate = order;
      std::swap(candidate[random.below(order.size())], candidate[random.below(order.size())]);
      if (try_order(candidate)) order = candidate;
    }
  }

  const std::vector<BufferRequest>& requests_;
  std::vector<std::vector<size_t>> neighbours_;
  int64_t bound_ = 0;
  int peak_time_ = 0;
  MemoryPlan best_;
};

}  // namespace

MemoryPlan plan_offsets(const std::vector<BufferRequest>& requests) {
  return Planner(requests).run();
}

}  // namespace mcunet::compiler
