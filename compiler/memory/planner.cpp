#include "compiler/memory/planner.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <limits>
#include <numeric>
#include <utility>

#include "compiler/memory/bound.h"
#include "compiler/memory/conflicts.h"
#include "compiler/memory/first_fit.h"
#include "libmcunet/support/random.h"

namespace mcunet::compiler {
namespace {

// What is tried once the fixed orders have missed the bound.
constexpr int kMoves = 1000;
constexpr int kExchanges = 2000;
// Moves without an improvement after which the walk goes back to the best order.
constexpr int kPatience = 60;

using Before = std::function<bool(size_t, size_t)>;

class Planner {
 public:
  Planner(const std::vector<BufferRequest>& requests, const std::vector<OverlapRule>& rules,
          const std::vector<std::vector<Conflict>>& conflicts)
      : requests_(requests), rules_(rules), first_fit_(requests, conflicts) {
    best_.arena = std::numeric_limits<int64_t>::max();
    best_.bounds = lower_bounds(requests, rules, conflicts);
    const auto peak = std::max_element(best_.bounds.begin(), best_.bounds.end());
    if (peak == best_.bounds.end()) return;
    best_.lower_bound = *peak;
    best_.peak_time = static_cast<int>(peak - best_.bounds.begin());
  }

  // Everything is tried from both ends of the arena, and neither side sees what the other has
  // found, so that a mirrored problem gets the same arena.
  MemoryPlan run() {
    const Recipe best = try_orders();
    const int64_t extent = best_.arena;
    walk(best, extent);
    walk(mirrored(best), extent);
    climb(false);
    if (!rules_.empty()) climb(true);
    return best_;
  }

 private:
  static Recipe mirrored(Recipe recipe) {
    recipe.high.flip();
    return recipe;
  }

  int length(size_t i) const { return requests_[i].last - requests_[i].first; }
  int64_t area(size_t i) const { return aligned(requests_[i].bytes) * (length(i) + 1); }

  Recipe sorted(const Before& before, bool high) const {
    Recipe recipe;
    recipe.order.resize(requests_.size());
    recipe.high.assign(requests_.size(), high);
    std::iota(recipe.order.begin(), recipe.order.end(), size_t{0});
    std::stable_sort(recipe.order.begin(), recipe.order.end(), before);
    return recipe;
  }

  // A placement that exceeds `limit` is given up.
  bool place(const Recipe& recipe, int64_t limit) {
    if (!first_fit_.place(recipe, best_.lower_bound, limit, placement_)) return false;
    if (placement_.extent < best_.arena) {
      best_.arena = placement_.extent;
      best_.offsets = placement_.offsets;
    }
    return true;
  }

  std::vector<Before> plain_orders() const;
  // With distances above 0 every output begins below its input: from the top in order of time, or
  // from the bottom in the reverse order, a chain falls into place, and the rest into the gaps.
  std::vector<Before> chain_orders() const;
  Recipe try_orders();
  void walk(const Recipe& start, int64_t extent);
  void climb(bool high);

  const std::vector<BufferRequest>& requests_;
  const std::vector<OverlapRule>& rules_;
  FirstFit first_fit_;
  Placement placement_;
  MemoryPlan best_;
};

std::vector<Before> Planner::plain_orders() const {
  const auto size = [this](size_t i) { return requests_[i].bytes; };
  return {[size](size_t a, size_t b) { return size(a) > size(b); },
          [this, size](size_t a, size_t b) {
            return length(a) != length(b) ? length(a) > length(b) : size(a) > size(b);
          },
          [this](size_t a, size_t b) { return requests_[a].first < requests_[b].first; },
          [this](size_t a, size_t b) { return area(a) > area(b); }};
}

std::vector<Before> Planner::chain_orders() const {
  std::vector<bool> ruled(requests_.size(), false);
  for (const OverlapRule& rule : rules_) ruled[rule.under] = ruled[rule.over] = true;
  const auto ordered = [&](bool forward) {
    return [this, ruled, forward](size_t a, size_t b) {
      if (ruled[a] != ruled[b]) return static_cast<bool>(ruled[a]);
      if (!ruled[a]) return requests_[a].bytes > requests_[b].bytes;
      return forward ? requests_[a].first < requests_[b].first
                     : requests_[a].first > requests_[b].first;
    };
  };
  return {ordered(true), ordered(false)};
}

Recipe Planner::try_orders() {
  std::vector<Before> befores = rules_.empty() ? std::vector<Before>() : chain_orders();
  for (const Before& before : plain_orders()) befores.push_back(before);
  Recipe best = sorted(befores.front(), false);
  for (const Before& before : befores) {
    for (const bool high : {true, false}) {
      const Recipe recipe = sorted(before, high);
      if (!place(recipe, best_.arena - 1)) continue;
      best = recipe;
      if (best_.optimal()) return best;
    }
  }
  return best;
}

// The first buffer without a place goes forward in the order, sometimes another one, now and then
// to the other end of the arena.
void Planner::walk(const Recipe& start, int64_t extent) {
  SplitMix64 random(0);
  Recipe best = start, current = start;
  size_t misfit = Placement::kNone;
  int idle = 0;
  for (int move = 0; move < kMoves && !best_.optimal(); ++move) {
    for (uint64_t moves = 1 + random.below(2); moves > 0; --moves) {
      const size_t who = misfit != Placement::kNone && random.chance(0.9)
                             ? misfit
                             : random.below(current.order.size());
      const auto from = std::find(current.order.begin(), current.order.end(), who);
      const auto to = static_cast<std::ptrdiff_t>(
          random.below(static_cast<uint64_t>(from - current.order.begin()) + 1));
      std::rotate(current.order.begin() + to, from, from + 1);
      if (random.chance(0.25)) current.high[who] = !current.high[who];
    }
    if (place(current, extent - 1)) {
      extent = placement_.extent;
      best = current;
      idle = 0;
    } else if (++idle == kPatience) {
      current = best;
      idle = 0;
    }
    misfit = placement_.misfit;
  }
}

// Exchanges of two buffers in the order by size, kept where they help: slower to the bound than
// the walk, but often nearer to it where it is out of reach.
void Planner::climb(bool high) {
  if (best_.optimal()) return;
  int64_t extent = std::numeric_limits<int64_t>::max();
  const std::vector<Before> befores = plain_orders();
  for (const Before& before : befores) {
    if (place(sorted(before, high), extent - 1)) extent = placement_.extent;
  }
  Recipe recipe = sorted(befores.front(), high);
  SplitMix64 random(0);
  for (int i = 0; i < kExchanges && !best_.optimal(); ++i) {
    size_t& a = recipe.order[random.below(recipe.order.size())];
    size_t& b = recipe.order[random.below(recipe.order.size())];
    std::swap(a, b);
    if (place(recipe, extent - 1)) {
      extent = placement_.extent;
    } else {
      std::swap(a, b);
    }
  }
}

}  // namespace

MemoryPlan plan_offsets(const std::vector<BufferRequest>& requests,
                        const std::vector<OverlapRule>& rules) {
  MemoryPlan plan = Planner(requests, rules, find_conflicts(requests, rules)).run();
  assert(find_conflict(requests, rules, plan).empty());
  return plan;
}

}  // namespace mcunet::compiler
