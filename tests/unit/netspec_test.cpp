// Network descriptions: they are read and written without loss, refused with all their faults, and
// become the graphs that they mean.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "compiler/compile.h"
#include "compiler/passes/passes.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/netspec/build.h"
#include "libmcunet/netspec/read.h"
#include "libmcunet/netspec/write.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/random.h"
#include "libmcunet/tflite/reader.h"
#include "libmcunet/tflite/writer.h"

using namespace mcunet;
using namespace mcunet::netspec;
using Catch::Matchers::Contains;
using nlohmann::json;
using nlohmann::ordered_json;
namespace fs = std::filesystem;

namespace {

const fs::path kShared = fs::path(MCUNET_SOURCE_DIR) / ".." / "shared";

MobileInvertedResidualBlock inverted(int32_t in, int32_t out, int32_t kernel, int32_t stride,
                                     double ratio, bool shortcut = false) {
  MobileInvertedResidualBlock block;
  block.mobile_inverted_conv = MBInvertedConvLayer{};
  block.mobile_inverted_conv->in_channels = in;
  block.mobile_inverted_conv->out_channels = out;
  block.mobile_inverted_conv->kernel_size = kernel;
  block.mobile_inverted_conv->stride = stride;
  block.mobile_inverted_conv->expand_ratio = ratio;
  block.shortcut = shortcut;
  return block;
}

// 20×20×3 → 10×10×8 → … → 10 classes, with every kind of block.
NetworkDescription small_network() {
  NetworkDescription network;
  network.first_conv.in_channels = 3;
  network.first_conv.out_channels = 8;
  network.first_conv.stride = 2;
  network.first_conv.activation = ActivationFunction::Relu6;
  network.blocks = {inverted(8, 8, 3, 1, 1), inverted(8, 16, 5, 2, 3),
                    inverted(16, 16, 7, 1, 4, true),
                    MobileInvertedResidualBlock{std::nullopt, true}, inverted(16, 16, 3, 1, 2.5)};
  network.blocks[4].mobile_inverted_conv->mid_channels = 24;
  network.classifier.in_features = 16;
  network.classifier.out_features = 10;
  network.resolution = 20;
  return network;
}

ordered_json small_json() { return description_to_json(small_network()); }

Error read_error(const std::string& text) {
  try {
    read_description(text, "net.json");
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  return {ErrorKind::Internal, ""};
}
Error read_error(const ordered_json& document) { return read_error(document.dump()); }

// Without what only moves or renames bytes.
std::vector<std::string> structure(const Graph& graph) {
  std::vector<std::string> lines;
  for (const Op& op : graph.ops) {
    if (op.kind == OpKind::Reshape) continue;
    std::string line = operator_info(op.kind).name;
    line += " " + to_string(graph.input(op, 0).shape) + " to " + to_string(graph.output(op).shape);
    if (const auto* conv = std::get_if<ConvAttrs>(&op.attrs)) {
      line += " weights " + to_string(graph.input(op, 1).shape) + " stride " +
              std::to_string(conv->stride_h) + "," + std::to_string(conv->stride_w) + " padding " +
              std::to_string(conv->padding.top) + "," + std::to_string(conv->padding.left) + "," +
              std::to_string(conv->padding.bottom) + "," + std::to_string(conv->padding.right) +
              " inputs " + std::to_string(op.inputs.size());
    }
    if (const auto* pool = std::get_if<PoolAttrs>(&op.attrs))
      line += " window " + std::to_string(pool->filter_h) + "," + std::to_string(pool->filter_w);
    lines.push_back(line);
  }
  return lines;
}

// Everything that the published document says is in the written one. MCUNet writes an identity's
// channels as a list, older files as a number.
bool says_the_same(const json& original, const json& written) {
  if (original.is_array() && original.size() == 1 && written.is_number())
    return original[0] == written;
  if (original.is_array()) {
    return written.is_array() && original.size() == written.size() &&
           std::equal(original.begin(), original.end(), written.begin(), says_the_same);
  }
  if (!original.is_object()) return original == written;
  for (const auto& [key, value] : original.items()) {
    const bool absent = !written.contains(key);
    if (absent ? !value.is_null() : !says_the_same(value, written[key])) return false;
  }
  return true;
}

std::vector<uint8_t> random_input(const Graph& graph, uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<uint8_t> bytes(graph.tensor(graph.inputs[0]).byte_size());
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
  return bytes;
}

BuildOptions without_weights(Placeholders* placeholders = nullptr) {
  BuildOptions options;
  options.weights = Weights::None{};
  options.placeholders = placeholders;
  return options;
}

bool skipped(const std::string& what) {
  if (fs::exists(kShared / "models")) return false;
  std::cout << "skipped: " << what << ", no " << (kShared / "models").string() << "\n";
  return true;
}

std::vector<fs::path> published_files() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(kShared / "models"))
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

NetworkDescription published(const std::string& stem) {
  const fs::path path = kShared / "models" / (stem + ".json");
  return read_description(read_text_file(path), path.filename().string());
}

}  // namespace

