// Modeled time of the emulated core against the check values of its rules (docs/timing.md).
#include <catch2/catch.hpp>
#include <iostream>
#include <string>
#include <vector>

#include "libmcunet/board/board.h"
#include "libmcunet/emulator/board_caches.h"
#include "libmcunet/emulator/emulator.h"
#include "tests/firmware/assembly.h"

namespace {

using mcunet::CycleCount;
using mcunet::EmulatedCore;
using mcunet::Emulator;
using mcunet::Measurement;
using mcunet::testing::Assembly;
using mcunet::testing::kBuffer;

bool skip() {
  if (mcunet::testing::assembler_available()) return false;
  std::cout << "skipped: needs mcunet-emu and arm-none-eabi binutils\n";
  return true;
}

struct Case {
  const char* what;
  const char* body;
  double cycles;  // of the body, when it is repeated; r0 points to memory
};

constexpr int kFew = 100, kMany = 300;

std::string repeated(const char* body, int times) {
  return ".rept " + std::to_string(times) + "\n" + body + "\n.endr";
}

uint64_t stall_sum(const CycleCount& cycles) {
  const mcunet::StallCycles& s = cycles.stalls;
  return s.load + s.multiply + s.fp + s.other + s.busy + s.branch;
}

void check(const std::vector<Case>& cases, EmulatedCore core) {
  Assembly assembly;
  for (size_t i = 0; i < cases.size(); ++i) {
    assembly.add("few" + std::to_string(i), repeated(cases[i].body, kFew));
    assembly.add("many" + std::to_string(i), repeated(cases[i].body, kMany));
  }
  Emulator emulator = assembly.load(core);
  // Memory that points to itself, for loads of addresses.
  const uint32_t self = kBuffer;
  emulator.write(kBuffer, {self & 0xff, self >> 8 & 0xff, self >> 16 & 0xff, self >> 24});
  for (size_t i = 0; i < cases.size(); ++i) {
    const Measurement few = emulator.call("few" + std::to_string(i), {kBuffer}).measured;
    const Measurement many = emulator.call("many" + std::to_string(i), {kBuffer}).measured;
    INFO(cases[i].what << ": " << cases[i].body);
    const auto difference = static_cast<double>(many.cycles.core - few.cycles.core);
    CHECK(difference / (kMany - kFew) == Approx(cases[i].cycles).margin(1e-9));
    for (const Measurement& measurement : {few, many}) {
      CHECK(measurement.cycles.core ==
            measurement.instructions - measurement.cycles.pairs + stall_sum(measurement.cycles));
    }
  }
}

const char* const kLoop = R"(
  movs r3, #200
1: subs r3, #1
  bne 1b)";

}  // namespace

