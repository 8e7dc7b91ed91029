#include "libmcunet/netspec/weight_layout.h"

#include <cstring>

#include "libmcunet/support/text.h"

namespace mcunet::netspec {
namespace {

struct Extents {
  size_t outputs = 0, inputs = 0, taps = 0;
  bool depthwise = false;

  // Where PyTorch's element (o, i, t) lies in a graph.
  size_t index(size_t o, size_t i, size_t t) const {
    return depthwise ? t * outputs + o : (o * taps + t) * inputs + i;
  }
};

Extents extents(const Shape& shape, OpKind kind) {
  const bool depthwise = kind == OpKind::DepthwiseConv2D;
  return {static_cast<size_t>(depthwise ? shape[3] : shape[0]),
          static_cast<size_t>(depthwise ? 1 : shape[3]),
          static_cast<size_t>(shape[1]) * static_cast<size_t>(shape[2]), depthwise};
}

Shape framework_shape(const Extents& e, const Shape& graph) {
  return {static_cast<int32_t>(e.outputs), static_cast<int32_t>(e.inputs), graph[1], graph[2]};
}

// visit(index in PyTorch's order, index in the graph's).
template <typename Visit>
void for_each_weight(const Extents& e, const Visit& visit) {
  size_t framework = 0;
  for (size_t o = 0; o < e.outputs; ++o) {
    for (size_t i = 0; i < e.inputs; ++i) {
      for (size_t t = 0; t < e.taps; ++t) visit(framework++, e.index(o, i, t));
    }
  }
}

}  // namespace

Tensor float_tensor(std::string name, Shape shape, const std::vector<float>& values) {
  auto bytes = std::make_shared<std::vector<uint8_t>>(values.size() * sizeof(float));
  std::memcpy(bytes->data(), values.data(), bytes->size());
  Tensor tensor;
  tensor.name = std::move(name);
  tensor.dtype = DType::Float32;
  tensor.shape = std::move(shape);
  tensor.data = std::move(bytes);
  return tensor;
}

std::string batch_norm_name(const std::string& convolution) {
  return convolution.substr(0, convolution.rfind('.') + 1) + "bn";
}

bool is_linear(const std::string& name) { return ends_with(name, ".linear"); }

std::vector<float> graph_order(const std::vector<float>& values, const Shape& shape, OpKind kind) {
  std::vector<float> reordered(values.size());
  for_each_weight(extents(shape, kind),
                  [&](size_t framework, size_t graph) { reordered[graph] = values[framework]; });
  return reordered;
}

Shape framework_shape(const WeightRequest& request) {
  Shape shape = framework_shape(extents(request.shape, request.kind), request.shape);
  if (is_linear(request.name)) shape.resize(2);
  return shape;
}

Tensor framework_weights(const Tensor& weights, OpKind kind) {
  const Extents e = extents(weights.shape, kind);
  const auto* values = weights.constant<float>();
  std::vector<float> reordered(static_cast<size_t>(weights.elements()));
  for_each_weight(e, [&](size_t framework, size_t graph) { reordered[framework] = values[graph]; });
  return float_tensor(weights.name, framework_shape(e, weights.shape), reordered);
}

}  // namespace mcunet::netspec
