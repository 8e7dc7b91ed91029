// What the commands share: how they are registered, models and targets as users name them, the
// common options.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "compiler/compile.h"
#include "libmcunet/board/board.h"
#include "libmcunet/data/preprocess.h"
#include "libmcunet/graph/graph.h"
#include "libmcunet/netspec/description.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/progress.h"
#include "profiler/model_runner.h"
#include "quant/import/import.h"

namespace mcunet::app {

// Each adds its subcommand; the callback does the work and throws Error.
void add_compile(CLI::App& app);
void add_profile(CLI::App& app);
void add_eval(CLI::App& app);
void add_quantize(CLI::App& app);
void add_search(CLI::App& app);
void add_train(CLI::App& app);
void add_run(CLI::App& app);
void add_zoo(CLI::App& app);
void add_inspect(CLI::App& app);
void add_board(CLI::App& app);

// ---- models
// ----------------------------------------------------------------------------------------------------------

// A model is named by its file, or, where there is no such file, by its name in the zoo.
struct Model {
  std::string path, stem, sha256;
  Graph graph;
};
Model load_model(const std::string& path);
// The same for what is to be judged by its outputs: whatever `quantize` reads, and quantized
// models. A network description needs its weights. A name of the zoo stands for the published int8
// .tflite in the download cache, or, with a checkpoint, for the description.
Model load_trained_model(const std::string& path, const import::ImportOptions& options);

// An inverted-residual network by the path of its description or its name in the zoo, not built:
// what training needs. Throws Error(Usage) for networks of the zoo that are none.
struct DescribedNetwork {
  std::string name;  // for messages
  netspec::NetworkDescription network;
  std::optional<Preprocess> preprocess;  // that the description names
};
DescribedNetwork load_description(const std::string& path);

// What --preprocess says; if nothing, what is stored in the model; else the one named `fallback`.
Preprocess preprocess_for(const std::string& given, const Graph& graph,
                          const std::string& fallback);

// What an option gives as a time above 0: "778", "778ms" or "0.8s"; "10m", "90s" or "1h". Throw
// Error(Usage).
double parse_milliseconds(const std::string& text, const std::string& option);
double parse_seconds(const std::string& text, const std::string& option);

Place place_of(const std::string& on);                    // --on
ProgressMode progress_mode(const std::string& progress);  // --progress

// ---- targets
// ---------------------------------------------------------------------------------------------------------

struct TargetOptions {
  std::string target = "stm32f746";
  std::string sram, flash, clock, reserve_sram, reserve_flash;

  void add_to(CLI::App& command);
  Board board() const;  // the named board with its figures overridden
  compiler::CompileOptions compile_options(const std::string& name,
                                           const compiler::PassOptions& passes) const;
};

nlohmann::ordered_json target_json(const Board& board);
std::string target_line(
    const Board& board);  // "target: stm32f746, Cortex-M7 216 MHz, SRAM …, flash …"

// ---- the network's interface
// -------------------------------------------------------------------------------------------

struct InterfaceOptions {
  std::string io = "int8", input_layout = "model";
  void add_to(CLI::App& command);
  compiler::PassOptions passes() const;
};

// ---- memory against time
// -------------------------------------------------------------------------------------------

struct ScheduleOptions {
  std::string schedule = "auto", optimize = "balanced", input = "whole", recompute = "0";
  void add_to(CLI::App& command);
  // Sets what compile() takes. `graph` tells whether rows of its input mean pixels or planes.
  void apply(const Graph& graph, compiler::CompileOptions& options) const;
};

// ---- gates: --max-sram and the like
// -----------------------------------------------------------------------------------

struct Gates {
  std::string sram, flash;
  double latency_ms = 0;
  void add_to(CLI::App& command, bool with_latency);
  void parse() const;  // throws Error(Usage) for limits that are no sizes, before long work
  bool latency_fits(double ms) const { return latency_ms <= 0 || ms <= latency_ms; }
  // Throws Error(Mismatch) naming every limit that is exceeded.
  void check(int64_t sram_bytes, int64_t flash_bytes, double ms) const;
};

// ---- documents
// ---------------------------------------------------------------------------------------------------------

nlohmann::ordered_json document(const std::string& command);  // schema, tool_version, command
void print_json(const nlohmann::ordered_json& document);
nlohmann::ordered_json sram_json(const compiler::CompiledModel& model);
nlohmann::ordered_json flash_json(const compiler::FlashAccount& flash);
nlohmann::ordered_json tensor_json(const Tensor& tensor);
std::string memory_table(const compiler::CompiledModel& model, const compiler::FlashAccount& flash);

// ---- options of several commands
// ----------------------------------------------------------------------------------------

CLI::Option* add_jobs(CLI::App& command, int& threads);
CLI::Option* add_progress(CLI::App& command, std::string& progress);  // for progress_mode()
CLI::Option* add_json(CLI::App& command, bool& json);

// "three examples first"
std::string examples(const std::vector<std::string>& lines);

}  // namespace mcunet::app
