// The function that the LibTorch module offers: a TorchScript program is run with shapes instead of
// numbers, and what it would compute is appended to a graph.
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/passes/remove_mutation.h>
#include <torch/csrc/jit/serialization/import.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <unordered_map>

#include "libmcunet/support/error.h"
#include "quant/import/torch/operators.h"
#include "quant/import/torchscript.h"

namespace mcunet::import {
namespace {

namespace jit = torch::jit;

// Of LibTorch's messages, which go on with a trace of calls.
std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

jit::Module load(const std::vector<uint8_t>& bytes, const std::string& name) {
  std::istringstream stream(std::string(bytes.begin(), bytes.end()));
  try {
    return jit::load(stream, at::kCPU);
  } catch (const std::exception& error) {
    throw Error(ErrorKind::Input,
                name + ": LibTorch cannot read it as TorchScript: " + first_line(error.what()));
  }
}

// The program of forward() without calls, and with weights as constants where they are found.
std::shared_ptr<jit::Graph> forward_of(const jit::Module& loaded, const std::string& name) {
  try {
    jit::Module module = loaded.clone();
    if (module.hasattr("training")) {  // what is frozen already has lost it
      module.eval();
      module = jit::freeze(module);
    }
    auto graph = module.get_method("forward").graph()->copy();
    jit::Inline(*graph);
    jit::RemoveListMutation(graph);
    jit::RemoveTensorMutation(graph);
    jit::EliminateDeadCode(graph);
    return graph;
  } catch (const std::exception& error) {
    throw Error(ErrorKind::Unsupported, name + ": LibTorch cannot freeze it (torch.jit.freeze): " +
                                            first_line(error.what()));
  }
}

class Program {
 public:
  Program(const std::shared_ptr<jit::Graph>& graph, const TorchScriptOptions& options)
      : graph_(graph), options_(options), builder_(options.name) {}

  Graph run() {
    read_inputs();
    stop_if_problems();
    run_block(*graph_->block());
    if (foreign_)
      problems_.push_back(options_.name + ": supported are aten::{" + torch_operators() + "}");
    stop_if_problems();
    std::vector<std::pair<std::string, TensorView>> outputs;
    for (const jit::Value* output : graph_->outputs())
      add_outputs(output->debugName(), item(*output), outputs);
    stop_if_problems();
    return builder_.finish(outputs);
  }

 private:
  void problem(ErrorKind kind, const std::string& text) {
    problems_.push_back(options_.name + ": " + text);
    unsound_ = unsound_ || kind == ErrorKind::Input;
  }
  void stop_if_problems() {
    if (problems_.empty()) return;
    throw Error(unsound_ ? ErrorKind::Input : ErrorKind::Unsupported, std::move(problems_));
  }

  // ---- inputs

  void read_inputs() {
    std::vector<const jit::Value*> images;
    for (const jit::Value* input : graph_->inputs()) {
      if (input->type()->kind() == c10::TypeKind::TensorType) {
        images.push_back(input);
      } else if (input->type()->kind() == c10::TypeKind::ClassType) {
        items_[input] = {module_};  // the module itself; its weights are constants by now
      } else {
        problem(ErrorKind::Unsupported, "input '" + input->debugName() + "' is no tensor");
      }
    }
    if (images.size() != 1) {
      problem(ErrorKind::Unsupported,
              std::to_string(images.size()) + " inputs; one tensor is supported");
      return;
    }
    const Shape shape = input_shape(*images.front());
    items_[images.front()] = {builder_.input(images.front()->debugName(), shape, true)};
  }

  Shape input_shape(const jit::Value& input) const {
    if (options_.input_shape) return *options_.input_shape;
    if (options_.resolution) {
      for (const jit::Use& use : input.uses()) {
        if (use.user->inputs().size() < 2 || use.offset != 0) continue;
        const auto weights = jit::toIValue(use.user->input(1));
        if (!weights || !weights->isTensor() || weights->toTensor().dim() != 4) continue;
        return {1, static_cast<int32_t>(weights->toTensor().size(1)), *options_.resolution,
                *options_.resolution};
      }
    }
    throw Error(ErrorKind::Usage,
                options_.name +
                    ": TorchScript files do not hold the input's shape; give it with "
                    "--input-shape, such as 1x3x224x224");
  }

  // ---- values

  const Item& item(const jit::Value& value) {
    static const Item none;
    const auto found = items_.find(&value);
    return found == items_.end() ? none : found->second;
  }

