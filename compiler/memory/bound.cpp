#include "compiler/memory/bound.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace mcunet::compiler {
namespace {

constexpr size_t kExact = 4;  // buffers whose joint places are enumerated

struct Span {
  int64_t begin = 0, end = 0;
};

int64_t covered(std::vector<Span> spans) {
  std::sort(spans.begin(), spans.end(),
            [](const Span& a, const Span& b) { return a.begin < b.begin; });
  int64_t bytes = 0, end = std::numeric_limits<int64_t>::min();
  for (const Span& span : spans) {
    bytes += std::max<int64_t>(0, span.end - std::max(end, span.begin));
    end = std::max(end, span.end);
  }
  return bytes;
}

// The fewest bytes that a few buffers cover together. That number is linear in the places as long
// as no end passes another and no conflict is touched, so the minimum is at places where each
// buffer has an end in common with another one or touches the edge of a conflict with it.
class SmallestCover {
 public:
  SmallestCover(const std::vector<size_t>& buffers, const std::vector<BufferRequest>& requests,
                const std::vector<std::vector<Conflict>>& conflicts)
      : spans_(buffers.size()), placed_(buffers.size(), false) {
    for (const size_t buffer : buffers) sizes_.push_back(aligned(requests[buffer].bytes));
    best_ = std::accumulate(sizes_.begin(), sizes_.end(), int64_t{0});
    for (const size_t i : buffers) {
      for (const size_t j : buffers) {
        Conflict between;  // no conflict: an empty interval
        for (const Conflict& conflict : conflicts[i]) {
          if (conflict.other == j) between = conflict;
        }
        conflicts_.push_back(between);
      }
    }
  }

  int64_t find() {
    put(0, 0);
    extend(1);
    return best_;
  }

 private:
  const Conflict& conflict(size_t i, size_t j) const { return conflicts_[i * sizes_.size() + j]; }

  void put(size_t i, int64_t begin) {
    spans_[i] = {begin, begin + sizes_[i]};
    placed_[i] = true;
  }

  bool allowed(size_t i, int64_t begin) const {
    for (size_t j = 0; j < sizes_.size(); ++j) {
      const int64_t delta = begin - spans_[j].begin;
      if (placed_[j] && delta > conflict(i, j).low && delta < conflict(i, j).high) return false;
    }
    return true;
  }

  int64_t covered_so_far() const {
    std::vector<Span> spans;
    for (size_t i = 0; i < sizes_.size(); ++i) {
      if (placed_[i]) spans.push_back(spans_[i]);
    }
    return covered(std::move(spans));
  }

  void extend(size_t count) {
    const int64_t bytes = covered_so_far();
    if (bytes >= best_) return;  // more buffers never cover less
    if (count == sizes_.size()) {
      best_ = bytes;
      return;
    }
    for (size_t i = 0; i < sizes_.size(); ++i) {
      if (placed_[i]) continue;
      for (size_t j = 0; j < sizes_.size(); ++j) {
        if (!placed_[j]) continue;
        const Conflict& edge = conflict(i, j);
        for (const int64_t delta :
             {int64_t{0}, sizes_[j] - sizes_[i], edge.low, edge.high, sizes_[j], -sizes_[i]}) {
          const int64_t begin = spans_[j].begin + delta;
          if (!allowed(i, begin)) continue;
          put(i, begin);
          extend(count + 1);
          placed_[i] = false;
        }
      }
    }
  }

