// A float .tflite and its official int8 version on the golden inputs: how near the official one and
// ours come to the float network. One JSON document on standard output; scripts/bench-quantize runs
// it.
//   mcunet_quantize_golden_bench FLOAT.tflite OFFICIAL_INT8.tflite
// The golden inputs (seeds 1 to 4 of ../shared/golden) are int8; the official model's scale and zero
// point say which real values they stand for. Ours is calibrated on seeds 101 to 200.
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>

#include "libmcunet/data/metrics.h"
#include "libmcunet/data/network_input.h"
#include "libmcunet/data/network_output.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/random.h"
#include "libmcunet/tflite/reader.h"
#include "quant/import/import.h"
#include "quant/inputs.h"
#include "quant/quantize.h"
#include "quant/torch/reconstruct.h"

namespace {

using namespace mcunet;

// The same input for the official network, and for the float one.
struct Input {
  std::vector<uint8_t> levels, values;
};

Input stream_input(const Tensor& official, uint32_t seed) {
  Xorshift32 stream(seed);
  Input input;
  for (int64_t i = 0; i < official.elements(); ++i)
    input.levels.push_back(static_cast<uint8_t>(stream.next_int8()));
  const std::vector<float> values = real_values(official, input.levels);
  input.values.resize(values.size() * sizeof(float));
  std::memcpy(input.values.data(), values.data(), input.values.size());
  return input;
}

std::vector<float> output(const Graph& graph, const std::vector<uint8_t>& input) {
  const reference::Interpreter interpreter(graph);
  return real_values(graph.tensor(graph.outputs[0]), interpreter.run({input}).front());
}

void measure(const std::string& float_path, const std::string& official_path) {
  const Graph network = import::import_network(float_path);
  const Graph official = read_tflite(read_file(official_path), "official");
  const Tensor& levels = single_input(official);

  quant::Calibration calibration;
  for (uint32_t seed = 101; seed <= 200; ++seed)
    calibration.samples.push_back({stream_input(levels, seed).values});
  quant::QuantizeOptions options;
  options.reconstruct = quant::reconstruct_with_torch;
  const quant::Quantized ours = quant::quantize(network, calibration, options);

  SignalToNoise of_official, of_ours;
  for (uint32_t seed = 1; seed <= 4; ++seed) {
    const Input input = stream_input(levels, seed);
    const std::vector<float> wanted = output(network, input.values);
    of_official.add(wanted, output(official, input.levels));
    of_ours.add(wanted, output(ours.graph, quant::quantize_sample(ours.graph, {input.values})[0]));
  }
  const nlohmann::ordered_json out = {{"model", float_path},
                                      {"official_snr_db", of_official.decibels()},
                                      {"snr_db", of_ours.decibels()},
                                      {"refused", ours.reconstruction_refused}};
  std::cout << out.dump() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw Error(ErrorKind::Usage, "two paths are needed");
    measure(argv[1], argv[2]);
    return 0;
  } catch (const Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return error.exit_code();
  }
}