TEST_CASE("instructions of the Cortex-M7 take the cycles of the rules", "[timing]") {
  if (skip()) return;
  check(
      {
          {"independent ALU instructions pair", "add r1, r4, #1\nadd r2, r5, #1", 1},
          {"flags do not keep instructions apart", "adds r1, r4, #1\nadds r2, r5, #1", 1},
          {"dependent ALU", "add r1, r1, #1", 1},
          {"SMLAD", "smlad r1, r4, r5, r6", 1},
          {"SMLAD chain", "smlad r1, r4, r5, r1", 1},
          {"SMLAD with ALU", "smlad r1, r4, r5, r1\nadd r2, r6, #1", 1},
          {"SMLAD with load", "smlad r1, r4, r5, r1\nldr r2, [r0]", 1},
          {"MUL chain", "mul r1, r1, r4", 2},
          {"SMLAL chain", "smlal r1, r2, r4, r5", 1},
          {"pointer chase", "ldr r0, [r0]", 2},
          {"loads from two banks", "ldr r1, [r0]\nldr r2, [r0, #4]", 1},
          {"loads from one bank", "ldr r1, [r0]\nldr r2, [r0, #8]", 2},
          {"loads of bytes of one word", "ldrb r1, [r0]\nldrb r2, [r0, #1]", 2},
          {"load and store", "ldr r1, [r0]\nstr r2, [r0, #8]", 1},
          {"two stores", "str r1, [r0]\nstr r2, [r0, #4]", 2},
          {"word load to use", "ldr r1, [r0]\nadd r0, r0, r1\nsub r0, r0, r1", 4},
          {"byte load to use", "ldrb r1, [r0, #64]\nadd r0, r0, r1", 4},
          {"result to store data", "add r1, r1, #1\nstr r1, [r0]", 1},
          {"post-increment", "ldr r1, [r0], #0", 1},
          {"LDRD", "ldrd r1, r2, [r0]", 1},
          {"LDM of four", "ldm r0, {r1, r2, r4, r5}", 2},
          {"LDM of five", "ldm r0, {r1, r2, r4, r5, r6}", 3},
          {"STM of four", "stm r0, {r1, r2, r4, r5}", 2},
          {"SSAT chain", "ssat r1, #8, r1", 3},
          {"SXTB16", "sxtb16 r1, r4\nsxtb16 r2, r5", 2},
          {"SXTB16 with a younger ALU", "sxtb16 r1, r4\nadd r2, r5, #1", 1},
          {"shifted operand is read early", "add r1, r4, r1, lsl #2", 2},
          {"shift is not", "lsl r1, r1, #2", 1},
          {"one shifter", "lsl r1, r4, #2\nlsl r2, r4, #3", 2},
          {"rotated immediates use it", "add r1, r4, #0x3fc00\nadd r2, r5, #0x3fc00", 2},
          {"others do not", "add r1, r4, #0xff00ff\nadd r2, r5, #0xff", 1},
          {"REV is forwarded at once", "rev r1, r4\nadd r2, r1, #1", 1},
          {"QADD chain", "qadd r1, r1, r4", 2},
          {"same destination", "mov r1, #1\nmov r1, #2", 2},
          {"UDIV", "udiv r1, r4, r5", 7},
          {"VADD chain", "vadd.f32 s0, s0, s1", 3},
          {"VADD", "vadd.f32 s0, s1, s2", 1},
          {"VFMA", "vfma.f32 s0, s1, s2\nvfma.f32 s3, s1, s2\nvfma.f32 s4, s1, s2", 3},
          {"VFMA chain", "vfma.f32 s0, s1, s2", 3},
          {"VDIV", "vdiv.f32 s0, s1, s2", 14},
          {"VLDR", "vldr s0, [r0]\nvldr s1, [r0, #4]", 1},
          {"VLDR of a double", "vldr d0, [r0]", 1},
          {"to the FPU and back", "vmov s0, r1\nvmov r1, s0", 6},
          {"taken branch", "b 1f\n1:", 1},
          {"taken branch as the younger", "add r1, r4, #1\nb 1f\n1:", 1},
          {"a result carries over a branch", "mul r1, r1, r4\nb 1f\n1:", 2},
          {"IT takes a slot", "cmp r4, #0\nit eq\nmoveq r1, #1\nadd r2, r5, #1", 2},
          {"dot product of 4 bytes",
           "ldr r1, [r0]\nldr r2, [r0, #4]\nsxtb16 r4, r1\nsxtb16 r5, r1, ror #8\n"
           "sxtb16 r6, r2\nsxtb16 r7, r2, ror #8\nsmlad r8, r4, r6, r8\nsmlad r8, r5, r7, r8",
           6},
      },
      EmulatedCore::CortexM7);
}

TEST_CASE("instructions of the Cortex-M4 take the cycles of its manual", "[timing]") {
  if (skip()) return;
  check(
      {
          {"ALU", "add r1, r4, #1\nadd r2, r5, #1", 2},
          {"SMLAD", "smlad r1, r4, r5, r1", 1},
          {"MUL", "mul r1, r1, r4", 1},
          {"SMLAL", "smlal r1, r2, r4, r5", 1},
          {"a load by itself", "ldr r1, [r0]\nadd r2, r4, #1", 3},
          {"loads overlap", "ldr r1, [r0]\nldr r2, [r0, #4]", 2},
          {"but not with the address they load", "ldr r0, [r0]", 2},
          {"store after load", "ldr r1, [r0]\nstr r1, [r0, #4]", 3},
          {"store", "str r1, [r0]", 1},
          {"store with index", "str r1, [r0, r4]", 2},
          {"address from the instruction before", "add r0, r0, r4\nstr r1, [r0]", 3},
          {"LDM of four", "ldm r0, {r1, r2, r4, r5}", 5},
          {"LDRD", "ldrd r1, r2, [r0]", 3},
          {"UDIV", "udiv r1, r4, r5", 7},
          {"taken branch", "b 1f\n1:", 3},
          {"branch not taken", "cmp r4, #0\nbne 1f\n1:", 2},
          {"IT folds into a narrow instruction", "cmp r4, #0\nit eq\nmoveq r1, #1", 2},
          {"VADD chain", "vadd.f32 s0, s0, s1", 2},
          {"VADD", "vadd.f32 s0, s1, s2", 1},
          {"VFMA", "vfma.f32 s0, s1, s2\nadd r1, r4, #1", 4},
          {"VDIV", "vdiv.f32 s0, s1, s2\nadd r1, r4, #1", 15},
      },
      EmulatedCore::CortexM4);
}

