// Operators that work value by value.
#include <algorithm>
#include <cmath>
#include <limits>

#include "quant/import/builder.h"

namespace mcunet::import {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Limits as float32 holds them: frameworks write "no limit" as the largest float.
constexpr double kLargest = std::numeric_limits<float>::max();

Shape broadcast(const Shape& a, const Shape& b) {
  if (a.size() != b.size()) unsound("shapes of different ranks");
  Shape out;
  for (size_t d = 0; d < a.size(); ++d) {
    if (a[d] != b[d] && a[d] != 1 && b[d] != 1)
      unsound("shapes " + to_string(a) + " and " + to_string(b) + " do not broadcast");
    out.push_back(a[d] == 1 ? b[d] : a[d]);
  }
  return out;
}

std::vector<int64_t> with_rank(const Shape& shape, size_t rank) {
  std::vector<int64_t> padded(rank - std::min(rank, shape.size()), 1);
  padded.insert(padded.end(), shape.begin(), shape.end());
  return padded;
}

Shape narrowed(const std::vector<int64_t>& shape) {
  Shape result;
  for (const int64_t extent : shape) {
    if (extent < 1 || extent > (int64_t{1} << 30)) unsound("an empty or huge constant");
    result.push_back(static_cast<int32_t>(extent));
  }
  return result;
}

// The values of a row-major constant of this shape, read in the order of dimensions `order`.
std::vector<double> reordered(const std::vector<double>& values, const Shape& shape,
                              const std::vector<int>& order) {
  const size_t rank = shape.size();
  std::vector<size_t> strides(rank, 1);
  for (size_t d = rank; d-- > 1;) strides[d - 1] = strides[d] * static_cast<size_t>(shape[d]);
  const Shape memory = stored_shape(shape, order);
  std::vector<double> result;
  result.reserve(values.size());
  std::vector<int32_t> position(rank, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    size_t at = 0;
    for (size_t d = 0; d < rank; ++d)
      at += static_cast<size_t>(position[d]) * strides[static_cast<size_t>(order[d])];
    result.push_back(values[at]);
    for (size_t d = rank; d-- > 0;) {
      if (++position[d] < memory[d]) break;
      position[d] = 0;
    }
  }
  return result;
}

}  // namespace

TensorView Builder::unary(OpKind kind, const TensorView& x) {
  return like(x, emit(kind, {x.id}, std::monostate{}, stored(x)));
}

TensorView Builder::leaky_relu(const TensorView& x, double slope) {
  LeakyReluAttrs attrs;
  attrs.alpha = static_cast<float>(slope);
  return like(x, emit(OpKind::LeakyRelu, {x.id}, attrs, stored(x)));
}

TensorView Builder::binary_constant(OpKind kind, const TensorView& source,
                                    const Constant& operand) {
  if (operand.values.size() == 1) {  // fits any layout
    const TensorId value = constant("constant", {1}, operand.values);
    const TensorView x = operand.shape.size() > source.shape.size()
                             ? reshape(source, with_rank(source.shape, operand.shape.size()))
                             : source;
    return like(x, emit(kind, {x.id, value}, BinaryAttrs{}, stored(x)));
  }
  TensorView x = plain(source);
  const size_t rank = std::max(x.shape.size(), operand.shape.size());
  if (x.shape.size() < rank) x = plain(reshape(x, with_rank(x.shape, rank)));
  const Shape shape = narrowed(with_rank(narrowed(operand.shape), rank));
  TensorView y = x;
  y.shape = y.base = broadcast(x.shape, shape);
  Shape memory = stored_shape(shape, x.order);
  const std::vector<double> values = reordered(operand.values, shape, x.order);
  const auto first = std::find_if(memory.begin(), memory.end(), [](int32_t e) { return e != 1; });
  memory.erase(memory.begin(), std::min(first, memory.end() - 1));
  y.id = emit(kind, {x.id, constant("constant", memory, values)}, BinaryAttrs{},
              stored_shape(y.shape, y.order));
  return y;
}

