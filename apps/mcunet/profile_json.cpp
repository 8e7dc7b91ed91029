#include <cmath>

#include "apps/mcunet/command.h"
#include "apps/mcunet/profile_report.h"
#include "libmcunet/graph/operators.h"

namespace mcunet::app {
namespace {

using nlohmann::ordered_json;

ordered_json cycles_json(const CycleCount& cycles) {
  const StallCycles& stalls = cycles.stalls;
  const CacheCount& caches = cycles.caches;
  return {{"pairs", cycles.pairs},
          {"mispredicts", cycles.mispredicts},
          {"stalls",
           {{"load", stalls.load},
            {"multiply", stalls.multiply},
            {"fp", stalls.fp},
            {"other", stalls.other},
            {"busy", stalls.busy},
            {"branch", stalls.branch}}},
          {"code_misses", caches.code_misses},
          {"load_misses", caches.load_misses},
          {"store_misses", caches.store_misses},
          {"write_backs", caches.write_backs}};
}

ordered_json error_json(const FitError& error) {
  return {{"points", error.points}, {"mean_pct", error.mean_pct}, {"worst_pct", error.worst_pct}};
}

ordered_json engines_json(const std::vector<EngineEstimate>& engines) {
  ordered_json out = ordered_json::array();
  for (const EngineEstimate& engine : engines) {
    out.push_back({{"engine", engine.engine},
                   {"fitted_on", engine.fitted_on},
                   {"sram", engine.sram},
                   {"flash", engine.flash},
                   {"ms", engine.ms},
                   {"low_ms", engine.ms * engine.bar.low},
                   {"high_ms", engine.ms * engine.bar.high},
                   {"cycles", engine.cycles},
                   {"held_out_error",
                    {{"ms", error_json(engine.time_error)},
                     {"sram", error_json(engine.sram_error)},
                     {"flash", error_json(engine.flash_error)}}},
                   {"notes", engine.notes}});
  }
  return out;
}

// Blocks or kinds of operators; `name` is the member that tells which.
ordered_json groups_json(const Profile& profile, const std::vector<LayerGroup>& groups,
                         const char* name) {
  ordered_json out = ordered_json::array();
  for (const LayerGroup& group : groups) {
    const LayerProfile sum = sum_of(profile, group);
    ordered_json entry = {
        {name, group.name},
        {"layers", group.layers},
        {"macs", sum.macs},
        {"sram", sum.sram},
        {"flash", sum.flash},
        {"cycles", sum.cycles},
        {"ms", to_ms(static_cast<double>(sum.cycles) * profile.factor.factor, profile.board())}};
    if (profile.measurement) {
      entry["instructions"] = sum.instructions;
      entry["emulated_cycles"] = sum.emulated_cycles;
      entry["memory_cycles"] = sum.memory_cycles;
    }
    out.push_back(entry);
  }
  return out;
}

}  // namespace

ordered_json emulator_json(const Measurement& measurement) {
  ordered_json functions = ordered_json::array();
  for (const FunctionCount& function : measurement.functions) {
    functions.push_back({{"name", function.name},
                         {"instructions", function.instructions},
                         {"calls", function.calls},
                         {"cycles", function.cycles.core},
                         {"memory_cycles", function.cycles.memory()},
                         {"timing", cycles_json(function.cycles)}});
  }
  return {{"instructions", measurement.instructions},
          {"cycles", measurement.cycles.core},
          {"memory_cycles", measurement.cycles.memory()},
          {"timing", cycles_json(measurement.cycles)},
          {"stack_used", measurement.stack},
          {"functions", functions}};
}

ordered_json latency_json(const Board& board, int64_t cycles, const BoardFactor& factor,
                          const std::optional<Measurement>& measurement) {
  const double board_cycles = static_cast<double>(cycles) * factor.factor;
  const double ms = to_ms(board_cycles, board);
  ordered_json out = {{"ms", ms},
                      {"low_ms", ms * factor.bar.low},
                      {"high_ms", ms * factor.bar.high},
                      {"cycles", std::llround(board_cycles)},
                      {"core_cycles", cycles},
                      {"source", measurement ? "emulator" : "model"},
                      {"calibration", nullptr}};
  if (!board.is_host()) {
    out["calibration"] = {{"id", factor.id},
                          {"factor", factor.factor},
                          {"points", factor.points},
                          {"mape", factor.mape}};
  }
  if (measurement && measurement->cycles.memory() > 0) {
    out["simulated_ms"] = to_ms(static_cast<double>(measurement->cycles.with_caches()), board);
  }
  return out;
}

ordered_json profile_json(const Model& source, const Profile& profile, bool latency_fits) {
  const Board& board = profile.board();
  ordered_json out = document("profile");
  const Graph& graph = profile.model.graph;
  ordered_json inputs = ordered_json::array();
  for (const TensorId id : graph.inputs) inputs.push_back(tensor_json(graph.tensor(id)));
  out["model"] = {
      {"path", source.path},       {"sha256", source.sha256},           {"name", source.stem},
      {"macs", total_macs(graph)}, {"params", total_parameters(graph)}, {"inputs", inputs}};
  out["target"] = target_json(board);
  out["schedule"] = profile.model.schedule.kind;
  out["schedules"] = ordered_json::array();
  for (const compiler::Alternative& other : profile.schedules) {
    out["schedules"].push_back({{"name", other.name},
                                {"sram", other.sram.total()},
                                {"arena", other.sram.arena},
                                {"lower_bound", other.sram.lower_bound},
                                {"cycles", other.cycles},
                                {"recomputed_macs", other.recomputed_macs}});
  }
  out["sram"] = sram_json(profile.model);
  out["flash"] = flash_json(profile.flash);
  out["latency"] = latency_json(board, profile.cycles, profile.factor, profile.measurement);
  if (!profile.engines.empty()) out["engines"] = engines_json(profile.engines);
  if (profile.on_board) {
    out["measured"] = {{"cycles", profile.on_board->total},
                       {"ms", to_ms(static_cast<double>(profile.on_board->total), board)}};
  }
  if (profile.measurement) out["emulator"] = emulator_json(*profile.measurement);
  out["fits"] = {
      {"sram", profile.fits_sram}, {"flash", profile.fits_flash}, {"latency", latency_fits}};
  out["layers"] = ordered_json::array();
  for (const LayerProfile& layer : profile.layers) {
    const Op& op = graph.ops[layer.index];
    ordered_json entry = {
        {"index", layer.index},
        {"op", operator_info(op.kind).name},
        {"source_op", op.source_index},
        {"name", graph.output(op).name},
        {"in", graph.input(op, 0).shape},
        {"out", graph.output(op).shape},
        {"macs", layer.macs},
        {"sram", layer.sram},
        {"flash", layer.flash},
        {"cycles", layer.cycles},
        {"ms", to_ms(static_cast<double>(layer.cycles) * profile.factor.factor, board)}};
    if (profile.measurement) {
      entry["instructions"] = layer.instructions;
      entry["emulated_cycles"] = layer.emulated_cycles;
      entry["memory_cycles"] = layer.memory_cycles;
    }
    if (profile.on_board && !profile.on_board->layers.empty() &&
        profile.on_board->layers[layer.index] >= 0)
      entry["measured_cycles"] = profile.on_board->layers[layer.index];
    out["layers"].push_back(entry);
  }
  out["blocks"] = groups_json(profile, group_by_block(graph), "kind");
  out["operators"] = groups_json(profile, group_by_kind(graph), "op");
  return out;
}

}  // namespace mcunet::app
