#include "quant/report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "libmcunet/data/network_output.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/reference/interpreter.h"
#include "quant/inputs.h"
#include "quant/prepare.h"

namespace mcunet::quant {
namespace {

struct Sums {
  double signal = 0, noise = 0;
  int64_t saturated = 0, count = 0;

  double sqnr_db() const {
    if (noise == 0) return std::numeric_limits<double>::infinity();
    if (signal == 0) return -std::numeric_limits<double>::infinity();
    return 10 * std::log10(signal / noise);
  }
  void add(const Sums& other) {
    signal += other.signal;
    noise += other.noise;
    saturated += other.saturated;
    count += other.count;
  }
};

void compare_values(const float* wanted, const Tensor& tensor, const uint8_t* data, Sums& sums) {
  const std::vector<float> found = real_values(tensor, data);
  const bool is_int8 = tensor.dtype == DType::Int8;
  for (size_t i = 0; i < found.size(); ++i) {
    const auto value = static_cast<double>(wanted[i]);
    const double difference = value - static_cast<double>(found[i]);
    sums.signal += value * value;
    sums.noise += difference * difference;
    if (!is_int8) continue;
    const auto raw = static_cast<int8_t>(data[i]);
    const double half_step = static_cast<double>(tensor.quantization.scale()) / 2;
    if ((raw == 127 && difference > half_step) || (raw == -128 && difference < -half_step))
      ++sums.saturated;
  }
  sums.count += static_cast<int64_t>(found.size());
}

using Outputs = std::map<TensorId, std::vector<float>>;

Outputs float_outputs(const reference::Interpreter& interpreter,
                      const Calibration::Sample& sample) {
  Outputs outputs;
  interpreter.run(sample, [&](const Op&, TensorId id, const Tensor& tensor, const uint8_t* data,
                              size_t) { outputs[id] = real_values(tensor, data); });
  return outputs;
}

int weight_bits(const Graph& graph, const Op& op) {
  if (!is_weighted(op.kind)) return 0;
  return graph.input(op, 1).dtype == DType::Int4 ? 4 : 8;
}

}  // namespace

Report compare(const Graph& float_graph, const Graph& int8_graph, const Calibration& samples,
               int threads, const ProgressHook& progress) {
  const reference::Interpreter wanted(float_graph), found(int8_graph);
  const size_t slots = std::min(kSlots, samples.samples.size());
  std::vector<std::map<TensorId, Sums>> of_slot(slots);
  std::vector<Sums> outputs_of_slot(slots);
  for_each_slot(samples.samples.size(), threads, "comparing", progress, [&](size_t slot, size_t s) {
    const Outputs reference = float_outputs(wanted, samples.samples[s]);
    std::map<TensorId, Sums>& sums = of_slot[slot];
    const auto results =
        found.run(quantize_sample(int8_graph, samples.samples[s]),
                  [&](const Op&, TensorId id, const Tensor& tensor, const uint8_t* data, size_t) {
                    const auto value = reference.find(id);
                    if (value != reference.end())
                      compare_values(value->second.data(), tensor, data, sums[id]);
                  });
    for (size_t i = 0; i < results.size(); ++i) {
      const auto value = reference.find(float_graph.outputs[i]);
      if (value == reference.end()) continue;  // an output that is an input
      compare_values(value->second.data(), int8_graph.tensor(int8_graph.outputs[i]),
                     results[i].data(), outputs_of_slot[slot]);
    }
  });

  std::map<TensorId, int> bits;
  for (const Op& op : int8_graph.ops) bits[op.outputs[0]] = weight_bits(int8_graph, op);
  Report report;
  for (size_t i = 0; i < float_graph.ops.size(); ++i) {
    const Op& op = float_graph.ops[i];
    for (const TensorId id : op.outputs) {
      Sums sums;
      for (const auto& slot : of_slot) {
        const auto part = slot.find(id);
        if (part != slot.end()) sums.add(part->second);
      }
      if (sums.count == 0) continue;
      report.layers.push_back(
          {i, operator_info(op.kind).name, float_graph.tensor(id).name, bits[id], sums.sqnr_db(),
           static_cast<double>(sums.saturated) / static_cast<double>(sums.count)});
    }
  }
  Sums outputs;
  for (const Sums& part : outputs_of_slot) outputs.add(part);
  report.output_sqnr_db = outputs.sqnr_db();
  return report;
}

double output_sqnr_db(const Graph& int8_graph, const Calibration& samples,
                      const OutputValues& wanted, int threads) {
  const reference::Interpreter found(int8_graph);
  std::vector<Sums> of_slot(std::min(kSlots, samples.samples.size()));
  for_each_slot(samples.samples.size(), threads, "", {}, [&](size_t slot, size_t s) {
    const auto results = found.run(quantize_sample(int8_graph, samples.samples[s]));
    for (size_t i = 0; i < results.size(); ++i) {
      compare_values(wanted[s][i].data(), int8_graph.tensor(int8_graph.outputs[i]),
                     results[i].data(), of_slot[slot]);
    }
  });
  Sums total;
  for (const Sums& part : of_slot) total.add(part);
  return total.sqnr_db();
}

OutputValues output_values(const Graph& graph, const Calibration& samples, int threads) {
  const reference::Interpreter interpreter(graph);
  OutputValues values(samples.samples.size());
  for_each_counted(samples.samples.size(), threads, "", {}, [&](size_t s) {
    const auto results = interpreter.run(quantize_sample(graph, samples.samples[s]));
    for (size_t i = 0; i < results.size(); ++i)
      values[s].push_back(real_values(graph.tensor(graph.outputs[i]), results[i].data()));
  });
  return values;
}

}  // namespace mcunet::quant
