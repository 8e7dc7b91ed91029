// What is known of a compiled model on its board: bytes, cycles and time, of the whole and per
// layer. What `mcunet profile` reports.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "compiler/fit.h"
#include "libmcunet/emulator/emulator.h"
#include "libmcunet/support/log.h"
#include "profiler/board_factor.h"
#include "profiler/engines.h"
#include "profiler/layer_groups.h"
#include "profiler/measured_layers.h"

namespace mcunet {

// Cycles for a multiply-accumulate below which no Cortex-M gets: SMLAD does two in one.
constexpr double kLeastCyclesPerMac = 0.5;

// Of an operator of model.graph.
struct LayerProfile {
  size_t index = 0;
  int64_t macs = 0;
  int64_t sram = 0;    // bytes of the arena while it runs; outputs over dying inputs count once
  int64_t flash = 0;   // bytes of constants; what several layers share counts where it occurs first
  int64_t cycles = 0;  // estimated
  // On the emulated core; zero without.
  int64_t instructions = 0, emulated_cycles = 0, memory_cycles = 0;
};

struct Profile {
  compiler::CompiledModel model;
  compiler::FlashAccount flash;
  std::vector<LayerProfile> layers;
  std::vector<compiler::Alternative> schedules;
  std::optional<Measurement> measurement;
  int64_t cycles = 0;  // of the core: emulated if there is a measurement, else estimated
  BoardFactor factor;  // from those to the board's
  int64_t estimated_cycles = 0;
  double ms = 0;  // on the board; 0 for the host
  std::vector<EngineEstimate> engines;
  std::optional<MeasuredLayers> on_board;
  bool fits_sram = true, fits_flash = true;

  const Board& board() const { return model.options.board; }
  int64_t board_cycles() const;
  // Of a layer, by what `cycles` are made of.
  int64_t layer_cycles(const LayerProfile& layer) const {
    return measurement ? layer.emulated_cycles : layer.cycles;
  }
  bool with_caches() const { return measurement && measurement->cycles.memory() > 0; }
};

struct ProfileOptions {
  bool emulate = false;  // builds the firmware and runs it
  bool caches = false;   // with emulate: simulates flash and caches too
};

// Throws what compile() and, with `emulate`, FirmwareProgram throw. Warnings go to `log`.
Profile profile_model(const Graph& source, const std::string& sha256,
                      const compiler::CompileOptions& options, const ProfileOptions& what,
                      const Log& log);

// Milliseconds on the board; 0 for the host.
double to_ms(double cycles, const Board& board);

// The network as it is in the file, in other engines. "all" is every engine of which measurements
// on such a core exist, "mcunet" none. Throws what estimate_engine() throws.
std::vector<EngineEstimate> compare_engines(const Graph& source,
                                            const std::vector<std::string>& names,
                                            const Board& board, const Log& log);

// Sums over the layers of a group; of `sram` the largest.
LayerProfile sum_of(const Profile& profile, const LayerGroup& group);

}  // namespace mcunet
