// Runs linked firmware on an emulated Cortex-M core; counts what it executes and models how long
// that takes (docs/timing.md).
//
// The core is the program mcunet-emu (profiler/emu), a process of its own; this is its client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mcunet {

enum class EmulatedCore { CortexM4, CortexM7 };

// Memory of the emulated core, in bytes.
struct EmulatedMemory {
  uint32_t origin = 0;
  uint64_t size = 0;
};

// A cache; least recently used lines are replaced.
struct EmulatedCache {
  uint32_t size = 0;  // bytes; 0: every access misses
  uint32_t ways = 1;
  uint32_t line = 32;  // bytes
};

// Memory behind the caches, with what filling a line from it takes in core cycles.
struct EmulatedSlowMemory {
  uint32_t origin = 0;
  uint64_t size = 0;   // bytes
  uint32_t first = 0;  // until the word that is waited for arrives
  uint32_t line = 0;   // until the line is complete
};

// Memory that is not listed answers at once. See emulated_caches() in board_caches.h.
struct EmulatedCaches {
  EmulatedCache code, data;
  std::vector<EmulatedSlowMemory> memories;
};

struct TimingOptions {
  bool cycles = true;                    // slows emulation by about a tenth
  std::optional<EmulatedCaches> caches;  // with these, by a factor of four
};

// Cycles of the core in which no instruction was issued, by what the next one waited for.
struct StallCycles {
  uint64_t load = 0;      // the result of a load
  uint64_t multiply = 0;  // of an integer multiplication
  uint64_t fp = 0;        // of a floating-point instruction
  uint64_t other = 0;     // of any other
  uint64_t busy = 0;      // an instruction that takes several cycles
  uint64_t branch = 0;    // the refill of the pipeline after a branch
};

// Lines and cycles.
struct CacheCount {
  uint64_t code_misses = 0, load_misses = 0, store_misses = 0, write_backs = 0;
  uint64_t code_stalls = 0, data_stalls = 0;
};

// Modeled time. core = instructions - pairs + all stalls. All zero without timing.
struct CycleCount {
  uint64_t core = 0;   // as if all memory answered at once
  uint64_t pairs = 0;  // instructions issued together with the one before them
  uint64_t mispredicts = 0;
  StallCycles stalls;
  CacheCount caches;  // zero unless they are simulated

  uint64_t memory() const { return caches.code_stalls + caches.data_stalls; }
  uint64_t with_caches() const { return core + memory(); }
};

CycleCount& operator+=(CycleCount& sum, const CycleCount& count);

struct FunctionCount {
  std::string name;
  uint64_t instructions = 0;  // of the function itself, without those it calls
  uint64_t calls = 0;
  CycleCount cycles;  // likewise without
};

// One call made directly by the measured function.
struct MeasuredStep {
  std::string function;
  uint64_t instructions = 0;   // of the whole call
  uint64_t cycles = 0;         // likewise, of the core
  uint64_t memory_cycles = 0;  // likewise, that caches and memory add
};

// One call of a function, from its first to its returning instruction. Instructions are those
// retired; an instruction that an IT block skips counts, as on the core.
struct Measurement {
  uint64_t instructions = 0;
  CycleCount cycles;
  uint32_t stack = 0;                    // bytes below the stack pointer at entry
  std::vector<FunctionCount> functions;  // most instructions first
  std::vector<MeasuredStep> steps;       // in order of execution
};

struct RunOptions {
  std::string measure;            // function to measure, or empty
  uint64_t occurrence = 1;        // which of its calls, from 1
  uint64_t max_instructions = 0;  // 0: the emulator's limit, 100e9
};

struct RunResult {
  int exit_code = 0;
  std::string output;          // what the firmware printed through semihosting
  uint64_t instructions = 0;   // from reset to exit
  uint64_t cycles = 0;         // likewise, of the core
  uint64_t memory_cycles = 0;  // likewise, that caches and memory add
  std::optional<Measurement> measured;
};

struct CallResult {
  uint32_t r0 = 0;
  Measurement measured;
};

struct EmulatedSymbol {
  uint32_t address = 0;  // without the Thumb bit
  uint32_t size = 0;     // bytes
};

// Every function throws Error(ErrorKind::External) when the program is missing or ends
// unexpectedly, and when the firmware faults, exceeds its limit or has no such symbol. After a
// fault the object can still be used; after a crash of the program it cannot. Not to be used from
// two threads at once.
class Emulator {
 public:
  // Whether mcunet-emu was found: where MCUNET_EMU points, else beside this program, else in PATH.
  static bool available();

  // Starts the process. It ends with this object, and when this process ends.
  Emulator();
  ~Emulator();
  Emulator(Emulator&& other) noexcept;
  Emulator& operator=(Emulator&& other) noexcept;
  Emulator(const Emulator&) = delete;
  Emulator& operator=(const Emulator&) = delete;

  // Loads an ELF executable. Without memory: 16 MiB each at 0x08000000 and 0x20000000, 4 MiB at 0.
  void load(const std::string& elf_path, EmulatedCore core,
            const std::vector<EmulatedMemory>& memory = {}, const TimingOptions& timing = {});
  // From reset until the firmware exits. Caches and branch predictors begin empty; between calls
  // they keep what they hold.
  RunResult run(const RunOptions& options = {});
  // Calls a function (up to four arguments, in r0 to r3) once start-up code has run. 0: the
  // emulator's limit.
  CallResult call(const std::string& function, const std::vector<uint32_t>& arguments = {},
                  uint64_t max_instructions = 0);
  CallResult call(uint32_t address, const std::vector<uint32_t>& arguments = {},
                  uint64_t max_instructions = 0);
  // Memory of the core. Start-up code overwrites what was written to initialised data before `run`.
  void write(const std::string& symbol, const std::vector<uint8_t>& bytes, uint32_t offset = 0);
  void write(uint32_t address, const std::vector<uint8_t>& bytes);
  std::vector<uint8_t> read(const std::string& symbol, size_t size, uint32_t offset = 0);
  std::vector<uint8_t> read(uint32_t address, size_t size);
  EmulatedSymbol symbol(const std::string& name);
  // Core cycles of the instructions in [address, address + size) when they run straight through
  // `repeat` times, one after the other, whatever branches are among them. Nothing is executed.
  uint64_t straight_cycles(uint32_t address, uint32_t size, uint32_t repeat = 1);

 private:
  class Process;
  std::unique_ptr<Process> process_;
};

}  // namespace mcunet