// ---- reading and writing -----------------------------------------------------------------------

TEST_CASE("a description comes back from its JSON as it was", "[netspec]") {
  NetworkDescription network = small_network();
  network.bn = {0.05, 1e-5, 1e-7};
  network.blocks[2].mobile_inverted_conv->use_se = true;
  network.blocks[2].mobile_inverted_conv->activation = ActivationFunction::HardSwish;
  network.feature_mix_layer = ConvLayer{};
  network.feature_mix_layer->in_channels = 16;
  network.feature_mix_layer->out_channels = 32;
  network.feature_mix_layer->groups = 4;
  network.feature_mix_layer->activation = ActivationFunction::None;
  network.classifier.in_features = 32;
  network.classifier.dropout_rate = 0.25;
  const NetworkDescription read = read_description(write_description(network), "net.json");
  CHECK(read == network);
  CHECK(write_description(read) == write_description(network));
  REQUIRE(read.blocks.size() == 5);
  CHECK_FALSE(read.blocks[3].mobile_inverted_conv.has_value());
  CHECK(read.blocks[3].shortcut);
  CHECK(read.blocks[4].mobile_inverted_conv->expanded_channels() == 24);
  CHECK(read.blocks[4].mobile_inverted_conv->expand_ratio == 2.5);
  CHECK(read.blocks[2].mobile_inverted_conv->squeezed_channels() == 16);
  CHECK(read.bn.ws_eps == 1e-7);
  CHECK(read.feature_mix_layer->groups == 4);
  CHECK(read != small_network());
}

TEST_CASE("fields with a default in MCUNet may be missing", "[netspec]") {
  ordered_json document = small_json();
  document["blocks"][2]["mobile_inverted_conv"] = {
      {"name", "MBInvertedConvLayer"}, {"in_channels", 16}, {"out_channels", 16}};
  document["blocks"][3]["mobile_inverted_conv"] = nullptr;
  document["blocks"][4]["shortcut"] = {{"name", "ZeroLayer"}, {"stride", 1}};
  document["first_conv"] = {
      {"name", "ConvLayer"}, {"in_channels", 3}, {"out_channels", 8}, {"stride", {2, 2}}};
  document.erase("bn");
  document["accuracy"] = 61.8;  // the network's own notes
  const NetworkDescription network = read_description(document.dump(), "net.json");
  const MBInvertedConvLayer& layer = *network.blocks[2].mobile_inverted_conv;
  CHECK(layer.kernel_size == 3);
  CHECK(layer.stride == 1);
  CHECK(layer.expanded_channels() == 96);
  CHECK(layer.activation == ActivationFunction::Relu6);
  CHECK_FALSE(layer.use_se);
  CHECK_FALSE(network.blocks[3].mobile_inverted_conv.has_value());
  CHECK_FALSE(network.blocks[4].shortcut);
  CHECK(network.first_conv.stride == 2);
  CHECK(network.first_conv.activation == ActivationFunction::Relu);
}

TEST_CASE("expanded channels round as Python does", "[netspec]") {
  MBInvertedConvLayer layer;
  layer.in_channels = 1;
  const std::map<double, int32_t> cases = {{0.5, 0}, {1.5, 2}, {2.5, 2}, {3.5, 4}, {2.6, 3}};
  for (const auto& [ratio, channels] : cases) {
    CAPTURE(ratio);
    layer.expand_ratio = ratio;
    CHECK(layer.expanded_channels() == channels);
  }
}