TEST_CASE("an empty loop takes one cycle per round", "[timing]") {
  if (skip()) return;
  Assembly assembly;
  assembly.add("short_loop", kLoop);
  assembly.add("long_loop", std::string("movs r4, #2\n3:") + kLoop + "\nsubs r4, #1\nbne 3b");
  Emulator emulator = assembly.load();
  const auto core = [&](const char* name) { return emulator.call(name).measured.cycles; };
  core("short_loop");
  const CycleCount loop = core("short_loop");
  // 200 rounds, the last of which leaves wrongly predicted; prologue and epilogue take 5 + 5.
  CHECK(loop.mispredicts == 1);
  CHECK(loop.core == 200 + 6 + 11);
  core("long_loop");
  CHECK(core("long_loop").core >= loop.core + 200 + 6);
}

TEST_CASE("branches are predicted from what they did", "[timing]") {
  if (skip()) return;
  Assembly assembly;
  assembly.add_raw("forward", "cmp r0, r0\nbeq 1f\nnop\n1: bx lr");
  assembly.add_raw("indirect",
                   "push {r4, r5, lr}\nmov r4, #8\nmov r5, #0\n"
                   "1: eor r5, r5, r0\nadr r1, 2f + 1\nadd r1, r1, r5\nbx r1\n"
                   ".balign 4\n2: nop\nnop\nsubs r4, #1\nbne 1b\npop {r4, r5, pc}");
  Emulator emulator = assembly.load();
  const CycleCount first = emulator.call("forward").measured.cycles;
  const CycleCount second = emulator.call("forward").measured.cycles;
  // Forward branches are first expected not to be taken, and where BX leads is not known.
  CHECK(first.mispredicts == 2);
  CHECK(second.mispredicts == 0);
  CHECK(first.core == second.core + 12);
  CHECK(first.stalls.branch == 12);

  emulator.call("indirect", {0});
  const CycleCount same = emulator.call("indirect", {0}).measured.cycles;
  const CycleCount alternating = emulator.call("indirect", {2}).measured.cycles;
  CHECK(same.mispredicts == 1);         // the loop's end
  CHECK(alternating.mispredicts >= 8);  // and every round
}

TEST_CASE("cycles of functions and steps add up to those of the call", "[timing]") {
  if (skip()) return;
  Assembly assembly;
  assembly.add("leaf", kLoop);
  assembly.add("root", "bl leaf\nmul r1, r2, r3\nbl leaf\nbl leaf\nudiv r1, r2, r3");
  Emulator emulator = assembly.load();
  const Measurement root = emulator.call("root").measured;
  REQUIRE(root.functions.size() == 2);
  CHECK(root.functions[0].name == "leaf");
  CHECK(root.functions[0].calls == 3);
  CHECK(root.functions[0].cycles.core + root.functions[1].cycles.core == root.cycles.core);
  CHECK(root.functions[0].cycles.mispredicts + root.functions[1].cycles.mispredicts ==
        root.cycles.mispredicts);
  REQUIRE(root.steps.size() == 3);
  uint64_t steps = 0;
  for (const mcunet::MeasuredStep& step : root.steps) steps += step.cycles;
  CHECK(steps == root.functions[0].cycles.core);
  CHECK(root.cycles.core == root.instructions - root.cycles.pairs + stall_sum(root.cycles));
  CHECK(root.cycles.memory() == 0);
  CHECK(root.cycles.stalls.busy >= 6);  // UDIV
}

