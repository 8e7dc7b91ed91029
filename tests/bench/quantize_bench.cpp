// What each method of quantization gives on a network with trained weights: one JSON document on
// standard output. scripts/bench-quantize runs it.
//   mcunet_quantize_bench DESCRIPTION.json CHECKPOINT CALIBRATION EVALUATION [OPTION…]
//     --rows FIRST:END      of the evaluation set (all)
//     --ranges METHOD --no-equalize --no-bias-correction --weights int8|int4|mixed
//     --flash-share S       of mixed: flash of the compiled model beside that of int8 (0.75)
//     --iterations N        of reconstruction; 0: weights rounded to nearest
//     --seed N --threads N
//     --save MODEL.tflite   keeps the model; --load MODEL.tflite measures it and quantizes nothing
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>

#include "compiler/compile.h"
#include "libmcunet/board/board.h"
#include "libmcunet/data/network_input.h"
#include "libmcunet/netspec/read.h"
#include "libmcunet/netspec/trained.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/tflite/reader.h"
#include "libmcunet/tflite/writer.h"
#include "quant/assemble.h"
#include "quant/quantize.h"
#include "quant/torch/reconstruct.h"

namespace {

using namespace mcunet;
using Values = std::vector<std::vector<float>>;  // by sample

quant::Calibration load(const std::string& path, const Graph& graph, int threads) {
  const Dataset set = open_dataset(path, Split::Test);
  const NetworkInputs inputs =
      network_inputs(set, single_input(graph), find_preprocess("minus-one-one"), threads);
  if (!inputs.skipped.empty()) throw Error(ErrorKind::Input, inputs.skipped);
  quant::Calibration calibration;
  for (const auto& bytes : inputs.bytes) calibration.samples.push_back({bytes});
  return calibration;
}

Values first_outputs(const Graph& graph, const quant::Calibration& samples, int threads) {
  Values values;
  for (auto& outputs : quant::output_values(graph, samples, threads))
    values.push_back(std::move(outputs.at(0)));
  return values;
}

size_t top1(const std::vector<float>& logits) {
  return static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

nlohmann::ordered_json compared(const Values& wanted, const Values& values) {
  double signal = 0, noise = 0;
  int same = 0;
  for (size_t s = 0; s < wanted.size(); ++s) {
    same += top1(wanted[s]) == top1(values[s]) ? 1 : 0;
    for (size_t i = 0; i < wanted[s].size(); ++i) {
      const double w = wanted[s][i], difference = w - values[s][i];
      signal += w * w;
      noise += difference * difference;
    }
  }
  return {
      {"samples", wanted.size()}, {"same_top1", same}, {"snr_db", 10 * std::log10(signal / noise)}};
}

int correct(const Values& values, const Dataset& set, size_t first) {
  int count = 0;
  for (size_t s = 0; s < values.size(); ++s)
    count += set.sample(first + s).label == static_cast<int>(top1(values[s])) ? 1 : 0;
  return count;
}

int64_t compiled_flash(const Graph& graph) {
  compiler::CompileOptions options;
  options.name = "bench";
  options.board = find_board("stm32f746");
  options.board.flash_bytes = options.board.sram_bytes = 8 << 20;  // measured, not refused
  return compiler::compile(graph, "", options).flash.total();
}

struct Arguments {
  std::vector<std::string> paths;
  std::string rows, save, load, ranges = "mse", weights = "int8";
  double flash_share = 0.75;
  bool equalize = true, correct_biases = true;
  int64_t iterations = 0;
  uint64_t seed = 0;
  int threads = 0;
};

Arguments parse(int count, char** values) {
  Arguments a;
  for (int i = 1; i < count; ++i) {
    const std::string key = values[i];
    const auto next = [&] {
      if (i + 1 == count) throw Error(ErrorKind::Usage, key + " needs a value");
      return std::string(values[++i]);
    };
    if (key == "--rows")
      a.rows = next();
    else if (key == "--save")
      a.save = next();
    else if (key == "--load")
      a.load = next();
    else if (key == "--ranges")
      a.ranges = next();
    else if (key == "--weights")
      a.weights = next();
    else if (key == "--flash-share")
      a.flash_share = std::stod(next());
    else if (key == "--iterations")
      a.iterations = std::stoll(next());
    else if (key == "--seed")
      a.seed = std::stoull(next());
    else if (key == "--threads")
      a.threads = std::stoi(next());
    else if (key == "--no-equalize")
      a.equalize = false;
    else if (key == "--no-bias-correction")
      a.correct_biases = false;
    else if (key.rfind("--", 0) == 0)
      throw Error(ErrorKind::Usage, "no option " + key);
    else
      a.paths.push_back(key);
  }
  if (a.paths.size() != 4) throw Error(ErrorKind::Usage, "four paths are needed");
  return a;
}

void measure(const Arguments& a) {
  const netspec::NetworkDescription network =
      netspec::read_description(read_text_file(a.paths[0]), a.paths[0]);
  const Graph graph =
      netspec::build_trained_graph(network, checkpoint::read_state_dict(a.paths[1]));
  const quant::Calibration calibration = load(a.paths[2], graph, a.threads);
  quant::Calibration evaluation = load(a.paths[3], graph, a.threads);
  size_t first = 0, end = evaluation.samples.size();
  if (!a.rows.empty()) {
    first = std::stoul(a.rows);
    end = std::min(end, size_t{std::stoul(a.rows.substr(a.rows.find(':') + 1))});
  }
  evaluation.samples.erase(evaluation.samples.begin() + static_cast<std::ptrdiff_t>(end),
                           evaluation.samples.end());
  evaluation.samples.erase(evaluation.samples.begin(),
                           evaluation.samples.begin() + static_cast<std::ptrdiff_t>(first));

  const Values wanted = first_outputs(graph, evaluation, a.threads);
  const Dataset set = open_dataset(a.paths[3], Split::Test);
  const auto report = [&](nlohmann::ordered_json& out, const Values& values) {
    out["int8"] = compared(wanted, values);
    out["correct_float"] = correct(wanted, set, first);
    out["correct_int8"] = correct(values, set, first);
  };
  if (!a.load.empty()) {
    nlohmann::ordered_json out = {{"rows", a.rows}, {"model", a.load}};
    report(out, first_outputs(read_tflite(read_file(a.load), "model"), evaluation, a.threads));
    std::cout << out.dump() << '\n';
    return;
  }

  quant::QuantizeOptions options;
  options.equalize = a.equalize;
  options.correct_biases = a.correct_biases;
  options.ranges = quant::parse_range_method(a.ranges);
  options.weights = a.weights == "int4"    ? quant::WeightBits::Int4
                    : a.weights == "mixed" ? quant::WeightBits::Mixed
                                           : quant::WeightBits::Int8;
  options.measure_flash = compiled_flash;
  options.threads = a.threads;
  if (options.weights == quant::WeightBits::Mixed) {
    quant::QuantizeOptions plain;
    plain.equalize = plain.correct_biases = false;
    plain.threads = a.threads;
    // Neither changes flash, and one sample is enough for it.
    const quant::Calibration one{{calibration.samples.at(0)}};
    const int64_t whole = compiled_flash(quant::quantize(graph, one, plain).graph);
    options.max_flash = static_cast<int64_t>(a.flash_share * static_cast<double>(whole));
  }
  options.reconstruction = {a.iterations, a.seed, a.threads};
  if (a.iterations > 0) options.reconstruct = quant::reconstruct_with_torch;
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  };
  const quant::Quantized result = quant::quantize(
      graph, calibration, options, [&](const std::string& stage, int64_t done, int64_t total) {
        if (done % std::max<int64_t>(1, total / 10) == 0)
          std::cerr << stage << ' ' << done << " of " << total << ", " << seconds() << " s\n";
      });
  const double took = seconds();

  if (!a.save.empty()) write_file_atomically(a.save, write_tflite(quant::compact(result.graph)));
  const Values values = first_outputs(result.graph, evaluation, a.threads);
  Values simulated;
  for (size_t s = 0; s < std::min<size_t>(100, evaluation.samples.size()); ++s) {
    simulated.push_back(
        quant::simulate(result.float_graph, result.encodings, evaluation.samples[s]).at(0));
  }
  nlohmann::ordered_json out = {{"rows", a.rows},
                                {"weights", a.weights},
                                {"ranges", a.ranges},
                                {"equalize", a.equalize},
                                {"bias_correction", a.correct_biases},
                                {"iterations", a.iterations},
                                {"seed", a.seed},
                                {"seconds", took}};
  out["flash"] = compiled_flash(result.graph);
  report(out, values);
  // What LibTorch's arithmetic promised for the first of them, beside what the integers keep.
  const auto head = [&](const Values& all) {
    return Values(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(simulated.size()));
  };
  out["simulation"] = compared(head(wanted), simulated);
  out["simulation"]["int8_snr_db"] = compared(head(wanted), head(values))["snr_db"];
  std::cout << out.dump() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  try {
    measure(parse(argc, argv));
    return 0;
  } catch (const Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return error.exit_code();
  }
}
