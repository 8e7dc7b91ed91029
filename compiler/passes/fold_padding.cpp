#include "compiler/passes/passes.h"

namespace mcunet::compiler {
namespace {

bool is_spatial(const PadAttrs& pad) {
  return pad.before.size() == 4 && pad.before[0] == 0 && pad.after[0] == 0 && pad.before[3] == 0 &&
         pad.after[3] == 0;
}

bool foldable(const Graph& graph, const Op& op) {
  if (op.kind != OpKind::Pad || !is_spatial(op.as<PadAttrs>())) return false;
  const auto& attrs = op.as<PadAttrs>();
  const Tensor& x = graph.input(op, 0);
  if (x.dtype != DType::Int8 || x.is_constant() || x.quantization != graph.output(op).quantization)
    return false;
  return !attrs.has_value || attrs.value == x.quantization.zero_point();
}

}  // namespace

Graph fold_padding(Graph graph) {
  const std::vector<int> producer = producers(graph);
  for (Op& op : graph.ops) {
    if (op.kind != OpKind::Conv2D && op.kind != OpKind::DepthwiseConv2D) continue;
    // Two PADs in a row fold one after the other.
    for (int source = producer[static_cast<size_t>(op.inputs[0])]; source >= 0;
         source = producer[static_cast<size_t>(op.inputs[0])]) {
      const Op& pad = graph.ops[static_cast<size_t>(source)];
      if (!foldable(graph, pad)) break;
      const auto& amounts = pad.as<PadAttrs>();
      SpatialPadding& padding = op.as<ConvAttrs>().padding;
      padding.top += amounts.before[1];
      padding.bottom += amounts.after[1];
      padding.left += amounts.before[2];
      padding.right += amounts.after[2];
      op.inputs[0] = pad.inputs[0];
    }
  }
  return graph;  // a PAD that nobody reads any more falls to drop_dead_ops
}

}  // namespace mcunet::compiler
