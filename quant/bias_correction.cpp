#include "quant/bias_correction.h"

#include <algorithm>
#include <map>
#include <optional>

#include "libmcunet/reference/interpreter.h"
#include "quant/assemble.h"
#include "quant/channels.h"
#include "quant/inputs.h"
#include "quant/weights.h"

namespace mcunet::quant {
namespace {

// One operator as a graph of its own: its activations are the inputs, in the operator's order.
struct SingleOp {
  Graph graph;
  std::vector<TensorId> inputs;  // of the whole graph
};

SingleOp single_op(const Graph& whole, const Op& op) {
  SingleOp single;
  Op copy = op;
  std::map<TensorId, TensorId> ids;
  const auto own = [&](TensorId id) {
    const auto [entry, added] = ids.emplace(id, 0);
    if (!added) return entry->second;
    entry->second = single.graph.add_tensor(Tensor(whole.tensor(id)));
    return entry->second;
  };
  for (TensorId& id : copy.inputs) {
    const TensorId original = id;
    const bool seen = ids.count(original) > 0;
    id = own(original);
    if (seen || whole.tensor(original).is_constant()) continue;
    single.graph.inputs.push_back(id);
    single.inputs.push_back(original);
  }
  for (TensorId& id : copy.outputs) {
    id = own(id);
    single.graph.outputs.push_back(id);
  }
  single.graph.ops.push_back(std::move(copy));
  return single;
}

// Activations of all samples that later operators still read, by tensor id.
using Live = std::vector<std::map<TensorId, std::vector<uint8_t>>>;

void run_op(const Graph& graph, const Op& op, Live& live, int threads) {
  const SingleOp single = single_op(graph, op);
  const reference::Interpreter interpreter(single.graph);
  for_each_counted(live.size(), threads, "", {}, [&](size_t s) {
    reference::Interpreter::Buffers inputs;
    for (const TensorId id : single.inputs) inputs.push_back(live[s].at(id));
    reference::Interpreter::Buffers outputs = interpreter.run(inputs);
    for (size_t i = 0; i < op.outputs.size(); ++i) live[s][op.outputs[i]] = std::move(outputs[i]);
  });
}

// For each tap and input channel, the sum over output positions of what the tap reads, in steps of
// the input's scale; what lies in the padding is 0. In the order [tap, input channel].
struct TapSums {
  std::vector<int64_t> sums;
  int64_t positions = 0;  // output positions per channel
};

void add_window_sums(const Graph& graph, const Op& op, const int8_t* x, TapSums& result) {
  const auto& attrs = op.as<ConvAttrs>();
  const Shape& in = graph.input(op, 0).shape;
  const Shape& out = graph.output(op).shape;
  const Shape& w = graph.input(op, 1).shape;
  const int32_t zero = graph.input(op, 0).quantization.zero_point();
  const auto channels = static_cast<size_t>(in[3]);
  result.sums.resize(static_cast<size_t>(w[1]) * static_cast<size_t>(w[2]) * channels, 0);
  result.positions += int64_t{out[0]} * out[1] * out[2];
  for (int32_t b = 0; b < in[0]; ++b) {
    for (int32_t ky = 0; ky < w[1]; ++ky) {
      for (int32_t kx = 0; kx < w[2]; ++kx) {
        int64_t* sums = result.sums.data() + (static_cast<size_t>(ky) * static_cast<size_t>(w[2]) +
                                              static_cast<size_t>(kx)) *
                                                 channels;
        for (int32_t oy = 0; oy < out[1]; ++oy) {
          const int32_t y = oy * attrs.stride_h + ky * attrs.dilation_h - attrs.padding.top;
          if (y < 0 || y >= in[1]) continue;
          for (int32_t ox = 0; ox < out[2]; ++ox) {
            const int32_t column = ox * attrs.stride_w + kx * attrs.dilation_w - attrs.padding.left;
            if (column < 0 || column >= in[2]) continue;
            const int8_t* pixel =
                x + ((int64_t{b} * in[1] + y) * in[2] + column) * static_cast<int64_t>(channels);
            for (size_t c = 0; c < channels; ++c) sums[c] += pixel[c] - zero;
          }
        }
      }
    }
  }
}

void add_row_sums(const Graph& graph, const Op& op, const int8_t* x, TapSums& result) {
  const auto depth = static_cast<size_t>(graph.input(op, 1).shape[1]);
  const auto rows = static_cast<size_t>(graph.input(op, 0).elements()) / depth;
  const int32_t zero = graph.input(op, 0).quantization.zero_point();
  result.sums.resize(depth, 0);
  result.positions += static_cast<int64_t>(rows);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t k = 0; k < depth; ++k) result.sums[k] += x[r * depth + k] - zero;
  }
}

TapSums tap_sums(const Graph& graph, const Op& op, const Live& live, int threads) {
  std::vector<TapSums> of_sample(live.size());
  for_each_counted(live.size(), threads, "", {}, [&](size_t s) {
    const auto* x = reinterpret_cast<const int8_t*>(live[s].at(op.inputs[0]).data());
    if (op.kind == OpKind::FullyConnected) {
      add_row_sums(graph, op, x, of_sample[s]);
    } else {
      add_window_sums(graph, op, x, of_sample[s]);
    }
  });
  TapSums total = std::move(of_sample.front());
  for (size_t s = 1; s < of_sample.size(); ++s) {
    total.positions += of_sample[s].positions;
    for (size_t i = 0; i < total.sums.size(); ++i) total.sums[i] += of_sample[s].sums[i];
  }
  return total;
}

