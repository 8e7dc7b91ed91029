// SPDX-License-Identifier: GPL-2.0-or-later
// Timing rules of the Cortex-M7: in order, up to two instructions per cycle.
//
// Arm publishes no timings. The rules and where each is from: docs/timing.md. Times count from the
// stage EX2: a result of latency L issued in cycle t serves a reader in EX2 from cycle t + L on.
#pragma once

#include "profiler/emu/pipeline.h"

namespace mcunet::emu {

class CortexM7 : public Pipeline {
 public:
  Passage pass(const std::vector<Instruction>& run, const std::string& entry,
               bool taken) const override;
  uint32_t mispredict_cycles() const override { return 6; }
};

}  // namespace mcunet::emu
