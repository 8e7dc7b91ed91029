#include "quant/import/builder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "libmcunet/graph/validate.h"
#include "libmcunet/support/error.h"
#include "quant/import/tidy.h"

namespace mcunet::import {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 30;

}  // namespace

void unsupported(const std::string& reason) { throw Error(ErrorKind::Unsupported, reason); }
void unsound(const std::string& reason) { throw Error(ErrorKind::Input, reason); }

int normalized_axis(int64_t axis, size_t rank) {
  const auto count = static_cast<int64_t>(rank);
  if (axis < -count || axis >= count)
    unsound("axis " + std::to_string(axis) + " of a tensor with " + std::to_string(rank) +
            " dimensions");
  return static_cast<int>(axis < 0 ? axis + count : axis);
}

void Builder::at(int32_t index, const std::string& name) {
  index_ = index;
  name_ = name;
}

TensorView Builder::input(const std::string& name, const Shape& shape, bool planar) {
  TensorView x;
  x.shape = x.base = shape;
  x.order = planar && shape.size() == 4 ? image_order() : identity_order(shape.size());
  Tensor tensor;
  tensor.name = name;
  tensor.dtype = DType::Float32;
  tensor.shape = stored_shape(shape, x.order);
  x.id = graph_.add_tensor(std::move(tensor));
  graph_.inputs.push_back(x.id);
  return x;
}

TensorId Builder::emit(OpKind kind, std::vector<TensorId> inputs, OpAttrs attrs, Shape shape) {
  int64_t elements = 1;
  for (const int32_t extent : shape) {
    if (extent < 1) unsound("an empty tensor");
    elements *= extent;
    if (elements > kMaxElements) unsupported("a tensor of more than 2^30 elements");
  }
  Tensor tensor;
  tensor.name = name_;
  tensor.dtype = DType::Float32;
  tensor.shape = std::move(shape);
  Op op;
  op.kind = kind;
  op.inputs = std::move(inputs);
  op.outputs = {graph_.add_tensor(std::move(tensor))};
  op.attrs = std::move(attrs);
  op.source_index = index_;
  graph_.ops.push_back(std::move(op));
  return graph_.ops.back().outputs.front();
}

TensorId Builder::constant(const char* role, Shape shape, const std::vector<double>& values) {
  const std::vector<float> narrowed(values.begin(), values.end());
  for (const float value : narrowed) {
    if (!std::isfinite(value))
      unsound(std::string("its ") + role + " holds " +
              (std::isnan(value) ? "a NaN" : "an infinity"));
  }
  auto bytes = std::make_shared<std::vector<uint8_t>>(narrowed.size() * sizeof(float));
  std::memcpy(bytes->data(), narrowed.data(), bytes->size());
  Tensor tensor;
  tensor.name = name_ + "." + role;
  tensor.dtype = DType::Float32;
  tensor.shape = std::move(shape);
  tensor.data = std::move(bytes);
  return graph_.add_tensor(std::move(tensor));
}

// ---- layouts

TensorView Builder::like(const TensorView& x, TensorId id) {
  TensorView y = x;
  y.id = id;
  return y;
}

TensorId Builder::reshaped_tensor(TensorId id, Shape shape) {
  if (graph_.tensor(id).shape == shape) return id;
  return emit(OpKind::Reshape, {id}, std::monostate{}, std::move(shape));
}

TensorView Builder::plain(const TensorView& x) {
  if (!x.reshaped()) return x;
  TensorView whole = x;
  whole.shape = x.base;
  whole = ordered(whole, identity_order(x.base.size()));
  return {reshaped_tensor(whole.id, x.shape), identity_order(x.shape.size()), x.shape, x.shape};
}

TensorView Builder::ordered(const TensorView& x, const std::vector<int>& order) {
  if (x.reshaped()) {
    // What is in memory is moved so that the reshape only renames it, where that is possible: one
    // transpose of a channel shuffle instead of two.
    const std::vector<int> before = reshaped_order(x.shape, order, x.base);
    if (before.empty()) return ordered(plain(x), order);
    const TensorView whole = ordered({x.id, x.order, x.base, x.base}, before);
    return {reshaped_tensor(whole.id, stored_shape(x.shape, order)), order, x.shape, x.shape};
  }
  if (x.order == order) return x;
  const Shape shape = stored_shape(x.shape, order);
  if (same_layout(x.shape, x.order, order))
    return {reshaped_tensor(x.id, shape), order, x.shape, x.shape};
  TransposeAttrs attrs;
  for (const int d : order) {
    const auto at = std::find(x.order.begin(), x.order.end(), d);
    attrs.permutation.push_back(static_cast<int32_t>(at - x.order.begin()));
  }
  return {emit(OpKind::Transpose, {x.id}, attrs, shape), order, x.shape, x.shape};
}

