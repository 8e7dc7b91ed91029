#include "quant/calibration.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "libmcunet/support/error.h"
#include "libmcunet/support/parallel.h"

namespace mcunet::quant {
namespace {

bool all_finite(const std::vector<uint8_t>& bytes) {
  const auto* values = reinterpret_cast<const float*>(bytes.data());
  for (size_t i = 0; i < bytes.size() / sizeof(float); ++i) {
    if (!std::isfinite(values[i])) return false;
  }
  return true;
}

}  // namespace

void check_calibration(const Graph& float_graph, const Calibration& calibration) {
  if (calibration.samples.empty()) {
    throw Error(ErrorKind::Input,
                "calibration: there is no sample; at least one input is needed, some 100 are good");
  }
  std::vector<std::string> problems;
  for (size_t s = 0; s < calibration.samples.size(); ++s) {
    const Calibration::Sample& sample = calibration.samples[s];
    const std::string place = "calibration sample " + std::to_string(s);
    if (sample.size() != float_graph.inputs.size()) {
      problems.push_back(place + ": has " + std::to_string(sample.size()) + " tensors, the model " +
                         std::to_string(float_graph.inputs.size()) + " inputs");
      continue;
    }
    for (size_t i = 0; i < sample.size(); ++i) {
      const Tensor& input = float_graph.tensor(float_graph.inputs[i]);
      if (sample[i].size() != input.byte_size()) {
        problems.push_back(place + ": input " + std::to_string(i) + " has " +
                           std::to_string(sample[i].size()) + " bytes instead of " +
                           std::to_string(input.byte_size()));
      } else if (!all_finite(sample[i])) {
        problems.push_back(place + ": input " + std::to_string(i) + " holds NaN or infinity");
      }
    }
  }
  if (!problems.empty()) throw Error(ErrorKind::Input, std::move(problems));
}

namespace {

// Passes counts on to the hook, one call at a time.
class Counter {
 public:
  Counter(std::string stage, size_t total, const ProgressHook& hook)
      : stage_(std::move(stage)), total_(static_cast<int64_t>(total)), hook_(hook) {
    if (hook_) hook_(stage_, 0, total_);
  }
  void count() {
    if (!hook_) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    hook_(stage_, ++done_, total_);
  }

 private:
  std::string stage_;
  int64_t total_, done_ = 0;
  const ProgressHook& hook_;
  std::mutex mutex_;
};

}  // namespace

void for_each_counted(size_t count, int threads, const std::string& stage, const ProgressHook& hook,
                      const std::function<void(size_t)>& function) {
  Counter counter(stage, count, hook);
  parallel_for(count, threads, [&](size_t i) {
    function(i);
    counter.count();
  });
}

void for_each_slot(size_t samples, int threads, const std::string& stage, const ProgressHook& hook,
                   const std::function<void(size_t, size_t)>& function) {
  Counter counter(stage, samples, hook);
  parallel_for(std::min(kSlots, samples), threads, [&](size_t slot) {
    for (size_t s = slot; s < samples; s += kSlots) {
      function(slot, s);
      counter.count();
    }
  });
}

}  // namespace mcunet::quant
