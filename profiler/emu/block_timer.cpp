// SPDX-License-Identifier: GPL-2.0-or-later
#include "profiler/emu/block_timer.h"

#include <cstring>
#include <utility>

namespace mcunet::emu {
namespace {

void add_times(Stalls& sum, const Stalls& stalls, uint64_t times) {
  sum.load += stalls.load * times;
  sum.multiply += stalls.multiply * times;
  sum.fp += stalls.fp * times;
  sum.other += stalls.other * times;
  sum.busy += stalls.busy * times;
  sum.branch += stalls.branch * times;
}

// Where a direct branch leads is in its last bits; only the sign matters.
bool is_backward(const Instruction& branch, const uint8_t* code) {
  const uint16_t first = static_cast<uint16_t>(code[0] | code[1] << 8);
  if (branch.bytes == 4) return (first & 0x0400) != 0;   // S
  if ((first & 0xf000) == 0xd000) return first & 0x80;   // B<cond>
  if ((first & 0xf800) == 0xe000) return first & 0x400;  // B in an IT block
  return false;                                          // CBZ, CBNZ
}

}  // namespace

CycleCount& CycleCount::operator+=(const CycleCount& other) {
  cycles += other.cycles;
  pairs += other.pairs;
  mispredicts += other.mispredicts;
  add_times(stalls, other.stalls, 1);
  memory += other.memory;
  return *this;
}

BlockTimer::BlockTimer(std::unique_ptr<Pipeline> pipeline, std::unique_ptr<MemoryTiming> memory)
    : pipeline_(std::move(pipeline)),
      memory_(std::move(memory)),
      mispredict_cycles_(pipeline_->mispredict_cycles()),
      blocks_(1),
      transitions_(1),
      details_(1),
      states_(1),
      state_index_{{std::string(), 0}} {
  branches_.push_back({0, Flow::Next, false, BranchPredictor(Flow::Next, false), 0});
}

void BlockTimer::begin(bool cold) {
  cycles_ = 0;
  state_ = current_ = branch_ = end_ = 0;
  if (memory_) memory_->begin(cold);
  if (cold) {
    for (Branch& branch : branches_)
      branch.predictor = BranchPredictor(branch.flow, branch.backward);
  }
  reset_counts();
}

void BlockTimer::reset_counts() {
  for (Transition& transition : transitions_) {
    for (Outcome& outcome : transition.outcomes) outcome.count = 0;
  }
  for (Details& details : details_) details.memory = MemoryCount();
  for (Branch& branch : branches_) branch.mispredicts = 0;
}

uint32_t BlockTimer::branch_at(const Instruction& last, const uint8_t* code) {
  if (mispredict_cycles_ == 0 || last.flow == Flow::Next || last.flow == Flow::Jump) return 0;
  // Blocks that overlap share their branch.
  const auto [entry, is_new] =
      branch_index_.try_emplace(last.address, static_cast<uint32_t>(branches_.size()));
  const bool backward = last.flow == Flow::Conditional && is_backward(last, code);
  const Branch branch{last.address, last.flow, backward, BranchPredictor(last.flow, backward), 0};
  if (is_new) {
    branches_.push_back(branch);
  } else if (branches_[entry->second].flow != last.flow) {
    branches_[entry->second] = branch;  // other code at the same place
  }
  return entry->second;
}

uint32_t BlockTimer::add(uint32_t address, const uint8_t* code, uint32_t size) {
  Block block;
  block.address = address;
  block.code.assign(code, code + size);
  block.instructions = decoder_.decode(address, code, size);
  if (!block.instructions.empty()) {
    const Instruction& last = block.instructions.back();
    block.branch = branch_at(last, code + (last.address - address));
  }
  blocks_.push_back(std::move(block));
  return static_cast<uint32_t>(blocks_.size() - 1);
}

bool BlockTimer::is_for(uint32_t handle, const uint8_t* code, uint32_t size) const {
  const Block& block = blocks_[handle];
  return block.code.size() == size && std::memcmp(block.code.data(), code, size) == 0;
}

uint32_t BlockTimer::intern(const std::string& state) {
  const auto [entry, is_new] =
      state_index_.try_emplace(state, static_cast<uint32_t>(states_.size()));
  if (is_new) states_.push_back(state);
  return entry->second;
}

// The transition of the block in the present state, which becomes its first.
uint32_t BlockTimer::find(Block& block) {
  uint32_t* link = &block.first;
  while (*link != 0) {
    const uint32_t index = *link;
    if (transitions_[index].state == state_) {
      *link = transitions_[index].next;
      transitions_[index].next = block.first;
      block.first = index;
      return index;
    }
    link = &transitions_[index].next;
  }
  Transition transition;
  Details details;
  transition.state = state_;
  transition.next = block.first;
  // A jump to the next instruction is taken too.
  const Flow flow = block.instructions.empty() ? Flow::Next : block.instructions.back().flow;
  const bool always = flow == Flow::Jump || flow == Flow::Indirect;
  for (const int taken : {0, 1}) {
    const Passage passage =
        pipeline_->pass(block.instructions, states_[state_], taken != 0 || always);
    transition.outcomes[taken].cycles = static_cast<uint32_t>(passage.cycles);
    transition.outcomes[taken].exit = intern(passage.exit);
    details.pairs[taken] = passage.pairs;
    details.stalls[taken] = passage.stalls;
  }
  transitions_.push_back(transition);
  details_.push_back(details);
  block.first = static_cast<uint32_t>(transitions_.size() - 1);
  return block.first;
}

void BlockTimer::fetch(uint32_t transition, uint32_t address, uint32_t size) {
  memory_->fetch(address, size, cycles_, details_[transition].memory);
}

void BlockTimer::access(uint32_t address, uint32_t size, bool store) {
  if (memory_ && current_ != 0)
    memory_->access(address, size, store, cycles_, details_[current_].memory);
}

void BlockTimer::for_each(const std::function<void(uint32_t, const CycleCount&)>& f) const {
  for (const Block& block : blocks_) {
    CycleCount count;
    bool executed = false;
    for (uint32_t i = block.first; i != 0; i = transitions_[i].next) {
      count.memory += details_[i].memory;
      for (const int taken : {0, 1}) {
        const Outcome& outcome = transitions_[i].outcomes[taken];
        executed = executed || outcome.count != 0;
        count.cycles += outcome.count * outcome.cycles;
        count.pairs += outcome.count * details_[i].pairs[taken];
        add_times(count.stalls, details_[i].stalls[taken], outcome.count);
      }
    }
    if (executed) f(block.address, count);
  }
  for (const Branch& branch : branches_) {
    if (branch.mispredicts == 0) continue;
    CycleCount count;
    count.mispredicts = branch.mispredicts;
    count.cycles = count.stalls.branch = branch.mispredicts * mispredict_cycles_;
    f(branch.address, count);
  }
}

uint64_t BlockTimer::straight(uint32_t address, const uint8_t* code, uint32_t size,
                              uint32_t repeat) {
  const std::vector<Instruction> run = decoder_.decode(address, code, size);
  std::string state;
  uint64_t cycles = 0;
  for (uint32_t i = 0; i < repeat; i++) {
    const Passage passage = pipeline_->pass(run, state, false);
    cycles += passage.cycles;
    state = passage.exit;
  }
  return cycles;
}

}  // namespace mcunet::emu
