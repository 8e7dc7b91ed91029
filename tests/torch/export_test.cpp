// Networks as TorchScript files: LibTorch computes from them what the interpreter computes from the
// graph, our importer reads them again, and names and values are those of the checkpoint.
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include <filesystem>
#include <iostream>
#include <sstream>

#include "compare.h"
#include "libmcunet/netspec/build.h"
#include "libmcunet/netspec/trained.h"
#include "libmcunet/netspec/unfolded.h"
#include "libmcunet/support/error.h"
#include "libmcunet/torchscript/program.h"
#include "libmcunet/zoo/zoo.h"
#include "quant/import/torchscript.h"

using namespace mcunet;
using Catch::Matchers::Contains;

extern "C" std::unique_ptr<Graph> mcunet_read_torchscript(
    const std::vector<uint8_t>& bytes, const import::TorchScriptOptions& options);
extern "C" std::unique_ptr<std::vector<uint8_t>> mcunet_write_torchscript(
    const torchscript::Program& program);

namespace {

torch::jit::Module loaded(const std::vector<uint8_t>& bytes) {
  std::istringstream stream(std::string(bytes.begin(), bytes.end()));
  return torch::jit::load(stream);
}

// An input of the graph as LibTorch has it, images as [n, c, h, w].
at::Tensor random_input(const Graph& graph) {
  const Shape& shape = graph.tensor(graph.inputs.front()).shape;
  at::manual_seed(11);
  if (shape.size() != 4) return at::rand(std::vector<int64_t>(shape.begin(), shape.end())) * 2 - 1;
  return at::rand({shape[0], shape[3], shape[1], shape[2]}) * 2 - 1;
}

std::vector<at::Tensor> outputs_of(torch::jit::Module& module, const at::Tensor& input) {
  at::NoGradGuard guard;
  const c10::IValue result = module.forward({input});
  if (result.isTensor()) return {result.toTensor()};
  std::vector<at::Tensor> outputs;
  for (const c10::IValue& value : result.toTupleRef().elements())
    outputs.push_back(value.toTensor());
  return outputs;
}

// The graph, LibTorch and the graph that is imported again give the same.
torch::jit::Module check_export(const Graph& graph, const torchscript::Program& program) {
  const auto bytes = *mcunet_write_torchscript(program);
  torch::jit::Module module = loaded(bytes);
  module.eval();
  const at::Tensor input = random_input(graph);
  const std::vector<at::Tensor> expected = outputs_of(module, input);
  testing::check_same(graph, input, expected);
  import::TorchScriptOptions options;
  options.name = graph.name;
  options.input_shape = Shape(input.sizes().begin(), input.sizes().end());
  const auto again = mcunet_read_torchscript(bytes, options);
  testing::check_same(*again, input, expected);
  return module;
}

const netspec::NetworkDescription& description(const zoo::ZooNetwork& network) {
  return std::get<netspec::NetworkDescription>(network.network);
}

// The tensors of a state dict: all that the module has, no others, byte by byte.
void check_state(const torch::jit::Module& module, const checkpoint::StateDict& state) {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& entry : module.named_parameters()) {
    CAPTURE(entry.name);
    CHECK(entry.value.requires_grad());
    tensors[entry.name] = entry.value.detach();
  }
  for (const auto& entry : module.named_buffers()) tensors[entry.name] = entry.value;
  CHECK(tensors.size() == state.size());
  for (const auto& [name, tensor] : state) {
    CAPTURE(name);
    REQUIRE(tensors.count(name) == 1);
    const at::Tensor& found = tensors.at(name);
    CHECK(found.sizes().vec() == std::vector<int64_t>(tensor.shape.begin(), tensor.shape.end()));
    REQUIRE(found.nbytes() == tensor.data->size());
    CHECK(std::memcmp(found.data_ptr(), tensor.data->data(), found.nbytes()) == 0);
  }
}

}  // namespace

TEST_CASE("descriptions as TorchScript have MCUNet's parameters", "[export]") {
  zoo::ZooNetwork network = zoo::changed(zoo::get("mcunet-in2"), 48, 10);
  const Graph random = zoo::to_float(zoo::build(network));
  const checkpoint::StateDict state = netspec::unfolded_state(description(network), random);
  const Graph graph = netspec::build_trained_graph(description(network), state);
  const torch::jit::Module module =
      check_export(graph, torchscript::program_of(graph, state, description(network).bn));
  check_state(module, state);
  // Any number of images.
  torch::jit::Module copy = module.clone();
  const at::Tensor images = at::rand({3, 3, 48, 48});
  const at::Tensor together = outputs_of(copy, images).front();
  CHECK(at::allclose(together[2], outputs_of(copy, images.narrow(0, 2, 1)).front()[0], 1e-4, 1e-5));
}

TEST_CASE("batch norm learns in training mode only", "[export]") {
  const zoo::ZooNetwork network = zoo::changed(zoo::get("mcunet-vww0"), 32, 2);
  const auto& described = description(network);
  const checkpoint::StateDict state =
      netspec::unfolded_state(described, zoo::to_float(zoo::build(network)));
  const Graph graph = netspec::build_trained_graph(described, state);
  torch::jit::Module module =
      loaded(*mcunet_write_torchscript(torchscript::program_of(graph, state, described.bn)));
  const auto mean = [&] {
    return module.attr("first_conv")
        .toModule()
        .attr("bn")
        .toModule()
        .attr("running_mean")
        .toTensor();
  };
  const at::Tensor images = at::rand({4, 3, 32, 32});
  const at::Tensor before = mean().clone();
  module.eval();
  outputs_of(module, images);
  CHECK(at::equal(mean(), before));
  module.train();
  outputs_of(module, images);
  CHECK_FALSE(at::equal(mean(), before));
}

TEST_CASE("other networks as TorchScript", "[export]") {
  // Padding that differs from side to side, shortcuts; a kernel of 10×4; vectors alone; three heads
  // and upsampling; squeeze-and-excite in a list of layers.
  const std::string name =
      GENERATE("mlperf-ic", "mlperf-kws", "mlperf-ad", "person-det", "mcunetv2-large");
  CAPTURE(name);
  const Graph graph = zoo::to_float(zoo::build(zoo::get(name)));
  check_export(graph, torchscript::program_of(graph));
}

TEST_CASE("the published checkpoint as TorchScript", "[export]") {
  const std::filesystem::path file = "../shared/models/mcunet-320kb-1mb_imagenet.pth";
  if (!std::filesystem::exists(file)) {
    std::cout << "skipped: " << file << " is missing\n";
    return;
  }
  const zoo::ZooNetwork network = zoo::get("mcunet-in3");
  const checkpoint::StateDict state = checkpoint::read_state_dict(file);
  const Graph graph = netspec::build_trained_graph(description(network), state);
  check_state(check_export(graph, torchscript::program_of(graph, state, description(network).bn)),
              state);
}
