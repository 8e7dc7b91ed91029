#include "profiler/evaluate.h"

#include <algorithm>
#include <memory>

#include "libmcunet/data/network_input.h"
#include "libmcunet/data/npy.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/parallel.h"

namespace mcunet {
namespace {

// Samples per call of a scorer: a host program is started for as many inferences at once.
constexpr size_t kChunk = 16;
constexpr size_t kTop = 5;

void check_labels(const Dataset& dataset, size_t classes) {
  for (size_t i = 0; i < dataset.size(); ++i) {
    const Sample& sample = dataset.sample(i);
    if (!sample.label || static_cast<size_t>(*sample.label) < classes) continue;
    throw Error(ErrorKind::Input, sample.name + " is of class " + std::to_string(*sample.label) +
                                      ", the model has the classes 0 to " +
                                      std::to_string(classes - 1));
  }
}

std::vector<LoadedSample> load_chunk(const Dataset& dataset, size_t first, size_t last,
                                     std::vector<SampleResult>& results,
                                     std::vector<size_t>& indices) {
  std::vector<LoadedSample> loaded;
  for (size_t i = first; i < last; ++i) {
    try {
      loaded.push_back({dataset.position(i), dataset.sample(i).name, dataset.load(i)});
      indices.push_back(i);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Input) throw;
      results[i].problem = error.problems().front();
    }
  }
  return loaded;
}

}  // namespace

Scorer model_scorer(const Graph& graph, const ModelRunner& runner, const Preprocess& preprocess) {
  const Tensor& input = single_input(graph);
  const Tensor output = classifier_output(graph).tensor;
  return [&runner, &preprocess, &input, output](const std::vector<LoadedSample>& samples) {
    std::vector<Buffers> inputs;
    for (const LoadedSample& sample : samples)
      inputs.push_back({network_input(sample.data, input, preprocess, sample.name)});
    std::vector<std::vector<float>> values;
    for (const Buffers& outputs : runner.run_all(inputs))
      values.push_back(real_values(output, outputs.front()));
    return values;
  };
}

Scorer array_scorer(const std::string& path, const ClassifierOutput& output, size_t samples) {
  auto array = std::make_shared<const NpyArray>(parse_npy(read_file(path), path));
  const auto outputs = static_cast<size_t>(output.tensor.elements());
  if (array->shape.size() < 2 || static_cast<size_t>(array->shape[0]) != samples ||
      static_cast<size_t>(array->elements()) != samples * outputs) {
    std::string shape;
    for (const int64_t extent : array->shape)
      shape += (shape.empty() ? "" : ", ") + std::to_string(extent);
    throw Error(ErrorKind::Input, path + ": the array is [" + shape + "], expected [" +
                                      std::to_string(samples) + ", " + std::to_string(outputs) +
                                      "]: the outputs for every sample of the data set");
  }
  Tensor row = output.tensor;
  if (array->dtype == DType::Float32) {
    row.dtype = DType::Float32;
    row.quantization = {};
  } else if (array->dtype != row.dtype) {
    throw Error(ErrorKind::Input, path + ": elements are " + dtype_name(array->dtype) +
                                      ", expected float32 or the output's " +
                                      dtype_name(row.dtype));
  }
  return [array, row](const std::vector<LoadedSample>& chunk) {
    const auto bytes = static_cast<std::ptrdiff_t>(row.byte_size());
    std::vector<std::vector<float>> values;
    for (const LoadedSample& sample : chunk) {
      const auto begin =
          array->bytes.begin() + static_cast<std::ptrdiff_t>(sample.position) * bytes;
      values.push_back(real_values(row, {begin, begin + bytes}));
    }
    return values;
  };
}

Evaluation evaluate(const Dataset& dataset, const ClassifierOutput& output, const Scorer& model,
                    const Scorer& reference, const EvaluateOptions& options) {
  check_labels(dataset, output.classes);
  Evaluation evaluation;
  evaluation.samples.resize(dataset.size());
  // Kept per sample and added in order, so that sums do not depend on the threads.
  std::vector<SignalToNoise> noise(reference ? dataset.size() : 0);
  const size_t chunks = (dataset.size() + kChunk - 1) / kChunk;
  parallel_for(chunks, options.threads, [&](size_t chunk) {
    const size_t first = chunk * kChunk, last = std::min(dataset.size(), first + kChunk);
    std::vector<size_t> indices;
    const std::vector<LoadedSample> loaded =
        load_chunk(dataset, first, last, evaluation.samples, indices);
    std::vector<std::vector<float>> values = model(loaded), expected;
    if (reference) expected = reference(loaded);
    for (size_t n = 0; n < indices.size(); ++n) {
      SampleResult& result = evaluation.samples[indices[n]];
      const std::vector<float> scores = class_scores(output, values[n]);
      result.predicted = top_class(scores);
      result.score = scores[result.predicted];
      if (const std::optional<int> label = dataset.sample(indices[n]).label)
        result.rank = class_rank(scores, static_cast<size_t>(*label));
      if (reference) {
        if (expected[n].size() != values[n].size()) {
          throw Error(ErrorKind::Input, "the models have " + std::to_string(values[n].size()) +
                                            " and " + std::to_string(expected[n].size()) +
                                            " outputs: they cannot be compared");
        }
        result.expected = top_class(class_scores(output, expected[n]));
        noise[indices[n]].add(expected[n], values[n]);
      }
      if (options.keep_values) result.values = std::move(values[n]);
    }
    if (options.progress) options.progress(static_cast<int64_t>(last - first));
  });

  for (size_t i = 0; i < evaluation.samples.size(); ++i) {
    const SampleResult& result = evaluation.samples[i];
    if (!result.problem.empty()) {
      evaluation.skipped.push_back(result.problem);
      continue;
    }
    ++evaluation.images;
    evaluation.top1 += result.rank && *result.rank == 0 ? 1 : 0;
    evaluation.top5 += result.rank && *result.rank < kTop ? 1 : 0;
    if (!reference) continue;
    evaluation.agreeing += result.predicted == *result.expected ? 1 : 0;
    evaluation.signal_to_noise.add(noise[i]);
  }
  check_skipped(evaluation.skipped, dataset.size());
  return evaluation;
}

}  // namespace mcunet