TEST_CASE("what is no description is refused with every fault", "[netspec]") {
  SECTION("not JSON") {
    const Error error = read_error(std::string("{\"name\": "));
    CHECK(error.kind() == ErrorKind::Input);
    CHECK_THAT(error.what(), Contains("net.json: not JSON"));
  }
  SECTION("another document") {
    CHECK_THAT(read_error(std::string("[1, 2]")).what(), Contains("is not a JSON object"));
    const Error error = read_error(std::string("{\"schema\": \"mcunet.board/1\"}"));
    CHECK(error.kind() == ErrorKind::Input);
    CHECK(error.problems().size() == 1);
    CHECK_THAT(error.what(), Contains("net.json: name: is missing"));
  }
  SECTION("types and missing fields") {
    ordered_json document = small_json();
    document["resolution"] = "big";
    document["first_conv"].erase("out_channels");
    document["blocks"][1]["mobile_inverted_conv"]["stride"] = 1.5;
    document["blocks"][2]["mobile_inverted_conv"]["use_se"] = 1;
    document["blocks"][4].erase("shortcut");
    document["blocks"].push_back(7);
    document["classifier"]["in_features"] = int64_t{1} << 40;
    document["classifier"]["out_feature"] = 1;
    document.erase("feature_mix_layer");
    const Error error = read_error(document);
    CHECK(error.kind() == ErrorKind::Input);
    for (const char* text : {"net.json: resolution: \"big\" is not a whole number",
                             "first_conv.out_channels: is missing",
                             "blocks[1].mobile_inverted_conv.stride: 1.5 is not a whole number",
                             "blocks[2].mobile_inverted_conv.use_se: 1 is neither true nor false",
                             "blocks[4].shortcut: is missing", "blocks[5]: is not a JSON object",
                             "classifier.in_features: 1099511627776 is not a whole number",
                             "classifier.out_feature: is no field of this layer; did you mean",
                             "feature_mix_layer: is missing"}) {
      CHECK_THAT(error.what(), Contains(text));
    }
    CHECK(error.problems().size() == 9);
  }
  SECTION("layers that do not fit each other") {
    ordered_json document = small_json();
    document["resolution"] = 0;
    document["blocks"][0]["mobile_inverted_conv"]["kernel_size"] = 4;
    document["blocks"][1]["mobile_inverted_conv"]["in_channels"] = 12;
    document["blocks"][2]["mobile_inverted_conv"]["stride"] = 2;
    document["blocks"][4]["mobile_inverted_conv"]["mid_channels"] = -3;
    document["classifier"]["in_features"] = 40;
    const Error error = read_error(document);
    CHECK(error.kind() == ErrorKind::Input);
    for (const char* text :
         {"resolution: 0 is not between 1 and 4096",
          "blocks[0].mobile_inverted_conv.kernel_size: 4 is not odd",
          "blocks[1].mobile_inverted_conv.in_channels: 12, but the layer before gives 8 channels",
          "blocks[2].shortcut: needs stride 1",
          "blocks[4].mobile_inverted_conv.mid_channels: -3 is not between",
          "classifier.in_features: 40, but the layer before gives 16 channels"}) {
      CHECK_THAT(error.what(), Contains(text));
    }
    CHECK(error.problems().size() == 6);
  }
  SECTION("ratios that leave nothing, or too much") {
    for (const double ratio : {0.0, -2.0, 0.01, 1e9}) {
      CAPTURE(ratio);
      ordered_json document = small_json();
      document["blocks"][1]["mobile_inverted_conv"]["expand_ratio"] = ratio;
      CHECK_THAT(read_error(document).what(),
                 Contains("blocks[1].mobile_inverted_conv.expand_rat"));
    }
    ordered_json document = small_json();
    document["blocks"][0]["mobile_inverted_conv"]["mid_channels"] = 12;  // with a ratio of 1
    CHECK_THAT(read_error(document).what(), Contains("12 with an expand_ratio of 1"));
  }
  SECTION("more than any memory") {
    ordered_json document = small_json();
    document["classifier"]["out_features"] = 65536;
    document["blocks"][4]["mobile_inverted_conv"]["out_channels"] = 65536;
    document["classifier"]["in_features"] = 65536;
    CHECK_THAT(read_error(document).what(), Contains("more than 268435456 parameters"));
  }
}

