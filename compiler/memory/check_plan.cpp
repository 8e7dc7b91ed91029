#include <algorithm>

#include "compiler/memory/planner.h"

namespace mcunet::compiler {
namespace {

std::string place(size_t i, const std::vector<BufferRequest>& requests, const MemoryPlan& plan) {
  return "buffer " + std::to_string(i) + " at " + std::to_string(plan.offsets[i]) + " … " +
         std::to_string(plan.offsets[i] + requests[i].bytes);
}

bool allowed(size_t a, size_t b, const std::vector<OverlapRule>& rules, const MemoryPlan& plan) {
  for (const OverlapRule& rule : rules) {
    const bool named = (rule.under == a && rule.over == b) || (rule.under == b && rule.over == a);
    if (!named) continue;
    const int64_t under = plan.offsets[rule.under], over = plan.offsets[rule.over];
    if (rule.below ? over <= under - rule.distance : over >= under + rule.distance) return true;
  }
  return false;
}

}  // namespace

std::string find_conflict(const std::vector<BufferRequest>& requests,
                          const std::vector<OverlapRule>& rules, const MemoryPlan& plan) {
  if (plan.offsets.size() != requests.size()) return "the plan is of other requests";
  for (size_t i = 0; i < requests.size(); ++i) {
    const int64_t begin = plan.offsets[i], end = begin + requests[i].bytes;
    if (begin < 0 || begin % kArenaAlignment != 0 || end > plan.arena) {
      return place(i, requests, plan) + " is not aligned in the arena of " +
             std::to_string(plan.arena);
    }
    for (size_t j = 0; j < i; ++j) {
      const bool together =
          requests[i].first <= requests[j].last && requests[j].first <= requests[i].last;
      const int64_t common =
          std::min(end, plan.offsets[j] + requests[j].bytes) - std::max(begin, plan.offsets[j]);
      const bool empty = requests[i].bytes == 0 || requests[j].bytes == 0;
      if (together && !empty && common > 0 && !allowed(i, j, rules, plan)) {
        return place(i, requests, plan) + " and " + place(j, requests, plan) + " overlap at time " +
               std::to_string(std::max(requests[i].first, requests[j].first));
      }
    }
  }
  return "";
}

}  // namespace mcunet::compiler
