#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>

#include "apps/mcunet/command.h"
#include "compiler/fit.h"
#include "libmcunet/emulator/board_caches.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/log.h"
#include "libmcunet/support/table.h"
#include "profiler/board_factor.h"
#include "profiler/calibration_file.h"
#include "profiler/engines.h"
#include "profiler/execution.h"
#include "profiler/measured_layers.h"
#include "profiler/memory_map.h"

namespace mcunet::app {
namespace {

using nlohmann::ordered_json;

// Cycles for a multiply-accumulate below which no Cortex-M gets: SMLAD does two in one.
constexpr double kFloor = 0.5;

struct ProfileCommand {
  std::string model, map;
  std::string measured;              // --measured
  std::vector<std::string> engines;  // --engine
  bool emulate = false, caches = false, json = false, csv = false, md = false, calibrate = false;
  TargetOptions target;
  InterfaceOptions interface;
  ScheduleOptions schedule;
  Gates gates;
  void run() const;
};

struct Layer {
  size_t index;
  int64_t macs, sram, flash, cycles;
  // On the emulated core; zero without.
  int64_t instructions = 0, emulated_cycles = 0, memory_cycles = 0;
};

struct Profile {
  compiler::CompiledModel model;
  compiler::FlashAccount flash;
  std::vector<Layer> layers;
  std::vector<compiler::Alternative> schedules;
  std::optional<Measurement> measurement;
  int64_t cycles = 0;  // of the core: emulated if there is a measurement, else estimated
  BoardFactor factor;  // from those to the board's
  double ms = 0;       // on the board
  std::vector<EngineEstimate> engines;
  std::optional<MeasuredLayers> on_board;  // --measured

  int64_t board_cycles() const { return std::llround(static_cast<double>(cycles) * factor.factor); }
  bool fits_sram = true, fits_flash = true;
};

double to_ms(double cycles, const Board& board) {
  return board.is_host() ? 0 : cycles * 1e3 / static_cast<double>(board.clock_hz);
}

// "all" is every engine of which measurements on such a core exist; "mcunet" is what the report is
// about.
std::vector<EngineEstimate> compare_engines(const Graph& graph,
                                            const std::vector<std::string>& names,
                                            const Board& board) {
  std::vector<EngineEstimate> estimates;
  const NetworkShape shape = network_shape(graph);
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
        Log().warning(error.what());
      }
    }
  }
  return estimates;
}

// Bytes that the arena needs while operator i runs, with what outputs share with inputs counted
// once.
int64_t live_bytes(const compiler::CompiledModel& model, size_t i) {
  const compiler::Run& run = model.schedule.run_of(i);
  const auto time = static_cast<size_t>(&run - model.schedule.runs.data()) + 1;
  return model.plan.bounds.at(time);
}

// Constants that operator i brings; one that several share counts where it occurs first.
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

Profile profile(const Model& source, const ProfileCommand& command) {
  Profile result;
  const Board board = command.target.board();
  compiler::CompileOptions options =
      command.target.compile_options(source.stem, command.interface.passes());
  command.schedule.apply(source.graph, options);
  result.model = compiler::compile(source.graph, source.sha256, options);
  result.flash = result.model.flash;
  std::vector<CallCount> counts(result.model.graph.ops.size());
  if (command.emulate) {
    TimingOptions timing;
    if (command.caches) timing.caches = emulated_caches(board);
    FirmwareProgram firmware(result.model, {}, timing);
    result.measurement = firmware.measurement();
    result.flash = compiler::linked_flash(result.model, firmware.sizes());
    counts = firmware.counts_per_layer();
    if (firmware.exceeds_board())
      Log().warning("the emulated core has more memory than " + board.name);
  }
  const std::vector<int64_t> flash = flash_per_layer(result.model);
  const std::vector<int64_t> cycles = compiler::estimated_cycles_per_layer(result.model);
  for (size_t i = 0; i < result.model.graph.ops.size(); ++i) {
    const Op& op = result.model.graph.ops[i];
    result.layers.push_back({i, macs(result.model.graph, op), live_bytes(result.model, i), flash[i],
                             cycles[i], counts[i].instructions, counts[i].cycles,
                             counts[i].memory_cycles});
  }
  result.cycles = compiler::estimated_cycles(result.model);
  if (result.measurement) result.cycles = static_cast<int64_t>(result.measurement->cycles.core);
  result.schedules = compiler::alternatives(result.model);
  if (!board.is_host()) {
    result.factor = board_factor(board, !result.measurement,
                                 load_calibration(calibration_path(board.name), board.name));
    result.ms = to_ms(static_cast<double>(result.cycles) * result.factor.factor, board);
  }
  result.engines = compare_engines(source.graph, command.engines, board);
  result.fits_sram = board.is_host() || result.model.sram.total() <= board.sram_bytes;
  result.fits_flash = board.is_host() || result.flash.total() <= board.flash_bytes;
  return result;
}

