// SPDX-License-Identifier: GPL-2.0-or-later
// What timing rules need to know of an instruction: which registers it reads and writes, in which
// role, and what kind of work it is. How long that takes is for the core to say (pipeline.h).
#pragma once

#include <cstdint>
#include <vector>

namespace mcunet::emu {

// Registers by number: r0 to r15, condition flags, the GE flags of parallel additions, FPSCR flags,
// s0 to s31. A double is two singles.
constexpr int kSp = 13, kLr = 14, kPc = 15, kFlags = 16, kGe = 17, kFpFlags = 18, kS0 = 19;
constexpr int kRegisterCount = kS0 + 32;

enum class Kind : uint8_t {
  Alu,                 // also moves and compares
  AluRotated,          // with an immediate that needs rotation
  AluShifted,          // with a shifted second operand
  MoveShifted,         // MVN of a shifted operand
  Shift,               // LSL, LSR, ASR, ROR
  RotateExtend,        // RRX
  BitFieldInsert,      // BFI, BFC
  BitFieldExtract,     // SBFX, UBFX
  CountZeros,          // CLZ
  Reverse,             // REV, RBIT
  Extend,              // SXTB, UXTH, SXTB16, ...
  ExtendAdd,           // SXTAB, ...; PKHBT, PKHTB
  Parallel,            // SADD16, UHSUB8, ...; SEL
  ParallelSaturating,  // QADD, QADD16, ...; USAD8, USADA8
  Saturate,            // SSAT, USAT, QDADD, QDSUB
  Multiply,            // with and without accumulation, of all widths
  Divide,
  Load,  // of a word, also PLD
  LoadNarrow,
  LoadDouble,
  LoadMultiple,
  LoadExclusive,
  TableBranch,
  Store,
  StoreDouble,
  StoreMultiple,
  StoreExclusive,
  Branch,
  IfThen,
  Nop,
  System,  // MRS, MSR, barriers, SVC, BKPT, CPS, ...
  FpLoad,
  FpStore,
  FpLoadMultiple,
  FpStoreMultiple,
  FpArithmetic,   // VADD, VSUB, VCVT, VABS, ...
  FpMultiply,     // VMUL, VNMUL
  FpMultiplyAdd,  // VFMA, VMLA, ...
  FpDivide,
  FpSquareRoot,
  FpCompare,
  FpSelect,
  FpMove,        // within the FPU, to and from a core register
  FpMoveDouble,  // two core registers at once
  FpStatus,      // VMRS, VMSR
};

enum class Role : uint8_t {
  Plain,
  Address,        // base or index of an access
  Shifted,        // goes through the shifter first
  BesideShifted,  // the other operand of such an instruction
  StoreData,
  FpStoreData,
  Accumulator,  // of an integer multiplication or sum
  FpAccumulator,
};

// Where the execution may go after the instruction.
enum class Flow : uint8_t {
  Next,
  Jump,                 // to a fixed address
  Conditional,          // likewise, or on
  Indirect,             // to an address from a register or memory
  ConditionalIndirect,  // likewise, or on
};

struct Read {
  uint8_t reg;
  Role role;
};

struct Write {
  uint8_t reg;
  uint8_t index = 0;         // of the word, in a load of several
  bool base_update = false;  // an address register that the access advances
};

struct Instruction {
  uint32_t address = 0;
  uint8_t bytes = 0;
  Kind kind = Kind::Alu;
  Flow flow = Flow::Next;
  uint8_t words = 0;       // moved to or from memory
  bool is_double = false;  // double-precision arithmetic, or a load or store of a double
  // Where a load reads, as far as that is known: base + offset; kPc with an absolute address.
  bool has_offset = false;
  uint8_t base = 0;
  int32_t offset = 0;
  bool has_index = false;  // the address has a register as offset
  std::vector<Read> reads;
  std::vector<Write> writes;
};

}  // namespace mcunet::emu
