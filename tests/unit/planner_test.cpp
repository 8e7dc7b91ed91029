// Offsets for buffers: never overlapping, never below the bound, optimal where that is known.
#include "compiler/memory/planner.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "libmcunet/support/random.h"

using namespace mcunet;
using compiler::BufferRequest;
using compiler::MemoryPlan;
using compiler::plan_offsets;

namespace {

int64_t rounded(int64_t bytes) {
  return (bytes + compiler::kArenaAlignment - 1) / compiler::kArenaAlignment *
         compiler::kArenaAlignment;
}

// The most bytes alive at one time, counted time by time.
int64_t densest(const std::vector<BufferRequest>& requests) {
  int end = 0;
  for (const BufferRequest& r : requests) end = std::max(end, r.last);
  int64_t most = 0;
  for (int time = 0; time <= end; ++time) {
    int64_t sum = 0;
    for (const BufferRequest& r : requests) {
      if (r.first <= time && time <= r.last) sum += rounded(r.bytes);
    }
    most = std::max(most, sum);
  }
  return most;
}

void check_sound(const std::vector<BufferRequest>& requests, const MemoryPlan& plan) {
  REQUIRE(plan.offsets.size() == requests.size());
  int64_t end = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    CHECK(plan.offsets[i] >= 0);
    CHECK(plan.offsets[i] % compiler::kArenaAlignment == 0);
    end = std::max(end, plan.offsets[i] + rounded(requests[i].bytes));
    for (size_t j = 0; j < i; ++j) {
      const bool together =
          requests[i].first <= requests[j].last && requests[j].first <= requests[i].last;
      const bool apart = plan.offsets[i] + requests[i].bytes <= plan.offsets[j] ||
                         plan.offsets[j] + requests[j].bytes <= plan.offsets[i];
      const bool empty = requests[i].bytes == 0 || requests[j].bytes == 0;
      if (together && !apart && !empty) FAIL_CHECK("buffers " << i << " and " << j << " overlap");
    }
  }
  CHECK(plan.arena == end);
  CHECK(plan.lower_bound == densest(requests));
  CHECK(plan.lower_bound <= plan.arena);
}

int64_t arena(const std::vector<BufferRequest>& requests) {
  const MemoryPlan plan = plan_offsets(requests);
  check_sound(requests, plan);
  return plan.arena;
}

}  // namespace

TEST_CASE("plans whose optimum is known", "[planner]") {
  CHECK(arena({}) == 0);
  CHECK(arena({{100, 0, 1}}) == 100);
  CHECK(arena({{1, 0, 1}}) == 4);
  // A chain keeps two neighbours at a time.
  CHECK(arena({{100, 0, 1}, {60, 1, 2}, {80, 2, 3}, {40, 3, 4}}) == 160);
  // Nothing meets: all share one place.
  CHECK(arena({{64, 0, 0}, {32, 1, 1}, {48, 2, 2}}) == 64);
  // A residual holds its input over the branch.
  CHECK(arena({{100, 0, 3}, {300, 1, 2}, {100, 2, 3}}) == 500);
  // By decreasing size alone, first fit leaves a gap here: the long thin one must go to an end.
  CHECK(arena({{40, 0, 1}, {12, 0, 4}, {40, 2, 3}, {28, 3, 4}}) == 80);
}

TEST_CASE("the peak's time is one where the bound is reached", "[planner]") {
  const std::vector<BufferRequest> requests = {{8, 0, 1}, {8, 1, 2}, {100, 3, 4}, {100, 4, 5}};
  const MemoryPlan plan = plan_offsets(requests);
  CHECK(plan.peak_time == 4);
  CHECK(plan.lower_bound == 200);
  CHECK(plan.optimal());
}

TEST_CASE("random requests are planned soundly and reproducibly", "[planner]") {
  size_t optimal = 0;
  constexpr size_t kTrials = 300;
  for (uint64_t seed = 1; seed <= kTrials; ++seed) {
    CAPTURE(seed);
    SplitMix64 random(seed);
    std::vector<BufferRequest> requests;
    const auto count = static_cast<size_t>(random.between(1, 40));
    const int64_t longest = random.between(1, 12);
    for (size_t i = 0; i < count; ++i) {
      BufferRequest request;
      request.bytes = random.chance(0.05) ? 0 : random.between(1, 5000);
      request.first = static_cast<int>(random.between(0, 30));
      request.last = request.first + static_cast<int>(random.between(0, longest));
      requests.push_back(request);
    }
    const MemoryPlan plan = plan_offsets(requests);
    check_sound(requests, plan);
    const MemoryPlan again = plan_offsets(requests);
    CHECK(plan.offsets == again.offsets);
    CHECK(plan.arena < densest(requests) * 5 / 4 + 8);
    optimal += plan.optimal() ? 1 : 0;
  }
  // A plan above the bound may be the best there is; most should reach it.
  CHECK(optimal > kTrials / 2);
}

TEST_CASE("sizes beyond 32 bits are added up", "[planner]") {
  const int64_t big = int64_t{3} << 30;
  CHECK(arena({{big, 0, 1}, {big, 1, 2}}) == 2 * big);
}