TensorView Builder::image(const TensorView& x, const char* what) {
  if (x.shape.size() != 4)
    unsupported(std::string(what) + " of a tensor with " + std::to_string(x.shape.size()) +
                " dimensions; only images (4 dimensions) are supported");
  return ordered(x, image_order());
}

TensorView Builder::reshape(const TensorView& x, const std::vector<int64_t>& shape) {
  const int64_t elements = element_count(x.shape);
  std::vector<int64_t> wanted = shape;
  int64_t known = 1;
  auto open = wanted.end();
  for (auto extent = wanted.begin(); extent != wanted.end(); ++extent) {
    if (*extent == -1) {
      if (open != wanted.end()) unsound("a reshape with two unknown extents");
      open = extent;
    } else {
      if (*extent < 1 || *extent > elements)
        unsound("a reshape to an extent of " + std::to_string(*extent));
      known *= *extent;
      if (known > elements) unsound("a reshape of " + to_string(x.shape) + " to more elements");
    }
  }
  if (open != wanted.end()) {
    *open = elements / known;
    known *= *open;
  }
  TensorView y = x;
  y.shape.assign(wanted.begin(), wanted.end());
  if (known != elements)
    unsound("a reshape of " + to_string(x.shape) + " to " + to_string(y.shape));
  if (!y.reshaped()) return y;
  const std::vector<int> order = reshaped_order(x.base, x.order, y.shape);
  if (order.empty() && !y.shape.empty()) return y;  // moved when it must be
  return {reshaped_tensor(x.id, stored_shape(y.shape, order)), order, y.shape, y.shape};
}

TensorView Builder::flatten(const TensorView& x, int64_t first, int64_t last) {
  const auto begin = static_cast<size_t>(normalized_axis(first, x.shape.size()));
  const auto end = static_cast<size_t>(normalized_axis(last, x.shape.size()));
  if (begin > end) unsound("flatten from a dimension to one before it");
  std::vector<int64_t> shape(x.shape.begin(), x.shape.begin() + static_cast<ptrdiff_t>(begin));
  int64_t merged = 1;
  for (size_t d = begin; d <= end; ++d) merged *= x.shape[d];
  shape.push_back(merged);
  shape.insert(shape.end(), x.shape.begin() + static_cast<ptrdiff_t>(end) + 1, x.shape.end());
  return reshape(x, shape);
}

TensorView Builder::permute(const TensorView& x, const std::vector<int64_t>& permutation) {
  const size_t rank = x.shape.size();
  std::vector<int> inverse(rank, -1);
  if (permutation.size() != rank) unsound("a permutation of another number of dimensions");
  for (size_t i = 0; i < rank; ++i)
    inverse[static_cast<size_t>(normalized_axis(permutation[i], rank))] = static_cast<int>(i);
  if (std::count(inverse.begin(), inverse.end(), -1) > 0) unsound("a permutation with repetitions");
  TensorView y = plain(x);
  for (int& d : y.order) d = inverse[static_cast<size_t>(d)];
  const Shape before = y.shape;
  for (size_t i = 0; i < rank; ++i) y.shape[static_cast<size_t>(inverse[i])] = before[i];
  y.base = y.shape;
  return y;
}

Graph Builder::finish(const std::vector<std::pair<std::string, TensorView>>& outputs) {
  for (const auto& [name, value] : outputs) {
    const bool is_image = value.shape.size() == 4 && !value.reshaped() &&
                          same_layout(value.shape, value.order, image_order());
    at(static_cast<int32_t>(graph_.ops.size()), name);
    TensorView y = is_image ? ordered(value, image_order())
                            : ordered(value, identity_order(value.shape.size()));
    // An output of its own, also where the network hands a value out twice, or its input.
    const bool taken = is_graph_output(graph_, y.id) ||
                       std::count(graph_.inputs.begin(), graph_.inputs.end(), y.id) > 0;
    if (taken) y.id = emit(OpKind::Reshape, {y.id}, std::monostate{}, stored(y));
    graph_.tensor(y.id).name = name;
    graph_.outputs.push_back(y.id);
  }
  Graph graph = tidied(graph_);
  validate(graph);
  return graph;
}

}  // namespace mcunet::import
