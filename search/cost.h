// What a candidate costs on a board: not estimated by formulas, but asked of the compiler, whose
// account is what the firmware then has: SRAM, flash and cycles are those that `mcunet profile`
// tells for the network's description. (Code is estimated until it is linked.)
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "libmcunet/netspec/description.h"
#include "search/space.h"

namespace mcunet::search {

struct Limits {
  int64_t sram = 0, flash = 0;  // bytes
  double latency_ms = 0;        // 0: none
};

struct Cost {
  int64_t macs = 0, params = 0;
  int64_t sram = 0;    // arena, statics and stack bound, by the schedule chosen
  int64_t flash = 0;   // weights, constants, code
  int64_t cycles = 0;  // of the core, by compiler/cost
  double ms = 0;       // on the board: cycles times its factor, at its clock
  std::string schedule;
  // Whether only `macs` and `params` were computed, since these alone are beyond the limits.
  bool hopeless = false;
};

// How far beyond a limit a cost is: 0 within it, 0.1 for 10 % too much.
struct Excess {
  double sram = 0, flash = 0, latency = 0;
  double worst() const;
  bool none() const { return sram <= 0 && flash <= 0 && latency <= 0; }
};

// `board_factor`: cycles on the board per cycle of the core (profiler/board_factor.h).
//
// Costs of networks on the board of `options`, whose name plays no part; remembered. For several
// threads at once.
class CostModel {
 public:
  CostModel(compiler::CompileOptions options, Limits limits, double board_factor = 1);

  Cost cost(const Space& space, const Genome& genome) const;
  Excess excess(const Cost& cost) const;
  const Limits& limits() const { return limits_; }
  size_t evaluated() const;  // different networks so far

 private:
  Cost compute(const netspec::NetworkDescription& network) const;

  compiler::CompileOptions options_;
  Limits limits_;
  double board_factor_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, Cost> known_;  // by encoding
};

}  // namespace mcunet::search
