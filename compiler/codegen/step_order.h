// The order of a run as it lies in flash: what happens over and over is written once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mcunet::compiler {

// steps[first] to steps[last] are made `times` times, all others once.
struct StepOrder {
  std::vector<uint8_t> steps;
  size_t first = 0, last = 0;
  size_t times = 1;

  bool repeats() const { return times > 1; }
};

// The stretch of equal periods that saves most bytes is folded, if it saves more than the code
// takes that repeats it. A run's order is periodic in its middle, since every operator then makes
// its rows at its own constant rate.
StepOrder fold_order(const std::vector<uint8_t>& order);

}  // namespace mcunet::compiler
