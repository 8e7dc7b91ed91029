// SPDX-License-Identifier: GPL-2.0-or-later
#include "profiler/emu/cortex_m7.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace mcunet::emu {
namespace {

// What an instruction occupies in the cycle of its issue.
struct Units {
  uint8_t loads = 0, stores = 0, multipliers = 0, shifters = 0, simd = 0, branches = 0;
  uint8_t fp_pipes = 0, fp_ports = 0;

  friend Units operator+(const Units& a, const Units& b) {
    Units sum;
    sum.loads = static_cast<uint8_t>(a.loads + b.loads);
    sum.stores = static_cast<uint8_t>(a.stores + b.stores);
    sum.multipliers = static_cast<uint8_t>(a.multipliers + b.multipliers);
    sum.shifters = static_cast<uint8_t>(a.shifters + b.shifters);
    sum.simd = static_cast<uint8_t>(a.simd + b.simd);
    sum.branches = static_cast<uint8_t>(a.branches + b.branches);
    sum.fp_pipes = static_cast<uint8_t>(a.fp_pipes + b.fp_pipes);
    sum.fp_ports = static_cast<uint8_t>(a.fp_ports + b.fp_ports);
    return sum;
  }
  bool exist() const {
    return loads <= 2 && stores <= 1 && multipliers <= 1 && shifters <= 1 && simd <= 1 &&
           branches <= 1 && fp_pipes <= 1 && fp_ports <= 2;
  }
};

struct Rule {
  Units units;
  int latency = 1;
  int issue_cycles = 1;     // until the next instruction may be issued
  bool alone = false;       // never one of a pair
  bool older_only = false;  // never the younger of a pair
};

Units unit(uint8_t Units::*which, uint8_t count = 1) {
  Units units;
  units.*which = count;
  return units;
}

int transfer_cycles(const Instruction& instruction) {
  return std::max(1, (instruction.words + 1) / 2);
}

// Instructions that keep others out for a while, and then have the latency of simple ones.
Rule blocking(Units units, int issue_cycles, int latency_after) {
  Rule rule;
  rule.units = units;
  rule.issue_cycles = issue_cycles;
  rule.latency = issue_cycles - 1 + latency_after;
  return rule;
}

Rule fp_rule(const Instruction& instruction, int single_latency, int single_cycles,
             int double_cycles) {
  Units units = unit(&Units::fp_pipes);
  units.fp_ports = instruction.is_double ? 2 : 1;
  const int cycles = instruction.is_double ? double_cycles : single_cycles;
  Rule rule = blocking(units, cycles, instruction.is_double ? 3 : single_latency);
  rule.older_only = instruction.is_double;
  return rule;
}

Rule rule_of(const Instruction& instruction) {
  Rule rule;
  switch (instruction.kind) {
    case Kind::Alu:
    case Kind::IfThen:
    case Kind::Nop:
      return rule;
    case Kind::AluRotated:
    case Kind::AluShifted:
    case Kind::MoveShifted:
    case Kind::Shift:
    case Kind::RotateExtend:
      rule.units = unit(&Units::shifters);
      return rule;
    case Kind::BitFieldInsert:
      rule.units = unit(&Units::shifters);
      rule.older_only = true;
      return rule;
    case Kind::CountZeros:
      rule.older_only = true;
      return rule;
    case Kind::Extend:
    case Kind::Parallel:
      rule.units = unit(&Units::simd);
      rule.older_only = true;
      return rule;
    case Kind::ParallelSaturating:
      rule.units = unit(&Units::simd);
      rule.older_only = true;
      rule.latency = 2;
      return rule;
    case Kind::ExtendAdd:
    case Kind::BitFieldExtract:
    case Kind::Saturate:
    case Kind::Reverse:
      rule.units = unit(&Units::simd) + unit(&Units::shifters);
      rule.older_only = true;
      rule.latency = instruction.kind == Kind::Saturate  ? 2
                     : instruction.kind == Kind::Reverse ? 0
                                                         : 1;
      return rule;
    case Kind::Multiply:
      rule.units = unit(&Units::multipliers);
      rule.latency = 2;
      return rule;
    case Kind::Divide:
      rule = blocking({}, 7, 1);
      rule.alone = true;
      return rule;
    case Kind::Load:
      rule.units = unit(&Units::loads);
      return rule;
    case Kind::LoadNarrow:
      rule.units = unit(&Units::loads);
      rule.latency = 2;
      return rule;
    case Kind::LoadExclusive:
      rule.units = unit(&Units::loads);
      rule.latency = 2;
      rule.older_only = true;
      return rule;
    case Kind::LoadDouble:
    case Kind::StoreDouble:
    case Kind::StoreExclusive:
    case Kind::System:
      rule.alone = true;
      return rule;
    // The words of a pair arrive together, see latency_of().
    case Kind::LoadMultiple:
    case Kind::StoreMultiple:
    case Kind::FpLoadMultiple:
    case Kind::FpStoreMultiple:
      rule.alone = true;
      rule.issue_cycles = transfer_cycles(instruction);
      return rule;
    case Kind::TableBranch:
      rule.alone = true;
      rule.issue_cycles = 2;
      return rule;
    case Kind::Store:
      rule.units = unit(&Units::stores);
      return rule;
    case Kind::Branch:
      rule.units = unit(&Units::branches);
      return rule;
    case Kind::FpLoad:
      rule.units = unit(&Units::loads) + unit(&Units::fp_ports);
      rule.alone = instruction.is_double;
      rule.latency = instruction.is_double ? 2 : 1;
      return rule;
    case Kind::FpStore:
      rule.units = unit(&Units::stores) + unit(&Units::fp_ports);
      rule.alone = instruction.is_double;
      return rule;
    case Kind::FpArithmetic:
      return fp_rule(instruction, 3, 1, 2);
    case Kind::FpMultiply:
      return fp_rule(instruction, 3, 1, 3);
    case Kind::FpMultiplyAdd:
      return fp_rule(instruction, 5, 1, 4);
    case Kind::FpDivide:
    case Kind::FpSquareRoot:
      return fp_rule(instruction, 3, 14, 28);
    case Kind::FpCompare:
      rule = fp_rule(instruction, 0, 1, 1);
      rule.latency = 0;
      return rule;
    case Kind::FpSelect:
      rule = fp_rule(instruction, 3, 1, 2);
      rule.older_only = true;
      return rule;
    case Kind::FpMove:
      rule.units = unit(&Units::fp_ports, instruction.is_double ? 2 : 1);
      rule.latency = 3;
      rule.older_only = instruction.is_double;
      return rule;
    case Kind::FpMoveDouble:
      rule.units = unit(&Units::fp_ports, 2);
      rule.latency = 3;
      rule.alone = true;
      return rule;
    case Kind::FpStatus:
      rule.units = unit(&Units::fp_pipes);
      rule.alone = true;
      return rule;
  }
  return rule;
}

int latency_of(const Instruction& instruction, const Rule& rule, const Write& write) {
  if (write.base_update) return 0;  // forwarded from EX1
  const bool several =
      instruction.kind == Kind::LoadMultiple || instruction.kind == Kind::FpLoadMultiple;
  return rule.latency + (several ? write.index / 2 : 0);
}

// Who will write a register, as far as it matters to a reader.
enum class Producer : uint8_t { None, WordLoad, OtherLoad, Multiply, Fp, Other };

Producer producer_of(const Instruction& instruction, const Write& write) {
  if (write.base_update) return Producer::Other;
  switch (instruction.kind) {
    case Kind::Load:
    case Kind::LoadDouble:
    case Kind::LoadMultiple:
      return Producer::WordLoad;
    case Kind::LoadNarrow:
    case Kind::LoadExclusive:
    case Kind::FpLoad:
    case Kind::FpLoadMultiple:
      return Producer::OtherLoad;
    case Kind::Multiply:
      return Producer::Multiply;
    case Kind::FpArithmetic:
    case Kind::FpMultiply:
    case Kind::FpMultiplyAdd:
    case Kind::FpDivide:
    case Kind::FpSquareRoot:
    case Kind::FpCompare:
    case Kind::FpSelect:
    case Kind::FpMove:
    case Kind::FpMoveDouble:
    case Kind::FpStatus:
      return Producer::Fp;
    default:
      return Producer::Other;
  }
}

// Earlier than this nobody can ask: the next instruction is issued in cycle 0 at the earliest, and
// may read one cycle before.
constexpr int kReady = -1;

// Everything under way, relative to the cycle of the last issue. Only bytes, so that it can be
// compared and kept as a string.
struct State {
  std::array<int8_t, kRegisterCount> ready;
  std::array<Producer, kRegisterCount> producer;
  // The instruction issued last, while another may join it.
  uint8_t open = 0;
  Units units;
  std::array<uint8_t, (kRegisterCount + 7) / 8> written{};
  uint8_t loads_known = 0;  // it loads from a known offset
  uint8_t load_base = 0, load_bank = 0;