TEST_CASE("timing does not change what is counted", "[timing]") {
  if (skip()) return;
  Assembly assembly;
  assembly.add("leaf", kLoop);
  assembly.add("root", "bl leaf\nbl leaf");
  const Measurement timed = assembly.load().call("root").measured;
  mcunet::TimingOptions off;
  off.cycles = false;
  const Measurement plain = assembly.load(EmulatedCore::CortexM7, off).call("root").measured;
  mcunet::TimingOptions all;
  all.caches = mcunet::emulated_caches(mcunet::find_board("stm32f746"));
  const Measurement cached = assembly.load(EmulatedCore::CortexM7, all).call("root").measured;
  CHECK(timed.instructions == plain.instructions);
  CHECK(timed.instructions == cached.instructions);
  CHECK(plain.cycles.core == 0);
  CHECK(timed.cycles.core > 0);
  CHECK(timed.cycles.core == cached.cycles.core);
}

TEST_CASE("caches hold what fits", "[timing]") {
  if (skip()) return;
  Assembly assembly;
  // One load or store per line of 32 bytes over r1 bytes, twice.
  assembly.add("read",
               "movs r4, #2\n1: mov r2, #0\n2: ldr r5, [r0, r2]\nadds r2, #32\ncmp r2, r1\n"
               "bne 2b\nsubs r4, #1\nbne 1b");
  assembly.add("write",
               "movs r4, #2\n1: mov r2, #0\n2: str r5, [r0, r2]\nadds r2, #32\ncmp r2, r1\n"
               "bne 2b\nsubs r4, #1\nbne 1b");
  assembly.add("code",
               "movs r4, #10\n1:\n.rept 1500\nadd.w r5, r6, #1\n.endr\nsubs r4, #1\n"
               "beq 2f\nb.w 1b\n2:");
  constexpr uint32_t kSram = 0x20020000;  // SRAM1 of the STM32F746, behind the caches
  const auto measure = [&](const char* board, const char* function, uint32_t size,
                           uint32_t address) {
    mcunet::TimingOptions timing;
    timing.caches = mcunet::emulated_caches(mcunet::find_board(board));
    return assembly.load(EmulatedCore::CortexM7, timing)
        .call(function, {address, size})
        .measured.cycles;
  };
  // 4 KiB fit into the data cache, 8 KiB do not; the stack is in DTCM.
  CHECK(measure("stm32f746", "read", 4096, kSram).caches.load_misses == 128);
  const CycleCount large = measure("stm32f746", "read", 8192, kSram);
  CHECK(large.caches.load_misses == 512);
  CHECK(large.caches.store_misses == 0);
  CHECK(large.caches.data_stalls >= 512);
  CHECK(large.with_caches() == large.core + large.caches.data_stalls + large.caches.code_stalls);
  CHECK(measure("stm32f767", "read", 8192, 0x20030000).caches.load_misses == 256);
  // TCM is not cached.
  constexpr uint32_t kDtcm = 0x2000a000;
  CHECK(measure("stm32f746", "read", 8192, kDtcm).caches.load_misses == 0);
  // Lines that were written to must be written back.
  const CycleCount written = measure("stm32f746", "write", 8192, kSram);
  CHECK(written.caches.store_misses == 512);
  CHECK(written.caches.write_backs == 512 - 128);
  // 6000 bytes of code: every line misses in every round with 4 KiB, once with 16 KiB.
  const uint64_t small_cache = measure("stm32f746", "code", 0, 0).caches.code_misses;
  const uint64_t large_cache = measure("stm32f767", "code", 0, 0).caches.code_misses;
  CHECK(small_cache >= 1692);  // 188 lines, nine rounds
  CHECK(large_cache <= 195);
}

TEST_CASE("a Cortex-M4's flash has an accelerator of 16-byte lines", "[timing]") {
  if (skip()) return;
  Assembly assembly;
  assembly.add("code",
               "movs r4, #10\n1:\n.rept 200\nadd.w r5, r6, #1\n.endr\nsubs r4, #1\n"
               "beq 2f\nb.w 1b\n2:");
  mcunet::TimingOptions timing;
  timing.caches = mcunet::emulated_caches(mcunet::find_board("stm32f412"));
  const CycleCount cycles =
      assembly.load(EmulatedCore::CortexM4, timing).call("code").measured.cycles;
  // 800 bytes fit into 1 KiB; each line waits for the flash once.
  CHECK(cycles.caches.code_misses >= 50);
  CHECK(cycles.caches.code_misses <= 54);
  CHECK(cycles.caches.code_stalls >= uint64_t{3} * cycles.caches.code_misses);
}
