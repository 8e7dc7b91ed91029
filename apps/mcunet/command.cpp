#include "apps/mcunet/command.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <iostream>

#include "apps/mcunet/zoo_cache.h"
#include "libmcunet/board/size.h"
#include "libmcunet/netspec/build.h"
#include "libmcunet/netspec/read.h"
#include "libmcunet/netspec/trained.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/sha256.h"
#include "libmcunet/support/table.h"
#include "libmcunet/tflite/reader.h"
#include "libmcunet/zoo/zoo.h"

namespace mcunet::app {

using nlohmann::ordered_json;

namespace {

bool is_description(const std::string& path) {
  std::string extension = std::filesystem::path(path).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".json";
}

// The network that a description stands for, with random weights: memory and speed are those of a
// trained one.
Graph synthetic_network(const std::vector<uint8_t>& bytes, const Model& model) {
  const std::string text(bytes.begin(), bytes.end());
  netspec::BuildOptions options;
  options.name = model.path;  // for messages
  options.weights = netspec::Weights::Random{0};
  Graph graph = netspec::build_graph(netspec::read_description(text, model.path), options);
  graph.name = model.stem;
  return graph;
}

// The network of the zoo that a word names, unless a file has that name.
std::optional<zoo::ZooNetwork> zoo_network(const std::string& name) {
  std::error_code error;
  return std::filesystem::exists(name, error) ? std::nullopt : zoo::find(name);
}

// With random weights. There is no file; what stands for it is the net_id.
Model zoo_model(const zoo::ZooNetwork& network) {
  Model model;
  model.path = model.stem = network.net_id;
  model.sha256 = sha256_hex(network.net_id);
  model.graph = zoo::build(network);
  return model;
}

Model trained_zoo_model(const zoo::ZooNetwork& network, const std::string& checkpoint) {
  const auto* description = std::get_if<netspec::NetworkDescription>(&network.network);
  if (description == nullptr)
    throw Error(ErrorKind::Usage, "--checkpoint: " + network.net_id +
                                      " has no checkpoints, only a published .tflite");
  netspec::TrainedOptions options;
  options.name = options.description = network.net_id;
  options.checkpoint = checkpoint;
  Model model;
  model.path = model.stem = network.net_id;
  model.sha256 = sha256_file(checkpoint);
  model.graph = netspec::build_trained_graph(
      *description, checkpoint::read_state_dict(std::filesystem::path(checkpoint)), options);
  return model;
}

}  // namespace

Model load_model(const std::string& path) {
  if (const std::optional<zoo::ZooNetwork> network = zoo_network(path)) return zoo_model(*network);
  const std::vector<uint8_t> bytes = read_file(path);
  Model model;
  model.path = path;
  model.stem = std::filesystem::path(path).stem().string();
  model.sha256 = sha256_hex(bytes);
  model.graph =
      is_description(path) ? synthetic_network(bytes, model) : read_tflite(bytes, model.stem);
  return model;
}

Model load_trained_model(const std::string& path, const import::ImportOptions& options) {
  if (const std::optional<zoo::ZooNetwork> network = zoo_network(path)) {
    if (options.checkpoint.empty()) return load_model(zoo_tflite(*network));
    return trained_zoo_model(*network, options.checkpoint);
  }
  const std::vector<uint8_t> bytes = read_file(path);
  const bool tflite = import::network_file(bytes, path) == import::NetworkFile::TfLite;
  // Quantized models are as welcome here as float ones, and need no import.
  const bool plain = options.checkpoint.empty() && !options.input_shape && !options.resolution;
  if (tflite && plain) return load_model(path);
  Model model;
  model.path = path;
  model.stem = std::filesystem::path(path).stem().string();
  model.sha256 = sha256_hex(bytes);
  model.graph = import::import_network(path, options);
  return model;
}

DescribedNetwork load_description(const std::string& path) {
  if (const std::optional<zoo::ZooNetwork> network = zoo_network(path)) {
    if (const auto* described = std::get_if<netspec::NetworkDescription>(&network->network))
      return {network->net_id, *described, std::nullopt};
    throw Error(ErrorKind::Usage, path +
                                      " is no classifier of inverted residuals; training knows "
                                      "only these (network descriptions)");
  }
  const std::string text = read_text_file(path);
  return {path, netspec::read_description(text, path), netspec::described_preprocess(text, path)};
}

Preprocess preprocess_for(const std::string& given, const Graph& graph,
                          const std::string& fallback) {
  if (!given.empty()) return find_preprocess(given);
  if (std::optional<Preprocess> stored = stored_preprocess(graph)) return *stored;
  return find_preprocess(fallback);
}

namespace {

double parse_duration(const std::string& text, const std::string& option,
                      const std::vector<std::pair<std::string, double>>& units) {
  size_t end = 0;
  double value = 0;
  try {
    value = std::stod(text, &end);
  } catch (const std::exception&) {
    end = 0;
  }
  const std::string unit = text.substr(std::min(end, text.size()));
  for (const auto& [name, factor] : units) {
    if (end > 0 && unit == name && value > 0) return value * factor;
  }
  throw Error(ErrorKind::Usage, option + ": '" + text + "' is no time above 0 (such as 10" +
                                    units.front().first + ")");
}

}  // namespace

double parse_milliseconds(const std::string& text, const std::string& option) {
  return parse_duration(text, option, {{"ms", 1}, {"", 1}, {"s", 1000}});
}

double parse_seconds(const std::string& text, const std::string& option) {
  return parse_duration(text, option, {{"m", 60}, {"s", 1}, {"min", 60}, {"h", 3600}});
}

Place place_of(const std::string& on) {
  return on == "host" ? Place::Host : on == "firmware" ? Place::Firmware : Place::Interpreter;
}

ProgressMode progress_mode(const std::string& progress) {
  return progress == "bar"     ? ProgressMode::Bar
         : progress == "plain" ? ProgressMode::Plain
         : progress == "none"  ? ProgressMode::None
                               : ProgressMode::Auto;
}

void TargetOptions::add_to(CLI::App& command) {
  const char* group = "Target";
  command
      .add_option("--target", target,
                  "board name (mcunet board list), a board's .json file, or host")
      ->capture_default_str()
      ->group(group);
  command.add_option("--sram", sram, "SRAM instead of the board's, such as 256k")->group(group);
  command.add_option("--flash", flash, "flash instead of the board's, such as 2m")->group(group);
  command.add_option("--clock", clock, "clock instead of the board's, such as 216MHz")
      ->group(group);
  command.add_option("--reserve-sram", reserve_sram, "SRAM kept for the application")->group(group);
  command.add_option("--reserve-flash", reserve_flash, "flash kept for the application")
      ->group(group);
}

Board TargetOptions::board() const {
  Board board = find_board(target);
  if (!sram.empty()) board.sram_bytes = parse_size(sram, "--sram");
  if (!flash.empty()) board.flash_bytes = parse_size(flash, "--flash");
  if (!clock.empty()) board.clock_hz = parse_clock(clock, "--clock");
  if (!board.is_host() && (board.sram_bytes == 0 || board.flash_bytes == 0))
    throw Error(ErrorKind::Usage, "--sram and --flash must be more than 0");
  if (!reserve_sram.empty()) board.sram_bytes -= parse_size(reserve_sram, "--reserve-sram");
  if (!reserve_flash.empty()) board.flash_bytes -= parse_size(reserve_flash, "--reserve-flash");
  if (!board.is_host() && (board.sram_bytes <= 0 || board.flash_bytes <= 0))
    throw Error(ErrorKind::Usage,
                "nothing of the board's memory is left after --reserve-sram and --reserve-flash");
  return board;
}

compiler::CompileOptions TargetOptions::compile_options(const std::string& name,
                                                        const compiler::PassOptions& passes) const {
  compiler::CompileOptions options{name, board(), passes};
  if (!reserve_sram.empty()) options.reserved_sram = parse_size(reserve_sram, "--reserve-sram");
  if (!reserve_flash.empty()) options.reserved_flash = parse_size(reserve_flash, "--reserve-flash");
  return options;
}

ordered_json target_json(const Board& board) {
  return {{"board", board.name},
          {"core", board.core},
          {"clock_mhz", static_cast<double>(board.clock_hz) / 1e6},
          {"sram", board.sram_bytes},
          {"flash", board.flash_bytes}};
}

std::string target_line(const Board& board) {
  if (board.is_host()) return "target: host\n";
  return "target: " + board.name + ", " + board.core + " at " +
         format_fixed(static_cast<double>(board.clock_hz) / 1e6, 0) + " MHz, SRAM " +
         format_bytes(board.sram_bytes) + ", flash " + format_bytes(board.flash_bytes) + "\n";
}

void InterfaceOptions::add_to(CLI::App& command) {
  command.add_option("--io", io, "type of the network's inputs and outputs in the generated API")
      ->check(CLI::IsMember({"int8", "uint8", "float32"}))
      ->capture_default_str();
  command
      .add_option("--input-layout", input_layout,
                  "model: as the file has it; nhwc: a planar image is given pixel by pixel")
      ->check(CLI::IsMember({"model", "nhwc"}))
      ->capture_default_str();
}

compiler::PassOptions InterfaceOptions::passes() const {
  compiler::PassOptions passes;
  passes.io = io == "uint8"     ? compiler::EdgeType::UInt8
              : io == "float32" ? compiler::EdgeType::Float32
                                : compiler::EdgeType::Int8;
  passes.nhwc_input = input_layout == "nhwc";
  return passes;
}

namespace {

constexpr const char* kPatch = "patch";
constexpr const char* kPatchGrid = "patch=";

bool is_patch(const std::string& schedule) {
  return schedule == kPatch || schedule.rfind(kPatchGrid, 0) == 0;
}

}  // namespace

void ScheduleOptions::add_to(CLI::App& command) {
  const char* group = "Memory against time";
  command
      .add_option(
          "--schedule", schedule,
          "auto: the fastest that fits the board's SRAM; layer: one operator after the "
          "other; stream: rows of several operators in turn, the least SRAM; patch: the "
          "first operators patch by patch, as MCUNetV2 does, with the grid of least SRAM, or "
          "patch=ROWSxCOLUMNS@OPERATORS")
      ->check(CLI::Validator(
          [](const std::string& text) -> std::string {
            if (is_patch(text)) return "";
            return CLI::IsMember({"auto", "layer", "stream", "patch", "patch=RxC@K"})(text);
          },
          "auto|layer|stream|patch[=RxC@K]"))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--optimize", optimize,
                  "latency: the fewest cycles that fit the board; flash, sram: the least of it; "
                  "balanced: fast kernels where they are worth their code")
      ->check(CLI::IsMember({"balanced", "latency", "flash", "sram"}))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--input", input,
                  "whole: the image lies in the arena; rows: it is given row by row, as a camera "
                  "does, and never is in memory as a whole")
      ->check(CLI::IsMember({"whole", "rows"}))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--allow-recompute", recompute,
                  "per cent of the multiply-accumulates that may be done twice to save SRAM "
                  "(squeeze-and-excite blocks)")
      ->capture_default_str()
      ->group(group);
}

