#include "quant/accuracy.h"

#include <algorithm>
#include <vector>

#include "libmcunet/data/metrics.h"
#include "libmcunet/data/network_output.h"
#include "libmcunet/reference/interpreter.h"
#include "quant/inputs.h"

namespace mcunet::quant {
namespace {

struct Sums {
  Accuracy counts;
  SignalToNoise outputs;
};

// The outputs of a network on one input, and the class that they name.
struct Prediction {
  std::vector<float> values;
  size_t cls = 0;
};
Prediction predict(const reference::Interpreter& network, const ClassifierOutput& output,
                   const Calibration::Sample& inputs) {
  Prediction result;
  result.values = real_values(output.tensor, network.run(inputs).front());
  result.cls = top_class(class_scores(output, result.values));
  return result;
}

}  // namespace

double Accuracy::drop_pp() const {
  return 100 * static_cast<double>(float_right - int8_right) / static_cast<double>(images);
}

Accuracy measure_accuracy(const Graph& float_graph, const Graph& int8_graph, size_t count,
                          const std::function<std::optional<Labelled>(size_t)>& load, int threads,
                          const ProgressHook& progress) {
  const reference::Interpreter float_network(float_graph), int8_network(int8_graph);
  const ClassifierOutput float_output = classifier_output(float_graph);
  const ClassifierOutput int8_output = classifier_output(int8_graph);
  std::vector<Sums> of_slot(std::min(kSlots, count));
  for_each_slot(count, threads, "evaluating", progress, [&](size_t slot, size_t i) {
    const std::optional<Labelled> sample = load(i);
    if (!sample) return;
    const Prediction wanted = predict(float_network, float_output, sample->inputs);
    const Prediction found =
        predict(int8_network, int8_output, quantize_sample(int8_graph, sample->inputs));
    const auto label = static_cast<size_t>(sample->label);
    Sums& sums = of_slot[slot];
    ++sums.counts.images;
    sums.counts.float_right += wanted.cls == label ? 1 : 0;
    sums.counts.int8_right += found.cls == label ? 1 : 0;
    sums.counts.agreed += wanted.cls == found.cls ? 1 : 0;
    sums.outputs.add(wanted.values, found.values);
  });
  Sums total;
  for (const Sums& part : of_slot) {
    total.counts.images += part.counts.images;
    total.counts.float_right += part.counts.float_right;
    total.counts.int8_right += part.counts.int8_right;
    total.counts.agreed += part.counts.agreed;
    total.outputs.add(part.outputs);
  }
  total.counts.output_sqnr_db = total.outputs.decibels();
  return total.counts;
}

}  // namespace mcunet::quant
