#include "compiler/memory/first_fit.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace mcunet::compiler {
namespace {

constexpr int64_t kNowhere = std::numeric_limits<int64_t>::min();

}  // namespace

FirstFit::FirstFit(const std::vector<BufferRequest>& requests,
                   std::vector<std::vector<Conflict>> conflicts)
    : conflicts_(std::move(conflicts)) {
  for (const BufferRequest& request : requests) sizes_.push_back(aligned(request.bytes));
}

int64_t FirstFit::lowest() {
  std::sort(blocked_.begin(), blocked_.end(),
            [](const Blocked& a, const Blocked& b) { return a.low < b.low; });
  int64_t offset = 0;
  for (const Blocked& blocked : blocked_) {
    if (blocked.low >= offset) break;
    offset = std::max(offset, blocked.high);
  }
  return offset;
}

int64_t FirstFit::highest(size_t buffer, int64_t target) {
  std::sort(blocked_.begin(), blocked_.end(),
            [](const Blocked& a, const Blocked& b) { return a.high > b.high; });
  int64_t offset = target - sizes_[buffer];
  for (const Blocked& blocked : blocked_) {
    if (blocked.high <= offset) break;
    offset = std::min(offset, blocked.low);
  }
  return offset;
}

bool FirstFit::place(const Recipe& recipe, int64_t target, int64_t limit, Placement& placement) {
  std::vector<int64_t>& offsets = placement.offsets;
  offsets.assign(sizes_.size(), kNowhere);
  placement.misfit = Placement::kNone;
  placement.extent = 0;
  if (sizes_.empty()) return true;
  int64_t bottom = std::numeric_limits<int64_t>::max();
  int64_t top = std::numeric_limits<int64_t>::min();
  for (const size_t i : recipe.order) {
    blocked_.clear();
    for (const Conflict& conflict : conflicts_[i]) {
      const int64_t at = offsets[conflict.other];
      if (at != kNowhere) blocked_.push_back({at + conflict.low, at + conflict.high});
    }
    // May end above the target, or begin below 0 where places are taken from the top.
    offsets[i] = recipe.high[i] ? highest(i, target) : lowest();
    bottom = std::min(bottom, offsets[i]);
    top = std::max(top, offsets[i] + sizes_[i]);
    const bool fits = offsets[i] >= 0 && offsets[i] + sizes_[i] <= target;
    if (!fits && placement.misfit == Placement::kNone) placement.misfit = i;
    if (top - bottom > limit) return false;
  }
  placement.extent = top - bottom;
  for (int64_t& offset : offsets) offset -= bottom;
  return true;
}

}  // namespace mcunet::compiler