// Mean of each output channel before its activation, with the integer weights and the real bias.
std::vector<double> quantized_means(const Graph& graph, const Op& op, const LayerEncoding& layer,
                                    const TapSums& inputs) {
  std::vector<double> means(layer.bias.size(), 0.0);
  const auto channels = static_cast<size_t>(graph.input(op, 0).shape.back());
  const size_t in_channels = op.kind == OpKind::FullyConnected
                                 ? static_cast<size_t>(graph.input(op, 1).shape[1])
                                 : channels;
  const size_t taps = inputs.sums.size() / in_channels;
  // Weights come tap by tap within an output channel, or channel by channel within a tap
  // (depthwise): either way the k-th weight that one output channel meets for one input channel
  // belongs to tap k.
  std::vector<size_t> met(layer.bias.size() * in_channels, 0);
  for_each_weight(graph, op, [&](size_t i, size_t out, size_t in) {
    const size_t tap = met[out * in_channels + in]++ % taps;
    means[out] += static_cast<double>(layer.weights[i]) *
                  static_cast<double>(inputs.sums[tap * in_channels + in]);
  });
  const double scale = static_cast<double>(graph.input(op, 0).quantization.scale());
  for (size_t c = 0; c < means.size(); ++c) {
    means[c] = means[c] * scale * static_cast<double>(layer.scales[c]) /
                   static_cast<double>(inputs.positions) +
               static_cast<double>(layer.bias[c]);
  }
  return means;
}

std::vector<std::vector<TensorId>> last_uses(const Graph& graph) {
  std::vector<int> last(graph.tensors.size(), -1);
  for (size_t i = 0; i < graph.ops.size(); ++i) {
    for (const TensorId id : graph.ops[i].inputs)
      last[static_cast<size_t>(id)] = static_cast<int>(i);
    for (const TensorId id : graph.ops[i].outputs)
      last[static_cast<size_t>(id)] = static_cast<int>(i);
  }
  std::vector<std::vector<TensorId>> uses(graph.ops.size());
  for (size_t t = 0; t < last.size(); ++t) {
    if (last[t] >= 0) uses[static_cast<size_t>(last[t])].push_back(static_cast<TensorId>(t));
  }
  return uses;
}

}  // namespace

LinearMeans linear_means(const SplitGraph& split, const Statistics& statistics,
                         const Graph& float_graph) {
  LinearMeans means;
  for (size_t i = 0; i < float_graph.ops.size(); ++i) {
    if (!is_weighted(float_graph.ops[i].kind)) continue;
    const std::vector<double>& mean =
        statistics.tensors.at(static_cast<size_t>(split.linear.at(i))).channel_mean;
    // A fully connected layer may write its rows in another shape; then there is no such mean.
    if (mean.size() == output_channels(float_graph, float_graph.ops[i])) means[i] = mean;
  }
  return means;
}

Encodings correct_biases(const Graph& float_graph, const LinearMeans& means, Encodings encodings,
                         const Calibration& calibration, int threads,
                         const ProgressHook& progress) {
  const char* kStage = "correcting biases";
  const Graph start = assemble(float_graph, encodings);
  std::map<TensorId, size_t> layer_of_output;
  for (const auto& [index, layer] : encodings.layers)
    layer_of_output[float_graph.ops[index].outputs[0]] = index;

  Live live(calibration.samples.size());
  for (size_t s = 0; s < live.size(); ++s) {
    const Calibration::Sample inputs = quantize_sample(start, calibration.samples[s]);
    for (size_t i = 0; i < inputs.size(); ++i) live[s][start.inputs[i]] = inputs[i];
  }
  const auto uses = last_uses(start);
  const auto total = static_cast<int64_t>(start.ops.size());
  Graph graph = start;
  for (size_t i = 0; i < start.ops.size(); ++i) {
    if (progress) progress(kStage, static_cast<int64_t>(i), total);
    const auto found = layer_of_output.find(start.ops[i].outputs[0]);
    if (found != layer_of_output.end() && means.count(found->second) > 0 &&
        !start.input(start.ops[i], 0).is_constant()) {
      LayerEncoding& layer = encodings.layers.at(found->second);
      const std::vector<double> now =
          quantized_means(graph, start.ops[i], layer, tap_sums(graph, start.ops[i], live, threads));
      const std::vector<double>& wanted = means.at(found->second);
      for (size_t c = 0; c < layer.bias.size(); ++c)
        layer.bias[c] += static_cast<float>(wanted[c] - now[c]);
      const Op& op = float_graph.ops[found->second];
      layer = with_room_for_biases(float_graph, op, std::move(layer),
                                   graph.input(start.ops[i], 0).quantization.scale());
      encode_layer(graph, start.ops[i], layer);
    }
    run_op(graph, graph.ops[i], live, threads);
    for (auto& tensors : live) {
      for (const TensorId id : uses[i]) tensors.erase(id);
    }
  }
  if (progress) progress(kStage, total, total);
  return encodings;
}

}  // namespace mcunet::quant
