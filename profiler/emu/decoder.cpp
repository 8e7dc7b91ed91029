// SPDX-License-Identifier: GPL-2.0-or-later
#include "profiler/emu/decoder.h"

#include <capstone/capstone.h>

#include <memory>
#include <stdexcept>
#include <utility>

namespace mcunet::emu {
namespace {

Kind kind_of(unsigned id) {
  switch (id) {
    case ARM_INS_LSL:
    case ARM_INS_LSR:
    case ARM_INS_ASR:
    case ARM_INS_ROR:
      return Kind::Shift;
    case ARM_INS_RRX:
      return Kind::RotateExtend;
    case ARM_INS_BFI:
    case ARM_INS_BFC:
      return Kind::BitFieldInsert;
    case ARM_INS_SBFX:
    case ARM_INS_UBFX:
      return Kind::BitFieldExtract;
    case ARM_INS_CLZ:
      return Kind::CountZeros;
    case ARM_INS_REV:
    case ARM_INS_REV16:
    case ARM_INS_REVSH:
    case ARM_INS_RBIT:
      return Kind::Reverse;
    case ARM_INS_SXTB:
    case ARM_INS_SXTH:
    case ARM_INS_SXTB16:
    case ARM_INS_UXTB:
    case ARM_INS_UXTH:
    case ARM_INS_UXTB16:
      return Kind::Extend;
    case ARM_INS_SXTAB:
    case ARM_INS_SXTAH:
    case ARM_INS_SXTAB16:
    case ARM_INS_UXTAB:
    case ARM_INS_UXTAH:
    case ARM_INS_UXTAB16:
    case ARM_INS_PKHBT:
    case ARM_INS_PKHTB:
      return Kind::ExtendAdd;
    case ARM_INS_SADD16:
    case ARM_INS_SADD8:
    case ARM_INS_SASX:
    case ARM_INS_SSAX:
    case ARM_INS_SSUB16:
    case ARM_INS_SSUB8:
    case ARM_INS_UADD16:
    case ARM_INS_UADD8:
    case ARM_INS_UASX:
    case ARM_INS_USAX:
    case ARM_INS_USUB16:
    case ARM_INS_USUB8:
    case ARM_INS_SHADD16:
    case ARM_INS_SHADD8:
    case ARM_INS_SHASX:
    case ARM_INS_SHSAX:
    case ARM_INS_SHSUB16:
    case ARM_INS_SHSUB8:
    case ARM_INS_UHADD16:
    case ARM_INS_UHADD8:
    case ARM_INS_UHASX:
    case ARM_INS_UHSAX:
    case ARM_INS_UHSUB16:
    case ARM_INS_UHSUB8:
    case ARM_INS_SEL:
      return Kind::Parallel;
    case ARM_INS_QADD:
    case ARM_INS_QSUB:
    case ARM_INS_QADD16:
    case ARM_INS_QADD8:
    case ARM_INS_QASX:
    case ARM_INS_QSAX:
    case ARM_INS_QSUB16:
    case ARM_INS_QSUB8:
    case ARM_INS_UQADD16:
    case ARM_INS_UQADD8:
    case ARM_INS_UQASX:
    case ARM_INS_UQSAX:
    case ARM_INS_UQSUB16:
    case ARM_INS_UQSUB8:
    case ARM_INS_USAD8:
    case ARM_INS_USADA8:
      return Kind::ParallelSaturating;
    case ARM_INS_SSAT:
    case ARM_INS_USAT:
    case ARM_INS_SSAT16:
    case ARM_INS_USAT16:
    case ARM_INS_QDADD:
    case ARM_INS_QDSUB:
      return Kind::Saturate;
    case ARM_INS_MUL:
    case ARM_INS_MLA:
    case ARM_INS_MLS:
    case ARM_INS_SMLABB:
    case ARM_INS_SMLABT:
    case ARM_INS_SMLATB:
    case ARM_INS_SMLATT:
    case ARM_INS_SMLAWB:
    case ARM_INS_SMLAWT:
    case ARM_INS_SMULBB:
    case ARM_INS_SMULBT:
    case ARM_INS_SMULTB:
    case ARM_INS_SMULTT:
    case ARM_INS_SMULWB:
    case ARM_INS_SMULWT:
    case ARM_INS_SMLAD:
    case ARM_INS_SMLADX:
    case ARM_INS_SMLSD:
    case ARM_INS_SMLSDX:
    case ARM_INS_SMUAD:
    case ARM_INS_SMUADX:
    case ARM_INS_SMUSD:
    case ARM_INS_SMUSDX:
    case ARM_INS_SMMLA:
    case ARM_INS_SMMLAR:
    case ARM_INS_SMMLS:
    case ARM_INS_SMMLSR:
    case ARM_INS_SMMUL:
    case ARM_INS_SMMULR:
    case ARM_INS_SMULL:
    case ARM_INS_UMULL:
    case ARM_INS_SMLAL:
    case ARM_INS_UMLAL:
    case ARM_INS_UMAAL:
    case ARM_INS_SMLALBB:
    case ARM_INS_SMLALBT:
    case ARM_INS_SMLALTB:
    case ARM_INS_SMLALTT:
    case ARM_INS_SMLALD:
    case ARM_INS_SMLALDX:
    case ARM_INS_SMLSLD:
    case ARM_INS_SMLSLDX:
      return Kind::Multiply;
    case ARM_INS_SDIV:
    case ARM_INS_UDIV:
      return Kind::Divide;
    case ARM_INS_LDR:
    case ARM_INS_LDRT:
    case ARM_INS_PLD:
    case ARM_INS_PLDW:
    case ARM_INS_PLI:
      return Kind::Load;
    case ARM_INS_LDRB:
    case ARM_INS_LDRBT:
    case ARM_INS_LDRH:
    case ARM_INS_LDRHT:
    case ARM_INS_LDRSB:
    case ARM_INS_LDRSBT:
    case ARM_INS_LDRSH:
    case ARM_INS_LDRSHT:
      return Kind::LoadNarrow;
    case ARM_INS_LDRD:
      return Kind::LoadDouble;
    case ARM_INS_LDM:
    case ARM_INS_LDMDB:
    case ARM_INS_POP:
      return Kind::LoadMultiple;
    case ARM_INS_LDREX:
    case ARM_INS_LDREXB:
    case ARM_INS_LDREXH:
      return Kind::LoadExclusive;
    case ARM_INS_TBB:
    case ARM_INS_TBH:
      return Kind::TableBranch;
    case ARM_INS_STR:
    case ARM_INS_STRT:
    case ARM_INS_STRB:
    case ARM_INS_STRBT:
    case ARM_INS_STRH:
    case ARM_INS_STRHT:
      return Kind::Store;
    case ARM_INS_STRD:
      return Kind::StoreDouble;
    case ARM_INS_STM:
    case ARM_INS_STMDB:
    case ARM_INS_PUSH:
      return Kind::StoreMultiple;
    case ARM_INS_STREX:
    case ARM_INS_STREXB:
    case ARM_INS_STREXH:
      return Kind::StoreExclusive;
    case ARM_INS_B:
    case ARM_INS_BL:
    case ARM_INS_BX:
    case ARM_INS_BLX:
    case ARM_INS_CBZ:
    case ARM_INS_CBNZ:
      return Kind::Branch;
    case ARM_INS_IT:
      return Kind::IfThen;
    case ARM_INS_NOP:
      return Kind::Nop;
    case ARM_INS_MRS:
    case ARM_INS_MSR:
    case ARM_INS_DMB:
    case ARM_INS_DSB:
    case ARM_INS_ISB:
    case ARM_INS_SVC:
    case ARM_INS_BKPT:
    case ARM_INS_CPS:
    case ARM_INS_CLREX:
    case ARM_INS_UDF:
    case ARM_INS_WFE:
    case ARM_INS_WFI:
    case ARM_INS_SEV:
    case ARM_INS_YIELD:
    case ARM_INS_HINT:
    case ARM_INS_DBG:
      return Kind::System;
    case ARM_INS_VLDR:
      return Kind::FpLoad;
    case ARM_INS_VSTR:
      return Kind::FpStore;
    case ARM_INS_VLDMIA:
    case ARM_INS_VLDMDB:
    case ARM_INS_VPOP:
      return Kind::FpLoadMultiple;
    case ARM_INS_VSTMIA:
    case ARM_INS_VSTMDB:
    case ARM_INS_VPUSH:
      return Kind::FpStoreMultiple;
    case ARM_INS_VMUL:
    case ARM_INS_VNMUL:
      return Kind::FpMultiply;
    case ARM_INS_VFMA:
    case ARM_INS_VFMS:
    case ARM_INS_VFNMA:
    case ARM_INS_VFNMS:
    case ARM_INS_VMLA:
    case ARM_INS_VMLS:
    case ARM_INS_VNMLA:
    case ARM_INS_VNMLS:
      return Kind::FpMultiplyAdd;
    case ARM_INS_VDIV:
      return Kind::FpDivide;
    case ARM_INS_VSQRT:
      return Kind::FpSquareRoot;
    case ARM_INS_VCMP:
    case ARM_INS_VCMPE:
      return Kind::FpCompare;
    case ARM_INS_VSELEQ:
    case ARM_INS_VSELGE:
    case ARM_INS_VSELGT:
    case ARM_INS_VSELVS:
      return Kind::FpSelect;
    case ARM_INS_VMOV:
      return Kind::FpMove;
    case ARM_INS_VMRS:
    case ARM_INS_VMSR:
      return Kind::FpStatus;
    case ARM_INS_VADD:
    case ARM_INS_VSUB:
    case ARM_INS_VABS:
    case ARM_INS_VNEG:
    case ARM_INS_VCVT:
    case ARM_INS_VCVTR:
    case ARM_INS_VCVTA:
    case ARM_INS_VCVTB:
    case ARM_INS_VCVTT:
    case ARM_INS_VCVTM:
    case ARM_INS_VCVTN:
    case ARM_INS_VCVTP:
    case ARM_INS_VRINTA:
    case ARM_INS_VRINTM:
    case ARM_INS_VRINTN:
    case ARM_INS_VRINTP:
    case ARM_INS_VRINTR:
    case ARM_INS_VRINTX:
    case ARM_INS_VRINTZ:
    case ARM_INS_VMAXNM:
    case ARM_INS_VMINNM:
      return Kind::FpArithmetic;
    default:
      return Kind::Alu;
  }
}

// Of one operand only: a form with two operands does not read the first.
bool is_unary(unsigned id) {
  switch (id) {
    case ARM_INS_MOV:
    case ARM_INS_MVN:
    case ARM_INS_MOVW:
    case ARM_INS_ADR:
    case ARM_INS_RRX:
      return true;
    default:
      return false;
  }
}

bool only_reads(unsigned id) {
  return id == ARM_INS_CMP || id == ARM_INS_CMN || id == ARM_INS_TST || id == ARM_INS_TEQ;
}

// Multiplications whose result is a pair of registers, and those among them that add to it.
bool is_long(unsigned id) {
  switch (id) {
    case ARM_INS_SMULL:
    case ARM_INS_UMULL:
    case ARM_INS_SMLAL:
    case ARM_INS_UMLAL:
    case ARM_INS_UMAAL:
    case ARM_INS_SMLALBB:
    case ARM_INS_SMLALBT:
    case ARM_INS_SMLALTB:
    case ARM_INS_SMLALTT:
    case ARM_INS_SMLALD:
    case ARM_INS_SMLALDX:
    case ARM_INS_SMLSLD:
    case ARM_INS_SMLSLDX:
      return true;
    default:
      return false;
  }
}

uint16_t halfword(const uint8_t* code) { return static_cast<uint16_t>(code[0] | code[1] << 8); }

// A modified immediate constant (Arm ARM A5.3.2) that is neither 8 bits nor copies of 8 bits.
bool has_rotated_immediate(const cs_insn& insn) {
  if (insn.size != 4) return false;
  const unsigned first = halfword(insn.bytes), second = halfword(insn.bytes + 2);
  const bool modified = (first & 0xfa00) == 0xf000 && (second & 0x8000) == 0;
  return modified && ((first & 0x0400) != 0 || (second & 0x4000) != 0);
}

// Translates one instruction; Capstone's own lists of registers read and written have gaps.
class Translation {
 public:
  explicit Translation(const cs_insn& insn) : insn_(insn), arm_(insn.detail->arm) {
    out_.address = static_cast<uint32_t>(insn.address);
    out_.bytes = static_cast<uint8_t>(insn.size);
    out_.kind = kind_of(insn.id);
  }

