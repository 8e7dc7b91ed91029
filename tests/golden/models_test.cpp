// Whole networks of the golden data: outputs for every seed, and for the first seed every layer.
#include <catch2/catch.hpp>
#include <map>

#include "libmcunet/reference/interpreter.h"
#include "libmcunet/tflite/reader.h"
#include "tests/golden/golden_data.h"

using namespace mcunet;
namespace fs = std::filesystem;

namespace {

struct Layer {
  std::string name;
  fs::path file;
};

// By tensor. Operators that the reader folds away leave no tensor behind, so not every layer is
// compared.
std::map<TensorId, Layer> read_layers(const fs::path& dir) {
  std::map<TensorId, Layer> layers;
  for (const auto& entry : golden::read_json(dir / "layers.json")) {
    layers[entry.at("info").at("tensor").get<TensorId>()] = {
        entry.at("file").get<std::string>(), dir / entry.at("file").get<std::string>()};
  }
  return layers;
}

// Runs every case; returns how many layers were compared.
size_t compare_model(const golden::Model& model) {
  const reference::Interpreter interpreter(read_tflite(golden::read_bytes(model.file), model.name));
  const Graph& graph = interpreter.graph();
  const std::map<TensorId, Layer> layers = read_layers(model.layers);
  size_t compared = 0;
  const auto compare_layer = [&](const Op& op, TensorId id, const Tensor&, const uint8_t* data,
                                 size_t bytes) {
    CAPTURE(describe(op), id);
    REQUIRE(layers.count(id) == 1);
    const std::vector<uint8_t> expected = golden::read_bytes(layers.at(id).file);
    REQUIRE(bytes == expected.size());
    CHECK(golden::difference(data, expected.data(), bytes) == "");
    ++compared;
  };
  for (const golden::Case& c : model.cases) {
    CAPTURE(c.name);
    const auto inputs = golden::split(golden::read_bytes(c.input), graph, graph.inputs);
    const auto outputs =
        c.name == "1" ? interpreter.run(inputs, compare_layer) : interpreter.run(inputs);
    CHECK(golden::difference(golden::join(outputs), golden::read_bytes(c.output)) == "");
  }
  size_t expected = 0;
  for (const Op& op : graph.ops) expected += op.outputs.size();
  CHECK(compared == expected);
  return compared;
}

}  // namespace

TEST_CASE("networks match the reference kernels in every layer") {
  const auto shared = golden::shared_dir();
  if (!shared) return golden::report_skipped("golden networks");
  size_t models = 0, layers = 0;
  for (const golden::Model& model : golden::network_models(*shared)) {
    CAPTURE(model.name);
    CHECK_NOTHROW(layers += compare_model(model));
    ++models;
  }
  CHECK(models > 0);
  std::cout << "golden networks: " << models << " models, " << layers << " layers compared\n";
}
