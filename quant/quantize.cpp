#include "quant/quantize.h"

#include "quant/assemble.h"
#include "quant/observe.h"
#include "quant/prepare.h"

namespace mcunet::quant {

Quantized quantize(const Graph& float_graph, const Calibration& calibration,
                   const QuantizeOptions& options, const ProgressHook& progress) {
  Quantized result;
  result.float_graph = prepare(float_graph);
  check_calibration(result.float_graph, calibration);
  if (options.equalize) {
    const Statistics seen = observe(result.float_graph, calibration, options.threads, progress);
    result.float_graph = equalize(result.float_graph, seen, options.equalization).graph;
  }
  const Graph& graph = result.float_graph;
  const SplitGraph split = split_activations(graph);
  const Statistics seen = observe(split.graph, calibration, options.threads, progress);

  Encodings& encodings = result.encodings;
  encodings.activations = choose_ranges(graph, seen, options.ranges);
  encodings.layers = encode_all_weights(graph, encodings.activations, {}, options.weight_scale);
  if (options.correct_biases) {
    encodings = correct_biases(graph, linear_means(split, seen, graph), std::move(encodings),
                               calibration, options.threads, progress);
  }
  if (options.reconstruct) {
    const ScaleGroups groups = scale_groups(graph);
    const ReconstructInput input{graph, encodings, groups, calibration};
    Encodings better = options.reconstruct(input, options.reconstruction, progress);
    check_reconstruction(input, better);
    encodings = std::move(better);
  }
  result.graph = assemble(graph, encodings);
  result.report = compare(graph, result.graph, calibration, options.threads, progress);
  return result;
}

}  // namespace mcunet::quant
