// SPDX-License-Identifier: GPL-2.0-or-later
#include "profiler/emu/block_counter.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace mcunet::emu {
namespace {

// Why a block needs more than counting.
constexpr uint8_t kEntry = 1, kReturn = 2, kStop = 4, kEndless = 8;
constexpr uint32_t kStackGuess = 32 * 1024, kStackLimit = 64 * 1024 * 1024;

uint16_t halfword(const uint8_t* code) { return static_cast<uint16_t>(code[0] | code[1] << 8); }

bool is_wide(uint16_t first) { return first >> 11 >= 0x1d; }

bool is_call(const uint8_t* code, bool wide) {
  const uint16_t first = halfword(code);
  if (!wide) return (first & 0xff87) == 0x4780;                                  // BLX register
  return (first & 0xf800) == 0xf000 && (halfword(code + 2) & 0xd000) == 0xd000;  // BL
}

}  // namespace

BlockCounter::BlockCounter(const ElfImage& image, const Memory& memory, uint32_t code_begin,
                           uint32_t code_end, bool constant, std::function<CallState()> state,
                           BlockTimer* timer)
    : image_(image),
      memory_(memory),
      state_(std::move(state)),
      timer_(timer),
      base_(code_begin),
      table_size_((code_end - code_begin + 1) / 2),
      constant_(constant) {
  // calloc, because pages of the table that are never touched are then never allocated.
  table_.reset(static_cast<Block*>(std::calloc(std::max<size_t>(table_size_, 1), sizeof(Block))));
  if (!table_) throw std::runtime_error("not enough host memory for the block table");
}

BlockCounter::Block& BlockCounter::block_at(uint32_t address) {
  const uint32_t index = (address - base_) >> 1;
  return index < table_size_ ? table_.get()[index] : outside_[address];
}

void BlockCounter::begin(uint64_t max_instructions, bool cold) {
  if (timer_) timer_->begin(cold);
  if (measurement_ || measuring_ || measured_size_ != 0) {
    block_at(entry_state_.lr & ~1u).flags &= static_cast<uint8_t>(~kReturn);
  }
  if (stop_address_) block_at(*stop_address_).flags &= static_cast<uint8_t>(~kStop);
  stop_address_.reset();
  total_ = 0;
  limit_ = max_instructions;
  previous_begin_ = previous_end_ = 0;
  previous_calls_ = true;
  measured_begin_ = measured_size_ = 0;
  wanted_ = occurrences_ = 0;
  was_inside_ = measuring_ = false;
  paint_.reset();
  step_.reset();
  measurement_.reset();
}

void BlockCounter::measure(const Function& function, uint64_t occurrence) {
  measured_begin_ = function.address;
  measured_size_ = function.size;
  wanted_ = occurrence;
}

void BlockCounter::stop_at(uint32_t address) {
  stop_address_ = address;
  block_at(address).flags |= kStop;
}

void BlockCounter::forget_code() {
  for (const uint32_t address : known_) block_at(address).size = 0;
}

void BlockCounter::decode(Block& block, uint32_t address, uint32_t size) {
  const uint8_t* code = memory_.at(address, size);
  if (block.instructions == 0) known_.push_back(address);
  block.size = static_cast<uint16_t>(size);
  block.instructions = 0;
  block.ends_with_call = false;
  for (uint32_t offset = 0; offset + 2 <= size;) {
    const bool wide = is_wide(halfword(code + offset));
    block.instructions++;
    block.ends_with_call = offset + (wide ? 4 : 2) <= size && is_call(code + offset, wide);
    offset += wide ? 4 : 2;
  }
  if (timer_ && (block.timing == 0 || !timer_->is_for(block.timing, code, size)))
    block.timing = timer_->add(address, code, size);
  // A branch to itself never ends, since no interrupts are emulated.
  if (size == 2 && halfword(code) == 0xe7fe) block.flags |= kEndless;
  const Function* function = image_.function_at(address);
  if (function && function->address == address) block.flags |= kEntry;
}