  Instruction result() {
    operands();
    if (arm_.cc != ARM_CC_AL && arm_.cc != ARM_CC_INVALID && out_.kind != Kind::IfThen &&
        out_.kind != Kind::Branch)
      read(kFlags, Role::Plain);
    if (arm_.update_flags) write(kFlags);
    flow();
    return std::move(out_);
  }

 private:
  bool is_reg(int i) const { return i < arm_.op_count && arm_.operands[i].type == ARM_OP_REG; }
  unsigned reg(int i) const { return static_cast<unsigned>(arm_.operands[i].reg); }
  static bool is_fp(unsigned reg) {
    return (reg >= ARM_REG_S0 && reg <= ARM_REG_S31) || (reg >= ARM_REG_D0 && reg <= ARM_REG_D15);
  }
  static bool is_fp_double(unsigned reg) { return reg >= ARM_REG_D0 && reg <= ARM_REG_D15; }

  void read(int number, Role role) { out_.reads.push_back({static_cast<uint8_t>(number), role}); }
  void write(int number, int index = 0, bool base_update = false) {
    out_.writes.push_back({static_cast<uint8_t>(number), static_cast<uint8_t>(index), base_update});
  }
  // Calls f with the numbers of the registers that Capstone's register stands for.
  template <typename F>
  static void each(unsigned reg, F f) {
    if (reg >= ARM_REG_R0 && reg <= ARM_REG_R12) {
      f(static_cast<int>(reg - ARM_REG_R0));
    } else if (reg >= ARM_REG_S0 && reg <= ARM_REG_S31) {
      f(kS0 + static_cast<int>(reg - ARM_REG_S0));
    } else if (is_fp_double(reg)) {
      f(kS0 + 2 * static_cast<int>(reg - ARM_REG_D0));
      f(kS0 + 2 * static_cast<int>(reg - ARM_REG_D0) + 1);
    } else if (reg == ARM_REG_SP) {
      f(kSp);
    } else if (reg == ARM_REG_LR) {
      f(kLr);
    } else if (reg == ARM_REG_PC) {
      f(kPc);
    } else if (reg == ARM_REG_APSR || reg == ARM_REG_APSR_NZCV || reg == ARM_REG_CPSR) {
      f(kFlags);
    } else if (reg == ARM_REG_FPSCR || reg == ARM_REG_FPSCR_NZCV) {
      f(kFpFlags);
    }
  }
  // The program counter is always there.
  void read_operand(int i, Role role) {
    if (!is_reg(i)) return;
    each(reg(i), [&](int number) {
      if (number != kPc) read(number, role);
    });
  }
  void write_operand(int i, int index = 0) {
    if (!is_reg(i)) return;
    each(reg(i), [&](int number) { write(number, index); });
  }
  void read_rest(int first, Role role) {
    for (int i = first; i < arm_.op_count; i++) read_operand(i, role);
  }

