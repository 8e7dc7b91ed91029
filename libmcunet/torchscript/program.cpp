#include "libmcunet/torchscript/program.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <map>
#include <set>

#include "libmcunet/graph/operators.h"
#include "libmcunet/netspec/weight_layout.h"
#include "libmcunet/support/error.h"

namespace mcunet::torchscript {
namespace {

// "self.first_conv.conv.weight"; names that are no Python names need getattr(): a list's numbers.
std::string reference(const std::string& path) {
  std::string text = "self";
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    const std::string part = path.substr(begin, end - begin);
    begin = end + 1;
    text = std::isdigit(static_cast<unsigned char>(part[0])) != 0
               ? "getattr(" + text + ", \"" + part + "\")"
               : text + "." + part;
  }
  return text;
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('.')); }

std::string pair(int32_t a, int32_t b) {
  return "[" + std::to_string(a) + ", " + std::to_string(b) + "]";
}

// With a point, or TorchScript would take it for a whole number.
std::string real(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  const std::string number = text;
  return number.find_first_of(".en") == std::string::npos ? number + "." : number;
}

bool symmetric(const SpatialPadding& padding) {
  return padding.top == padding.bottom && padding.left == padding.right;
}

class Writer {
 public:
  Writer(const Graph& graph, const checkpoint::StateDict& state, const netspec::BatchNorm& bn)
      : graph_(graph), state_(state), bn_(bn) {}

  Program write() {
    if (graph_.inputs.size() != 1)
      problem("it has " + std::to_string(graph_.inputs.size()) + " inputs, not one");
    if (!graph_.inputs.empty()) names_[graph_.inputs.front()] = "x";
    program_.source = "def forward(self, x):\n";
    for (const Op& op : graph_.ops) write(op);
    if (!problems_.empty()) throw Error(ErrorKind::Unsupported, std::move(problems_));
    std::string outputs;
    for (const TensorId id : graph_.outputs) outputs += (outputs.empty() ? "" : ", ") + value(id);
    program_.source += "  return " + outputs + "\n";
    return std::move(program_);
  }

 private:
  void problem(const std::string& text) {
    problems_.push_back(graph_.name + ": TorchScript: " + text);
  }
  void refuse(const Op& op, const std::string& text) { problem(describe(op) + ": " + text); }

  const Shape& shape(TensorId id) const { return graph_.tensor(id).shape; }

  // What the source calls a tensor. Tensors of problems have no name; nobody sees that source.
  std::string value(TensorId id) const {
    const auto found = names_.find(id);
    return found == names_.end() ? "missing" : found->second;
  }

  std::string assign(const std::string& expression) {
    const std::string name = "v" + std::to_string(count_++);
    program_.source += "  " + name + " = " + expression + "\n";
    return name;
  }

  void result(const Op& op, const std::string& expression) {
    names_[op.outputs.front()] = assign(expression);
  }

  std::string activated(const Op& op, Activation activation, const std::string& expression) {
    switch (activation) {
      case Activation::None:
        return expression;
      case Activation::Relu:
        return "torch.relu(" + assign(expression) + ")";
      case Activation::Relu6:
        return "torch.hardtanh(" + assign(expression) + ", 0., 6.)";
      case Activation::ReluN1To1:
        break;
    }
    refuse(op, "RELU_N1_TO_1");
    return expression;
  }

  // ---- weights

  std::string module_tensor(Tensor tensor, bool trained) {
    const std::string name = tensor.name;
    program_.tensors.push_back({std::move(tensor), trained});
    return reference(name);
  }

  // The state dict's tensor, null where it has none.
  const Tensor* trained(const std::string& name) const {
    const auto found = state_.find(name);
    return found == state_.end() ? nullptr : &found->second;
  }

  std::string from_state(const std::string& name, bool is_trained) {
    Tensor tensor = state_.at(name);
    tensor.name = name;
    return module_tensor(std::move(tensor), is_trained);
  }

  // "None" where the layer has none of its own.
  std::string bias(const Op& op, const std::string& layer, bool in_state) {
    if (in_state)
      return trained(layer + ".bias") != nullptr ? from_state(layer + ".bias", true) : "None";
    return graph_.has_input(op, 2) ? module_tensor(graph_.input(op, 2), true) : "None";
  }

