// SPDX-License-Identifier: GPL-2.0-or-later
// Predicts one branch: a counter of two bits that at first takes backward branches for loops, and
// the last target where that can change.
#pragma once

#include <cstdint>

#include "profiler/emu/instruction.h"

namespace mcunet::emu {

class BranchPredictor {
 public:
  BranchPredictor(Flow flow, bool backward) : flow_(flow), strength_(backward ? 2 : 1) {}

  // Whether this outcome was predicted; learns from it.
  bool predicts(bool taken, uint32_t target) {
    bool right = true;
    if (flow_ == Flow::Conditional || flow_ == Flow::ConditionalIndirect) {
      right = (strength_ >= 2) == taken;
      if (taken && strength_ < 3) strength_++;
      if (!taken && strength_ > 0) strength_--;
    }
    if (taken && (flow_ == Flow::Indirect || flow_ == Flow::ConditionalIndirect)) {
      right = right && target == target_;
      target_ = target;
    }
    return right;
  }

 private:
  Flow flow_;
  uint8_t strength_;     // taken from 2 on, of 0 to 3
  uint32_t target_ = 1;  // no address of code
};

}  // namespace mcunet::emu