BlockCounter::Event BlockCounter::notable(Block& block, uint32_t address, bool inside) {
  if (block.flags & kEndless) return Event::EndlessLoop;
  if (block.flags & kStop) return Event::Reached;
  const CallState state = state_();
  if (measuring_ && address == (entry_state_.lr & ~1u) && state.sp == entry_state_.sp)
    finish_measuring();
  if (inside != was_inside_) {
    was_inside_ = inside;
    if (inside) {
      if (step_ && address == step_->return_address && state.sp == step_->sp) {
        close_step();
      } else if (address == measured_begin_ && !measuring_ && ++occurrences_ == wanted_) {
        start_measuring(state);
      }
    } else if (measuring_ && !step_) {
      // Without a call it is a tail call, which returns where the measured function would have.
      step_ = OpenStep{
          image_.describe(address), previous_calls_ ? previous_end_ : 1, state.sp, total_, cycles(),
          memory_cycles()};
    }
  }
  if (measuring_ && (block.flags & kEntry)) count_call(address);
  return Event::None;
}

// A function whose first block is also the head of a loop is entered only by calls and from
// elsewhere.
void BlockCounter::count_call(uint32_t address) {
  const Function* function = image_.function_at(address);
  if (previous_calls_ || previous_begin_ - function->address >= function->size) calls_[address]++;
}

void BlockCounter::start_measuring(const CallState& state) {
  measuring_ = true;
  entry_state_ = state;
  start_ = total_;
  calls_.clear();
  for (const uint32_t known : known_) block_at(known).executions = 0;
  if (timer_) timer_->reset_counts();
  block_at(state.lr & ~1u).flags |= kReturn;
  measurement_ = Measurement();

  const uint32_t top = state.sp & ~3u;
  uint32_t limit = top > kStackGuess ? top - kStackGuess : 0;
  for (const Memory::Region& region : memory_.regions()) {
    if (top > region.origin && top - region.origin <= region.size)
      limit = std::max(limit, region.origin);
  }
  const Symbol* symbol = image_.symbol("__stack_limit");
  if (symbol && symbol->address < top && top - symbol->address <= kStackLimit)
    limit = symbol->address & ~3u;
  if (!memory_.find(limit, top - limit))
    throw std::runtime_error("the stack at " + hex(top) + " is not in memory");
  paint_.emplace(memory_, limit, top);
}

void BlockCounter::close_step() {
  measurement_->steps.push_back({std::move(step_->function), total_ - step_->start,
                                 cycles() - step_->start_cycles,
                                 memory_cycles() - step_->start_memory_cycles});
  step_.reset();
}

void BlockCounter::finish_measuring() {
  measuring_ = false;
  if (step_) close_step();
  measurement_->instructions = total_ - start_;
  measurement_->stack = paint_->used();

  std::map<std::string, FunctionCount> by_name;
  for (const uint32_t address : known_) {
    const Block& block = block_at(address);
    if (block.executions == 0) continue;
    const Function* function = image_.function_at(address);
    FunctionCount& count = by_name[function ? function->name : hex(address)];
    count.instructions += block.executions * block.instructions;
  }
  add_cycles(by_name);
  for (const auto& [address, calls] : calls_) by_name[image_.describe(address)].calls += calls;
  for (auto& [name, count] : by_name) {
    count.name = name;
    measurement_->functions.push_back(std::move(count));
  }
  std::stable_sort(measurement_->functions.begin(), measurement_->functions.end(),
                   [](const FunctionCount& a, const FunctionCount& b) {
                     return a.instructions > b.instructions;
                   });
}

void BlockCounter::add_cycles(std::map<std::string, FunctionCount>& functions) {
  if (!timer_) return;
  timer_->for_each([&](uint32_t address, const CycleCount& count) {
    functions[image_.describe(address)].cycles += count;
    measurement_->cycles += count;
  });
}

}  // namespace mcunet::emu
