#include "compiler/memory/conflicts.h"

#include <algorithm>
#include <cassert>

namespace mcunet::compiler {
namespace {

Conflict* find(std::vector<Conflict>& conflicts, size_t other) {
  const auto it = std::lower_bound(conflicts.begin(), conflicts.end(), other,
                                   [](const Conflict& c, size_t index) { return c.other < index; });
  return it != conflicts.end() && it->other == other ? &*it : nullptr;
}

}  // namespace

int64_t aligned(int64_t bytes) {
  return (bytes + (bytes > 0 ? kArenaAlignment - 1 : 0)) / kArenaAlignment * kArenaAlignment;
}

std::vector<std::vector<Conflict>> find_conflicts(const std::vector<BufferRequest>& requests,
                                                  const std::vector<OverlapRule>& rules) {
  std::vector<std::vector<Conflict>> conflicts(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    for (size_t j = 0; j < requests.size(); ++j) {
      const bool meet =
          requests[i].first <= requests[j].last && requests[j].first <= requests[i].last;
      if (i == j || !meet || requests[i].bytes == 0 || requests[j].bytes == 0) continue;
      conflicts[i].push_back({j, -aligned(requests[i].bytes), aligned(requests[j].bytes)});
    }
  }
  for (const OverlapRule& rule : rules) {
    assert(rule.under < requests.size() && rule.over < requests.size() && rule.under != rule.over);
    Conflict* over = find(conflicts[rule.over], rule.under);
    Conflict* under = find(conflicts[rule.under], rule.over);
    if (over == nullptr) continue;  // never alive together
    // Offsets are aligned, so a distance says as much as its next multiple.
    const int64_t distance = aligned(rule.distance);
    if (rule.below) {
      over->low = std::max(over->low, -distance);
    } else {
      over->high = std::min(over->high, distance);
    }
    under->low = -over->high;
    under->high = -over->low;
  }
  for (std::vector<Conflict>& list : conflicts) {
    // An interval without a multiple of the alignment strictly inside forbids nothing.
    list.erase(std::remove_if(list.begin(), list.end(),
                              [](const Conflict& c) { return c.high - c.low <= kArenaAlignment; }),
               list.end());
  }
  return conflicts;
}

}  // namespace mcunet::compiler
