#include "quant/import/onnx/read.h"

#include <onnx/checker.h>

#include <map>
#include <set>

#include "libmcunet/support/error.h"
#include "quant/import/onnx/operators.h"

namespace mcunet::import {
namespace {

constexpr int64_t kFirstOpset = 11, kLastOpset = 18;
// What Debian's ONNX 1.12 knows.
constexpr int64_t kLastCheckedOpset = 17, kLastCheckedFormat = 8;

class Reader {
 public:
  Reader(const std::vector<uint8_t>& bytes, const OnnxOptions& options)
      : options_(options), builder_(options.name) {
    if (!model_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !model_.has_graph())
      fail(ErrorKind::Input, "not an ONNX model, or a damaged one");
  }

  Graph read() {
    find_opset();
    check();
    if (model_.graph().sparse_initializer_size() > 0)
      fail(ErrorKind::Unsupported, "sparse weights");
    find_needed();
    read_initializers();
    stop_if_problems();
    read_inputs();
    stop_if_problems();
    for (int i = 0; i < model_.graph().node_size(); ++i) {
      if (needed_[static_cast<size_t>(i)]) read_node(i);
    }
    if (foreign_) problems_.push_back(options_.name + ": supported are " + onnx_operators());
    std::vector<std::pair<std::string, TensorView>> outputs = read_outputs();
    stop_if_problems();
    return builder_.finish(outputs);
  }

 private:
  [[noreturn]] void fail(ErrorKind kind, const std::string& text) const {
    throw Error(kind, options_.name + ": " + text);
  }
  void problem(ErrorKind kind, const std::string& text) {
    problems_.push_back(options_.name + ": " + text);
    unsound_ = unsound_ || kind == ErrorKind::Input;
  }
  void stop_if_problems() {
    if (problems_.empty()) return;
    throw Error(unsound_ ? ErrorKind::Input : ErrorKind::Unsupported, std::move(problems_));
  }

  void find_opset() {
    for (const auto& opset : model_.opset_import()) {
      if (opset.domain().empty() || opset.domain() == "ai.onnx") opset_ = opset.version();
    }
    if (opset_ < kFirstOpset || opset_ > kLastOpset)
      fail(ErrorKind::Unsupported,
           "opset " + std::to_string(opset_) + "; supported are " + std::to_string(kFirstOpset) +
               " to " + std::to_string(kLastOpset) + " (torch.onnx.export(…, opset_version=17))");
  }

  // ONNX's own checker. It looks up external data by path, which is done here instead.
  void check() const {
    if (opset_ > kLastCheckedOpset || model_.ir_version() > kLastCheckedFormat) return;
    for (const auto& tensor : model_.graph().initializer()) {
      if (tensor.data_location() == onnx::TensorProto::EXTERNAL) return;
    }
    for (const auto& opset : model_.opset_import()) {
      if (!opset.domain().empty() && opset.domain() != "ai.onnx") return;  // unknown to it
    }
    try {
      onnx::checker::check_model(model_);
    } catch (const std::exception& error) {
      const std::string text = error.what();
      fail(ErrorKind::Input, "ONNX's checker: " + text.substr(0, text.find('\n')));
    }
  }

  // Nodes that the outputs depend on: what else is in the file may be unsupported.
  void find_needed() {
    const auto& graph = model_.graph();
    for (const auto& tensor : graph.initializer()) initializers_.insert(tensor.name());
    std::set<std::string> wanted;
    for (const auto& output : graph.output()) wanted.insert(output.name());
    needed_.assign(static_cast<size_t>(graph.node_size()), false);
    for (int i = graph.node_size() - 1; i >= 0; --i) {
      for (const std::string& name : graph.node(i).output()) {
        computed_.insert(name);
        if (!name.empty() && wanted.count(name) != 0) needed_[static_cast<size_t>(i)] = true;
      }
      if (!needed_[static_cast<size_t>(i)]) continue;
      for (const std::string& name : graph.node(i).input()) {
        wanted.insert(name);
        readers_[name].push_back(i);
      }
    }
    for (const std::string& name : wanted) readers_[name];
  }

  // Runs `step` and notes what it throws under `place`.
  template <typename Step>
  void noted(const std::string& place, const Step& step) {
    try {
      step();
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::Usage) throw;  // names its place itself
      for (const std::string& text : error.problems()) problem(error.kind(), place + ": " + text);
    }
  }

  void read_initializers() {
    for (const auto& tensor : model_.graph().initializer()) {
      if (readers_.count(tensor.name()) == 0) continue;
      noted("tensor '" + tensor.name() + "'",
            [&] { values_[tensor.name()] = constant_of(tensor, options_.directory); });
    }
  }

  void read_inputs() {
    int count = 0;
    for (const auto& input : model_.graph().input()) {
      if (initializers_.count(input.name()) == 0) ++count;
    }
    if (count == 0) problem(ErrorKind::Input, "a graph without inputs");
    for (const auto& input : model_.graph().input()) {
      if (initializers_.count(input.name()) != 0) continue;
      noted("input '" + input.name() + "'", [&] { read_input(input, count == 1); });
    }
  }

