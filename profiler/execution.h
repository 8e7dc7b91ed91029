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

// Raw bytes per input or output, in the order of the generated API.
using Buffers = std::vector<std::vector<uint8_t>>;

// The generated C, compiled for the host in a temporary directory.
class HostProgram {
 public:
  // Throws Error(External) when it cannot be compiled.
  explicit HostProgram(const compiler::CompiledModel& model);
  ~HostProgram();
  HostProgram(HostProgram&&) noexcept;

  // One inference per element. Throws Error(External) when the program fails.
  std::vector<Buffers> run(const std::vector<Buffers>& inputs) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The firmware on the emulated core, started up and past its self-test.
class FirmwareProgram {
 public:
  // Builds and starts it, and measures the second inference on the self-test's input. Throws
  // Error(External) when it cannot be built or faults, Error(Mismatch) when the self-test fails.
  explicit FirmwareProgram(const compiler::CompiledModel& model);
  ~FirmwareProgram();
  FirmwareProgram(FirmwareProgram&&) noexcept;

  Buffers run(const Buffers& inputs);

  const Measurement& measurement() const;      // of NAME_invoke alone
  const compiler::LinkedSizes& sizes() const;  // from the map file
  // Instructions of each operator of model.graph, from the calls that NAME_invoke makes in order.
  std::vector<int64_t> instructions_per_layer() const;
  // Whether the emulated core was given more memory than the board has.
  bool exceeds_board() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mcunet
