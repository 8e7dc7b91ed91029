// Buffers placed one after the other, each at the lowest or the highest place that is free.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "compiler/memory/conflicts.h"
#include "compiler/memory/planner.h"

namespace mcunet::compiler {

struct Recipe {
  std::vector<size_t> order;  // every buffer once
  std::vector<bool> high;     // per buffer: at the highest place that ends within the target
};

struct Placement {
  static constexpr size_t kNone = static_cast<size_t>(-1);
  std::vector<int64_t> offsets;  // the lowest is 0
  int64_t extent = 0;            // bytes to the end of the highest buffer
  size_t misfit = kNone;         // the first buffer for which there was no place in the target
};

class FirstFit {
 public:
  FirstFit(const std::vector<BufferRequest>& requests,
           std::vector<std::vector<Conflict>> conflicts);

  // Places all buffers, in [0, target) if they fit. False, and the placement is left unfinished,
  // as soon as they need more than `limit` bytes (limit >= 0).
  bool place(const Recipe& recipe, int64_t target, int64_t limit, Placement& placement);

 private:
  struct Blocked {
    int64_t low, high;  // no begin strictly between
  };
  int64_t lowest();
  int64_t highest(size_t buffer, int64_t target);

  std::vector<int64_t> sizes_;
  std::vector<std::vector<Conflict>> conflicts_;
  std::vector<Blocked> blocked_;  // by the buffers placed so far; kept for its memory
};

}  // namespace mcunet::compiler