TEST_CASE("layers that are not built are unsupported, all at once", "[netspec]") {
  ordered_json document = small_json();
  document["blocks"][0]["name"] = "ResidualBlock";
  document["blocks"][1]["mobile_inverted_conv"]["act_func"] = "relu66";
  document["blocks"][2]["shortcut"]["name"] = "ConvLayer";
  document["blocks"][3]["mobile_inverted_conv"]["stride"] = 2;
  document["blocks"][4]["mobile_inverted_conv"]["kernel_size"] = {3, 5};
  document["first_conv"]["ops_order"] = "bn_act_weight";
  document["classifier"]["use_bn"] = true;
  const Error error = read_error(document);
  CHECK(error.kind() == ErrorKind::Unsupported);
  for (const char* text :
       {"blocks[0].name: \"ResidualBlock\" is not supported here, only MobileInvertedResidualBlock",
        "blocks[1].mobile_inverted_conv.act_func: \"relu66\" is not supported",
        "blocks[2].shortcut.name: \"ConvLayer\" is not supported here, only IdentityLayer",
        "blocks[3].mobile_inverted_conv.stride: 2 is not supported, only 1",
        "blocks[4].mobile_inverted_conv.kernel_size: [3,5] differs",
        "first_conv.ops_order: \"bn_act_weight\" is not supported, only \"weight_bn_act\"",
        "classifier.use_bn: true is not supported, only false"}) {
    CHECK_THAT(error.what(), Contains(text));
  }
  CHECK(error.problems().size() == 7);

  document["blocks"][2]["mobile_inverted_conv"]["in_channels"] = "16";  // unsound prevails
  CHECK(read_error(document).kind() == ErrorKind::Input);
  CHECK(read_error(ordered_json{{"name", "MobileNetV3"}}).kind() == ErrorKind::Unsupported);
}

// ---- graphs ------------------------------------------------------------------------------------

TEST_CASE("a description becomes the operators that it means", "[netspec]") {
  const Graph graph = build_graph(small_network());
  CHECK(structure(graph) ==
        std::vector<std::string>{
            "CONV_2D 1x20x20x3 to 1x10x10x8 weights 8x3x3x3 stride 2,2 padding 1,1,1,1 inputs 3",
            "DEPTHWISE_CONV_2D 1x10x10x8 to 1x10x10x8 weights 1x3x3x8 stride 1,1 padding 1,1,1,1 "
            "inputs 3",
            "CONV_2D 1x10x10x8 to 1x10x10x8 weights 8x1x1x8 stride 1,1 padding 0,0,0,0 inputs 3",
            "CONV_2D 1x10x10x8 to 1x10x10x24 weights 24x1x1x8 stride 1,1 padding 0,0,0,0 inputs 3",
            "DEPTHWISE_CONV_2D 1x10x10x24 to 1x5x5x24 weights 1x5x5x24 stride 2,2 padding 2,2,2,2 "
            "inputs 3",
            "CONV_2D 1x5x5x24 to 1x5x5x16 weights 16x1x1x24 stride 1,1 padding 0,0,0,0 inputs 3",
            "CONV_2D 1x5x5x16 to 1x5x5x64 weights 64x1x1x16 stride 1,1 padding 0,0,0,0 inputs 3",
            "DEPTHWISE_CONV_2D 1x5x5x64 to 1x5x5x64 weights 1x7x7x64 stride 1,1 padding 3,3,3,3 "
            "inputs 3",
            "CONV_2D 1x5x5x64 to 1x5x5x16 weights 16x1x1x64 stride 1,1 padding 0,0,0,0 inputs 3",
            "ADD 1x5x5x16 to 1x5x5x16",
            "CONV_2D 1x5x5x16 to 1x5x5x24 weights 24x1x1x16 stride 1,1 padding 0,0,0,0 inputs 3",
            "DEPTHWISE_CONV_2D 1x5x5x24 to 1x5x5x24 weights 1x3x3x24 stride 1,1 padding 1,1,1,1 "
            "inputs 3",
            "CONV_2D 1x5x5x24 to 1x5x5x16 weights 16x1x1x24 stride 1,1 padding 0,0,0,0 inputs 3",
            "AVERAGE_POOL_2D 1x5x5x16 to 1x1x1x16 window 5,5",
            "CONV_2D 1x1x1x16 to 1x1x1x10 weights 10x1x1x16 stride 1,1 padding 0,0,0,0 inputs 3"});
  CHECK(graph.tensor(graph.outputs[0]).shape == Shape{1, 10});
  CHECK(graph.tensor(graph.ops[1].inputs[1]).name ==
        "blocks.0.mobile_inverted_conv.depth_conv.conv.weight");
  CHECK(graph.ops[0].as<ConvAttrs>().activation == Activation::Relu6);
  CHECK(graph.ops[2].as<ConvAttrs>().activation == Activation::None);
  CHECK(graph.ops[9].inputs ==
        std::vector<TensorId>{graph.ops[8].outputs[0], graph.ops[5].outputs[0]});
}