// `grouped`: 12,345 for people; 12345 for programs.
Table layer_table(const Profile& profile, bool grouped) {
  const auto number = [grouped](int64_t value) {
    return grouped ? group_digits(value) : std::to_string(value);
  };
  const bool emulated = profile.measurement.has_value();
  const bool caches = emulated && profile.measurement->cycles.memory() > 0;
  std::vector<Table::Column> columns = {{"layer", Align::Right},
                                        {"op", Align::Right},
                                        {"operator"},
                                        {"input"},
                                        {"output"},
                                        {"MACs", Align::Right},
                                        {"SRAM", Align::Right},
                                        {"flash", Align::Right},
                                        {"cycles (est.)", Align::Right}};
  if (emulated) {
    columns.push_back({"instructions", Align::Right});
    columns.push_back({"cycles", Align::Right});
    if (caches) columns.push_back({"+ memory", Align::Right});
    columns.push_back({"per MAC", Align::Right});
    columns.push_back({"to the floor", Align::Right});
  }
  Table table(columns);
  for (const Layer& layer : profile.layers) {
    const Op& op = profile.model.graph.ops[layer.index];
    std::vector<std::string> row = {std::to_string(layer.index),
                                    op.source_index < 0 ? "" : std::to_string(op.source_index),
                                    operator_info(op.kind).name,
                                    to_string(profile.model.graph.input(op, 0).shape),
                                    to_string(profile.model.graph.output(op).shape),
                                    layer.macs > 0 ? number(layer.macs) : "",
                                    number(layer.sram),
                                    number(layer.flash),
                                    number(layer.cycles)};
    if (emulated) {
      row.push_back(number(layer.instructions));
      row.push_back(number(layer.emulated_cycles));
      if (caches) row.push_back(number(layer.memory_cycles));
      const double per_mac = layer.macs > 0 ? static_cast<double>(layer.emulated_cycles) /
                                                  static_cast<double>(layer.macs)
                                            : 0;
      row.push_back(layer.macs > 0 ? format_fixed(per_mac, 2) : "");
      row.push_back(layer.macs > 0 ? format_fixed(per_mac / kFloor, 1) + "x" : "");
    }
    table.add_row(row);
  }
  return table;
}

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