  void read_input(const onnx::ValueInfoProto& input, bool only) {
    const auto& type = input.type().tensor_type();
    if (type.elem_type() != onnx::TensorProto::FLOAT &&
        type.elem_type() != onnx::TensorProto::FLOAT16)
      unsupported("element type " + std::to_string(type.elem_type()) +
                  "; only float inputs are supported");
    Shape shape;
    if (only && options_.input_shape) {
      shape = *options_.input_shape;
      if (type.has_shape() && static_cast<size_t>(type.shape().dim_size()) != shape.size())
        throw Error(ErrorKind::Usage, options_.name + ": the input has " +
                                          std::to_string(type.shape().dim_size()) +
                                          " dimensions, not those of " + to_string(shape));
    } else {
      shape = declared_shape(input, only);
    }
    const bool planar = !is_transposed_to_planes(input.name());
    values_[input.name()] = builder_.input(input.name(), shape, planar);
  }

  Shape declared_shape(const onnx::ValueInfoProto& input, bool only) {
    const auto& dims = input.type().tensor_type().shape();
    const bool image = dims.dim_size() == 4;
    const int rows = is_transposed_to_planes(input.name()) ? 1 : 2;
    Shape shape;
    for (int d = 0; d < dims.dim_size(); ++d) {
      int64_t extent = dims.dim(d).has_dim_value() ? dims.dim(d).dim_value() : 0;
      if (d == 0 && extent < 1) extent = 1;
      if (only && image && options_.resolution && (d == rows || d == rows + 1))
        extent = *options_.resolution;
      if (extent < 1 || extent > (1 << 28))
        throw Error(ErrorKind::Usage, options_.name + ": input '" + input.name() + "': extent " +
                                          std::to_string(d) +
                                          " is not in the file; give the input's shape");
      shape.push_back(static_cast<int32_t>(extent));
    }
    return shape;
  }

  // An image that comes as NHWC and is turned at once, as exporters from TensorFlow do.
  bool is_transposed_to_planes(const std::string& name) const {
    const auto readers = readers_.find(name);
    if (readers == readers_.end() || readers->second.empty()) return false;
    for (const int i : readers->second) {
      const onnx::NodeProto& node = model_.graph().node(i);
      if (node.op_type() != "Transpose" ||
          Attributes(node, {}).integers("perm") != std::vector<int64_t>{0, 3, 1, 2})
        return false;
    }
    return true;
  }

  void read_node(int index) {
    const onnx::NodeProto& proto = model_.graph().node(index);
    const std::string place =
        "node " + std::to_string(index) + " '" + proto.name() + "' " + proto.op_type();
    const bool own = proto.domain().empty() || proto.domain() == "ai.onnx";
    if (!own || !is_onnx_operator(proto.op_type())) {
      problem(ErrorKind::Unsupported, place + ": this operator is not supported" +
                                          (own ? "" : " (domain " + proto.domain() + ")"));
      foreign_ = true;
      return;
    }
    noted(place, [&] {
      std::vector<Value> inputs;
      for (const std::string& name : proto.input()) {
        if (name.empty()) {
          inputs.emplace_back();
          continue;
        }
        const auto found = values_.find(name);
        if (found == values_.end()) {
          if (computed_.count(name) != 0)
            return;  // by an operator that is not supported, noted already
          unsound("reads '" + name + "', which nothing gives");
        }
        inputs.push_back(found->second);
      }
      builder_.at(index, proto.output_size() > 0 ? proto.output(0) : proto.name());
      const Node node(proto, std::move(inputs), opset_, options_.directory);
      const std::vector<Value> outputs =
          translate(proto.op_type(), node, static_cast<size_t>(proto.output_size()), builder_);
      for (size_t i = 0; i < outputs.size() && static_cast<int>(i) < proto.output_size(); ++i)
        values_[proto.output(static_cast<int>(i))] = outputs[i];
    });
  }

  std::vector<std::pair<std::string, TensorView>> read_outputs() {
    std::vector<std::pair<std::string, TensorView>> outputs;
    for (const auto& output : model_.graph().output()) {
      const auto found = values_.find(output.name());
      if (found == values_.end()) {
        if (problems_.empty())
          problem(ErrorKind::Input, "output '" + output.name() + "' is written by nothing");
      } else if (const auto* value = std::get_if<TensorView>(&found->second)) {
        outputs.emplace_back(output.name(), *value);
      } else {
        problem(ErrorKind::Unsupported, "output '" + output.name() + "' is constant");
      }
    }
    return outputs;
  }

  const OnnxOptions& options_;
  onnx::ModelProto model_;
  int64_t opset_ = 0;
  Builder builder_;
  std::vector<bool> needed_;                         // by node
  std::map<std::string, std::vector<int>> readers_;  // of values that are needed
  std::map<std::string, Value> values_;
  std::set<std::string> initializers_, computed_;  // names
  std::vector<std::string> problems_;
  bool unsound_ = false, foreign_ = false;
};

}  // namespace

Graph read_onnx(const std::vector<uint8_t>& bytes, const OnnxOptions& options) {
  if (bytes.size() > INT32_MAX) throw Error(ErrorKind::Input, options.name + ": more than 2 GiB");
  return Reader(bytes, options).read();
}

}  // namespace mcunet::import
