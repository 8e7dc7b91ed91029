#include "compiler/codegen/step_order.h"

#include <algorithm>

namespace mcunet::compiler {
namespace {

constexpr size_t kRepeatCode = 16;       // bytes of code of a comparison, a decrement and two moves
constexpr size_t kLongestPeriod = 1024;  // keeps the search short; no network comes near

}  // namespace

StepOrder fold_order(const std::vector<uint8_t>& order) {
  size_t saved = kRepeatCode, begin = 0, period = 0, times = 1;
  for (size_t p = 1; p <= std::min(order.size() / 2, kLongestPeriod); ++p) {
    if (order.size() - p <= saved) break;  // no longer period can save more
    size_t equal = 0;                      // steps up to here that are as those p later
    for (size_t i = 0; i + p < order.size(); ++i) {
      equal = order[i] == order[i + p] ? equal + 1 : 0;
      const size_t repeats = equal / p;
      if (repeats * p <= saved) continue;
      saved = repeats * p;
      begin = i + 1 - equal;
      period = p;
      times = repeats + 1;
    }
  }
  StepOrder folded{order, 0, 0, times};
  if (times == 1) return folded;
  const auto at = folded.steps.begin() + static_cast<std::ptrdiff_t>(begin);
  folded.steps.erase(at, at + static_cast<std::ptrdiff_t>((times - 1) * period));
  folded.first = begin;
  folded.last = begin + period - 1;
  return folded;
}

}  // namespace mcunet::compiler