TEST_CASE("squeeze-and-excite, swish, groups and dilation become operators that run", "[netspec]") {
  NetworkDescription network = small_network();
  network.blocks[2].mobile_inverted_conv->use_se = true;
  network.blocks[2].mobile_inverted_conv->activation = ActivationFunction::HardSwish;
  network.blocks[4].mobile_inverted_conv->activation = ActivationFunction::Relu;
  network.feature_mix_layer = ConvLayer{};
  network.feature_mix_layer->in_channels = 16;
  network.feature_mix_layer->out_channels = 32;
  network.feature_mix_layer->groups = 2;
  network.feature_mix_layer->dilation = 2;
  network.feature_mix_layer->use_bn = false;
  network.classifier.in_features = 32;
  network.classifier.bias = false;
  const Graph graph = build_graph(network);
  std::map<OpKind, int> kinds;
  for (const Op& op : graph.ops) ++kinds[op.kind];
  CHECK(kinds[OpKind::HardSwish] == 2);
  CHECK(kinds[OpKind::AveragePool2D] == 2);
  CHECK(kinds[OpKind::Mul] == 2);
  CHECK(kinds[OpKind::Add] == 2);
  const auto mix = std::find_if(graph.ops.begin(), graph.ops.end(), [&](const Op& op) {
    return graph.output(op).name == "feature_mix_layer.conv";
  });
  REQUIRE(mix != graph.ops.end());
  CHECK(mix->inputs.size() == 2);  // neither bias nor batch norm
  CHECK(graph.input(*mix, 1).shape == Shape{32, 3, 3, 8});
  CHECK(mix->as<ConvAttrs>().padding.left == 2);
  CHECK(graph.output(*mix).shape == Shape{1, 5, 5, 32});

  const reference::Interpreter interpreter(graph);
  CHECK(interpreter.run({random_input(graph, 1)}) != interpreter.run({random_input(graph, 2)}));
  compiler::CompileOptions options;
  options.name = "net";
  options.board = find_board("stm32f746");
  CHECK(compiler::compile(graph, "", options).sram.arena > 0);
}

TEST_CASE("random weights are the seed's, use the range and pass the input on", "[netspec]") {
  const NetworkDescription network = small_network();
  BuildOptions options;
  const Graph graph = build_graph(network, options);
  CHECK(write_tflite(graph) == write_tflite(build_graph(network, options)));
  options.weights = Weights::Random{1};
  CHECK(write_tflite(graph) != write_tflite(build_graph(network, options)));

  const reference::Interpreter interpreter(graph);
  const auto check = [](const Op& op, TensorId, const Tensor& tensor, const uint8_t* data,
                        size_t bytes) {
    CAPTURE(describe(op), tensor.name);
    const auto* values = reinterpret_cast<const int8_t*>(data);
    const bool rectified = tensor.quantization.zero_point() == -128;
    const auto saturated = std::count_if(values, values + bytes, [rectified](int8_t v) {
      return v == 127 || (v == -128 && !rectified);
    });
    CHECK(saturated * 20 < static_cast<int64_t>(bytes));
    const auto [low, high] = std::minmax_element(values, values + bytes);
    CHECK(*high - *low > 10);
  };
  const auto first = interpreter.run({random_input(graph, 1)}, check);
  const auto second = interpreter.run({random_input(graph, 2)});
  CHECK(first != second);
}

TEST_CASE("graphs without weights differ from others in data only", "[netspec]") {
  const NetworkDescription network = small_network();
  const Graph with = build_graph(network);
  Placeholders placeholders;
  const Graph without = build_graph(network, without_weights(&placeholders));
  CHECK(structure(with) == structure(without));
  REQUIRE(with.tensors.size() == without.tensors.size());
  for (size_t i = 0; i < with.tensors.size(); ++i) {
    CHECK(with.tensors[i].name == without.tensors[i].name);
    CHECK(with.tensors[i].quantization == without.tensors[i].quantization);
    CHECK(with.tensors[i].is_constant() == without.tensors[i].is_constant());
  }
  // The plan and the account of the flash do not notice the difference.
  compiler::CompileOptions options;
  options.name = "net";
  options.board = find_board("stm32f746");
  const compiler::CompiledModel a = compiler::compile(with, "", options);
  const compiler::CompiledModel b = compiler::compile(without, "", options);
  CHECK(a.sram.total() == b.sram.total());
  CHECK(a.flash.weights == b.flash.weights);
  CHECK(a.flash.constants == b.flash.constants);

  const Graph again = build_graph(network, without_weights(&placeholders));
  for (size_t i = 0; i < again.tensors.size(); ++i)
    CHECK(again.tensors[i].data == without.tensors[i].data);
}