  State() {
    ready.fill(kReady);
    producer.fill(Producer::None);
  }
  explicit State(const std::string& bytes) : State() {
    if (bytes.size() == sizeof(State)) std::memcpy(this, bytes.data(), sizeof(State));
  }
  std::string bytes() const {
    return std::string(reinterpret_cast<const char*>(this), sizeof(State));
  }
};
static_assert(alignof(State) == 1, "no padding, whose bytes would be undefined");

bool loads_from_known(const Instruction& instruction) {
  return instruction.has_offset &&
         (instruction.kind == Kind::Load || instruction.kind == Kind::LoadNarrow ||
          instruction.kind == Kind::FpLoad);
}

uint8_t bank(const Instruction& instruction) {
  return static_cast<uint8_t>(static_cast<uint32_t>(instruction.offset) >> 2 & 1);
}

class Issue {
 public:
  explicit Issue(const std::string& entry) : state_(entry) {}

  void issue(const Instruction& instruction) {
    const Rule rule = rule_of(instruction);
    int operands = kReady;
    Producer last = Producer::None;
    for (const Read& read : instruction.reads) {
      const int needed = state_.ready[read.reg] - late(read);
      if (needed > operands) {
        operands = needed;
        last = state_.producer[read.reg];
      }
    }
    const bool joins = operands <= 0 && may_join(instruction, rule);
    const int cycle = joins ? 0 : std::max(1, operands);
    if (!joins) wait(cycle - 1, last);
    passage_.pairs += joins;
    passage_.stalls.busy += static_cast<uint64_t>(rule.issue_cycles - 1);

    if (joins) {
      state_.open = 0;
    } else {
      open(instruction, rule);
    }
    for (const Write& write : instruction.writes) {
      if (write.reg == kPc) continue;
      state_.ready[write.reg] = static_cast<int8_t>(cycle + latency_of(instruction, rule, write));
      state_.producer[write.reg] = producer_of(instruction, write);
    }
    advance(cycle + rule.issue_cycles - 1);
  }