TensorView Builder::binary(OpKind kind, const Value& left, const Value& right) {
  const auto* a = std::get_if<TensorView>(&left);
  const auto* b = std::get_if<TensorView>(&right);
  if (a != nullptr && b == nullptr) {
    Constant operand = std::get<Constant>(right);
    if (kind == OpKind::Sub) {
      for (double& value : operand.values) value = -value;
    }
    return binary_constant(kind == OpKind::Sub ? OpKind::Add : kind, *a, operand);
  }
  if (a == nullptr && b != nullptr) {
    const Constant& operand = std::get<Constant>(left);
    if (kind != OpKind::Sub) return binary_constant(kind, *b, operand);
    return binary_constant(OpKind::Add, scaled(*b, -1), operand);
  }
  if (a == nullptr) unsupported("two constants");
  if (a->shape == b->shape && a->base == b->base && a->order == b->order)
    return like(*a, emit(kind, {a->id, b->id}, BinaryAttrs{}, stored(*a)));
  // The larger one keeps its layout.
  const size_t rank = std::max(a->shape.size(), b->shape.size());
  TensorView x = plain(reshape(plain(*a), with_rank(a->shape, rank)));
  TensorView y = plain(reshape(plain(*b), with_rank(b->shape, rank)));
  const bool first = element_count(x.shape) >= element_count(y.shape);
  const std::vector<int> order = first ? x.order : y.order;
  x = ordered(x, order);
  y = ordered(y, order);
  TensorView result = x;
  result.shape = result.base = broadcast(x.shape, y.shape);
  result.id = emit(kind, {x.id, y.id}, BinaryAttrs{}, stored_shape(result.shape, order));
  return result;
}

TensorView Builder::divide(const Value& a, const Value& b) {
  const auto* divisor = std::get_if<Constant>(&b);
  if (divisor == nullptr || !std::holds_alternative<TensorView>(a))
    unsupported("division by a value that is computed; only division by constants is supported");
  Constant factor = *divisor;
  for (double& value : factor.values) {
    if (value == 0) unsound("division by zero");
    value = 1 / value;
  }
  return binary_constant(OpKind::Mul, std::get<TensorView>(a), factor);
}

TensorView Builder::scaled(const TensorView& x, double factor) {
  return factor == 1 ? x : binary_constant(OpKind::Mul, x, Constant::scalar(factor));
}

TensorView Builder::shifted(const TensorView& x, double offset) {
  return offset == 0 ? x : binary_constant(OpKind::Add, x, Constant::scalar(offset));
}

// Limits that are not those of a RELU are moved there: low + relu6((x − low) · 6/w) · w/6 with the
// width w = high − low. The factors mostly end in a convolution before.
TensorView Builder::clip(const TensorView& x, double low, double high) {
  if (low <= -kLargest) low = -kInfinity;
  if (high >= kLargest) high = kInfinity;
  if (std::isnan(low) || std::isnan(high) || low > high) unsound("clip without a range");
  if (std::isinf(low) && std::isinf(high)) return x;
  if (low == 0 && std::isinf(high)) return unary(OpKind::Relu, x);
  if (low == 0 && high == 6) return unary(OpKind::Relu6, x);
  if (low == -1 && high == 1) return unary(OpKind::ReluN1To1, x);
  if (std::isinf(high)) return shifted(unary(OpKind::Relu, shifted(x, -low)), low);
  if (std::isinf(low))  // high − relu(high − x)
    return shifted(scaled(unary(OpKind::Relu, shifted(scaled(x, -1), high)), -1), high);
  if (low == high) unsupported("clip to a single value");
  const double width = high - low;
  const TensorView in = scaled(shifted(x, -low), 6 / width);
  return shifted(scaled(unary(OpKind::Relu6, in), width / 6), low);
}

TensorView Builder::hard_sigmoid(const TensorView& x, double factor, double offset) {
  // In float32, so that a sixth as a file has it becomes 1.
  const double slope = double{static_cast<float>(6 * factor)};
  const double start = double{static_cast<float>(6 * offset)};
  return scaled(unary(OpKind::Relu6, shifted(scaled(x, slope), start)), 1.0 / 6);
}

TensorView Builder::silu(const TensorView& x) {
  return binary(OpKind::Mul, x, unary(OpKind::Logistic, x));
}

TensorView Builder::softmax(const TensorView& source, int64_t axis) {
  TensorView x = plain(source);
  const int dim = normalized_axis(axis, x.shape.size());
  if (x.order.back() != dim) {
    std::vector<int> order = identity_order(x.shape.size());
    order.erase(order.begin() + dim);
    order.push_back(dim);
    x = ordered(x, order);
  }
  return like(x, emit(OpKind::Softmax, {x.id}, SoftmaxAttrs{}, stored(x)));
}

}  // namespace mcunet::import