ordered_json latency_json(const Profile& profile, const Board& board) {
  const BoardFactor& factor = profile.factor;
  ordered_json out = {{"ms", profile.ms},
                      {"low_ms", profile.ms * factor.bar.low},
                      {"high_ms", profile.ms * factor.bar.high},
                      {"cycles", profile.board_cycles()},
                      {"core_cycles", profile.cycles},
                      {"source", profile.measurement ? "emulator" : "model"},
                      {"calibration", nullptr}};
  if (!board.is_host()) {
    out["calibration"] = {{"id", factor.id},
                          {"factor", factor.factor},
                          {"points", factor.points},
                          {"mape", factor.mape}};
  }
  if (profile.measurement && profile.measurement->cycles.memory() > 0) {
    out["simulated_ms"] =
        to_ms(static_cast<double>(profile.measurement->cycles.with_caches()), board);
  }
  return out;
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

ordered_json profile_json(const Model& source, const Profile& profile, const Board& board,
                          bool latency_fits) {
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
  out["latency"] = latency_json(profile, board);
  if (!profile.engines.empty()) out["engines"] = engines_json(profile.engines);
  if (profile.on_board) {
    out["measured"] = {{"cycles", profile.on_board->total},
                       {"ms", to_ms(static_cast<double>(profile.on_board->total), board)}};
  }
  if (profile.measurement) out["emulator"] = emulator_json(*profile.measurement);
  out["fits"] = {
      {"sram", profile.fits_sram}, {"flash", profile.fits_flash}, {"latency", latency_fits}};
  out["layers"] = ordered_json::array();
  for (const Layer& layer : profile.layers) {
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
  return out;
}

// The schedules side by side; `auto` is one of them, or a mixture of layer and stream.
Table schedule_table(const Profile& profile, const Board& board) {
  Table table({{"schedule"},
               {"SRAM", Align::Right},
               {"arena", Align::Right},
               {"lower bound", Align::Right},
               {"cycles (est.)", Align::Right},
               {"recomputed MACs", Align::Right},
               {""}});
  const auto add = [&](const std::string& name, const compiler::SramAccount& sram, int64_t cycles,
                       int64_t recomputed) {
    const bool fits = board.is_host() || sram.total() <= board.sram_bytes;
    table.add_row({name, group_digits(sram.total()), group_digits(sram.arena),
                   group_digits(sram.lower_bound), group_digits(cycles),
                   recomputed > 0 ? group_digits(recomputed) : "", fits ? "" : "does not fit"});
  };
  for (const compiler::Alternative& other : profile.schedules)
    add(other.name, other.sram, other.cycles, other.recomputed_macs);
  add("chosen", profile.model.sram, profile.cycles, profile.model.recomputed_macs);
  return table;
}

std::string percent(double value) { return format_fixed(value, 1) + " %"; }

std::string range_ms(double ms, const RelativeBar& bar) {
  return format_fixed(ms * bar.low, 1) + " to " + format_fixed(ms * bar.high, 1);
}

// What the network needs here and in other engines; beside each figure the mean error of its fit on
// networks that were held out.
Table engine_table(const Profile& profile) {
  Table table({{"engine"},
               {"SRAM", Align::Right},
               {"error", Align::Right},
               {"flash", Align::Right},
               {"error", Align::Right},
               {"ms", Align::Right},
               {"range"},
               {"error", Align::Right},
               {"worst", Align::Right},
               {"points", Align::Right},
               {""}});
  table.add_row({"mcunet", group_digits(profile.model.sram.total()), "",
                 group_digits(profile.flash.total()), "", format_fixed(profile.ms, 1),
                 range_ms(profile.ms, profile.factor.bar)});
  for (const EngineEstimate& engine : profile.engines) {
    std::string notes = "fitted on " + engine.fitted_on;
    for (const std::string& note : engine.notes) notes += "; " + note;
    table.add_row({engine.engine, group_digits(engine.sram), percent(engine.sram_error.mean_pct),
                   group_digits(engine.flash), percent(engine.flash_error.mean_pct),
                   format_fixed(engine.ms, 1), range_ms(engine.ms, engine.bar),
                   percent(engine.time_error.mean_pct), percent(engine.time_error.worst_pct),
                   std::to_string(engine.time_error.points), notes});
  }
  return table;
}

// Layers that take time and of which --measured has no count.
std::vector<std::string> unmeasured_layers(const Profile& profile) {
  std::vector<std::string> missing;
  const std::vector<int64_t>& given = profile.on_board->layers;
  for (const Layer& layer : profile.layers) {
    if (layer.cycles > 0 && (given.empty() || given[layer.index] < 0))
      missing.push_back(std::to_string(layer.index));
  }
  return missing;
}

// --measured: cycles on the board against those estimated for it.
Table measured_table(const Profile& profile) {
  Table table({{"layer", Align::Right},
               {"operator"},
               {"measured", Align::Right},
               {"estimated", Align::Right},
               {"difference", Align::Right}});
  const auto row = [&](const std::string& index, const std::string& name, int64_t measured,
                       int64_t core) {
    const double estimate = static_cast<double>(core) * profile.factor.factor;
    const bool comparable = measured > 0 && core > 0;
    const double difference = 100 * (estimate / static_cast<double>(measured) - 1);
    table.add_row({index, name, group_digits(measured), group_digits(std::llround(estimate)),
                   comparable ? percent(difference) : ""});
  };
  const MeasuredLayers& measured = *profile.on_board;
  for (const Layer& layer : profile.layers) {
    if (measured.layers.empty() || measured.layers[layer.index] < 0) continue;
    row(std::to_string(layer.index), operator_info(profile.model.graph.ops[layer.index].kind).name,
        measured.layers[layer.index], profile.measurement ? layer.emulated_cycles : layer.cycles);
  }
  if (measured.total_given || unmeasured_layers(profile).empty())
    row("", "total", measured.total, profile.cycles);
  return table;
}

void print_latency(const Profile& profile, const Board& board) {
  const BoardFactor& factor = profile.factor;
  std::cout << "latency:  " << format_fixed(profile.ms, 1) << " ms ("
            << range_ms(profile.ms, factor.bar) << "), " << group_digits(profile.board_cycles())
            << " cycles at " << board.clock_hz / 1000000 << " MHz\n          "
            << group_digits(profile.cycles) << " cycles of the core, "
            << (profile.measurement ? "emulated" : "estimated from the shapes") << ", times "
            << format_fixed(factor.factor, 3) << " for flash and caches (" << factor.points
            << (factor.points == 1 ? " network; " : " networks; ") << factor.note << ")\n";
  if (profile.measurement && profile.measurement->cycles.memory() > 0) {
    const auto cycles = static_cast<double>(profile.measurement->cycles.with_caches());
    std::cout << "          " << format_fixed(to_ms(cycles, board), 1)
              << " ms with flash and caches simulated instead\n";
  }
}

std::string verdict(bool fits, const char* what, int64_t needed, int64_t available) {
  const std::string text =
      std::string(what) + " " + group_digits(needed) + " of " + group_digits(available) + " B";
  return fits ? text + " fits"
              : text + " does NOT fit, " + group_digits(needed - available) + " B too much";
}

void print_measurement(const Profile& profile) {
  const Measurement& measured = *profile.measurement;
  const auto number = [](uint64_t value) { return group_digits(static_cast<int64_t>(value)); };
  const uint64_t total = measured.cycles.with_caches();
  const bool caches = measured.cycles.memory() > 0;
  std::vector<Table::Column> columns = {{"function"},
                                        {"calls", Align::Right},
                                        {"instructions", Align::Right},
                                        {"cycles", Align::Right}};
  if (caches) columns.push_back({"+ memory", Align::Right});
  columns.push_back({"share", Align::Right});
  Table functions(columns);
  for (const FunctionCount& function : measured.functions) {
    std::vector<std::string> row = {function.name, number(function.calls),
                                    number(function.instructions), number(function.cycles.core)};
    if (caches) row.push_back(number(function.cycles.memory()));
    row.push_back(format_fixed(100.0 * static_cast<double>(function.cycles.with_caches()) /
                                   static_cast<double>(std::max<uint64_t>(total, 1)),
                               1) +
                  " %");
    functions.add_row(row);
  }
  const auto macs_in_all = static_cast<double>(total_macs(profile.model.graph));
  std::cout << functions.to_string() << "\nemulated: " << number(measured.instructions)
            << " instructions, " << number(measured.cycles.core) << " cycles";
  if (caches) std::cout << " and " << number(measured.cycles.memory()) << " of caches and memory";
  if (macs_in_all > 0) {
    std::cout << ", " << format_fixed(static_cast<double>(measured.cycles.core) / macs_in_all, 2)
              << " cycles per MAC";
  }
  std::cout << "; stack used " << group_digits(measured.stack) << " of "
            << group_digits(profile.model.sram.stack) << " B\n";
}

void print_report(const Model& source, const Profile& profile, const Board& board) {
  std::cout << target_line(board) << "model:  " << source.stem << ", " << profile.layers.size()
            << " layers, " << group_digits(total_macs(profile.model.graph)) << " MACs, "
            << group_digits(total_parameters(profile.model.graph)) << " parameters; schedule "
            << profile.model.schedule.kind << "\n\n"
            << layer_table(profile, true).to_string() << "\n"
            << memory_table(profile.model, profile.flash) << "\n"
            << schedule_table(profile, board).to_string() << "\n";
  if (profile.measurement) print_measurement(profile);
  if (profile.on_board) std::cout << measured_table(profile).to_string() << "\n";
  if (!profile.engines.empty()) std::cout << engine_table(profile).to_string() << "\n";
  if (board.is_host()) return;
  print_latency(profile, board);
  std::cout << "fits:     "
            << verdict(profile.fits_sram, "SRAM", profile.model.sram.total(), board.sram_bytes)
            << "; "
            << verdict(profile.fits_flash, "flash", profile.flash.total(), board.flash_bytes)
            << "\n";
}

// --calibrate: from now on the board's factor is that of the user's own measurements.
void refit(const Model& source, const Board& board, Profile& profile) {
  const std::filesystem::path path = calibration_path(board.name);
  if (board.is_host())
    throw Error(ErrorKind::Usage, "--calibrate: the host has no factor; name the board (--target)");
  if (path.empty()) {
    throw Error(ErrorKind::Usage,
                "--calibrate: no place for the file; set HOME or MCUNET_CALIBRATION");
  }
  const std::vector<std::string> missing = unmeasured_layers(profile);
  if (!profile.on_board->total_given && !missing.empty()) {
    std::string list;
    for (const std::string& index : missing) list += " " + index;
    throw Error(ErrorKind::Input, "--calibrate: no cycles of layers" + list +
                                      "; give all, or a line \"total CYCLES\"");
  }
  add_to_calibration(path, board.name,
                     {source.stem, source.sha256, profile.measurement ? "emulator" : "model",
                      profile.on_board->total, std::max<int64_t>(profile.cycles, 1)});
  profile.factor = board_factor(board, !profile.measurement, load_calibration(path, board.name));
  profile.ms = to_ms(static_cast<double>(profile.cycles) * profile.factor.factor, board);
  Log().info("wrote " + path.string());
}

void ProfileCommand::run() const {
  if (json + csv + md > 1)
    throw Error(ErrorKind::Usage, "--json, --csv and --md exclude each other");
  if (caches && !emulate) throw Error(ErrorKind::Usage, "--caches needs --emulate");
  if (calibrate && measured.empty())
    throw Error(ErrorKind::Usage, "--calibrate needs --measured FILE");
  gates.parse();
  const Model source = load_model(model);
  const Board board = target.board();
  Profile result = profile(source, *this);
  if (!measured.empty()) {
    result.on_board =
        parse_measured_layers(read_text_file(measured), result.layers.size(), measured);
    if (calibrate) refit(source, board, result);
  }
  if (!map.empty()) write_file_atomically(map, memory_map_svg(result.model));
  if (json) {
    ordered_json out = profile_json(source, result, board, gates.latency_fits(result.ms));
    if (!map.empty()) out["map"] = map;
    print_json(out);
  } else if (csv) {
    std::cout << layer_table(result, false).to_csv();
  } else if (md) {
    std::cout << layer_table(result, true).to_markdown();
  } else {
    print_report(source, result, board);
  }
  gates.check(result.model.sram.total(), result.flash.total(), result.ms);
}

}  // namespace

void add_profile(CLI::App& app) {
  auto command = std::make_shared<ProfileCommand>();
  CLI::App* sub = app.add_subcommand(
      "profile",
      "SRAM, flash, stack and latency of a model on a board, per layer; no board needed");
  sub->footer(examples({"mcunet profile model.tflite",
                        "mcunet profile model.tflite --schedule stream --map map.svg",
                        "mcunet profile model.tflite --engine all --max-sram 256k"}));
  sub->add_option("model", command->model,
                  ".tflite file, or the .json of an MCUNet network (random weights)")
      ->required();
  command->schedule.add_to(*sub);
  sub->add_flag("--emulate", command->emulate,
                "build the firmware, run it on the emulated core, count instructions and cycles "
                "per layer and "
                "function");
  sub->add_flag("--caches", command->caches,
                "with --emulate: also the cycles that the board's caches and flash add (slower)");
  sub->add_option("--engine", command->engines,
                  "what other engines would need: tinyengine, cmsis-nn, tflm, x-cube-ai or all; "
                  "fits to published measurements")
      ->type_name("E[,E]")
      ->delimiter(',');
  sub->add_option("--measured", command->measured,
                  "compare with cycles from your board: lines \"LAYER CYCLES\" or \"total CYCLES\"")
      ->type_name("FILE");
  sub->add_flag("--calibrate", command->calibrate,
                "with --measured: later estimates for this board use the factor measured");
  sub->add_option("--map", command->map, "write the arena over time as a picture (SVG)")
      ->type_name("FILE");
  sub->add_flag("--json", command->json, "one JSON document on standard output");
  sub->add_flag("--csv", command->csv, "the layer table as CSV");
  sub->add_flag("--md", command->md, "the layer table as Markdown");
  command->interface.add_to(*sub);
  command->target.add_to(*sub);
  command->gates.add_to(*sub, true);
  sub->callback([command] { command->run(); });
}

}  // namespace mcunet::app
