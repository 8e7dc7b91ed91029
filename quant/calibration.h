// The inputs that quantization looks at, and how its long work tells how far it is.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::quant {

// Preprocessed inputs of the float network. A sample holds one buffer per graph input: raw
// little-endian float32 in the input's shape (what reference::Interpreter::run() takes).
struct Calibration {
  using Sample = std::vector<std::vector<uint8_t>>;
  std::vector<Sample> samples;
};

// Throws Error(Input) when there is no sample, when one does not fit the graph's inputs, and for
// values that are not finite, with the sample's number.
void check_calibration(const Graph& float_graph, const Calibration& calibration);

// Called as work goes on: "observing", 17 of 100. Calls come one at a time, never from two threads
// at once; a stage begins with done = 0 and ends with done = total. What it throws ends the work.
using ProgressHook = std::function<void(const std::string& stage, int64_t done, int64_t total)>;

// parallel_for() that counts finished calls through the hook, which may be empty.
void for_each_counted(size_t count, int threads, const std::string& stage, const ProgressHook& hook,
                      const std::function<void(size_t)>& function);

// Sums over samples that come out the same for every number of threads: sample s belongs to slot
// s mod kSlots. function(slot, sample) is called for the samples of a slot one after the other, in
// order; partial results of slots are merged in order by the caller.
constexpr size_t kSlots = 16;
void for_each_slot(size_t samples, int threads, const std::string& stage, const ProgressHook& hook,
                   const std::function<void(size_t slot, size_t sample)>& function);

}  // namespace mcunet::quant