  std::vector<Item> inputs_of(const jit::Node& node) {
    std::vector<Item> inputs;
    for (const jit::Value* input : node.inputs()) inputs.push_back(item(*input));
    return inputs;
  }

  void set(const jit::Node& node, size_t output, Item value) {
    items_[node.outputs()[output]] = std::move(value);
  }

  void add_outputs(const std::string& name, const Item& value,
                   std::vector<std::pair<std::string, TensorView>>& outputs) {
    if (const TensorView* activation = value.computed()) {
      outputs.emplace_back(name, *activation);
    } else if (const std::vector<Item>* items = value.items()) {
      for (size_t i = 0; i < items->size(); ++i)
        add_outputs(name + "." + std::to_string(i), (*items)[i], outputs);
    } else {
      problem(ErrorKind::Unsupported, "output '" + name + "' is constant");
    }
  }

  // ---- running

  void run_block(const jit::Block& block) {
    for (const jit::Node* node : block.nodes()) run_node(*node);
  }

  void run_node(const jit::Node& node) {
    const std::string kind = node.kind().toQualString();
    const std::string name = node.outputs().empty() ? "" : node.outputs()[0]->debugName();
    const std::string place = "node " + std::to_string(index_) + " '" + name + "' " + kind;
    builder_.at(index_, name);
    ++index_;
    try {
      evaluate(node, kind);
    } catch (const Error& error) {
      for (const std::string& text : error.problems()) problem(error.kind(), place + ": " + text);
    } catch (const std::exception& error) {  // LibTorch's
      problem(ErrorKind::Input, place + ": LibTorch: " + first_line(error.what()));
    }
  }

  void evaluate(const jit::Node& node, const std::string& kind) {
    if (kind == "prim::Constant") {
      set(node, 0, {jit::toIValue(node.outputs()[0]).value_or(c10::IValue())});
      return;
    }
    if (kind == "prim::If") return run_if(node);
    if (kind == "prim::Uninitialized") return;  // stands for values that are never used
    if (kind == "prim::RaiseException") unsound("the program refuses this input");
    const std::vector<Item> inputs = inputs_of(node);
    if (std::any_of(inputs.begin(), inputs.end(), [](const Item& i) { return i.missing(); }))
      return;  // something before is not supported, noted already
    if (evaluate_structure(node, kind, inputs)) return;
    const bool known = std::all_of(inputs.begin(), inputs.end(),
                                   [](const Item& i) { return i.known() != nullptr; });
    if (known) return evaluate_known(node, inputs);
    const std::string functional = without_underscore(node, kind);
    if (!is_torch_operator(functional)) {
      foreign_ = true;
      unsupported("this operator is not supported");
    }
    Item result = translate(functional, Call(node, inputs), builder_);
    set(node, 0, std::move(result));
  }

  // relu_ is relu where nobody else sees its input change.
  static std::string without_underscore(const jit::Node& node, const std::string& kind) {
    if (kind.back() != '_' || kind.find("__") != std::string::npos) return kind;
    static const std::set<std::string> views = {
        "aten::view",       "aten::reshape", "aten::permute", "aten::transpose",  "aten::slice",
        "aten::select",     "aten::squeeze", "aten::flatten", "aten::unsqueeze",  "aten::t",
        "aten::detach",     "aten::to",      "aten::expand",  "aten::contiguous", "aten::chunk",
        "prim::ListUnpack", "aten::split",   "prim::Param"};
    const jit::Value* self = node.inputs()[0];
    if (self->uses().size() > 1 || views.count(self->node()->kind().toQualString()) != 0)
      unsupported(
          "it changes a value that others read; write it without the underscore "
          "(inplace=False)");
    return kind.substr(0, kind.size() - 1);
  }

