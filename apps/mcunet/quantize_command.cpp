#include <algorithm>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "apps/mcunet/command.h"
#include "apps/mcunet/torch_door.h"
#include "libmcunet/board/size.h"
#include "libmcunet/data/metrics.h"
#include "libmcunet/data/network_input.h"
#include "libmcunet/data/network_output.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/log.h"
#include "libmcunet/support/progress.h"
#include "libmcunet/support/table.h"
#include "libmcunet/tflite/reader.h"
#include "libmcunet/tflite/strict.h"
#include "libmcunet/tflite/writer.h"
#include "quant/accuracy.h"
#include "quant/assemble.h"
#include "quant/import/import.h"
#include "quant/quantize.h"

namespace mcunet::app {
namespace {

using nlohmann::ordered_json;

constexpr const char* kDefaultPreprocess = "imagenet";
constexpr size_t kWorst = 5;  // layers that are named

struct QuantizeCommand {
  std::string model, checkpoint, calib, output, eval;
  std::string preprocess, io = "int8", weights = "int8", max_flash;
  std::string ranges = "mse", weight_scale = "max", progress = "auto";
  std::vector<int32_t> input_shape;
  int32_t resolution = 0;
  std::string rounding = "adaptive";
  int64_t iterations = 0;
  size_t calib_count = 100;
  double max_drop = 0;
  bool drop_limited = false;
  bool no_equalize = false, no_bias_correction = false, tune_ranges = false, json = false;
  uint64_t seed = 0;
  int threads = 0;
  TargetOptions target;

  void check() const;
  void run() const;
};

// One bar after the other, one for each stage.
class StageProgress {
 public:
  explicit StageProgress(ProgressMode mode) : mode_(mode) {}

  void operator()(const std::string& stage, int64_t done, int64_t total) {
    if (done == 0) {
      bar_.reset();
      bar_ = std::make_unique<Progress>(stage, "steps", std::max<int64_t>(total, 1), mode_);
      shown_ = 0;
      return;
    }
    if (bar_) bar_->advance(done - shown_);
    shown_ = done;
    if (done == total) bar_.reset();
  }

