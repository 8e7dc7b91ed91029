// SPDX-License-Identifier: GPL-2.0-or-later
// Adds up the cycles of executed basic blocks.
//
// What a block costs depends on what was under way when it began. A pipeline has few such states,
// so that the cost is computed once per block and state and is a look-up from then on. What a
// branch did is known when the next block begins; a block's cycles are added then.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "profiler/emu/branch_predictor.h"
#include "profiler/emu/decoder.h"
#include "profiler/emu/memory_timing.h"
#include "profiler/emu/pipeline.h"

namespace mcunet::emu {

// Cycles and what they went to, since the counting was reset.
struct CycleCount {
  uint64_t cycles = 0;  // of the core, as if all memory answered at once
  uint64_t pairs = 0;   // instructions issued together with another
  uint64_t mispredicts = 0;
  Stalls stalls;
  MemoryCount memory;

  CycleCount& operator+=(const CycleCount& other);
};

class BlockTimer {
 public:
  // Without memory timing, caches are not simulated.
  BlockTimer(std::unique_ptr<Pipeline> pipeline, std::unique_ptr<MemoryTiming> memory);

  // Forgets what is under way; with `cold` also what branches and caches have learnt.
  void begin(bool cold);
  // Cycles since begin, of the core and with those that caches cost.
  uint64_t cycles() const { return cycles_; }
  uint64_t memory_cycles() const { return memory_ ? memory_->count().stall_cycles() : 0; }

  // A handle, never 0, for the block with this code.
  uint32_t add(uint32_t address, const uint8_t* code, uint32_t size);
  // Whether the handle is for this code.
  bool is_for(uint32_t handle, const uint8_t* code, uint32_t size) const;

  // At the start of every block: first leave(), which accounts for the block before it, then
  // enter().
  void leave(uint32_t address) {
    if (current_ == 0) return;
    Transition& transition = transitions_[current_];
    current_ = 0;
    const bool taken = address != end_;
    Outcome& outcome = transition.outcomes[taken];
    outcome.count++;
    cycles_ += outcome.cycles;
    state_ = outcome.exit;
    if (branch_ != 0 && !branches_[branch_].predictor.predicts(taken, address)) {
      branches_[branch_].mispredicts++;
      cycles_ += mispredict_cycles_;
      state_ = 0;
    }
  }
  void enter(uint32_t handle, uint32_t address, uint32_t size) {
    Block& block = blocks_[handle];
    uint32_t index = block.first;
    if (transitions_[index].state != state_ || index == 0) index = find(block);
    current_ = index;
    branch_ = block.branch;
    end_ = address + size;
    if (memory_) fetch(index, address, size);
  }
  // A load or store of the block that was entered last.
  void access(uint32_t address, uint32_t size, bool store);
  // After the last block.
  void end() { leave(end_); }

  // Counts from now on.
  void reset_counts();
  // Calls f(address of block, its count) for every block executed since then.
  void for_each(const std::function<void(uint32_t, const CycleCount&)>& f) const;

  // Cycles of code that runs straight through, `repeat` times, from an empty pipeline.
  uint64_t straight(uint32_t address, const uint8_t* code, uint32_t size, uint32_t repeat);

 private:
  struct Outcome {
    uint32_t cycles = 0, exit = 0;
    uint64_t count = 0;
  };
  // A block entered in a state: what happens when its branch is not taken, and taken.
  struct Transition {
    uint32_t state = 0, next = 0;  // the next one of the same block
    Outcome outcomes[2];
  };
  // Of a transition, but seldom needed.
  struct Details {
    uint64_t pairs[2] = {0, 0};
    Stalls stalls[2];
    MemoryCount memory;
  };
  struct Block {
    uint32_t first = 0;   // transition
    uint32_t branch = 0;  // the branch at its end that may be predicted wrongly
    uint32_t address = 0;
    std::vector<uint8_t> code;
    std::vector<Instruction> instructions;
  };
  struct Branch {
    uint32_t address = 0;
    Flow flow = Flow::Next;
    bool backward = false;
    BranchPredictor predictor;
    uint64_t mispredicts = 0;
  };

  uint32_t find(Block& block);
  uint32_t intern(const std::string& state);
  uint32_t branch_at(const Instruction& last, const uint8_t* code);
  void fetch(uint32_t transition, uint32_t address, uint32_t size);

  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<MemoryTiming> memory_;
  uint32_t mispredict_cycles_;
  Decoder decoder_;
  // Index 0 of each stands for none.
  std::vector<Block> blocks_;
  std::vector<Transition> transitions_;
  std::vector<Details> details_;
  std::vector<Branch> branches_;
  std::vector<std::string> states_;
  std::unordered_map<std::string, uint32_t> state_index_;
  std::unordered_map<uint32_t, uint32_t> branch_index_;

  uint64_t cycles_ = 0;
  uint32_t state_ = 0, current_ = 0, branch_ = 0, end_ = 0;
};

}  // namespace mcunet::emu