  // Lists and tuples of computed values, and questions about them.
  bool evaluate_structure(const jit::Node& node, const std::string& kind,
                          const std::vector<Item>& inputs) {
    const bool any_computed = std::any_of(inputs.begin(), inputs.end(),
                                          [](const Item& i) { return i.known() == nullptr; });
    if (!any_computed) return false;
    if (kind == "prim::ListConstruct" || kind == "prim::TupleConstruct") {
      set(node, 0, {inputs});
    } else if (kind == "prim::ListUnpack" || kind == "prim::TupleUnpack") {
      const std::vector<Item>* items = inputs[0].items();
      if (items == nullptr || items->size() != node.outputs().size())
        unsound("unpacks another number of values");
      for (size_t i = 0; i < items->size(); ++i) set(node, i, (*items)[i]);
    } else if (kind == "aten::__getitem__" || kind == "prim::TupleIndex") {
      const std::vector<Item>* items = inputs[0].items();
      if (items == nullptr || inputs[1].known() == nullptr) unsupported("an index into a tensor");
      set(node, 0,
          items->at(
              static_cast<size_t>(normalized_axis(inputs[1].known()->toInt(), items->size()))));
    } else if (kind == "aten::len" && inputs[0].items() != nullptr) {
      set(node, 0, {c10::IValue(static_cast<int64_t>(inputs[0].items()->size()))});
    } else if (kind == "prim::dtype") {
      set(node, 0, {c10::IValue(static_cast<int64_t>(at::kFloat))});
    } else if (kind == "prim::device") {
      set(node, 0, {c10::IValue(c10::Device(at::kCPU))});
    } else if (kind == "aten::is_floating_point" || kind == "aten::__isnot__") {
      set(node, 0, {c10::IValue(true)});  // a tensor is float32, and is not None
    } else if (kind == "aten::__is__" || kind == "prim::is_cuda") {
      set(node, 0, {c10::IValue(false)});
    } else if (kind == "prim::unchecked_cast" || kind == "prim::unchecked_unwrap_optional" ||
               kind == "aten::_unwrap_optional") {
      set(node, 0, inputs[0]);
    } else {
      return false;
    }
    return true;
  }

  // By LibTorch itself: arithmetic on shapes, transposed weights.
  void evaluate_known(const jit::Node& node, const std::vector<Item>& inputs) {
    if (!node.blocks().empty()) unsupported("loops");
    if (node.isNondeterministic()) unsupported("random numbers");
    jit::Stack stack;
    for (const Item& input : inputs) stack.push_back(*input.known());
    run_known(node, stack);
    if (stack.size() != node.outputs().size()) unsound("gives another number of values");
    for (size_t i = 0; i < stack.size(); ++i) set(node, i, {stack[i]});
  }

  // What takes any number of values is no operator of LibTorch's registry.
  static void run_known(const jit::Node& node, jit::Stack& stack) {
    switch (node.kind()) {
      case c10::prim::ListConstruct: {
        const auto& type = node.output()->type()->expectRef<c10::ListType>();
        c10::impl::GenericList list(type.getElementType());
        for (const c10::IValue& value : stack) list.push_back(value);
        stack = {c10::IValue(list)};
        return;
      }
      case c10::prim::TupleConstruct:
        stack = {c10::IValue(c10::ivalue::Tuple::create(stack))};
        return;
      case c10::prim::ListUnpack: {
        const std::vector<c10::IValue> values = stack.at(0).toListRef().vec();
        stack = values;
        return;
      }
      case c10::prim::TupleUnpack: {
        const std::vector<c10::IValue> values = stack.at(0).toTupleRef().elements();
        stack = values;
        return;
      }
      default:
        node.getOperation()(stack);
    }
  }

  void run_if(const jit::Node& node) {
    const Item& condition = item(*node.inputs()[0]);
    if (condition.missing()) return;
    if (condition.known() == nullptr || !condition.known()->isBool())
      unsupported("a choice that depends on the network's values");
    const jit::Block& chosen = *node.blocks()[condition.known()->toBool() ? 0 : 1];
    run_block(chosen);
    for (size_t i = 0; i < node.outputs().size(); ++i) set(node, i, item(*chosen.outputs()[i]));
  }

  std::shared_ptr<jit::Graph> graph_;
  const TorchScriptOptions& options_;
  Builder builder_;
  c10::IValue module_;
  std::unordered_map<const jit::Value*, Item> items_;
  int32_t index_ = 0;
  std::vector<std::string> problems_;
  bool unsound_ = false, foreign_ = false;
};

}  // namespace
}  // namespace mcunet::import

extern "C" std::unique_ptr<mcunet::Graph> mcunet_read_torchscript(
    const std::vector<uint8_t>& bytes, const mcunet::import::TorchScriptOptions& options) {
  using namespace mcunet::import;
  const torch::jit::Module module = load(bytes, options.name);
  return std::make_unique<mcunet::Graph>(Program(forward_of(module, options.name), options).run());
}
