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
  std::vector<std::string> notes;  // what was left out and why
  bool ok() const {
    return (!host || host->mismatches == 0) && (!firmware || firmware->mismatches == 0);
  }
};

struct VerifyOptions {
  int host_inputs = 4, firmware_inputs = 2;  // golden streams of seeds 1, 2, …
  bool host = true, firmware = true;
};

// Where the host compiler, the cross compiler or mcunet-emu is missing that part is left out with a
// note.
Verification verify(const compiler::CompiledModel& model, const VerifyOptions& options = {});

}  // namespace mcunet
