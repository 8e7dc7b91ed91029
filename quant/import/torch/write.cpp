// The other function that the LibTorch module offers: a program as a TorchScript file.
#include <torch/csrc/jit/api/compilation_unit.h>

#include <map>
#include <sstream>

#include "libmcunet/support/error.h"
#include "libmcunet/torchscript/program.h"

namespace mcunet::torchscript {
namespace {

namespace jit = torch::jit;

// The tensors of a module and the modules below it.
struct Node {
  std::map<std::string, Node> children;
  std::vector<const ModuleTensor*> tensors;
};

std::string last_part(const std::string& path) { return path.substr(path.rfind('.') + 1); }

Node tree_of(const Program& program) {
  Node root;
  for (const ModuleTensor& entry : program.tensors) {
    Node* node = &root;
    std::istringstream path(entry.tensor.name);
    std::string part;
    while (std::getline(path, part, '.') && !path.eof()) node = &node->children[part];
    node->tensors.push_back(&entry);
  }
  return root;
}

at::Tensor torch_tensor(const Tensor& tensor) {
  const std::vector<int64_t> sizes(tensor.shape.begin(), tensor.shape.end());
  at::Tensor result = at::empty(sizes, tensor.dtype == DType::Int64 ? at::kLong : at::kFloat);
  if (result.nbytes() != tensor.data->size())
    throw Error(ErrorKind::Internal, tensor.name + ": has other bytes than its shape");
  std::memcpy(result.data_ptr(), tensor.data->data(), result.nbytes());
  return result;
}

jit::Module module_of(const Node& node, const std::shared_ptr<jit::CompilationUnit>& unit) {
  jit::Module module("__torch__.mcunet.Module", unit, true);
  // train() and eval() set it in every module.
  module.register_attribute("training", c10::BoolType::get(), false);
  for (const ModuleTensor* entry : node.tensors) {
    const std::string name = last_part(entry->tensor.name);
    at::Tensor values = torch_tensor(entry->tensor);
    if (entry->trained) {
      values.set_requires_grad(true);
      module.register_parameter(name, values, false);
    } else {
      module.register_buffer(name, values);
    }
  }
  for (const auto& [name, child] : node.children)
    module.register_module(name, module_of(child, unit));
  return module;
}

}  // namespace
}  // namespace mcunet::torchscript

extern "C" std::unique_ptr<std::vector<uint8_t>> mcunet_write_torchscript(
    const mcunet::torchscript::Program& program) {
  using namespace mcunet::torchscript;
  try {
    torch::jit::Module module =
        module_of(tree_of(program), std::make_shared<torch::jit::CompilationUnit>());
    module.define(program.source);
    std::ostringstream stream;
    module.save(stream);
    const std::string text = stream.str();
    return std::make_unique<std::vector<uint8_t>>(text.begin(), text.end());
  } catch (const mcunet::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw mcunet::Error(mcunet::ErrorKind::Internal,
                        std::string("LibTorch refuses the program: ") + error.what());
  }
}
