// SPDX-License-Identifier: GPL-2.0-or-later
#include "profiler/emu/cortex_m4.h"

#include <array>
#include <cstring>

namespace mcunet::emu {
namespace {

// The refill after a taken branch takes 1 to 3 cycles; after a jump through memory always 3.
constexpr int kRefill = 2, kRefillThroughMemory = 3;
constexpr int kDivide = 7;  // 2 to 12, by the operands

constexpr uint8_t kNone = 0xff;

// What the instruction before means to the next one. Only bytes.
struct State {
  uint8_t loading = kNone;           // the register of a load that the next access may overlap
  uint8_t is_16_bit = 0;             // it can be folded with an IT instruction
  std::array<uint8_t, 2> results{};  // core registers written by data processing, as bits
  std::array<uint8_t, 4> fp_results{};

  State() = default;
  explicit State(const std::string& bytes) {
    if (bytes.size() == sizeof(State)) std::memcpy(this, bytes.data(), sizeof(State));
  }
  std::string bytes() const {
    return std::string(reinterpret_cast<const char*>(this), sizeof(State));
  }
};
static_assert(alignof(State) == 1, "no padding, whose bytes would be undefined");

bool is_single_load(Kind kind) {
  return kind == Kind::Load || kind == Kind::LoadNarrow || kind == Kind::LoadExclusive;
}

bool is_access(const Instruction& instruction) { return instruction.words > 0; }

bool is_fp_arithmetic(Kind kind) {
  return kind == Kind::FpArithmetic || kind == Kind::FpMultiply || kind == Kind::FpMultiplyAdd ||
         kind == Kind::FpDivide || kind == Kind::FpSquareRoot || kind == Kind::FpCompare;
}

template <size_t N>
bool has_bit(const std::array<uint8_t, N>& bits, int i) {
  return i >= 0 && static_cast<size_t>(i) < 8 * N &&
         (bits[static_cast<size_t>(i) / 8] >> i % 8 & 1) != 0;
}

template <size_t N>
void set_bit(std::array<uint8_t, N>& bits, int i) {
  if (i < 0 || static_cast<size_t>(i) >= 8 * N) return;
  uint8_t& byte = bits[static_cast<size_t>(i) / 8];
  byte = static_cast<uint8_t>(byte | 1 << i % 8);
}

bool reads_address(const Instruction& instruction, uint8_t reg) {
  for (const Read& read : instruction.reads) {
    if (read.role == Role::Address && read.reg == reg) return true;
  }
  return false;
}

// Without what depends on the instruction before.
int cycles_of(const Instruction& instruction) {
  switch (instruction.kind) {
    case Kind::Divide:
      return kDivide;
    case Kind::Load:
    case Kind::LoadNarrow:
    case Kind::LoadExclusive:
    case Kind::StoreExclusive:
      return 2;
    case Kind::Store:
      return instruction.has_index ? 2 : 1;
    case Kind::LoadDouble:
    case Kind::StoreDouble:
    case Kind::LoadMultiple:
    case Kind::StoreMultiple:
    case Kind::FpLoad:
    case Kind::FpStore:
    case Kind::FpLoadMultiple:
    case Kind::FpStoreMultiple:
      return 1 + instruction.words;
    case Kind::TableBranch:
      return 3;
    case Kind::System:
      return 2;
    case Kind::FpMultiplyAdd:
      return 3;
    case Kind::FpDivide:
    case Kind::FpSquareRoot:
      return 14;
    case Kind::FpMoveDouble:
      return 2;
    default:
      return 1;
  }
}

class Issue {
 public:
  explicit Issue(const std::string& entry) : state_(entry) {}

  void issue(const Instruction& instruction) {
    int cycles = cycles_of(instruction);
    int stall = 0;
    const bool single = is_single_load(instruction.kind) || instruction.kind == Kind::Store;
    if (single && state_.loading != kNone && !reads_address(instruction, state_.loading)) {
      cycles = 1;  // its address phase overlaps the data phase of the load before
    }
    if (instruction.kind == Kind::IfThen && state_.is_16_bit) cycles = 0;
    for (const Read& read : instruction.reads) {
      if (read.role == Role::Address && has_bit(state_.results, read.reg)) stall = 1;
      const bool fp = is_fp_arithmetic(instruction.kind);
      if (fp && has_bit(state_.fp_results, read.reg - kS0)) stall = 1;
    }
    if (stall) (is_access(instruction) ? passage_.stalls.other : passage_.stalls.fp)++;
    if (cycles > 1) passage_.stalls.busy += static_cast<uint64_t>(cycles - 1);
    if (cycles == 0) passage_.pairs++;
    passage_.cycles += static_cast<uint64_t>(cycles + stall);
    remember(instruction);
  }

  void refill(const Instruction& branch) {
    const int cycles = is_access(branch) ? kRefillThroughMemory : kRefill;
    passage_.cycles += static_cast<uint64_t>(cycles);
    passage_.stalls.branch += static_cast<uint64_t>(cycles);
    state_ = State();
  }

  Passage result() {
    passage_.exit = state_.bytes();
    return std::move(passage_);
  }

 private:
  void remember(const Instruction& instruction) {
    state_ = State();
    state_.is_16_bit = instruction.bytes == 2 && instruction.kind != Kind::IfThen;
    for (const Write& write : instruction.writes) {
      if (is_single_load(instruction.kind)) {
        if (!write.base_update) state_.loading = write.reg;
      } else if (is_fp_arithmetic(instruction.kind)) {
        set_bit(state_.fp_results, write.reg - kS0);
      } else if (!is_access(instruction) && write.reg < kPc) {
        set_bit(state_.results, write.reg);
      }
    }
  }

  State state_;
  Passage passage_;
};

}  // namespace

Passage CortexM4::pass(const std::vector<Instruction>& run, const std::string& entry,
                       bool taken) const {
  Issue issue(entry);
  for (const Instruction& instruction : run) issue.issue(instruction);
  if (taken && !run.empty() && run.back().flow != Flow::Next) issue.refill(run.back());
  return issue.result();
}

}  // namespace mcunet::emu
