// SPDX-License-Identifier: GPL-2.0-or-later
// A Cortex-M core with memory, a debugger attached and no working peripherals, that runs one
// firmware.
#pragma once

#include <unicorn/unicorn.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "profiler/emu/block_counter.h"
#include "profiler/emu/block_timer.h"
#include "profiler/emu/elf_image.h"
#include "profiler/emu/memory.h"
#include "profiler/emu/semihosting.h"

namespace mcunet::emu {

enum class Core { CortexM4, CortexM7 };

struct MemoryRange {
  uint32_t origin = 0;
  uint64_t size = 0;  // bytes
};

struct RunResult {
  int exit_code = 0;
  std::string output;
  uint64_t instructions = 0;
  uint64_t cycles = 0;         // of the core; 0 without timing
  uint64_t memory_cycles = 0;  // that caches and memory add
  std::optional<Measurement> measured;
};

struct CallResult {
  uint32_t r0 = 0;
  Measurement measured;
};

// All functions throw std::runtime_error with what went wrong and where.
class Machine {
 public:
  // Times the code too if asked to; `system`: with caches and slow memory, several times slower.
  Machine(const std::string& elf_path, Core core, const std::vector<MemoryRange>& memory,
          bool timing, const std::optional<MemorySystem>& system);

  // From reset until the firmware exits through semihosting. Measures the occurrence-th call of
  // `measure`, unless that is empty.
  RunResult run(const std::string& measure, uint64_t occurrence, uint64_t max_instructions);
  // Calls a function with up to four words on the initial stack, after start-up code has run.
  CallResult call(uint32_t address, const std::vector<uint32_t>& arguments,
                  uint64_t max_instructions);

  const ElfImage& image() const { return image_; }
  const Symbol& symbol(const std::string& name) const;
  // Cycles of code that runs straight through, `repeat` times, without executing it.
  uint64_t straight_cycles(uint32_t address, uint32_t size, uint32_t repeat);
  std::vector<uint8_t> read(uint32_t address, uint64_t size) const;
  void write(uint32_t address, const std::vector<uint8_t>& bytes);

 private:
  enum class End { Exited, Returned, Reached };
  struct Close {
    void operator()(uc_engine* engine) const { uc_close(engine); }
  };

  static void on_block(uc_engine* engine, uint64_t address, uint32_t size, void* self);
  static void on_interrupt(uc_engine* engine, uint32_t number, void* self);
  static void on_access(uc_engine* engine, uc_mem_type type, uint64_t address, int size,
                        int64_t value, void* self);
  static bool on_bad_access(uc_engine* engine, uc_mem_type type, uint64_t address, int size,
                            int64_t value, void* self);

  void load();
  void map(const Memory::Region& region, uint32_t permissions);
  void map_system();
  uint32_t find_vector_table() const;
  void reset_registers();
  End execute(uint32_t address);
  [[noreturn]] void fail(const std::string& reason);
  uint32_t get(int reg) const;
  void set(int reg, uint32_t value);

  ElfImage image_;
  Core core_;
  Memory memory_;
  uint32_t vectors_ = 0;
  std::unique_ptr<uc_engine, Close> engine_;
  std::unique_ptr<BlockTimer> timer_;
  std::unique_ptr<BlockCounter> counter_;
  Semihosting semihosting_;
  bool started_ = false;  // start-up code has run

  BlockCounter::Event event_ = BlockCounter::Event::None;
  std::optional<uint32_t> interrupt_;
  std::string bad_access_;
  std::exception_ptr error_;  // thrown in a callback; exceptions must not cross Unicorn's frames
};

}  // namespace mcunet::emu