 private:
  ProgressMode mode_;
  std::unique_ptr<Progress> bar_;
  int64_t shown_ = 0;
};

import::ImportOptions import_options(const QuantizeCommand& command){import::ImportOptions options;
options.checkpoint = command.checkpoint;
if (!command.input_shape.empty()) options.input_shape = command.input_shape;
if (command.resolution > 0) options.resolution = command.resolution;
return options;
}  // namespace

Preprocess choose_preprocess(const QuantizeCommand& command, const Graph& network) {
  const std::optional<Preprocess> stored = stored_preprocess(network);
  const Preprocess chosen = !command.preprocess.empty() ? find_preprocess(command.preprocess)
                            : stored                    ? *stored
                                                        : find_preprocess(kDefaultPreprocess);
  if (!chosen.raw_pixels) return chosen;
  throw Error(ErrorKind::Usage, "--preprocess " + chosen.name +
                                    " is for integer inputs; say how the float network is fed");
}

quant::Calibration load_calibration(const QuantizeCommand& options, const Graph& network,
                                    const Preprocess& preprocess, const Log& log) {
  const Dataset all = open_dataset(options.calib, Split::Train);
  const bool choose = options.calib_count > 0 && options.calib_count < all.size();
  const Dataset chosen = choose ? all.choose(options.calib_count, options.seed) : all;
  NetworkInputs inputs = network_inputs(chosen, single_input(network), preprocess, options.threads);
  for (const std::string& text : inputs.skipped) log.warning(text);
  quant::Calibration calibration;
  for (std::vector<uint8_t>& bytes : inputs.bytes)
    calibration.samples.push_back({std::move(bytes)});
  return calibration;
}

Dataset open_labelled(const std::string& path) {
  Dataset set = open_dataset(path, Split::Test);
  if (set.labelled()) return set;
  throw Error(ErrorKind::Input, path +
                                    ": the images have no classes; --eval needs subfolders, one "
                                    "for each class, or a labels.csv");
}

// Classes beyond the network's can only be a mistake.
void check_labels(const Dataset& set, const Graph& network) {
  const auto classes = static_cast<int>(classifier_output(network).classes);
  for (size_t i = 0; i < set.size(); ++i) {
    const Sample& sample = set.sample(i);
    if (*sample.label < classes) continue;
    throw Error(ErrorKind::Input, "--eval: " + sample.name + " has the class " +
                                      std::to_string(*sample.label) + ", but the network has " +
                                      std::to_string(classes) + " classes");
  }
}

quant::Accuracy evaluate(const QuantizeCommand& options, const Dataset& set,
                         const quant::Quantized& quantized, const Preprocess& preprocess,
                         const quant::ProgressHook& progress) {
  const Tensor& input = single_input(quantized.float_graph);
  std::vector<std::string> problem_of(set.size());  // one slot for each image, for its thread
  const auto load = [&](size_t i) -> std::optional<quant::Labelled> {
    const Sample& sample = set.sample(i);
    try {
      return quant::Labelled{{network_input(set.load(i), input, preprocess, sample.name)},
                             sample.label.value()};
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Input) throw;
      problem_of[i] = error.what();
      return std::nullopt;
    }
  };
  const quant::Accuracy accuracy = quant::measure_accuracy(
      quantized.float_graph, quantized.graph, set.size(), load, options.threads, progress);
  std::vector<std::string> problems;
  for (const std::string& problem : problem_of) {
    if (!problem.empty()) problems.push_back(problem);
  }
  check_skipped(problems, set.size());
  for (const std::string& problem : problems) Log().warning(problem + "; left out");
  return accuracy;
}

// The file's bytes, read back and held against TensorFlow Lite's rules before anyone sees them.
std::vector<uint8_t> checked_file(const Graph& graph, const std::string& name) {
  std::vector<uint8_t> bytes = write_tflite(graph);
  std::vector<std::string> problems = strict_problems(read_tflite(bytes, name));
  if (problems.empty()) return bytes;
  problems.insert(problems.begin(),
                  "the quantized model breaks TensorFlow Lite's rules; this is a defect of mcunet");
  throw Error(ErrorKind::Internal, std::move(problems));
}

int64_t compiled_flash(const Graph& graph, const compiler::CompileOptions& options) {
  return compiler::compile(graph, "", options).flash.total();
}

ordered_json decibels(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}
std::string decibel_text(double value) {
  return std::isfinite(value) ? format_fixed(value, 1) : value > 0 ? "exact" : "none";
}

// Layers with the least signal-to-noise, the worst first; those without noise are none.
std::vector<quant::LayerReport> worst_layers(const quant::Report& report) {
  std::vector<quant::LayerReport> layers;
  for (const quant::LayerReport& layer : report.layers) {
    if (layer.sqnr_db < HUGE_VAL) layers.push_back(layer);
  }
  std::stable_sort(layers.begin(), layers.end(),
                   [](const auto& a, const auto& b) { return a.sqnr_db < b.sqnr_db; });
  layers.resize(std::min(layers.size(), kWorst));
  return layers;
}

ordered_json accuracy_json(const quant::Accuracy& accuracy) {
  const auto percent = [&](int64_t count) {
    return 100 * static_cast<double>(count) / static_cast<double>(accuracy.images);
  };
  const auto interval = [&](int64_t count) {
    const Interval share = wilson_interval(count, accuracy.images);
    return ordered_json{100 * share.low, 100 * share.high};
  };
  return {{"float", percent(accuracy.float_right)},
          {"float_ci95", interval(accuracy.float_right)},
          {"int8", percent(accuracy.int8_right)},
          {"int8_ci95", interval(accuracy.int8_right)},
          {"drop_pp", accuracy.drop_pp()},
          {"agreement", percent(accuracy.agreed)},
          {"sqnr_db", decibels(accuracy.output_sqnr_db)},
          {"images", accuracy.images}};
}

std::string accuracy_text(const char* name, int64_t right, int64_t images) {
  const Interval share = wilson_interval(right, images);
  return std::string(name) + ": top-1 " +
         format_fixed(100 * static_cast<double>(right) / static_cast<double>(images), 2) + " % (" +
         group_digits(right) + " of " + group_digits(images) +
         "; 95 %: " + format_fixed(100 * share.low, 1) + " to " +
         format_fixed(100 * share.high, 1) + ")\n";
}

struct Outcome {
  quant::Quantized quantized;
  std::optional<quant::Accuracy> accuracy;
  std::optional<int64_t> flash;
  size_t samples = 0, file_bytes = 0;
  bool written = false;
};

// What was done, which is less than was asked for where reconstruction was refused.
std::string method_text(const QuantizeCommand& options, const Outcome& outcome) {
  std::string text = options.no_equalize ? "" : "equalization, ";
  text += "ranges " + options.ranges + ", weight scales " + options.weight_scale;
  if (!options.no_bias_correction) text += ", bias correction";
  if (options.tune_ranges) text += ", ranges tuned";
  if (options.rounding == "adaptive")
    text += outcome.quantized.reconstruction_refused
                ? ", rounding to nearest (adaptive went astray)"
                : ", adaptive rounding";
  return text;
}

ordered_json layer_json(const quant::LayerReport& layer) {
  return {{"index", layer.index},
          {"op", layer.op},
          {"name", layer.name},
          {"weight_bits", layer.weight_bits},
          {"sqnr_db", decibels(layer.sqnr_db)},
          {"saturated", layer.saturated}};
}

void print_document(const QuantizeCommand& options, const Outcome& outcome) {
  const quant::Report& report = outcome.quantized.report;
  ordered_json out = document("quantize");
  out["output"] = outcome.written ? ordered_json(options.output) : ordered_json(nullptr);
  out["bytes"] = outcome.file_bytes;
  out["weights_bits"] = options.weights == "int8"   ? ordered_json(8)
                        : options.weights == "int4" ? ordered_json(4)
                                                    : ordered_json("mixed");
  out["io"] = options.io;
  out["method"] = {
      {"equalize", !options.no_equalize},
      {"ranges", options.ranges},
      {"weight_scale", options.weight_scale},
      {"bias_correction", !options.no_bias_correction},
      {"tune_ranges", options.tune_ranges},
      {"rounding", outcome.quantized.reconstruction_refused ? "nearest" : options.rounding}};
  out["calibration"] = {{"samples", outcome.samples}, {"sqnr_db", decibels(report.output_sqnr_db)}};
  out["layers"] = ordered_json::array();
  for (const quant::LayerReport& layer : report.layers) out["layers"].push_back(layer_json(layer));
  out["worst"] = ordered_json::array();
  for (const quant::LayerReport& layer : worst_layers(report)) out["worst"].push_back(layer.index);
  out["accuracy"] = outcome.accuracy ? accuracy_json(*outcome.accuracy) : ordered_json(nullptr);
  out["flash"] = outcome.flash ? ordered_json(*outcome.flash) : ordered_json(nullptr);
  print_json(out);
}

void print_report(const QuantizeCommand& options, const Outcome& outcome) {
  const quant::Report& report = outcome.quantized.report;
  Table table({{"op", Align::Right},
               {"operator"},
               {"bits", Align::Right},
               {"SQNR dB", Align::Right},
               {"saturated", Align::Right},
               {"output"}});
  for (const quant::LayerReport& layer : report.layers) {
    table.add_row({std::to_string(layer.index), layer.op,
                   layer.weight_bits > 0 ? std::to_string(layer.weight_bits) : "",
                   decibel_text(layer.sqnr_db),
                   layer.saturated > 0 ? format_fixed(100 * layer.saturated, 3) + " %" : "",
                   layer.name});
  }
  std::cout << table.to_string() << "\nworst layers:";
  for (const quant::LayerReport& layer : worst_layers(report))
    std::cout << " " << layer.index << " " << layer.op << " (" << decibel_text(layer.sqnr_db)
              << " dB)";
  std::cout << "\nmethod: " << method_text(options, outcome) << "\n"
            << "outputs on " << outcome.samples
            << " calibration samples: " << decibel_text(report.output_sqnr_db)
            << " dB signal to noise\n";
  if (outcome.accuracy) {
    const quant::Accuracy& accuracy = *outcome.accuracy;
    std::cout << accuracy_text("float", accuracy.float_right, accuracy.images)
              << accuracy_text("int8 ", accuracy.int8_right, accuracy.images) << "same top-1 on "
              << format_fixed(100 * static_cast<double>(accuracy.agreed) /
                                  static_cast<double>(accuracy.images),
                              2)
              << " %; outputs " << decibel_text(accuracy.output_sqnr_db) << " dB signal to noise\n";
  }
  if (outcome.flash) std::cout << "flash: " << format_bytes(*outcome.flash) << "\n";
  if (outcome.written) {
    std::cout << "wrote " << options.output << ", "
              << format_bytes(static_cast<int64_t>(outcome.file_bytes)) << "\n";
  }
}

void QuantizeCommand::check() const {
  if (drop_limited && eval.empty())
    throw Error(ErrorKind::Usage, "--max-drop needs --eval, the images to measure it on");
  if (weights == "mixed" && max_flash.empty())
    throw Error(ErrorKind::Usage,
                "--weights mixed needs --max-flash, the bytes of flash that the model may take");
  // Found out now, not after minutes.
  const std::filesystem::path parent = std::filesystem::path(output).parent_path();
  if (!parent.empty() && !std::filesystem::is_directory(parent)) {
    throw Error(ErrorKind::Input, "cannot write " + output + ": " + parent.string() +
                                      " is not a directory; create it first");
  }
}

quant::QuantizeOptions quantize_options(const QuantizeCommand& command,
                                        const compiler::CompileOptions& compile_options) {
  quant::QuantizeOptions options;
  options.equalize = !command.no_equalize;
  options.ranges = quant::parse_range_method(command.ranges);
  options.weight_scale =
      command.weight_scale == "mse" ? quant::WeightScale::Mse : quant::WeightScale::Max;
  options.correct_biases = !command.no_bias_correction;
  options.tune_ranges = command.tune_ranges;
  options.weights = command.weights == "int4"    ? quant::WeightBits::Int4
                    : command.weights == "mixed" ? quant::WeightBits::Mixed
                                                 : quant::WeightBits::Int8;
  if (!command.max_flash.empty()) options.max_flash = parse_size(command.max_flash, "--max-flash");
  options.measure_flash = [compile_options](const Graph& graph) {
    return compiled_flash(graph, compile_options);
  };
  if (command.rounding == "adaptive") options.reconstruct = torch_reconstruct();
  options.reconstruction.iterations = command.iterations;
  options.reconstruction.seed = command.seed;
  options.reconstruction.threads = command.threads;
  options.threads = command.threads;
  return options;
}

void QuantizeCommand::run() const {
  check();
  const Log log;
  const std::string stem = std::filesystem::path(output).stem().string();
  const compiler::EdgeType edge = io == "uint8"     ? compiler::EdgeType::UInt8
                                  : io == "float32" ? compiler::EdgeType::Float32
                                                    : compiler::EdgeType::Int8;
  const compiler::CompileOptions compile_options = target.compile_options(stem, {edge, false});
  const quant::QuantizeOptions options = quantize_options(*this, compile_options);
  if (!preprocess.empty()) find_preprocess(preprocess);  // a typo shows at once
  StageProgress bars(progress_mode(progress));
  const quant::ProgressHook hook = [&bars](const std::string& stage, int64_t done, int64_t total) {
    bars(stage, done, total);
  };

  std::optional<Dataset> eval_set;
  if (!eval.empty()) eval_set = open_labelled(eval);
  const Graph network = import::import_network(model, import_options(*this));
  if (eval_set) check_labels(*eval_set, network);
  const Preprocess steps = choose_preprocess(*this, network);
  const quant::Calibration calibration = load_calibration(*this, network, steps, log);
  Outcome outcome;
  outcome.samples = calibration.samples.size();
  outcome.quantized = quant::quantize(network, calibration, options, hook);
  if (outcome.quantized.reconstruction_refused) {
    log.warning(
        "adaptive rounding went astray and was left out; more "
        "--iterations may help");
  }
  if (eval_set) outcome.accuracy = evaluate(*this, *eval_set, outcome.quantized, steps, hook);

  Graph result = quant::compact(compiler::add_edges(outcome.quantized.graph, edge));
  result.name = stem;
  store_preprocess(result, steps);
  const std::vector<uint8_t> bytes = checked_file(result, stem);
  outcome.file_bytes = bytes.size();
  std::vector<std::string> exceeded;
  if (!max_flash.empty()) {
    outcome.flash = compiled_flash(result, compile_options);
    if (*outcome.flash > options.max_flash)
      exceeded.push_back("flash " + format_bytes(*outcome.flash) + " exceeds --max-flash " +
                         max_flash + "; try --weights mixed");
  }
  if (drop_limited && outcome.accuracy->drop_pp() > max_drop) {
    exceeded.push_back("top-1 drops by " + format_fixed(outcome.accuracy->drop_pp(), 2) +
                       " points, more than --max-drop " + format_fixed(max_drop, 2));
  }
  if (exceeded.empty()) {
    write_file_atomically(output, bytes);
    outcome.written = true;
  }
  json ? print_document(*this, outcome) : print_report(*this, outcome);
  if (exceeded.empty()) return;
  std::cout.flush();
  exceeded.push_back(output + " was not written");
  throw Error(ErrorKind::Mismatch, std::move(exceeded));
}

}  // namespace mcunet::app

