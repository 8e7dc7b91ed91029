// SPDX-License-Identifier: GPL-2.0-or-later
// A core's timing rules: how many cycles a run of instructions takes, given what is still under way
// when it begins.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profiler/emu/instruction.h"

namespace mcunet::emu {

// Cycles in which no instruction was issued, by what the next one waited for.
struct Stalls {
  uint64_t load = 0;      // the result of a load
  uint64_t multiply = 0;  // of an integer multiplication
  uint64_t fp = 0;        // of a floating-point instruction
  uint64_t other = 0;     // of any other
  uint64_t busy = 0;      // an instruction that takes several cycles
  uint64_t branch = 0;    // the refill of the pipeline after a branch
};

// One execution of a run of instructions.
struct Passage {
  uint64_t cycles = 0;  // from the issue of the last instruction before it to that of its last
  uint64_t pairs = 0;   // instructions issued together with the one before them
  Stalls stalls;
  std::string exit;  // the state of the pipeline afterwards
};

class Pipeline {
 public:
  virtual ~Pipeline() = default;
  // `entry` is a state that this pipeline returned, or empty for one with nothing under way.
  // `taken`: whether a branch at the end leaves the run, as predicted where branches are predicted.
  virtual Passage pass(const std::vector<Instruction>& run, const std::string& entry,
                       bool taken) const = 0;
  // What a wrongly predicted branch costs; afterwards nothing is under way. Zero: the core does not
  // predict.
  virtual uint32_t mispredict_cycles() const = 0;
};

}  // namespace mcunet::emu
