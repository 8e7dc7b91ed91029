#include "libmcunet/graph/validate.h"

#include <cmath>
#include <set>

#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"

namespace mcunet {
namespace {

constexpr size_t kMaxRank = 6;
constexpr int64_t kMaxElements = int64_t{1} << 30;

class Validator {
 public:
  explicit Validator(const Graph& graph) : graph_(graph), written_(graph.tensors.size(), false) {}

  std::vector<std::string> run() {
    if (graph_.inputs.empty()) problem("graph", "has no inputs");
    if (graph_.outputs.empty()) problem("graph", "has no outputs");
    std::set<TensorId> inputs;
    for (const TensorId id : graph_.inputs) {
      if (!valid_id(id, "graph input")) continue;
      if (!inputs.insert(id).second) problem(name(id), "is a graph input twice");
      if (graph_.tensor(id).is_constant())
        problem(name(id), "is a graph input but has constant data");
      written_[static_cast<size_t>(id)] = true;
      check_tensor(id);
    }
    for (const Op& op : graph_.ops) check_op(op);
    for (const TensorId id : graph_.outputs) {
      if (valid_id(id, "graph output") && !written_[static_cast<size_t>(id)]) {
        problem(name(id), "is a graph output that nothing writes");
      }
    }
    return std::move(problems_);
  }

 private:
  void problem(const std::string& place, const std::string& text) {
    problems_.push_back(place + ": " + text);
  }
  std::string name(TensorId id) const {
    return "tensor " + std::to_string(id) + " '" + graph_.tensor(id).name + "'";
  }

  bool valid_id(TensorId id, const std::string& place) {
    if (id >= 0 && static_cast<size_t>(id) < graph_.tensors.size()) return true;
    problem(place, "tensor index " + std::to_string(id) + " is out of range");
    return false;
  }

  void check_tensor(TensorId id) {
    if (!checked_.insert(id).second) return;
    const Tensor& tensor = graph_.tensor(id);
    if (tensor.shape.size() > kMaxRank)
      problem(name(id),
              "has rank " + std::to_string(tensor.shape.size()) + ", at most 6 is supported");
    int64_t elements = 1;
    for (const int32_t extent : tensor.shape) {
      if (extent < 1) {
        problem(name(id), "has shape " + to_string(tensor.shape) +
                              ": dynamic or empty shapes are not supported");
        return;
      }
      elements *= extent;
      if (elements > kMaxElements) {
        problem(name(id), "has shape " + to_string(tensor.shape) + ": more than 2^30 elements");
        return;
      }
    }
    if (tensor.is_constant() && tensor.data->size() != tensor.byte_size()) {
      problem(name(id), "has " + std::to_string(tensor.data->size()) +
                            " bytes of data, its shape " + to_string(tensor.shape) + " needs " +
                            std::to_string(tensor.byte_size()));
    }
    check_quantization(id);
  }

  void check_quantization(TensorId id) {
    const Tensor& tensor = graph_.tensor(id);
    const Quantization& q = tensor.quantization;
    if (q.scales.size() != q.zero_points.size()) {
      problem(name(id), "has " + std::to_string(q.scales.size()) + " scales and " +
                            std::to_string(q.zero_points.size()) + " zero points");
      return;
    }
    for (const float scale : q.scales) {
      // Weights may have negative or zero scales (the official MCUNet file does); activations may
      // not.
      if (!std::isfinite(scale) || (!tensor.is_constant() && scale <= 0)) {
        problem(name(id), "has the scale " + std::to_string(scale));
        return;
      }
    }
    // A bias carries the scales of its weights, sometimes with their axis too.
    if (q.per_axis() && tensor.shape.size() > 1) {
      if (q.axis < 0 || static_cast<size_t>(q.axis) >= tensor.shape.size() ||
          tensor.shape[static_cast<size_t>(q.axis)] != static_cast<int32_t>(q.scales.size())) {
        problem(name(id), std::to_string(q.scales.size()) + " scales do not fit axis " +
                              std::to_string(q.axis) + " of " + to_string(tensor.shape));
      }
    }
    if (q.per_axis()) {
      if (!tensor.is_constant())
        problem(name(id), "activations with per-axis quantization are not supported");
    }
    const bool int8 = tensor.dtype == DType::Int8;
    const bool uint8 = tensor.dtype == DType::UInt8;
    for (const int32_t zero : q.zero_points) {
      if ((int8 && (zero < -128 || zero > 127)) || (uint8 && (zero < 0 || zero > 255))) {
        problem(name(id), "has the zero point " + std::to_string(zero) + ", outside its type");
        return;
      }
    }
    if ((int8 || uint8) && q.empty())
      problem(name(id),
              "is " + std::string(dtype_name(tensor.dtype)) + " without scale and zero point");
  }

