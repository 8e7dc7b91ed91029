// SPDX-License-Identifier: GPL-2.0-or-later
// Timing rules of the Cortex-M4: in order, one instruction at a time.
//
// From Arm's Cortex-M4 Technical Reference Manual (DDI0439), tables 3-1 and 7-1 and "Load/store
// timings"; what it leaves open is chosen in docs/timing.md.
#pragma once

#include "profiler/emu/pipeline.h"

namespace mcunet::emu {

class CortexM4 : public Pipeline {
 public:
  Passage pass(const std::vector<Instruction>& run, const std::string& entry,
               bool taken) const override;
  uint32_t mispredict_cycles() const override { return 0; }
};

}  // namespace mcunet::emu
