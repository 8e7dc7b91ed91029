#include "quant/quantize.h"

#include "quant/assemble.h"
#include "quant/dense_to_conv.h"
#include "quant/observe.h"
#include "quant/prepare.h"

namespace mcunet::quant {
namespace {

// Encodings with the weights of 4 bits that the options ask for.
Encodings narrow_weights(const Graph& graph, const Statistics& seen, Encodings encodings,
                         const Calibration& calibration, const QuantizeOptions& options,
                         const ProgressHook& progress) {
  std::map<size_t, DType> dtypes;
  if (options.weights == WeightBits::Int4) {
    for (const size_t index : int4_candidates(graph)) dtypes[index] = DType::Int4;
  } else if (options.weights == WeightBits::Mixed) {
    dtypes = choose_int4_layers(graph, seen, encodings, calibration, options.max_flash,
                                options.measure_flash, options.threads, progress);
  }
  for (const auto& [index, dtype] : dtypes) {
    const Op& op = graph.ops[index];
    const float input_scale = encodings.activations[static_cast<size_t>(op.inputs[0])].scale();
    encodings.layers[index] = encode_weights(graph, op, dtype, WeightScale::Mse, input_scale);
  }
  return encodings;
}

// Reconstruction may lose on the calibration inputs, to which ranges were fitted, and win on
// others: found were 42.5 → 41.4 dB there and 35.9 → 40.4 dB on unseen inputs. A loss of more than
// this is one of too few steps or too few inputs.
constexpr double kMostLossDb = 6;

bool went_astray(const Graph& graph, const Encodings& before, const Encodings& after,
                 const Calibration& calibration, int threads) {
  const OutputValues wanted = output_values(graph, calibration, threads);
  const auto decibels = [&](const Encodings& encodings) {
    return output_sqnr_db(assemble(graph, encodings), calibration, wanted, threads);
  };
  return decibels(after) < decibels(before) - kMostLossDb;
}

}  // namespace

Quantized quantize(const Graph& float_graph, const Calibration& calibration,
                   const QuantizeOptions& options, const ProgressHook& progress) {
  Quantized result;
  Graph& graph = result.float_graph;
  graph = prepare(float_graph);
  check_calibration(graph, calibration);
  if (options.weights != WeightBits::Int8) graph = dense_to_conv(graph);
  if (options.equalize) {
    const Statistics seen = observe(graph, calibration, options.threads, progress);
    graph = equalize(graph, seen, options.equalization).graph;
  }
  const SplitGraph split = split_activations(graph);
  const Statistics seen = observe(split.graph, calibration, options.threads, progress);

  Encodings& encodings = result.encodings;
  encodings.activations = choose_ranges(graph, seen, options.ranges);
  encodings.layers = encode_all_weights(graph, encodings.activations, {}, options.weight_scale);
  encodings = narrow_weights(graph, seen, std::move(encodings), calibration, options, progress);
  const auto correct = [&](Encodings before) {
    if (!options.correct_biases) return before;
    return correct_biases(graph, linear_means(split, seen, graph), std::move(before), calibration,
                          options.threads, progress);
  };
  encodings = correct(std::move(encodings));
  if (options.tune_ranges) {
    encodings = tune_ranges(graph, choose_ranges(graph, seen, RangeMethod::MinMax),
                            std::move(encodings), calibration, options.threads, progress);
    encodings = correct(std::move(encodings));
  }
  if (options.reconstruct) {
    const ScaleGroups groups = scale_groups(graph);
    const ReconstructInput input{graph, encodings, groups, calibration};
    Encodings better = options.reconstruct(input, options.reconstruction, progress);
    check_reconstruction(input, better);
    better = with_room_for_biases(graph, std::move(better));
    result.reconstruction_refused =
        !options.always_reconstruct &&
        went_astray(graph, encodings, better, calibration, options.threads);
    if (!result.reconstruction_refused) encodings = std::move(better);
  }
  result.graph = assemble(graph, encodings);
  result.report = compare(graph, result.graph, calibration, options.threads, progress);
  return result;
}

}  // namespace mcunet::quant
