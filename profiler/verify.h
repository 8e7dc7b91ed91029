// Does the generated C give the interpreter's bytes?
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "compiler/compile.h"
#include "profiler/execution.h"

namespace mcunet {

struct Comparison {
  int inputs = 0;
  int64_t mismatches = 0;  // output bytes that differ
  std::string first;       // "input 2, output 0, byte 17: 5 instead of 6"
};

struct Verification {
  std::optional<Comparison> host, firmware;  // absent: could not be run, see notes
  std::optional<Measurement> measurement;
  std::optional<compiler::LinkedSizes> sizes;
  bool exceeds_board = false;
  std::vector<std::string> notes;             // what was left out and why
  std::vector<compiler::SourceFile> network;  // what was verified: emit_network(model, {})
  bool ok() const {
    return (!host || host->mismatches == 0) && (!firmware || firmware->mismatches == 0);
  }
};

struct VerifyOptions {
  int host_inputs = 4, firmware_inputs = 2;  // golden streams of seeds 1, 2, …
  bool host = true, firmware = true;
};

// Every inference begins with an arena full of garbage. On the host memory that cannot be touched
// lies behind the arena for the first half of the inputs, before it for the rest. Where the host
// compiler, the cross compiler or mcunet-emu is missing that part is left out with a note. Throws
// Error(Mismatch) when a program leaves its arena or fails its self-test.
Verification verify(const compiler::CompiledModel& model, const VerifyOptions& options = {});

}  // namespace mcunet