  void check_op(const Op& op) {
    const OperatorInfo& info = operator_info(op.kind);
    const std::string place = describe(op);
    const auto count = static_cast<int>(op.inputs.size());
    bool usable = true;
    if (count < info.min_inputs || (info.max_inputs >= 0 && count > info.max_inputs)) {
      problem(place, "has " + std::to_string(count) + " inputs");
      usable = false;
    }
    if (op.outputs.empty()) {
      problem(place, "has no outputs");
      usable = false;
    }
    for (const TensorId id : op.inputs) {
      if (!valid_id(id, place)) {
        usable = false;
        continue;
      }
      check_tensor(id);
      if (!graph_.tensor(id).is_constant() && !written_[static_cast<size_t>(id)]) {
        problem(place, "reads " + name(id) + " before anything writes it");
        usable = false;
      }
    }
    for (const TensorId id : op.outputs) {
      if (!valid_id(id, place)) {
        usable = false;
        continue;
      }
      check_tensor(id);
      if (graph_.tensor(id).is_constant() || written_[static_cast<size_t>(id)])
        problem(place, "writes " + name(id) + ", which is constant or already written");
      written_[static_cast<size_t>(id)] = true;
    }
    // Shape inference divides by extents and multiplies them: only when the tensors themselves are
    // sound.
    if (!usable || !problems_.empty()) return;
    check_types(op, place);
    check_shapes(op, info, place);
  }

  void check_types(const Op& op, const std::string& place) {
    const bool weighted = op.kind == OpKind::Conv2D || op.kind == OpKind::DepthwiseConv2D ||
                          op.kind == OpKind::FullyConnected;
    if (!weighted) return;
    if (!graph_.input(op, 1).is_constant()) {
      problem(place, "weights are not constant");
      return;
    }
    if (graph_.input(op, 0).dtype != DType::Int8) return;
    const Quantization& q = graph_.input(op, 1).quantization;
    const int axis = op.kind == OpKind::DepthwiseConv2D ? 3 : 0;
    if (q.per_axis() && q.axis != axis)
      problem(place, "weights are quantized along axis " + std::to_string(q.axis) + " instead of " +
                         std::to_string(axis));
    for (const int32_t zero : q.zero_points) {
      if (zero != 0) {
        problem(place, "weights have the zero point " + std::to_string(zero) + " instead of 0");
        break;
      }
    }
    if (graph_.has_input(op, 2)) {
      if (!graph_.input(op, 2).is_constant()) problem(place, "bias is not constant");
      if (graph_.input(op, 2).dtype != DType::Int32)
        problem(place, std::string("bias is ") + dtype_name(graph_.input(op, 2).dtype) +
                           " instead of int32");
    }
  }

  void check_shapes(const Op& op, const OperatorInfo& info, const std::string& place) {
    std::vector<std::string> found;
    const std::vector<Shape> shapes = info.infer(graph_, op, found);
    for (const std::string& text : found) problem(place, text);
    if (!found.empty()) return;
    if (shapes.size() != op.outputs.size()) {
      problem(place, "has " + std::to_string(op.outputs.size()) + " outputs");
      return;
    }
    for (size_t i = 0; i < shapes.size(); ++i) {
      const Shape& declared = graph_.output(op, i).shape;
      // A fully connected layer may write its rows in any shape with the same elements, as
      // converters do.
      const bool loose =
          op.kind == OpKind::FullyConnected && element_count(declared) == element_count(shapes[i]);
      if (declared != shapes[i] && !loose) {
        problem(place, "output " + name(op.outputs[i]) + " has shape " + to_string(declared) +
                           ", but " + to_string(shapes[i]) + " follows from the inputs");
      }
    }
  }

  const Graph& graph_;
  std::vector<bool> written_;
  std::set<TensorId> checked_;
  std::vector<std::string> problems_;
};

}  // namespace

void validate(const Graph& graph) {
  std::vector<std::string> problems = Validator(graph).run();
  if (!problems.empty()) throw Error(ErrorKind::Input, std::move(problems));
}

}  // namespace mcunet
