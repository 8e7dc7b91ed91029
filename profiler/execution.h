// Running compiled models: as a program on the host, as firmware on the emulated core.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "compiler/targets/toolchain.h"
#include "libmcunet/emulator/emulator.h"

namespace mcunet {

// Raw bytes per input or output, in the order of the generated API. A model compiled with
// Postprocess::Yolo3 has its boxes as one more output: compiler::boxes_to_bytes().
using Buffers = std::vector<std::vector<uint8_t>>;

// The generated C, compiled for the host in a temporary directory.
class HostProgram {
 public:
  // Throws Error(External) when it cannot be compiled.
  // `network`: emit_network(model, {}) if the caller has it.
  explicit HostProgram(const compiler::CompiledModel& model,
                       const std::vector<compiler::SourceFile>& network = {},
                       compiler::HostCode code = compiler::HostCode::Plain);
  ~HostProgram();
  HostProgram(HostProgram&&) noexcept;

  // On which side of the arena memory cannot be touched.
  enum class Guard { End, Begin };

  // One inference per element, each on an arena full of other garbage. Throws Error(Mismatch) when
  // the program leaves its arena, Error(External) when it fails otherwise.
  std::vector<Buffers> run(const std::vector<Buffers>& inputs, Guard guard = Guard::End) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What calls of kernels took on the emulated core, one after the other.
struct CallCount {
  int64_t instructions = 0;
  int64_t cycles = 0;         // of the core
  int64_t memory_cycles = 0;  // that caches and memory add; zero unless they are simulated
};

CallCount& operator+=(CallCount& sum, const CallCount& count);

// Adds a call that follows those of `sum`. Functions keep their order of first appearance.
void append(Measurement& sum, const Measurement& call);

// The firmware on the emulated core, started up and past its self-test.
class FirmwareProgram {
 public:
  // Builds and starts it, and measures the second inference on the self-test's input. Throws
  // Error(External) when it cannot be built or faults, Error(Mismatch) when the self-test fails.
  explicit FirmwareProgram(const compiler::CompiledModel& model,
                           const std::vector<compiler::SourceFile>& network = {},
                           const TimingOptions& timing = {});
  ~FirmwareProgram();
  FirmwareProgram(FirmwareProgram&&) noexcept;

  // One inference, on an arena full of garbage that changes from one to the next.
  Buffers run(const Buffers& inputs);

  // Of NAME_invoke alone; with row input of all calls of NAME_row_done, and NAME_invoke.
  const Measurement& measurement() const;
  const compiler::LinkedSizes& sizes() const;  // from the map file
  // Of each call of model.schedule, all its executions together, and of each operator of
  // model.graph.
  std::vector<CallCount> counts_per_call() const;
  std::vector<CallCount> counts_per_layer() const;
  // Whether the emulated core was given more memory than the board has.
  bool exceeds_board() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mcunet