void add_quantize(CLI::App& app) {
  auto command = std::make_shared<QuantizeCommand>();
  CLI::App* sub = app.add_subcommand(
      "quantize", "Quantizes a float network to an int8 .tflite model, without training");
  sub->footer(
      examples({"mcunet quantize model.tflite --calib images/ -o model_int8.tflite",
                "mcunet quantize net.json --checkpoint net.pth --calib train/ --eval val/ "
                "--max-drop 1 -o net.tflite",
                "mcunet quantize model.tflite --calib images/ --weights mixed --max-flash 512k "
                "-o small.tflite"}));
  sub->add_option(
         "model", command->model,
         "float network: .tflite, ONNX, TorchScript, or the .json of an MCUNet network with "
         "--checkpoint")
      ->required();
  sub->add_option("-o,--output", command->output, "the .tflite file to write")->required();
  sub->add_option("--checkpoint", command->checkpoint,
                  "weights for a .json description: a state dict of PyTorch");
  sub->add_option("--resolution", command->resolution,
                  "rows and columns of the input image instead of the file's")
      ->check(CLI::PositiveNumber);
  sub->add_option("--input-shape", command->input_shape,
                  "shape of the input as the file's framework has it, such as 1,3,160,160; "
                  "TorchScript needs it")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  const char* data = "Data";
  sub->add_option("--calib", command->calib,
                  "inputs to calibrate with: a folder of images, or an .npy, IDX or CIFAR-10 file")
      ->required()
      ->group(data);
  sub->add_option("--calib-count", command->calib_count,
                  "how many of them, chosen evenly over the classes; 0: all")
      ->capture_default_str()
      ->group(data);
  sub->add_option("--preprocess", command->preprocess,
                  "how the float network is fed: imagenet, zero-one, minus-one-one or a JSON file "
                  "(default: what is stored in the model, else imagenet)")
      ->group(data);
  sub->add_option("--eval", command->eval,
                  "labelled images: top-1 of the float and the int8 network")
      ->group(data);
  const char* result = "Result";
  sub->add_option("--io", command->io, "type of the model's inputs and outputs")
      ->check(CLI::IsMember({"int8", "uint8", "float32"}))
      ->capture_default_str()
      ->group(result);
  sub->add_option("--weights", command->weights,
                  "int8; int4: pointwise and dense layers in 4 bits; mixed: only as many of them "
                  "as --max-flash asks for, the least sensitive first")
      ->check(CLI::IsMember({"int8", "int4", "mixed"}))
      ->capture_default_str()
      ->group(result);
  const char* method = "Method";
  sub->add_flag("--no-equalize", command->no_equalize, "leave the ranges of channels as they are")
      ->group(method);
  sub->add_option("--ranges", command->ranges,
                  "how activation ranges are chosen: mse, minmax, percentile, kl")
      ->capture_default_str()
      ->group(method);
  sub->add_option("--weight-scale", command->weight_scale,
                  "max: the largest weight of a channel is the largest integer; mse: least error")
      ->check(CLI::IsMember({"max", "mse"}))
      ->capture_default_str()
      ->group(method);
  sub->add_flag("--no-bias-correction", command->no_bias_correction, "leave the biases as they are")
      ->group(method);
  sub->add_flag("--tune-ranges", command->tune_ranges,
                "try other ranges against the network's outputs; takes minutes")
      ->group(method);
  sub->add_option("--rounding", command->rounding,
                  "adaptive: weights, biases and ranges are tuned together against the float "
                  "network (needs LibTorch, takes minutes); nearest: weights as they are")
      ->check(CLI::IsMember({"adaptive", "nearest"}))
      ->capture_default_str()
      ->group(method);
  sub->add_option("--iterations", command->iterations,
                  "steps of adaptive rounding, 16 inputs each; 0: 400, int4 and mixed 800")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(method);
  const char* gates = "Gates (exit code 6 when exceeded; nothing is written then)";
  sub->add_option("--max-flash", command->max_flash,
                  "flash that the compiled model may take, such as 512k")
      ->group(gates);
  sub->add_option("--max-drop", command->max_drop,
                  "percentage points of top-1 that int8 may lose on --eval")
      ->each([command](const std::string&) { command->drop_limited = true; })
      ->group(gates);
  sub->add_option("--seed", command->seed,
                  "for the choice of calibration inputs and for adaptive rounding")
      ->capture_default_str();
  add_jobs(*sub, command->threads);
  add_progress(*sub, command->progress);
  add_json(*sub, command->json);
  command->target.add_to(*sub);
  sub->callback([command] { command->run(); });
}

}  // namespace mcunet::app