  // A taken branch ends the cycle: what it leads to is fetched for the next.
  void end_cycle() { state_.open = 0; }

  Passage result() {
    if (!state_.open) {
      state_.units = Units();
      state_.written.fill(0);
      state_.loads_known = state_.load_base = state_.load_bank = 0;
    }
    passage_.exit = state_.bytes();
    return std::move(passage_);
  }

 private:
  int late(const Read& read) const {
    switch (read.role) {
      case Role::Address:
      case Role::Shifted:
        return -1;
      case Role::BesideShifted:
        return state_.producer[read.reg] == Producer::WordLoad ? -1 : 0;
      case Role::StoreData:
      case Role::Accumulator:
        return 1;
      case Role::FpStoreData:
      case Role::FpAccumulator:
        return 2;
      case Role::Plain:
        break;
    }
    return 0;
  }

  bool may_join(const Instruction& instruction, const Rule& rule) const {
    if (!state_.open || rule.alone || rule.older_only || !(state_.units + rule.units).exist())
      return false;
    for (const Write& write : instruction.writes) {
      // Flags are forwarded from either instruction.
      const bool flags = write.reg == kFlags || write.reg == kGe;
      if (!flags && (state_.written[write.reg / 8] >> write.reg % 8 & 1)) return false;
    }
    return !(state_.loads_known && loads_from_known(instruction) &&
             state_.load_base == instruction.base && state_.load_bank == bank(instruction));
  }

  void open(const Instruction& instruction, const Rule& rule) {
    state_.open = !rule.alone && rule.issue_cycles == 1;
    state_.units = rule.units;
    state_.written.fill(0);
    for (const Write& write : instruction.writes) {
      state_.written[write.reg / 8] =
          static_cast<uint8_t>(state_.written[write.reg / 8] | 1 << write.reg % 8);
    }
    state_.loads_known = loads_from_known(instruction);
    state_.load_base = state_.loads_known ? instruction.base : uint8_t{0};
    state_.load_bank = state_.loads_known ? bank(instruction) : uint8_t{0};
  }

  void wait(int cycles, Producer producer) {
    uint64_t& stall = producer == Producer::WordLoad || producer == Producer::OtherLoad
                          ? passage_.stalls.load
                      : producer == Producer::Multiply ? passage_.stalls.multiply
                      : producer == Producer::Fp       ? passage_.stalls.fp
                                                       : passage_.stalls.other;
    stall += static_cast<uint64_t>(cycles);
  }

  void advance(int cycles) {
    passage_.cycles += static_cast<uint64_t>(cycles);
    for (size_t i = 0; i < state_.ready.size(); i++) {
      if (state_.ready[i] <= kReady) continue;
      state_.ready[i] = static_cast<int8_t>(std::max(kReady, state_.ready[i] - cycles));
      if (state_.ready[i] == kReady) state_.producer[i] = Producer::None;
    }
  }

  State state_;
  Passage passage_;
};

}  // namespace

Passage CortexM7::pass(const std::vector<Instruction>& run, const std::string& entry,
                       bool taken) const {
  Issue issue(entry);
  for (const Instruction& instruction : run) issue.issue(instruction);
  if (taken && !run.empty() && run.back().flow != Flow::Next) issue.end_cycle();
  return issue.result();
}

}  // namespace mcunet::emu
