#include "quant/accuracy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "libmcunet/data/metrics.h"
#include "libmcunet/reference/interpreter.h"
#include "quant/inputs.h"

namespace mcunet::quant {
namespace {

int predicted_class(const std::vector<float>& scores) {
  if (scores.size() == 1) return scores[0] >= 0.5F ? 1 : 0;
  return static_cast<int>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

struct Sums {
  Accuracy counts;
  double signal = 0, noise = 0;
};

}  // namespace

double Accuracy::drop_pp() const {
  return 100 * static_cast<double>(float_right - int8_right) / static_cast<double>(images);
}

ConfidenceInterval wilson_interval(int64_t right, int64_t count) {
  const Interval share = mcunet::wilson_interval(right, count);
  return {100 * share.low, 100 * share.high};
}

Accuracy measure_accuracy(const Graph& float_graph, const Graph& int8_graph, size_t count,
                          const std::function<std::optional<Labelled>(size_t)>& load, int threads,
                          const ProgressHook& progress) {
  const reference::Interpreter wanted(float_graph), found(int8_graph);
  const Tensor& float_output = float_graph.tensor(float_graph.outputs[0]);
  const Tensor& int8_output = int8_graph.tensor(int8_graph.outputs[0]);
  std::vector<Sums> of_slot(std::min(kSlots, count));
  for_each_slot(count, threads, "evaluating", progress, [&](size_t slot, size_t i) {
    Sums& sums = of_slot[slot];
    const std::optional<Labelled> sample = load(i);
    if (!sample) return;
    const std::vector<float> a =
        real_values(float_output, wanted.run(sample->inputs).front().data());
    const std::vector<float> b = real_values(
        int8_output, found.run(quantize_sample(int8_graph, sample->inputs)).front().data());
    const int float_class = predicted_class(a), int8_class = predicted_class(b);
    ++sums.counts.images;
    sums.counts.float_right += float_class == sample->label ? 1 : 0;
    sums.counts.int8_right += int8_class == sample->label ? 1 : 0;
    sums.counts.agreed += float_class == int8_class ? 1 : 0;
    for (size_t k = 0; k < a.size(); ++k) {
      const double difference = static_cast<double>(a[k]) - static_cast<double>(b[k]);
      sums.signal += static_cast<double>(a[k]) * static_cast<double>(a[k]);
      sums.noise += difference * difference;
    }
  });
  Sums total;
  for (const Sums& part : of_slot) {
    total.counts.images += part.counts.images;
    total.counts.float_right += part.counts.float_right;
    total.counts.int8_right += part.counts.int8_right;
    total.counts.agreed += part.counts.agreed;
    total.signal += part.signal;
    total.noise += part.noise;
  }
  total.counts.output_sqnr_db = total.noise == 0 ? std::numeric_limits<double>::infinity()
                                                 : 10 * std::log10(total.signal / total.noise);
  return total.counts;
}

}  // namespace mcunet::quant
