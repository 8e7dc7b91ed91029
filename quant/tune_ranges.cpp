#include "quant/tune_ranges.h"

#include <algorithm>

#include "quant/assemble.h"
#include "quant/report.h"

namespace mcunet::quant {
namespace {

constexpr size_t kSamples = 24;
constexpr double kLeastGain = 0.01;  // dB; less is noise of the choice of samples

struct Factors {
  float low, high;
};

// Ends are moved one at a time, and both together.
constexpr Factors kTrials[] = {{0.85F, 0.85F}, {1.15F, 1.15F}, {1, 0.85F},
                               {1, 1.15F},     {0.85F, 1},     {1.15F, 1}};

Calibration some_samples(const Calibration& calibration) {
  Calibration few;
  const size_t count = std::min(kSamples, calibration.samples.size());
  for (size_t i = 0; i < count; ++i)  // spread over the set, which may be in the order of classes
    few.samples.push_back(calibration.samples[i * calibration.samples.size() / count]);
  return few;
}

void set_group(Encodings& encodings, const ScaleGroups::Group& group, const Quantization& q) {
  for (const TensorId id : group.tensors) encodings.activations[static_cast<size_t>(id)] = q;
}

}  // namespace

Encodings tune_ranges(const Graph& float_graph, const std::vector<Quantization>& widest,
                      Encodings encodings, const Calibration& calibration, int threads,
                      const ProgressHook& progress) {
  const char* kStage = "tuning ranges";
  const Calibration samples = some_samples(calibration);
  const OutputValues wanted = output_values(float_graph, samples, threads);
  const auto score = [&](const Encodings& candidate) {
    return output_sqnr_db(assemble(float_graph, candidate), samples, wanted, threads);
  };
  const ScaleGroups groups = scale_groups(float_graph);
  double best = score(encodings);
  int64_t done = 0;
  const auto total = static_cast<int64_t>(groups.groups.size());
  for (const ScaleGroups::Group& group : groups.groups) {
    if (progress) progress(kStage, done++, total);
    const auto first = static_cast<size_t>(group.tensors.front());
    if (!group.fixed.empty() || encodings.activations[first].empty()) continue;
    const Quantization start = encodings.activations[first];
    const RealRange range = real_range(start), limit = real_range(widest[first]);
    Quantization found = start;
    for (const Factors& factors : kTrials) {
      const Quantization trial =
          activation_encoding(std::max(range.low * factors.low, limit.low),
                              std::min(range.high * factors.high, limit.high));
      if (trial == start) continue;
      set_group(encodings, group, trial);
      const double reached = score(encodings);
      if (reached < best + kLeastGain) continue;
      best = reached;
      found = trial;
    }
    set_group(encodings, group, found);
  }
  if (progress) progress(kStage, total, total);
  return encodings;
}

}  // namespace mcunet::quant