namespace {

double parse_percent(const std::string& text, const char* option) {
  const std::string number =
      !text.empty() && text.back() == '%' ? text.substr(0, text.size() - 1) : text;
  size_t used = 0;
  double value = -1;
  try {
    value = std::stod(number, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (number.empty() || used != number.size() || !(value >= 0 && value <= 1000)) {
    throw Error(ErrorKind::Usage,
                std::string(option) + ": '" + text + "' is not a percentage, such as 12%");
  }
  return value;
}

}  // namespace

void ScheduleOptions::apply(const Graph& graph, compiler::CompileOptions& options) const {
  using compiler::ScheduleKind;
  options.schedule = schedule == "layer"    ? ScheduleKind::Layer
                     : schedule == "stream" ? ScheduleKind::Stream
                     : is_patch(schedule)   ? ScheduleKind::Patch
                                            : ScheduleKind::Auto;
  options.objective = optimize == "latency" ? compiler::Objective::Latency
                      : optimize == "flash" ? compiler::Objective::Flash
                      : optimize == "sram"  ? compiler::Objective::Sram
                                            : compiler::Objective::Balanced;
  if (is_patch(schedule) && schedule != kPatch)
    options.patch = compiler::parse_patch_grid(schedule.substr(std::string(kPatchGrid).size()));
  options.allow_recompute = parse_percent(recompute, "--allow-recompute");
  options.input_rows = input == "rows";
  if (!options.input_rows) return;
  if (options.schedule == ScheduleKind::Layer) {
    throw Error(ErrorKind::Usage,
                "--input rows needs --schedule stream or auto: layer by layer the image is whole");
  }
  if (options.schedule == ScheduleKind::Patch) {
    throw Error(ErrorKind::Usage,
                "--input rows needs --schedule stream or auto: patches are cut from a whole image");
  }
  // Rows of a camera hold pixels.
  if (compiler::has_planar_input(compiler::drop_dead_ops(graph))) options.passes.nhwc_input = true;
}

void Gates::add_to(CLI::App& command, bool with_latency) {
  const char* group = "Gates (exit code 6 when exceeded)";
  command.add_option("--max-sram", sram, "fail when arena + statics + stack need more")
      ->group(group);
  command.add_option("--max-flash", flash, "fail when code + constants + weights need more")
      ->group(group);
  if (with_latency)
    command.add_option("--max-latency", latency_ms, "fail when the latency is longer, in ms")
        ->group(group);
}

void Gates::parse() const {
  if (!sram.empty()) parse_size(sram, "--max-sram");
  if (!flash.empty()) parse_size(flash, "--max-flash");
}

void Gates::check(int64_t sram_bytes, int64_t flash_bytes, double ms) const {
  std::vector<std::string> problems;
  const auto check_size = [&](const std::string& limit, const char* option, const char* what,
                              int64_t bytes) {
    if (limit.empty() || bytes <= parse_size(limit, option)) return;
    problems.push_back(std::string(what) + " " + format_bytes(bytes) + " exceeds " + option + " " +
                       limit);
  };
  check_size(sram, "--max-sram", "SRAM", sram_bytes);
  check_size(flash, "--max-flash", "flash", flash_bytes);
  if (!latency_fits(ms))
    problems.push_back("latency " + format_fixed(ms, 1) + " ms exceeds --max-latency " +
                       format_fixed(latency_ms, 1));
  if (!problems.empty()) throw Error(ErrorKind::Mismatch, std::move(problems));
}

ordered_json document(const std::string& command) {
  return {{"schema", "mcunet." + command + "/1"},
          {"tool_version", MCUNET_VERSION},
          {"command", command}};
}

// Names in a model file need not be UTF-8; a document must be.
void print_json(const ordered_json& document) {
  std::cout << document.dump(2, ' ', false, ordered_json::error_handler_t::replace) << "\n";
}

ordered_json sram_json(const compiler::CompiledModel& model) {
  const compiler::SramAccount& sram = model.sram;
  return {{"arena", sram.arena},
          {"activations", sram.activations},
          {"scratch", sram.scratch},
          {"static", sram.statics},
          {"stack", sram.stack},
          {"total", sram.total()},
          {"lower_bound", sram.lower_bound},
          {"peak_op", sram.peak_op}};
}

ordered_json flash_json(const compiler::FlashAccount& flash) {
  return {{"weights", flash.weights},
          {"code", flash.code},
          {"code_source", flash.linked ? "linked" : "estimated"},
          {"constants", flash.constants},
          {"total", flash.total()}};
}

ordered_json tensor_json(const Tensor& tensor) {
  ordered_json out = {
      {"name", tensor.name}, {"shape", tensor.shape}, {"dtype", dtype_name(tensor.dtype)}};
  out["scale"] = tensor.quantization.empty() ? ordered_json(nullptr)
                                             : ordered_json(tensor.quantization.scale());
  out["zero_point"] = tensor.quantization.empty() ? ordered_json(nullptr)
                                                  : ordered_json(tensor.quantization.zero_point());
  return out;
}

std::string memory_table(const compiler::CompiledModel& model,
                         const compiler::FlashAccount& flash) {
  const compiler::SramAccount& sram = model.sram;
  Table table({{"SRAM"}, {"bytes", Align::Right}, {""}});
  const std::string bound =
      sram.arena == sram.lower_bound ? "the least this schedule can have"
      : model.options.schedule == compiler::ScheduleKind::Auto
          ? "with rows in turn at least " + group_digits(sram.lower_bound)
          : "at least " + group_digits(sram.lower_bound) + " for this schedule";
  table.add_row({"arena", group_digits(sram.arena),
                 "activations " + group_digits(sram.activations) + ", scratch " +
                     group_digits(sram.scratch) + "; " + bound});
  table.add_row({"statics", group_digits(sram.statics), "the context"});
  table.add_row({"stack", group_digits(sram.stack), "bound"});
  table.add_row({"total", group_digits(sram.total()), format_bytes(sram.total())});
  Table second({{"flash"}, {"bytes", Align::Right}, {""}});
  second.add_row({"weights", group_digits(flash.weights), ""});
  second.add_row({"constants", group_digits(flash.constants), "multipliers, tables, parameters"});
  second.add_row({"code", group_digits(flash.code), flash.linked ? "linked" : "estimated"});
  second.add_row({"total", group_digits(flash.total()), format_bytes(flash.total())});
  return table.to_string() + "\n" + second.to_string();
}

CLI::Option* add_jobs(CLI::App& command, int& threads) {
  return command.add_option("-j,--jobs", threads, "threads; 0: one per processor")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

CLI::Option* add_progress(CLI::App& command, std::string& progress) {
  return command.add_option("--progress", progress, "auto, bar, plain or none")
      ->check(CLI::IsMember({"auto", "bar", "plain", "none"}))
      ->capture_default_str();
}

CLI::Option* add_json(CLI::App& command, bool& json) {
  return command.add_flag("--json", json, "one JSON document on standard output");
}

std::string examples(const std::vector<std::string>& lines) {
  std::string text = "Examples:";
  for (const std::string& line : lines) text += "\n  " + line;
  return text + "\n";
}

}  // namespace mcunet::app
