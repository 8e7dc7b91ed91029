#include "profiler/profile.h"

#include <algorithm>
#include <cmath>

#include "libmcunet/emulator/board_caches.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"
#include "profiler/calibration_file.h"
#include "profiler/execution.h"

namespace mcunet {
namespace {

int64_t live_bytes(const compiler::CompiledModel& model, size_t i) {
  const compiler::Run& run = model.schedule.run_of(i);
  const auto time = static_cast<size_t>(&run - model.schedule.runs.data()) + 1;
  return model.plan.bounds.at(time);
}

std::vector<int64_t> flash_per_layer(const compiler::CompiledModel& model) {
  std::vector<int64_t> bytes(model.graph.ops.size(), 0);
  std::vector<bool> seen(model.schedule.constants.size(), false);
  for (const compiler::KernelCall& call : model.schedule.calls) {
    const auto count = [&](compiler::ConstantRef ref) {
      const auto id = static_cast<size_t>(ref.id);
      if (!seen[id])
        bytes[call.op] += static_cast<int64_t>(model.schedule.constants[id].bytes.size());
      seen[id] = true;
    };
    for (const compiler::Argument& argument : call.arguments) {
      if (const auto* ref = std::get_if<compiler::ConstantRef>(&argument)) count(*ref);
    }
    for (const compiler::Field& field : call.params.fields) {
      if (const auto* ref = std::get_if<compiler::ConstantRef>(&field.value)) count(*ref);
    }
  }
  return bytes;
}

}  // namespace

int64_t Profile::board_cycles() const {
  return std::llround(static_cast<double>(cycles) * factor.factor);
}

double to_ms(double cycles, const Board& board) {
  return board.is_host() ? 0 : cycles * 1e3 / static_cast<double>(board.clock_hz);
}

Profile profile_model(const Graph& source, const std::string& sha256,
                      const compiler::CompileOptions& options, const ProfileOptions& what,
                      const Log& log) {
  Profile result;
  result.model = compiler::compile(source, sha256, options);
  const Board& board = result.board();
  result.flash = result.model.flash;
  std::vector<CallCount> counts(result.model.graph.ops.size());
  if (what.emulate) {
    TimingOptions timing;
    if (what.caches) timing.caches = emulated_caches(board);
    FirmwareProgram firmware(result.model, {}, timing);
    result.measurement = firmware.measurement();
    result.flash = compiler::linked_flash(result.model, firmware.sizes());
    counts = firmware.counts_per_layer();
    if (firmware.exceeds_board())
      log.warning("the emulated core has more memory than " + board.name);
  }
  const std::vector<int64_t> flash = flash_per_layer(result.model);
  const std::vector<int64_t> cycles = compiler::estimated_cycles_per_layer(result.model);
  for (size_t i = 0; i < result.model.graph.ops.size(); ++i) {
    const Op& op = result.model.graph.ops[i];
    result.layers.push_back({i, macs(result.model.graph, op), live_bytes(result.model, i), flash[i],
                             cycles[i], counts[i].instructions, counts[i].cycles,
                             counts[i].memory_cycles});
  }
  result.estimated_cycles = compiler::estimated_cycles(result.model);
  result.cycles = result.measurement ? static_cast<int64_t>(result.measurement->cycles.core)
                                     : result.estimated_cycles;
  result.schedules = compiler::alternatives(result.model);
  if (!board.is_host()) {
    result.factor = board_factor(board, !result.measurement,
                                 load_calibration(calibration_path(board.name), board.name));
    result.ms = to_ms(static_cast<double>(result.cycles) * result.factor.factor, board);
  }
  result.fits_sram = board.is_host() || result.model.sram.total() <= board.sram_bytes;
  result.fits_flash = board.is_host() || result.flash.total() <= board.flash_bytes;
  return result;
}

std::vector<EngineEstimate> compare_engines(const Graph& source,
                                            const std::vector<std::string>& names,
                                            const Board& board, const Log& log) {
  std::vector<EngineEstimate> estimates;
  const NetworkShape shape = network_shape(source);
  for (const std::string& name : names) {
    if (name == "mcunet") continue;
    if (name != "all") {
      estimates.push_back(estimate_engine(shape, name, board));
      continue;
    }
    for (const std::string& engine : peer_engines()) {
      try {
        estimates.push_back(estimate_engine(shape, engine, board));
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::Unsupported) throw;
        log.warning(error.what());
      }
    }
  }
  return estimates;
}

LayerProfile sum_of(const Profile& profile, const LayerGroup& group) {
  LayerProfile sum;
  if (!group.layers.empty()) sum.index = group.layers.front();
  for (const size_t i : group.layers) {
    const LayerProfile& layer = profile.layers.at(i);
    sum.macs += layer.macs;
    sum.sram = std::max(sum.sram, layer.sram);
    sum.flash += layer.flash;
    sum.cycles += layer.cycles;
    sum.instructions += layer.instructions;
    sum.emulated_cycles += layer.emulated_cycles;
    sum.memory_cycles += layer.memory_cycles;
  }
  return sum;
}

}  // namespace mcunet