  std::string batch_norm(const std::string& layer, const std::string& x) {
    const std::string name = netspec::batch_norm_name(layer);
    if (trained(name + ".running_var") == nullptr) return x;
    const std::string weight = from_state(name + ".weight", true);
    const std::string bias = from_state(name + ".bias", true);
    const std::string mean = from_state(name + ".running_mean", false);
    const std::string variance = from_state(name + ".running_var", false);
    if (trained(name + ".num_batches_tracked") != nullptr)
      from_state(name + ".num_batches_tracked", false);
    return "torch.batch_norm(" + assign(x) + ", " + weight + ", " + bias + ", " + mean + ", " +
           variance + ", " + reference(name) + ".training, " + real(bn_.momentum) + ", " +
           real(bn_.eps) + ", True)";
  }

  // ---- operators

  void write(const Op& op) {
    switch (op.kind) {
      case OpKind::Conv2D:
      case OpKind::DepthwiseConv2D:
        return convolution(op);
      case OpKind::FullyConnected:
        return dense(op);
      case OpKind::Add:
        return binary(op, " + ");
      case OpKind::Mul:
        return binary(op, " * ");
      case OpKind::AveragePool2D:
      case OpKind::MaxPool2D:
        return pool(op);
      case OpKind::HardSwish:
        return result(op, "torch.hardswish(" + value(op.inputs[0]) + ")");
      case OpKind::Softmax:
        if (op.as<SoftmaxAttrs>().beta != 1.0F) refuse(op, "beta is not 1");
        return softmax(op);
      case OpKind::Reshape:
        return reshape(op);
      case OpKind::ResizeNearestNeighbor:
        return resize(op);
      default:
        refuse(op, "it is not supported");
    }
  }

  void convolution(const Op& op) {
    const Tensor& weights = graph_.input(op, 1);
    const std::string layer = parent_of(weights.name);
    const Tensor* stored = trained(weights.name);
    if (stored != nullptr && stored->shape.size() == 2) return linear_convolution(op, layer);
    const auto& attrs = op.as<ConvAttrs>();
    const int32_t channels = shape(op.inputs[0])[3];
    const int32_t per_group = op.kind == OpKind::DepthwiseConv2D ? 1 : weights.shape[3];
    std::string x = value(op.inputs[0]);
    std::string padding = pair(attrs.padding.top, attrs.padding.left);
    if (!symmetric(attrs.padding)) {
      x = assign("torch.constant_pad_nd(" + x + ", [" + std::to_string(attrs.padding.left) + ", " +
                 std::to_string(attrs.padding.right) + ", " + std::to_string(attrs.padding.top) +
                 ", " + std::to_string(attrs.padding.bottom) + "], 0.)");
      padding = pair(0, 0);
    }
    const std::string weight =
        stored != nullptr ? from_state(weights.name, true)
                          : module_tensor(netspec::framework_weights(weights, op.kind), true);
    const std::string y = "torch.conv2d(" + x + ", " + weight + ", " +
                          bias(op, layer, stored != nullptr) + ", " +
                          pair(attrs.stride_h, attrs.stride_w) + ", " + padding + ", " +
                          pair(attrs.dilation_h, attrs.dilation_w) + ", " +
                          std::to_string(channels / per_group) + ")";
    result(op, activated(op, attrs.activation, batch_norm(layer, y)));
  }

  // The classifier: the graph has it as a 1×1 convolution of a single place, PyTorch as a linear
  // layer of a vector, which the RESHAPE behind it gives anyway.
  void linear_convolution(const Op& op, const std::string& layer) {
    if (shape(op.inputs[0])[1] != 1 || shape(op.inputs[0])[2] != 1)
      refuse(op, "a linear layer of an image");
    const std::string x = assign("torch.flatten(" + value(op.inputs[0]) + ", 1)");
    const std::string weight = from_state(layer + ".weight", true);
    const std::string y = "torch.linear(" + x + ", " + weight + ", " + bias(op, layer, true) + ")";
    result(op, activated(op, op.as<ConvAttrs>().activation, y));
    flat_.insert(op.outputs[0]);
  }