TEST_CASE("the resolution can be given, and must be known", "[netspec]") {
  NetworkDescription network = small_network();
  BuildOptions options;
  options.resolution = 33;
  CHECK(build_graph(network, options).tensor(0).shape == Shape{1, 33, 33, 3});
  network.resolution.reset();
  CHECK_FALSE(read_description(write_description(network), "net.json").resolution.has_value());
  CHECK(build_graph(network, options).tensor(0).shape == Shape{1, 33, 33, 3});
  CHECK_THROWS_WITH(build_graph(network), Contains("network: resolution: is missing"));
  options.resolution = 5000;
  network.classifier.in_features = 1;
  CHECK_THROWS_WITH(build_graph(network, options),
                    Contains("resolution: 5000") && Contains("classifier.in_features: 1, but"));
}

// ---- the published networks --------------------------------------------------------------------

TEST_CASE("all published descriptions are read, written and built", "[netspec]") {
  if (skipped("published network descriptions")) return;
  Placeholders placeholders;
  int compared = 0;
  for (const fs::path& path : published_files()) {
    CAPTURE(path.filename().string());
    const std::string text = read_text_file(path);
    const NetworkDescription network = read_description(text, path.string());
    CHECK(says_the_same(json::parse(text), json::parse(write_description(network))));
    CHECK(read_description(write_description(network), "written") == network);
    const Graph graph = build_graph(network, without_weights(&placeholders));

    // Layer lists made independently of this project, with MACs and parameters per layer.
    std::string stem = path.stem().string();
    stem = stem.substr(0, stem.find("_imagenet"));
    const fs::path layers = kShared / "data" / "measured-networks" / ("json_" + stem + ".json");
    if (!fs::exists(layers)) continue;
    ++compared;
    const json expected = json::parse(read_text_file(layers));
    CHECK(total_macs(graph) == expected["macs"].get<int64_t>());
    CHECK(total_parameters(graph) == expected["params"].get<int64_t>());
    std::vector<std::pair<int64_t, Shape>> published_layers, built_layers;
    for (const json& layer : expected["layers"]) {
      if (layer["macs"].get<int64_t>() > 0 && layer["out"].size() == 4)
        published_layers.emplace_back(layer["macs"].get<int64_t>(), layer["out"].get<Shape>());
    }
    for (const Op& op : graph.ops) {
      if (macs(graph, op) > 0 && graph.output(op).name != "classifier.linear")
        built_layers.emplace_back(macs(graph, op), graph.output(op).shape);
    }
    CHECK(built_layers == published_layers);
  }
  CHECK(compared >= 11);
}

TEST_CASE("other resolutions of published networks have the published MACs", "[netspec]") {
  if (skipped("published MACs at other resolutions")) return;
  BuildOptions options = without_weights();
  options.resolution = 64;
  CHECK(total_macs(build_graph(published("proxyless-w0.3-r176_imagenet"), options)) == 5186432);
  CHECK(total_macs(build_graph(published("mbv2-w0.3-r80_imagenet"), options)) == 4542080);
  CHECK(total_macs(build_graph(published("mbv2-w0.35-r144_imagenet"), options)) == 4810432);
}

TEST_CASE("MCUNet-320kB from its description is the published int8 network", "[netspec]") {
  if (skipped("comparison with the published int8 network")) return;
  const Graph built = build_graph(published("mcunet-320kb-1mb_imagenet"));
  const Graph file =
      read_tflite(read_file(kShared / "models" / "mcunet-320kb-1mb_imagenet.tflite"), "mcunet");
  CHECK(structure(compiler::prepare(built, {})) == structure(compiler::prepare(file, {})));
  CHECK(total_macs(built) == total_macs(file));
  CHECK(total_parameters(built) == total_parameters(file));
  compiler::CompileOptions options;
  options.name = "mcunet";
  options.board = find_board("stm32f746");
  CHECK(compiler::compile(built, "", options).sram.arena ==
        compiler::compile(file, "", options).sram.arena);
}
