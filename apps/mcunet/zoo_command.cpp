#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "apps/mcunet/command.h"
#include "apps/mcunet/torch_door.h"
#include "apps/mcunet/zoo_cache.h"
#include "compiler/fit.h"
#include "libmcunet/download/download.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/netspec/trained.h"
#include "libmcunet/netspec/unfolded.h"
#include "libmcunet/netspec/write.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/suggest.h"
#include "libmcunet/support/table.h"
#include "libmcunet/tflite/writer.h"
#include "libmcunet/zoo/zoo.h"

namespace mcunet::app {
namespace {

using nlohmann::ordered_json;

constexpr const char* kBase = "https://hanlab18.mit.edu/projects/tinyml/mcunet/release/";
constexpr const char* kBaseVariable = "MCUNET_ZOO_BASE";
constexpr const char* kMinival = "vww-minival";
constexpr const char* kMinivalFile = "vww-minival.tar";
constexpr const char* kMinivalAddress =
    "https://www.dropbox.com/s/bc7qi89ezra9711/vww-minival.tar?dl=1";

// What our engine needs for a network on a board.
struct Need {
  Graph graph;
  compiler::CompiledModel model;
  Board board;
  double ms = 0;  // no estimate for the host
  bool fits() const {
    return board.is_host() ||
           (model.sram.total() <= board.sram_bytes && model.flash.total() <= board.flash_bytes);
  }
};

// Planned only: no weights are made.
Need need_of(const zoo::ZooNetwork& network, const Board& board) {
  netspec::BuildOptions build;
  if (network.weight_bits == 8) build.weights = netspec::Weights::None{};
  Need need;
  need.board = board;
  need.graph = zoo::build(network, build);
  compiler::CompileOptions options{network.net_id, board, {}};
  need.model = compiler::compile(need.graph, std::string(64, '0'), options);
  if (!board.is_host())
    need.ms = static_cast<double>(compiler::estimated_cycles(need.model)) * 1e3 /
              static_cast<double>(board.clock_hz);
  return need;
}

template <typename T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json(nullptr);
}

ordered_json published_json(const zoo::Published& published) {
  if (published.source.empty()) return nullptr;
  return {
      {"source", published.source},
      {"macs_m", or_null(published.macs_m)},
      {"params_m", or_null(published.params_m)},
      {"macs", or_null(published.macs)},
      {"params", or_null(published.params)},
      {"sram", or_null(published.sram)},
      {"flash", or_null(published.flash)},
      {"ms", or_null(published.ms)},
      {"top1", {{"float", or_null(published.top1_float)}, {"int8", or_null(published.top1_int8)}}},
      {"top5", {{"float", or_null(published.top5_float)}, {"int8", or_null(published.top5_int8)}}}};
}

ordered_json network_json(const zoo::ZooNetwork& network, const Need& need) {
  const Tensor& input = need.graph.tensor(need.graph.inputs[0]);
  ordered_json resolution = nullptr;
  if (input.shape.size() == 4) resolution = {input.shape[1], input.shape[2]};
  ordered_json out = {{"net_id", network.net_id},
                      {"aliases", network.aliases},
                      {"task", network.task},
                      {"resolution", resolution},
                      {"input", input.shape},
                      {"weight_bits", network.weight_bits},
                      {"board", network.board},
                      {"macs", total_macs(need.graph)},
                      {"params", zoo::trained_parameters(network, need.graph)},
                      {"published", published_json(network.published)}};
  out["computed"] = {{"target", need.board.name},
                     {"schedule", need.model.schedule.kind},
                     {"sram", need.model.sram.total()},
                     {"flash", need.model.flash.total()},
                     {"ms", need.board.is_host() ? ordered_json(nullptr) : ordered_json(need.ms)},
                     {"fits", need.fits()}};
  return out;
}

std::string millions(int64_t count) {
  return format_fixed(static_cast<double>(count) / 1e6, count < 950'000 ? 2 : 1);
}

std::string kilobytes(const std::optional<int64_t>& bytes) {
  return bytes ? format_fixed(static_cast<double>(*bytes) / 1e3, 0) : "";
}

std::string accuracies(const std::optional<double>& first, const std::optional<double>& second) {
  if (!first) return "";
  return format_fixed(*first, 1) + (second ? "/" + format_fixed(*second, 1) : "");
}

// ---- list

struct ListCommand {
  TargetOptions target;
  bool json = false, csv = false, markdown = false, own_board = false;
  void run() const;
};

void ListCommand::run() const {
  const Board board = target.board();
  Table table({{"net_id"},
               {"task"},
               {"input"},
               {"MACs M", Align::Right},
               {"params M", Align::Right},
               {"top-1 %", Align::Right},
               {"top-5 %", Align::Right},
               {"SRAM kB", Align::Right},
               {"flash kB", Align::Right},
               {"SRAM kB here", Align::Right},
               {"flash kB here", Align::Right},
               {"ms here", Align::Right},
               {own_board ? "board" : "fits"}});
  ordered_json list = ordered_json::array();
  for (const zoo::ZooNetwork& network : zoo::networks()) {
    const Need need = need_of(network, own_board ? find_board(network.board) : board);
    if (json) {
      list.push_back(network_json(network, need));
      continue;
    }
    const zoo::Published& published = network.published;
    table.add_row(
        {network.net_id, network.task, zoo::input_text(network), millions(total_macs(need.graph)),
         format_fixed(static_cast<double>(zoo::trained_parameters(network, need.graph)) / 1e6, 2),
         accuracies(published.top1_float, published.top1_int8),
         accuracies(published.top5_float, published.top5_int8), kilobytes(published.sram),
         kilobytes(published.flash), kilobytes(need.model.sram.total()),
         kilobytes(need.model.flash.total()), need.board.is_host() ? "" : format_fixed(need.ms, 1),
         own_board ? network.board + (need.fits() ? "" : " (too small)")
                   : (need.fits() ? "yes" : "no")});
  }
  if (json) {
    ordered_json out = document("zoo");
    if (!own_board) out["target"] = target_json(board);
    out["networks"] = list;
    return print_json(out);
  }
  if (csv) {
    std::cout << table.to_csv();
  } else if (markdown) {
    std::cout << table.to_markdown();
  } else {
    if (!own_board) std::cout << target_line(board);
    std::cout << "accuracy: published, float/int8; SRAM, flash: published (TinyEngine, STM32F746), "
                 "then what this engine needs\n\n"
              << table.to_string();
  }
}

// ---- show

struct ChangeOptions {
  std::optional<int32_t> resolution, classes;
  void add_to(CLI::App& command) {
    command.add_option("--resolution", resolution, "rows and columns of the image")
        ->check(CLI::Range(1, 4096));
    command.add_option("--classes", classes, "outputs of the classifier")
        ->check(CLI::Range(1, 65536));
  }
  zoo::ZooNetwork get(const std::string& name) const {
    return zoo::changed(zoo::get(name), resolution, classes);
  }
};

struct ShowCommand {
  std::string network;
  ChangeOptions change;
  TargetOptions target;
  bool json = false;
  void run() const;
};

void ShowCommand::run() const {
  const zoo::ZooNetwork found = change.get(network);
  TargetOptions options = target;
  if (options.target.empty()) options.target = found.board;
  const Need need = need_of(found, options.board());
  if (json) {
    ordered_json out = document("zoo");
    out.update(network_json(found, need));
    out["downloads"] = ordered_json::array();
    for (const zoo::Download& file : found.downloads) {
      out["downloads"].push_back(
          {{"name", file.name},
           {"bytes", file.bytes > 0 ? ordered_json(file.bytes) : ordered_json(nullptr)},
           {"sha256", file.sha256.empty() ? ordered_json(nullptr) : ordered_json(file.sha256)}});
    }
    return print_json(out);
  }
  const zoo::Published& published = found.published;
  std::string also, files;
  for (const std::string& alias : found.aliases) also += (also.empty() ? "" : ", ") + alias;
  for (const zoo::Download& file : found.downloads)
    files += (files.empty() ? "" : ", ") + file.name;
  std::cout << "network:    " << found.net_id << (also.empty() ? "" : " (also " + also + ")")
            << "\n"
            << "task:       " << found.task << "\n"
            << "input:      " << zoo::input_text(found) << "\n"
            << "size:       " << group_digits(total_macs(need.graph)) << " MACs, "
            << group_digits(zoo::trained_parameters(found, need.graph)) << " parameters, "
            << need.graph.ops.size() << " operators, int" << found.weight_bits << " weights\n"
            << "made for:   " << found.board << "\n";
  if (!files.empty()) std::cout << "downloads:  " << files << "\n";
  if (!published.source.empty()) {
    std::string facts;
    const auto fact = [&](const std::string& text) { facts += (facts.empty() ? "" : ", ") + text; };
    if (published.sram) fact("SRAM " + kilobytes(published.sram) + " kB");
    if (published.flash) fact("flash " + kilobytes(published.flash) + " kB");
    if (published.ms) fact(format_fixed(*published.ms, 0) + " ms");
    if (published.top1_float)
      fact("top-1 " + accuracies(published.top1_float, published.top1_int8) + " %");
    if (published.top5_float)
      fact("top-5 " + accuracies(published.top5_float, published.top5_int8) + " %");
    std::cout << "published:  " << (facts.empty() ? "the network alone" : facts)
              << "\n            (" << published.source << ")\n";
  }
  std::cout << "\n" << target_line(need.board) << memory_table(need.model, need.model.flash);
  if (!need.board.is_host())
    std::cout << "latency:  about " << format_fixed(need.ms, 1)
              << " ms (mcunet profile says more)\n";
  std::cout << "fits:     " << (need.fits() ? "yes" : "no") << "\n";
}

// ---- export

struct ExportCommand {
  std::string network, output, format, weights;
  ChangeOptions change;
  uint64_t seed = 0;
  bool json = false;
  void run() const;

 private:
  std::string chosen_format() const;
  Graph random_graph(const zoo::ZooNetwork& network) const;
  Graph trained_graph(const zoo::ZooNetwork& network, const checkpoint::StateDict& state) const;
  torchscript::Program program(const zoo::ZooNetwork& network) const;
};

std::string ExportCommand::chosen_format() const {
  if (!format.empty()) return format;
  const std::string extension = std::filesystem::path(output).extension().string();
  if (extension == ".json") return "json";
  if (extension == ".tflite") return weights.empty() ? "int8" : "float";
  if (extension == ".pt") return "torchscript";
  throw Error(ErrorKind::Usage,
              output + ": a name that ends in .json, .tflite or .pt is needed, or --format");
}

Graph ExportCommand::random_graph(const zoo::ZooNetwork& source) const {
  netspec::BuildOptions options;
  options.weights = netspec::Weights::Random{seed};
  return zoo::build(source, options);
}

Graph ExportCommand::trained_graph(const zoo::ZooNetwork& source,
                                   const checkpoint::StateDict& state) const {
  netspec::TrainedOptions options;
  options.name = options.description = source.net_id;
  options.checkpoint = weights;
  return netspec::build_trained_graph(std::get<netspec::NetworkDescription>(source.network), state,
                                      options);
}

// Batch norm stays apart where it is known, so that the network can be trained further. The same
// seed gives the network that it gives as float .tflite.
torchscript::Program ExportCommand::program(const zoo::ZooNetwork& source) const {
  zoo::ZooNetwork in_float = source;
  in_float.weight_bits = 8;  // a matter of quantization
  const auto* description = std::get_if<netspec::NetworkDescription>(&in_float.network);
  if (description == nullptr) return torchscript::program_of(zoo::to_float(random_graph(in_float)));
  const checkpoint::StateDict state =
      weights.empty() ? netspec::unfolded_state(*description, zoo::to_float(random_graph(in_float)))
                      : checkpoint::read_state_dict(std::filesystem::path(weights));
  return torchscript::program_of(trained_graph(in_float, state), state, description->bn);
}

void ExportCommand::run() const {
  const zoo::ZooNetwork found = change.get(network);
  const std::string wanted = chosen_format();
  const auto* description = std::get_if<netspec::NetworkDescription>(&found.network);
  std::vector<std::string> problems;
  if (wanted == "json" && description == nullptr)
    problems.push_back(found.net_id +
                       " is no network of inverted residuals: it has no description "
                       "in MCUNet's format; export it as .tflite or .pt");
  if (wanted == "json" && !weights.empty())
    problems.emplace_back("--weights: a description has none");
  if (!weights.empty() && description == nullptr)
    problems.push_back("--weights: " + found.net_id + " has no checkpoints, only a .tflite");
  if (!weights.empty() && wanted == "int8")
    problems.emplace_back(
        "--weights gives a float network; int8 takes calibration images: "
        "mcunet quantize NET.json --checkpoint W.pth --calib DIR");
  if (!problems.empty()) throw Error(ErrorKind::Usage, std::move(problems));

  std::string weights_text = "random (seed " + std::to_string(seed) + ")";
  if (wanted == "json") {
    write_file_atomically(output, netspec::write_description(*description));
    weights_text = "none";
  } else if (wanted == "torchscript") {
    write_file_atomically(output, torchscript_file(program(found)));
  } else if (!weights.empty()) {
    write_file_atomically(output,
                          write_tflite(trained_graph(
                              found, checkpoint::read_state_dict(std::filesystem::path(weights)))));
  } else {
    const Graph graph = random_graph(found);
    write_file_atomically(output, write_tflite(wanted == "float" ? zoo::to_float(graph) : graph));
  }
  if (!weights.empty()) weights_text = weights;
  if (json) {
    ordered_json out = document("zoo");
    out["net_id"] = found.net_id;
    out["output"] = output;
    out["format"] = wanted;
    out["weights"] = weights_text;
    return print_json(out);
  }
  std::cout << "wrote " << output << ": " << found.net_id << ", " << wanted
            << ", weights: " << weights_text << "\n";
}

// ---- download

struct DownloadCommand {
  std::string network, output, base, kind = "all", progress = "auto";
  bool json = false;
  void run() const;

 private:
  std::vector<DownloadRequest> requests() const;
};

std::string joined_address(const std::string& base, const std::string& name) {
  return base + (!base.empty() && base.back() == '/' ? "" : "/") + name;
}

std::vector<DownloadRequest> DownloadCommand::requests() const {
  const char* variable = std::getenv(kBaseVariable);
  const std::string given = !base.empty() ? base : variable != nullptr ? variable : "";
  std::vector<zoo::Download> files;
  if (network == kMinival) {
    files.push_back({kMinivalFile, 0, ""});
  } else {
    const zoo::ZooNetwork found = zoo::get(network);
    for (const zoo::Download& file : found.downloads) {
      const std::string extension = std::filesystem::path(file.name).extension().string();
      if (kind == "all" || extension == "." + kind) files.push_back(file);
    }
    if (files.empty())
      throw Error(ErrorKind::Usage,
                  found.net_id + (found.downloads.empty()
                                      ? " has no published files; 'mcunet zoo export' makes one"
                                      : " has no published ." + kind));
  }
  // One file may be given a name; several need a directory.
  std::filesystem::path directory = zoo_cache_directory();
  std::filesystem::path single;
  if (!output.empty()) {
    const bool is_directory = output.back() == '/' || std::filesystem::is_directory(output);
    if (is_directory || files.size() > 1) {
      directory = output;
    } else {
      single = output;
    }
  }
  std::vector<DownloadRequest> all;
  for (const zoo::Download& file : files) {
    DownloadRequest request;
    request.url = network == kMinival && given.empty()
                      ? kMinivalAddress
                      : joined_address(given.empty() ? kBase : given, file.name);
    request.path = single.empty() ? directory / file.name : std::filesystem::absolute(single);
    request.bytes = file.bytes;
    request.sha256 = file.sha256;
    request.progress = progress_mode(progress);
    all.push_back(request);
  }
  return all;
}

void DownloadCommand::run() const {
  ordered_json files = ordered_json::array();
  std::string text;
  for (const DownloadRequest& request : requests()) {
    const DownloadResult result = download(request);
    const bool checked = !request.sha256.empty();
    files.push_back({{"file", request.path.string()},
                     {"url", request.url},
                     {"bytes", result.bytes},
                     {"transferred", result.transferred},
                     {"sha256", result.sha256},
                     {"checked", checked}});
    text += request.path.string() + ": " + group_digits(result.bytes) + " bytes" +
            (result.transferred == 0 ? ", was there already" : "") +
            (checked ? ", SHA-256 as expected" : ", SHA-256 " + result.sha256) + "\n";
  }
  if (json) {
    ordered_json out = document("zoo");
    out["net_id"] = network;
    out["files"] = files;
    return print_json(out);
  }
  std::cout << text;
}

void add_list(CLI::App& zoo) {
  auto command = std::make_shared<ListCommand>();
  CLI::App* sub = zoo.add_subcommand("list", "All networks, with what they need on the board");
  sub->footer(examples({"mcunet zoo list", "mcunet zoo list --target stm32h743",
                        "mcunet zoo list --own-board --csv"}));
  command->target.add_to(*sub);
  sub->add_flag("--own-board", command->own_board, "each on the board that it was made for");
  CLI::Option* json = add_json(*sub, command->json);
  CLI::Option* csv = sub->add_flag("--csv", command->csv, "comma-separated values")->excludes(json);
  sub->add_flag("--md", command->markdown, "a Markdown table")->excludes(json)->excludes(csv);
  sub->callback([command] { command->run(); });
}

void add_show(CLI::App& zoo) {
  auto command = std::make_shared<ShowCommand>();
  CLI::App* sub = zoo.add_subcommand("show", "One network");
  sub->footer(examples({"mcunet zoo show mcunet-in3",
                        "mcunet zoo show mobilenetv2-w0.5-r128 --target stm32h743",
                        "mcunet zoo show mcunet-vww1 --resolution 96 --json"}));
  sub->add_option("network", command->network, "net_id or alias (mcunet zoo list)")->required();
  command->change.add_to(*sub);
  command->target.target.clear();  // the network's own
  command->target.add_to(*sub);
  add_json(*sub, command->json);
  sub->callback([command] { command->run(); });
}

void add_export(CLI::App& zoo) {
  auto command = std::make_shared<ExportCommand>();
  CLI::App* sub = zoo.add_subcommand("export", "Writes a network to a file");
  sub->footer(examples({"mcunet zoo export mcunet-in3 -o in3.json",
                        "mcunet zoo export mcunet-in3 --weights in3.pth -o in3.tflite",
                        "mcunet zoo export mcunet-in3 --weights in3.pth -o in3.pt",
                        "mcunet zoo export mobilenetv2-w0.5-r96 --classes 10 -o mbv2.tflite"}));
  sub->add_option("network", command->network, "net_id or alias (mcunet zoo list)")->required();
  sub->add_option("-o,--output", command->output,
                  ".json: the description; .tflite: int8, or float with --weights; .pt: "
                  "TorchScript")
      ->required();
  sub->add_option("--format", command->format,
                  "json, int8, float or torchscript, whatever the file's name")
      ->check(CLI::IsMember({"json", "int8", "float", "torchscript"}));
  sub->add_option("--weights", command->weights, "a checkpoint (.pth) of this network");
  command->change.add_to(*sub);
  sub->add_option("--seed", command->seed, "of random weights")->capture_default_str();
  add_json(*sub, command->json);
  sub->callback([command] { command->run(); });
}

void add_download(CLI::App& zoo) {
  auto command = std::make_shared<DownloadCommand>();
  CLI::App* sub = zoo.add_subcommand(
      "download", "Fetches published weights, or the vww-minival set, into the cache");
  sub->footer(examples({"mcunet zoo download mcunet-in3", "mcunet zoo download person-det",
                        "mcunet zoo download vww-minival -o vww-minival.tar"}));
  sub->add_option("network", command->network, "net_id or alias, or vww-minival (380 MB)")
      ->required();
  sub->add_option("-o,--output", command->output,
                  "file or directory (default: $XDG_CACHE_HOME/mcunet/zoo)");
  sub->add_option("--file", command->kind, "all, json, pth or tflite")
      ->check(CLI::IsMember({"all", "json", "pth", "tflite"}))
      ->capture_default_str();
  sub->add_option(
      "--base", command->base,
      std::string("address of the folder (default: $") + kBaseVariable + ", else " + kBase + ")");
  add_progress(*sub, command->progress);
  add_json(*sub, command->json);
  sub->callback([command] { command->run(); });
}

}  // namespace

void add_zoo(CLI::App& app) {
  CLI::App* zoo = app.add_subcommand("zoo", "The built-in networks and their published weights");
  zoo->require_subcommand(1);
  zoo->footer(examples({"mcunet zoo list", "mcunet zoo export mcunet-in3 -o in3.json",
                        "mcunet zoo download mcunet-in3"}));
  add_list(*zoo);
  add_show(*zoo);
  add_export(*zoo);
  add_download(*zoo);
}

}  // namespace mcunet::app