  // As [n, values], in the graph's order.
  std::string flattened(TensorId id) {
    const Shape& from = shape(id);
    const std::string x = value(id);
    if (from.size() < 3 || flat_.count(id) != 0) return x;
    const bool one_place = from.size() == 4 && from[1] == 1 && from[2] == 1;
    const bool ordered = one_place || from.back() == 1 || from.size() != 4;
    return assign("torch.flatten(" +
                  (ordered ? x : assign("torch.permute(" + x + ", [0, 2, 3, 1])")) + ", 1)");
  }

  void dense(const Op& op) {
    const Tensor& weights = graph_.input(op, 1);
    const std::string layer = parent_of(weights.name);
    if (shape(op.outputs[0]).size() != 2) refuse(op, "its result is no vector");
    const std::string x = flattened(op.inputs[0]);
    const std::string weight = module_tensor(weights, true);
    const std::string y = "torch.linear(" + x + ", " + weight + ", " + bias(op, layer, false) + ")";
    result(op, activated(op, op.as<FullyConnectedAttrs>().activation, y));
  }

  std::string operand(const Op& op, size_t i) {
    const Tensor& tensor = graph_.input(op, i);
    if (!tensor.is_constant()) {
      if (flat_.count(op.inputs[i]) != 0) refuse(op, "it reads a linear layer's result");
      return value(op.inputs[i]);
    }
    if (tensor.elements() != 1) refuse(op, "a constant of more than one value");
    return real(tensor.constant<float>()[0]);
  }

  void binary(const Op& op, const std::string& sign) {
    const std::string a = operand(op, 0);
    const std::string b = operand(op, 1);
    result(op, activated(op, op.as<BinaryAttrs>().activation, a + sign + b));
  }

  void pool(const Op& op) {
    const auto& attrs = op.as<PoolAttrs>();
    if (!symmetric(attrs.padding)) refuse(op, "padding that differs from side to side");
    const bool average = op.kind == OpKind::AveragePool2D;
    const std::string window =
        "(" + value(op.inputs[0]) + ", " + pair(attrs.filter_h, attrs.filter_w) + ", " +
        pair(attrs.stride_h, attrs.stride_w) + ", " + pair(attrs.padding.top, attrs.padding.left);
    result(op, activated(op, attrs.activation,
                         average ? "torch.avg_pool2d" + window + ", False, False, None)"
                                 : "torch.max_pool2d" + window + ", [1, 1], False)"));
  }

  void softmax(const Op& op) {
    // The graph's last dimension is the channels.
    const bool image = shape(op.inputs[0]).size() == 4 && flat_.count(op.inputs[0]) == 0;
    result(op, "torch.softmax(" + value(op.inputs[0]) + ", " + (image ? "1" : "-1") + ")");
  }

  void reshape(const Op& op) {
    if (shape(op.outputs[0]).size() != 2 || shape(op.inputs[0])[0] != 1)
      refuse(op, "only to vectors");
    names_[op.outputs[0]] = flattened(op.inputs[0]);
  }

  void resize(const Op& op) {
    const auto& attrs = op.as<ResizeAttrs>();
    if (attrs.align_corners || attrs.half_pixel_centers)
      refuse(op, "align_corners or half_pixel_centers");
    const Shape& to = shape(op.outputs[0]);
    result(op, "torch.upsample_nearest2d(" + value(op.inputs[0]) + ", " + pair(to[1], to[2]) + ")");
  }

  const Graph& graph_;
  const checkpoint::StateDict& state_;
  const netspec::BatchNorm& bn_;
  Program program_;
  std::map<TensorId, std::string> names_;
  std::set<TensorId> flat_;  // vectors that the graph has as images of one place
  std::vector<std::string> problems_;
  int count_ = 0;
};

}  // namespace

Program program_of(const Graph& graph, const checkpoint::StateDict& state,
                   const netspec::BatchNorm& bn) {
  return Writer(graph, state, bn).write();
}

}  // namespace mcunet::torchscript
