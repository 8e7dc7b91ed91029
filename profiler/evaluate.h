// A model on a data set: accuracy, and agreement with another model.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "libmcunet/data/dataset.h"
#include "libmcunet/data/metrics.h"
#include "libmcunet/data/network_output.h"
#include "libmcunet/data/preprocess.h"
#include "profiler/model_runner.h"

namespace mcunet {

// A sample that was decoded.
struct LoadedSample {
  size_t position = 0;  // in the data set as it was opened
  std::string name;
  SampleData data;
};

// The real values of a network's output, one vector per sample. Called from several threads.
using Scorer = std::function<std::vector<std::vector<float>>(const std::vector<LoadedSample>&)>;

// A model, wherever it runs. All three must outlive the scorer.
Scorer model_scorer(const Graph& graph, const ModelRunner& runner, const Preprocess& preprocess);

// The rows of an .npy array [samples, outputs], in the order of the data set, which has `samples`
// in all: float32, or of the type of `output`, whose scale they then have. Throws Error(Input).
Scorer array_scorer(const std::string& path, const ClassifierOutput& output, size_t samples);

struct EvaluateOptions {
  int threads = 0;                        // 0: as many as the machine has
  std::function<void(int64_t)> progress;  // is told how many samples more are done
  bool keep_values = false;               // for SampleResult::values
};

struct SampleResult {
  std::string problem;  // not empty: it could not be decoded, and the rest has no meaning
  size_t predicted = 0;
  float score = 0;                 // of the predicted class
  std::optional<size_t> rank;      // of its label; 0 is right
  std::optional<size_t> expected;  // what the reference predicts
  std::vector<float> values;       // the outputs
};

struct Evaluation {
  std::vector<SampleResult> samples;  // as many as the data set has
  int64_t images = 0;                 // that were decoded
  int64_t top1 = 0, top5 = 0;         // of these, if they have labels
  int64_t agreeing = 0;               // with the reference
  SignalToNoise signal_to_noise;      // against the reference
  std::vector<std::string> skipped;   // a message for each that was not decoded
};

// The same result for any number of threads. Corrupt images are skipped; throws Error(Input) when
// they are too many (check_skipped()), when labels are no classes of the model, or when the
// reference has another number of outputs.
Evaluation evaluate(const Dataset& dataset, const ClassifierOutput& output, const Scorer& model,
                    const Scorer& reference = {}, const EvaluateOptions& options = {});

}  // namespace mcunet