  void operands();
  void alu();
  void multiply();
  void access(bool load, int registers);
  void multiple(bool load);
  void address(const arm_op_mem& memory);
  void fp();
  void flow();

  const cs_insn& insn_;
  const cs_arm& arm_;
  Instruction out_;
};

void Translation::operands() {
  switch (out_.kind) {
    case Kind::Alu:
    case Kind::Shift:
    case Kind::RotateExtend:
      return alu();
    case Kind::BitFieldInsert:
      write_operand(0);
      return read_rest(0, Role::Plain);
    case Kind::BitFieldExtract:
    case Kind::Reverse:
    case Kind::Saturate:
      write_operand(0);
      return read_rest(1, Role::Shifted);
    case Kind::ExtendAdd:
      write_operand(0);
      // Forms with two operands add to the destination.
      read_operand(is_reg(2) ? 1 : 0, Role::Plain);
      return read_operand(is_reg(2) ? 2 : 1, Role::Shifted);
    case Kind::CountZeros:
    case Kind::Extend:
    case Kind::Divide:
      write_operand(0);
      return read_rest(1, Role::Plain);
    case Kind::Parallel:
      write_operand(0);
      read_rest(is_reg(2) ? 1 : 0, Role::Plain);
      if (insn_.id == ARM_INS_SEL) {
        read(kGe, Role::Plain);
      } else {
        write(kGe);  // the halving forms leave them alone, and nobody notices
      }
      return;
    case Kind::ParallelSaturating:
      write_operand(0);
      read_operand(1, Role::Plain);
      read_operand(2, Role::Plain);
      return read_operand(3, Role::Accumulator);
    case Kind::Multiply:
      return multiply();
    case Kind::Load:
    case Kind::LoadNarrow:
    case Kind::LoadExclusive:
      return access(true, is_reg(0) ? 1 : 0);
    case Kind::LoadDouble:
      return access(true, 2);
    case Kind::Store:
      return access(false, 1);
    case Kind::StoreDouble:
      return access(false, 2);
    case Kind::StoreExclusive:
      write_operand(0);
      read_operand(1, Role::StoreData);
      out_.words = 1;
      return address(arm_.operands[arm_.op_count - 1].mem);
    case Kind::LoadMultiple:
    case Kind::FpLoadMultiple:
      return multiple(true);
    case Kind::StoreMultiple:
    case Kind::FpStoreMultiple:
      return multiple(false);
    case Kind::TableBranch:
      out_.words = 1;
      return address(arm_.operands[0].mem);
    case Kind::Branch:
      // A predicted branch does not wait for what decides it.
      if (insn_.id == ARM_INS_BL || insn_.id == ARM_INS_BLX) write(kLr);
      return;
    case Kind::System:
      if (insn_.id == ARM_INS_MRS) write_operand(0);
      if (insn_.id == ARM_INS_MSR) read_rest(0, Role::Plain);
      return;
    case Kind::IfThen:
    case Kind::Nop:
      return;
    default:
      return fp();
  }
}

void Translation::alu() {
  const bool moves = is_unary(insn_.id), compares = only_reads(insn_.id);
  if (!compares) write_operand(0);
  bool shifted = false;
  for (int i = 0; i < arm_.op_count; i++)
    shifted = shifted || (is_reg(i) && arm_.operands[i].shift.type != ARM_SFT_INVALID);
  if (out_.kind == Kind::Alu) {
    if (shifted) out_.kind = moves ? Kind::MoveShifted : Kind::AluShifted;
    if (has_rotated_immediate(insn_)) out_.kind = Kind::AluRotated;
  }
  // `adds r0, r1` stands for `adds r0, r0, r1`; MOVT keeps half of its destination.
  const bool reads_first = compares || (!moves && (arm_.op_count == 2 || insn_.id == ARM_INS_MOVT));
  for (int i = reads_first ? 0 : 1; i < arm_.op_count; i++) {
    if (!is_reg(i)) continue;
    const bool through_shifter = arm_.operands[i].shift.type != ARM_SFT_INVALID;
    read_operand(i, through_shifter || out_.kind == Kind::RotateExtend ? Role::Shifted
                    : shifted                                          ? Role::BesideShifted
                                                                       : Role::Plain);
  }
  const bool carry = insn_.id == ARM_INS_ADC || insn_.id == ARM_INS_SBC || insn_.id == ARM_INS_RRX;
  if (carry) read(kFlags, Role::Plain);
}

void Translation::multiply() {
  if (is_long(insn_.id)) {
    const bool adds = insn_.id != ARM_INS_SMULL && insn_.id != ARM_INS_UMULL;
    for (int i = 0; i < 2; i++) {
      write_operand(i);
      if (adds) read_operand(i, Role::Accumulator);
    }
    return read_rest(2, Role::Plain);
  }
  write_operand(0);
  if (arm_.op_count == 2) read_operand(0, Role::Plain);
  read_operand(1, Role::Plain);
  read_operand(2, Role::Plain);
  read_operand(3, Role::Accumulator);
}

void Translation::address(const arm_op_mem& memory) {
  const auto base = static_cast<unsigned>(memory.base);
  const auto index = static_cast<unsigned>(memory.index);
  each(base, [&](int number) {
    out_.base = static_cast<uint8_t>(number);
    if (number != kPc) read(number, Role::Address);
  });
  each(index, [&](int number) { read(number, Role::Address); });
  out_.has_index = index != ARM_REG_INVALID;
  out_.has_offset = base != ARM_REG_INVALID && !out_.has_index;
  out_.offset = memory.disp;
  if (base == ARM_REG_PC) out_.offset += static_cast<int32_t>((out_.address + 4) & ~3u);
}

void Translation::access(bool load, int registers) {
  out_.words = static_cast<uint8_t>(registers == 2 ? 2 : 1);
  out_.is_double = false;
  for (int i = 0; i < registers; i++) {
    if (load) {
      write_operand(i);
    } else {
      read_operand(i, Role::StoreData);
    }
  }
  for (int i = registers; i < arm_.op_count; i++) {
    const cs_arm_op& operand = arm_.operands[i];
    if (operand.type == ARM_OP_MEM) {
      address(operand.mem);
      if (arm_.writeback) {
        each(static_cast<unsigned>(operand.mem.base), [&](int number) { write(number, 0, true); });
      }
    }
  }
}

// PUSH and POP name the registers only; the others begin with the base.
void Translation::multiple(bool load) {
  const bool stack = insn_.id == ARM_INS_PUSH || insn_.id == ARM_INS_POP ||
                     insn_.id == ARM_INS_VPUSH || insn_.id == ARM_INS_VPOP;
  const Role data = out_.kind == Kind::FpStoreMultiple ? Role::FpStoreData : Role::StoreData;
  int index = 0;
  for (int i = stack ? 0 : 1; i < arm_.op_count; i++) {
    if (!is_reg(i)) continue;
    each(reg(i), [&](int number) {
      if (load) {
        write(number, index);
      } else {
        read(number, data);
      }
      index++;
    });
  }
  out_.words = static_cast<uint8_t>(index);
  if (stack) {
    read(kSp, Role::Address);
    write(kSp, 0, true);
  } else {
    read_operand(0, Role::Address);
    if (arm_.writeback) each(reg(0), [&](int number) { write(number, 0, true); });
  }
}

void Translation::fp() {
  out_.is_double = is_reg(0) && is_fp_double(reg(0));
  switch (out_.kind) {
    case Kind::FpLoad:
    case Kind::FpStore: {
      const bool is_double = out_.is_double;
      if (out_.kind == Kind::FpLoad) {
        write_operand(0);
      } else {
        read_operand(0, Role::FpStoreData);
      }
      address(arm_.operands[1].mem);
      out_.is_double = is_double;
      out_.words = is_double ? 2 : 1;
      return;
    }
    case Kind::FpMultiplyAdd:
      write_operand(0);
      read_operand(0, Role::FpAccumulator);
      return read_rest(1, Role::Plain);
    case Kind::FpCompare:
      write(kFpFlags);
      return read_rest(0, Role::Plain);
    case Kind::FpStatus:
      write_operand(0);
      return read_operand(1, Role::Plain);
    case Kind::FpSelect:
      write_operand(0);
      read(kFlags, Role::Shifted);  // these flags cannot be forwarded
      return read_rest(1, Role::Plain);
    case Kind::FpMove: {
      // To and from two core registers: Dm, Rt, Rt2 or Sm, Sm1, Rt, Rt2, in both directions.
      int core = 0;
      for (int i = 0; i < arm_.op_count; i++) core += is_reg(i) && !is_fp(reg(i)) ? 1 : 0;
      if (core == 2) {
        out_.kind = Kind::FpMoveDouble;
        out_.is_double = false;
        const int written = (is_reg(0) && is_fp_double(reg(0))) ? 1 : 2;
        for (int i = 0; i < arm_.op_count; i++) {
          if (i < written) {
            write_operand(i);
          } else {
            read_operand(i, Role::Plain);
          }
        }
        return;
      }
      // Half of a double is moved as a single.
      if (core == 1) out_.is_double = false;
      write_operand(0);
      return read_rest(1, Role::Plain);
    }
    default:
      // A conversion may have a double on either side, and its fixed-point form names one twice.
      for (int i = 1; i < arm_.op_count; i++)
        out_.is_double = out_.is_double || (is_reg(i) && is_fp_double(reg(i)));
      write_operand(0);
      return read_rest(1, Role::Plain);
  }
}

void Translation::flow() {
  const bool conditional = arm_.cc != ARM_CC_AL && arm_.cc != ARM_CC_INVALID;
  bool indirect = out_.kind == Kind::TableBranch || insn_.id == ARM_INS_BX ||
                  (insn_.id == ARM_INS_BLX && is_reg(0));
  for (const Write& written : out_.writes) indirect = indirect || written.reg == kPc;
  if (indirect) {
    out_.flow = conditional ? Flow::ConditionalIndirect : Flow::Indirect;
  } else if (out_.kind == Kind::Branch) {
    const bool compares = insn_.id == ARM_INS_CBZ || insn_.id == ARM_INS_CBNZ;
    out_.flow = conditional || compares ? Flow::Conditional : Flow::Jump;
  }
}

struct Free {
  void operator()(cs_insn* insn) const { cs_free(insn, 1); }
};

}  // namespace

Decoder::Decoder() {
  csh handle = 0;
  // With ARMv8 for the FPv5 instructions that came with it, such as VSEL.
  const auto mode = static_cast<cs_mode>(CS_MODE_THUMB | CS_MODE_MCLASS | CS_MODE_V8);
  if (cs_open(CS_ARCH_ARM, mode, &handle) != CS_ERR_OK)
    throw std::runtime_error("cannot start Capstone");
  cs_option(handle, CS_OPT_DETAIL, CS_OPT_ON);
  handle_ = handle;
}

Decoder::~Decoder() {
  csh handle = handle_;
  cs_close(&handle);
}

std::vector<Instruction> Decoder::decode(uint32_t address, const uint8_t* code, size_t size) {
  const std::unique_ptr<cs_insn, Free> insn(cs_malloc(handle_));
  // Capstone keeps the state of an unfinished IT block from one call to the next.
  const uint8_t nops[8] = {0x00, 0xbf, 0x00, 0xbf, 0x00, 0xbf, 0x00, 0xbf};
  const uint8_t* flush = nops;
  size_t flush_size = sizeof nops;
  uint64_t flush_address = 0;
  while (cs_disasm_iter(handle_, &flush, &flush_size, &flush_address, insn.get())) {
  }

  std::vector<Instruction> instructions;
  uint64_t at = address;
  while (size >= 2) {
    if (cs_disasm_iter(handle_, &code, &size, &at, insn.get())) {
      instructions.push_back(Translation(*insn).result());
      continue;
    }
    Instruction unknown;
    unknown.address = static_cast<uint32_t>(at);
    unknown.bytes = halfword(code) >> 11 >= 0x1d && size >= 4 ? 4 : 2;
    unknown.kind = Kind::System;
    code += unknown.bytes;
    at += unknown.bytes;
    size -= unknown.bytes;
    instructions.push_back(std::move(unknown));
  }
  return instructions;
}

}  // namespace mcunet::emu