  std::vector<int64_t> sizes_;
  std::vector<Conflict> conflicts_;
  std::vector<Span> spans_;
  std::vector<bool> placed_;
  int64_t best_ = 0;
};

// The most bytes that the pair can have in common.
int64_t most_in_common(const OverlapRule& rule, const std::vector<BufferRequest>& requests) {
  const int64_t under = aligned(requests[rule.under].bytes);
  const int64_t over = aligned(requests[rule.over].bytes);
  const int64_t distance = aligned(rule.distance);
  // Rows from the top down: `over` begins at `distance` before `under` or still lower, so that
  // many of its bytes stick out. From the bottom up it is the same for the bytes of `under`.
  const int64_t inside = rule.below ? over - distance : under - distance;
  return std::clamp<int64_t>(inside, 0, std::min(under, over));
}

// An upper bound of what many buffers have in common: put down one after the other from the inputs
// to the outputs, an output finds at most its own bytes taken already, and at most what its rules
// let it share; likewise from the outputs to the inputs.
int64_t most_shared(const std::vector<OverlapRule>& rules,
                    const std::vector<BufferRequest>& requests) {
  int64_t shared[2] = {0, 0};
  for (const bool by_over : {false, true}) {
    const auto key = [&](const OverlapRule& rule) { return by_over ? rule.over : rule.under; };
    std::vector<OverlapRule> sorted = rules;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [&](const OverlapRule& a, const OverlapRule& b) { return key(a) < key(b); });
    for (size_t i = 0; i < sorted.size();) {
      const size_t buffer = key(sorted[i]);
      int64_t sum = 0;
      for (; i < sorted.size() && key(sorted[i]) == buffer; ++i)
        sum += most_in_common(sorted[i], requests);
      shared[by_over ? 1 : 0] += std::min(sum, aligned(requests[buffer].bytes));
    }
  }
  return std::min(shared[0], shared[1]);
}

// What the rules between buffers alive at one time take off the sum of their sizes.
int64_t saved(std::vector<OverlapRule> rules, const std::vector<BufferRequest>& requests,
              const std::vector<std::vector<Conflict>>& conflicts) {
  int64_t bytes = 0;
  while (!rules.empty()) {
    std::vector<OverlapRule> group = {rules.back()};
    std::vector<size_t> buffers = {rules.back().under, rules.back().over};
    rules.pop_back();
    const auto joined = [&](const OverlapRule& rule) {
      const auto in = [&](size_t b) {
        return std::find(buffers.begin(), buffers.end(), b) != buffers.end();
      };
      return in(rule.under) || in(rule.over);
    };
    for (auto it = rules.begin(); it != rules.end();) {
      if (!joined(*it)) {
        ++it;
        continue;
      }
      group.push_back(*it);
      for (const size_t buffer : {it->under, it->over}) {
        if (std::find(buffers.begin(), buffers.end(), buffer) == buffers.end())
          buffers.push_back(buffer);
      }
      rules.erase(it);
      it = rules.begin();
    }
    if (group.size() == 1) {
      bytes += most_in_common(group[0], requests);
    } else if (buffers.size() <= kExact) {
      for (const size_t buffer : buffers) bytes += aligned(requests[buffer].bytes);
      bytes -= SmallestCover(buffers, requests, conflicts).find();
    } else {
      bytes += most_shared(group, requests);
    }
  }
  return bytes;
}

}  // namespace

std::vector<int64_t> lower_bounds(const std::vector<BufferRequest>& requests,
                                  const std::vector<OverlapRule>& rules,
                                  const std::vector<std::vector<Conflict>>& conflicts) {
  int end = -1;
  for (const BufferRequest& request : requests) end = std::max(end, request.last);
  std::vector<int64_t> bounds(static_cast<size_t>(end + 1), 0);
  for (const BufferRequest& request : requests) {
    for (int time = request.first; time <= request.last; ++time)
      bounds[static_cast<size_t>(time)] += aligned(request.bytes);
  }
  std::vector<std::vector<OverlapRule>> at(bounds.size());
  for (const OverlapRule& rule : rules) {
    const BufferRequest &under = requests[rule.under], &over = requests[rule.over];
    const int last = std::min(under.last, over.last);
    for (int time = std::max(under.first, over.first); time <= last; ++time)
      at[static_cast<size_t>(time)].push_back(rule);
  }
  for (size_t time = 0; time < bounds.size(); ++time)
    bounds[time] -= saved(std::move(at[time]), requests, conflicts);
  return bounds;
}

}  // namespace mcunet::compiler
