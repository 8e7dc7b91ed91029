#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <set>

#include "apps/mcunet/command.h"
#include "apps/mcunet/profile_compiled.h"
#include "apps/mcunet/profile_report.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/log.h"
#include "profiler/calibration_file.h"
#include "profiler/html_report.h"
#include "profiler/memory_map.h"
#include "profiler/profile.h"

namespace mcunet::app {
namespace {

struct ProfileCommand {
  std::string model, map, html;
  std::string measured;              // --measured
  std::vector<std::string> engines;  // --engine
  std::vector<std::string> by;       // --by
  bool emulate = false, caches = false, json = false, csv = false, md = false, calibrate = false;
  TargetOptions target;
  InterfaceOptions interface;
  ScheduleOptions schedule;
  Gates gates;
  std::vector<std::string> given;  // names of the options that were
  void run() const;
  void run_compiled() const;
  std::vector<Rows> tables() const;
  void write_files(const Model& source, const Profile& result) const;
};

// For people all tables, for programs that of the layers.
std::vector<Rows> ProfileCommand::tables() const {
  if (by.empty())
    return csv || md ? std::vector{Rows::Layer}
                     : std::vector{Rows::Layer, Rows::Block, Rows::Operator};
  std::vector<Rows> tables;
  for (const std::string& name : by) tables.push_back(parse_rows(name));
  if (csv && tables.size() > 1)
    throw Error(ErrorKind::Usage, "--csv is one table: give --by one of layer, block, operator");
  return tables;
}

// The page shows all engines that can be compared with, unless some were chosen.
void ProfileCommand::write_files(const Model& source, const Profile& result) const {
  if (!map.empty()) write_file_atomically(map, memory_map_svg(result.model));
  if (html.empty()) return;
  Profile shown = result;
  if (engines.empty() && !shown.board().is_host())
    shown.engines = compare_engines(source.graph, {"all"}, shown.board(), Log(LogLevel::Off));
  write_file_atomically(html, html_report(shown, html_tables(shown)));
}

// --calibrate: from now on the board's factor is that of the user's own measurements.
void refit(const Model& source, Profile& profile) {
  const Board& board = profile.board();
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

// What is decided when a model is compiled, or needs the model, has no meaning here.
void ProfileCommand::run_compiled() const {
  static const std::set<std::string> taken = {"--emulate",  "--caches",       "--json",
                                              "--target",   "--sram",         "--flash",
                                              "--clock",    "--reserve-sram", "--reserve-flash",
                                              "--max-sram", "--max-flash",    "--max-latency"};
  std::vector<std::string> problems;
  for (const std::string& name : given) {
    if (taken.count(name) == 0)
      problems.push_back(name + " needs the model; " + model + " is compiled already");
  }
  if (!problems.empty()) throw Error(ErrorKind::Usage, problems);
  const bool target_given = std::count(given.begin(), given.end(), "--target") > 0;
  profile_compiled(model, target, {emulate, caches, json, target_given}, gates);
}

void ProfileCommand::run() const {
  if (json + csv + md > 1)
    throw Error(ErrorKind::Usage, "--json, --csv and --md exclude each other");
  // Linked firmware is emulated in any case.
  if (caches && !emulate && !is_compiled(model))
    throw Error(ErrorKind::Usage, "--caches needs --emulate");
  if (calibrate && measured.empty())
    throw Error(ErrorKind::Usage, "--calibrate needs --measured FILE");
  gates.parse();
  if (is_compiled(model)) return run_compiled();
  const std::vector<Rows> rows = tables();
  const Model source = load_model(model);
  compiler::CompileOptions options = target.compile_options(source.stem, interface.passes());
  schedule.apply(source.graph, options);
  Profile result = profile_model(source.graph, source.sha256, options, {emulate, caches}, Log());
  result.engines = compare_engines(source.graph, engines, result.board(), Log());
  if (!measured.empty()) {
    result.on_board =
        parse_measured_layers(read_text_file(measured), result.layers.size(), measured);
    if (calibrate) refit(source, result);
  }
  write_files(source, result);
  if (json) {
    nlohmann::ordered_json out = profile_json(source, result, gates.latency_fits(result.ms));
    if (!map.empty()) out["map"] = map;
    if (!html.empty()) out["html"] = html;
    print_json(out);
  } else if (csv) {
    std::cout << profile_table(result, rows.front(), false).to_csv();
  } else if (md) {
    for (size_t i = 0; i < rows.size(); ++i)
      std::cout << (i > 0 ? "\n" : "") << profile_table(result, rows[i], true).to_markdown();
  } else {
    print_report(source, result, rows);
  }
  gates.check(result.model.sram.total(), result.flash.total(), result.ms);
}

}  // namespace

void add_profile(CLI::App& app) {
  auto command = std::make_shared<ProfileCommand>();
  CLI::App* sub = app.add_subcommand(
      "profile",
      "SRAM, flash, stack and latency of a model on a board, per layer; no board needed");
  sub->footer(
      examples({"mcunet profile model.tflite", "mcunet profile model.tflite --html profile.html",
                "mcunet profile model.tflite --engine all --max-sram 256k"}));
  sub->add_option(
         "model", command->model,
         ".tflite file, or the .json of an MCUNet network (random weights); a folder of mcunet "
         "compile, or its firmware (.elf)")
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
  sub->add_option("--html", command->html,
                  "write a page with pictures and tables of all of it; needs no network")
      ->type_name("FILE");
  sub->add_option("--by", command->by,
                  "the tables: layer, block, operator; all, with --csv and --md layer")
      ->type_name("T[,T]")
      ->delimiter(',');
  add_json(*sub, command->json);
  sub->add_flag("--csv", command->csv, "a table as CSV");
  sub->add_flag("--md", command->md, "tables as Markdown");
  command->interface.add_to(*sub);
  command->target.add_to(*sub);
  command->gates.add_to(*sub, true);
  sub->callback([command, sub] {
    for (const CLI::Option* option : sub->get_options()) {
      if (option->count() > 0 && option->nonpositional())
        command->given.push_back(option->get_name());
    }
    command->run();
  });
}

}  // namespace mcunet::app
