// SPDX-License-Identifier: GPL-2.0-or-later
// Counts retired instructions, and the cycles that a timer gives them, from the emulator's notices
// of executed basic blocks.
//
// The length of a block in instructions never changes, so it is decoded once and a notice costs a
// table look-up and an addition. An instruction that an IT block skips counts as retired, as in
// QEMU's -icount and as on the core, where it takes its slot.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "profiler/emu/block_timer.h"
#include "profiler/emu/elf_image.h"
#include "profiler/emu/memory.h"
#include "profiler/emu/stack_paint.h"

namespace mcunet::emu {

struct FunctionCount {
  std::string name;
  uint64_t instructions = 0;  // of the function itself, without those it calls
  CycleCount cycles;          // likewise
  uint64_t calls = 0;
};

// One call made directly by the measured function.
struct Step {
  std::string function;
  uint64_t instructions = 0;   // of the whole call
  uint64_t cycles = 0;         // likewise, of the core
  uint64_t memory_cycles = 0;  // likewise, of caches and memory
};

// What happened between the entry of the measured function and its return, its first and its
// returning instruction included.
struct Measurement {
  uint64_t instructions = 0;
  CycleCount cycles;
  uint32_t stack = 0;                    // bytes below the stack pointer at entry
  std::vector<FunctionCount> functions;  // most instructions first
  std::vector<Step> steps;               // in order of execution
};

class BlockCounter {
 public:
  enum class Event { None, Limit, EndlessLoop, Reached };
  struct CallState {
    uint32_t sp, lr;
  };

  // Code in [code_begin, code_end) is looked up in a table; code elsewhere is counted too, but
  // slower. `constant` says that this code cannot change. `state` reads the core's registers.
  // Without a timer, no cycles are counted. References and timer must outlive the counter.
  BlockCounter(const ElfImage& image, const Memory& memory, uint32_t code_begin, uint32_t code_end,
               bool constant, std::function<CallState()> state, BlockTimer* timer);

  // Starts a run that may take that many instructions; nothing is measured and nothing stops it
  // until asked for. `cold`: branches and caches know nothing yet.
  void begin(uint64_t max_instructions, bool cold);
  // Measures the occurrence-th call (from 1) of the function in this run.
  void measure(const Function& function, uint64_t occurrence);
  // Event::Reached once a block begins at the address.
  void stop_at(uint32_t address);
  // The code in memory was changed from outside.
  void forget_code();

  // To be called at the start of every block, with its size in bytes.
  Event on_block(uint32_t address, uint32_t size) {
    const uint32_t index = (address - base_) >> 1;
    Block& block = index < table_size_ ? table_.get()[index] : outside_[address];
    if (block.size != size || !constant_ || index >= table_size_) decode(block, address, size);
    if (timer_) timer_->leave(address);
    const bool inside = address - measured_begin_ < measured_size_;
    if (block.flags != 0 || inside != was_inside_) {
      const Event event = notable(block, address, inside);
      if (event != Event::None) return event;
    }
    block.executions++;
    total_ += block.instructions;
    if (timer_) timer_->enter(block.timing, address, size);
    previous_begin_ = address;
    previous_end_ = address + size;
    previous_calls_ = block.ends_with_call;
    return total_ > limit_ ? Event::Limit : Event::None;
  }

  uint64_t instructions() const { return total_; }  // since begin
  uint64_t occurrences() const { return occurrences_; }
  // Whether the measured call has returned, and what it took.
  bool finished() const { return measurement_ && !measuring_; }
  const std::optional<Measurement>& measurement() const { return measurement_; }

 private:
  struct Block {
    uint64_t executions = 0;  // since the measured function was entered
    uint16_t size = 0;        // bytes
    uint16_t instructions = 0;
    uint8_t flags = 0;
    bool ends_with_call = false;
    uint32_t timing = 0;  // handle of the timer
  };
  struct OpenStep {
    std::string function;
    uint32_t return_address, sp;
    uint64_t start, start_cycles, start_memory_cycles;
  };
  struct Free {
    void operator()(Block* blocks) const { std::free(blocks); }
  };

  Block& block_at(uint32_t address);
  void decode(Block& block, uint32_t address, uint32_t size);
  Event notable(Block& block, uint32_t address, bool inside);
  void start_measuring(const CallState& state);
  void finish_measuring();
  void add_cycles(std::map<std::string, FunctionCount>& functions);
  uint64_t cycles() const { return timer_ ? timer_->cycles() : 0; }
  uint64_t memory_cycles() const { return timer_ ? timer_->memory_cycles() : 0; }
  void close_step();
  void count_call(uint32_t address);

  const ElfImage& image_;
  const Memory& memory_;
  std::function<CallState()> state_;
  BlockTimer* timer_;
  std::unique_ptr<Block, Free> table_;  // one entry per halfword: blocks may begin at each
  uint32_t base_, table_size_;
  bool constant_;
  std::unordered_map<uint32_t, Block> outside_;
  std::vector<uint32_t> known_;  // addresses of all decoded blocks

  uint64_t total_ = 0, limit_ = 0;
  uint32_t previous_begin_ = 0, previous_end_ = 0;
  bool previous_calls_ = true;

  uint32_t measured_begin_ = 0, measured_size_ = 0;
  uint64_t wanted_ = 0, occurrences_ = 0;
  bool was_inside_ = false, measuring_ = false;
  uint64_t start_ = 0;
  CallState entry_state_{0, 0};
  std::optional<StackPaint> paint_;
  std::optional<OpenStep> step_;
  std::unordered_map<uint32_t, uint64_t> calls_;  // by the function's address
  std::optional<Measurement> measurement_;
  std::optional<uint32_t> stop_address_;
};

}  // namespace mcunet::emu
