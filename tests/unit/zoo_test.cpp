#include "libmcunet/zoo/zoo.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>

#include "libmcunet/graph/operators.h"
#include "libmcunet/netspec/read.h"
#include "libmcunet/netspec/scaled.h"
#include "libmcunet/netspec/trained.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/tflite/reader.h"
#include "libmcunet/tflite/writer.h"

using namespace mcunet;

namespace {

const std::filesystem::path kShared = "../shared";

bool shared_is_there() {
  if (std::filesystem::exists(kShared / "models")) return true;
  std::cout << "skipped: ../shared/models is missing\n";
  return false;
}

Graph planned(const zoo::ZooNetwork& network) {
  netspec::BuildOptions options;
  if (network.weight_bits == 8) options.weights = netspec::Weights::None{};
  return zoo::build(network, options);
}

nlohmann::json json_file(const std::filesystem::path& path) {
  return nlohmann::json::parse(read_text_file(path));
}

// MACs, operator by operator, of those that have any: order and names may differ.
std::multiset<int64_t> macs_of(const Graph& graph) {
  std::multiset<int64_t> all;
  for (const Op& op : graph.ops) {
    if (macs(graph, op) > 0) all.insert(macs(graph, op));
  }
  return all;
}

}  // namespace

TEST_CASE("every network of the zoo is sound and has a name of its own", "[zoo]") {
  std::set<std::string> names;
  for (const zoo::ZooNetwork& network : zoo::networks()) {
    INFO(network.net_id);
    CHECK(names.insert(network.net_id).second);
    for (const std::string& alias : network.aliases) CHECK(names.insert(alias).second);
    CHECK(total_macs(planned(network)) > 0);
  }
  for (const char* published :
       {"mbv2-w0.35", "proxyless-w0.3", "mcunet-in0", "mcunet-in1", "mcunet-in2", "mcunet-in3",
        "mcunet-in4", "mcunet-vww0", "mcunet-vww1", "mcunet-vww2", "person-det"})
    CHECK(names.count(published) == 1);
}

TEST_CASE("MACs and parameters are the published ones, to the printed digit", "[zoo]") {
  for (const zoo::ZooNetwork& network : zoo::networks()) {
    INFO(network.net_id);
    const Graph graph = planned(network);
    const zoo::Published& published = network.published;
    if (published.macs) CHECK(total_macs(graph) == *published.macs);
    if (network.net_id == "mobilenetv2") {  // its paper prints whole millions
      CHECK(std::lround(static_cast<double>(total_macs(graph)) / 1e6) == 301);
    } else if (published.macs_m) {
      CHECK(std::round(static_cast<double>(total_macs(graph)) / 1e5) / 10 ==
            Approx(*published.macs_m));
    }
    if (published.params_m) {
      const double unit = network.net_id == "mobilenetv2" ? 1e5 : 1e4;
      const auto count = static_cast<double>(zoo::trained_parameters(network, graph));
      CHECK(std::round(count / unit) * unit / 1e6 == Approx(*published.params_m).margin(1e-9));
    }
  }
}

TEST_CASE("descriptions equal MCUNet's own files", "[zoo]") {
  if (!shared_is_there()) return;
  int compared = 0;
  for (const zoo::ZooNetwork& network : zoo::networks()) {
    for (const std::string& alias : network.aliases) {
      const auto path = kShared / "models" / (alias + ".json");
      if (!std::filesystem::exists(path)) continue;
      INFO(path.string());
      ++compared;
      const netspec::NetworkDescription theirs =
          netspec::read_description(read_text_file(path), path.string());
      const auto& ours = std::get<netspec::NetworkDescription>(network.network);
      REQUIRE(ours.blocks.size() == theirs.blocks.size());
      CHECK(ours.resolution == theirs.resolution);
      CHECK(ours.bn.eps == theirs.bn.eps);
      for (size_t i = 0; i < ours.blocks.size(); ++i) {
        INFO("block " << i);
        CHECK(ours.blocks[i].mobile_inverted_conv.has_value() ==
              theirs.blocks[i].mobile_inverted_conv.has_value());
        if (ours.blocks[i].mobile_inverted_conv)
          CHECK(ours.blocks[i].shortcut == theirs.blocks[i].shortcut);
      }
      // The same operators on the same shapes with the same names.
      netspec::BuildOptions options;
      options.weights = netspec::Weights::None{};
      const Graph a = netspec::build_graph(ours, options);
      const Graph b = netspec::build_graph(theirs, options);
      REQUIRE(a.tensors.size() == b.tensors.size());
      for (size_t i = 0; i < a.tensors.size(); ++i) {
        CHECK(a.tensors[i].name == b.tensors[i].name);
        CHECK(a.tensors[i].shape == b.tensors[i].shape);
      }
    }
  }
  CHECK(compared >= 13);
}

TEST_CASE("layer by layer the MACs of published files", "[zoo]") {
  if (!shared_is_there()) return;
  const std::pair<const char*, const char*> pairs[] = {{"mlperf-ic", "mlperf_resnet_int8"},
                                                       {"mlperf-kws", "mlperf_kws_int8"},
                                                       {"mlperf-vww", "mlperf_vww_96_int8"},
                                                       {"mlperf-ad", "mlperf_ad_int8"},
                                                       {"person-det", "te_detection"},
                                                       {"mcunetv2-large", "te_mcunetv2_large"},
                                                       {"mcunet-in3", "mcunet-320kb-1mb_imagenet"},
                                                       {"mcunet-vww1", "te_vww"}};
  for (const auto& [net_id, file] : pairs) {
    INFO(net_id);
    const auto path = kShared / "models" / (std::string(file) + ".tflite");
    const Graph theirs = read_tflite(read_file(path), file);
    const Graph ours = planned(zoo::get(net_id));
    CHECK(macs_of(ours) == macs_of(theirs));
    if (std::string(net_id).find("mcunet") == std::string::npos)
      CHECK(total_parameters(ours) == total_parameters(theirs));
  }
}

TEST_CASE("MACs of the networks that were measured", "[zoo]") {
  const auto folder = kShared / "data" / "measured-networks";
  if (!std::filesystem::exists(folder)) {
    std::cout << "skipped: ../shared/data/measured-networks is missing\n";
    return;
  }
  const std::pair<const char*, const char*> pairs[] = {
      {"mcunet-in0", "json_mcunet-10fps"},
      {"mcunet-in1", "json_mcunet-5fps"},
      {"mcunet-in2", "json_mcunet-256kb-1mb"},
      {"mcunet-in3", "json_mcunet-320kb-1mb"},
      {"mcunet-in4", "json_mcunet-512kb-2mb"},
      {"mcunet-vww0", "json_mcunet-10fps_vww"},
      {"mcunet-vww1", "json_mcunet-5fps_vww"},
      {"mcunet-vww2", "json_mcunet-320kb-1mb_vww"},
      {"mbv2-w0.35", "json_mbv2-w0.35-r144"},
      {"proxyless-w0.3", "json_proxyless-w0.3-r176"},
      {"mbv2-w0.3-r80", "json_mbv2-w0.3-r80"},
      {"proxyless-w0.25-r112", "json_proxyless-w0.25-r112"},
      {"mcunet-in2-int4", "json_mcunet-256kb-1mb-int4"}};
  for (const auto& [net_id, file] : pairs) {
    INFO(net_id);
    const nlohmann::json facts = json_file(folder / (std::string(file) + ".json"));
    const Graph graph = planned(zoo::get(net_id));
    CHECK(total_macs(graph) == facts.at("macs").get<int64_t>());
    CHECK(total_parameters(graph) == facts.at("params").get<int64_t>());
  }
}

TEST_CASE("the published checkpoint fits the zoo's network", "[zoo]") {
  const auto path = kShared / "models" / "mcunet-320kb-1mb_imagenet.pth";
  if (!std::filesystem::exists(path)) {
    std::cout << "skipped: ../shared/models is missing\n";
    return;
  }
  const zoo::ZooNetwork network = zoo::get("mcunet-320kB");
  const auto& description = std::get<netspec::NetworkDescription>(network.network);
  const Graph graph =
      netspec::build_trained_graph(description, checkpoint::read_state_dict(path), {});
  CHECK(graph.tensor(graph.inputs[0]).shape == Shape{1, 176, 176, 3});
  CHECK(zoo::trained_parameters(network, planned(network)) == 737408);  // as PyTorch counts
}

TEST_CASE("any width and resolution", "[zoo]") {
  const zoo::ZooNetwork half = zoo::get("mobilenetv2-w0.5-r128");
  const auto& description = std::get<netspec::NetworkDescription>(half.network);
  CHECK(description.first_conv.out_channels == 16);
  CHECK(description.feature_mix_layer->out_channels == 640);
  CHECK(description.resolution == 128);
  CHECK(total_macs(planned(zoo::get("proxyless-w1.0-r224"))) ==
        total_macs(planned(zoo::get("proxyless-mobile"))));
  CHECK_FALSE(zoo::find("mobilenetv2-w0.5"));
  CHECK_FALSE(zoo::find("mobilenetv2-wx-r128"));
  CHECK_THROWS_AS(zoo::get("mobilenetv2-w99-r128"), Error);
  CHECK(netspec::scaled_channels(32, 0.35) == 16);
  CHECK(netspec::scaled_channels(16, 0.35) == 8);
  CHECK(netspec::scaled_channels(1280, 0.35) == 448);
}

TEST_CASE("a mistyped name is answered with the near one", "[zoo]") {
  try {
    zoo::get("mcunet-im3");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Usage);
    CHECK(std::string(error.what()).find("mcunet-in3") != std::string::npos);
  }
}

TEST_CASE("resolution and classes can be changed", "[zoo]") {
  const Graph small = planned(zoo::changed(zoo::get("mcunet-vww1"), 64, 5));
  CHECK(small.tensor(small.inputs[0]).shape == Shape{1, 64, 64, 3});
  CHECK(small.tensor(small.outputs[0]).shape == Shape{1, 5});
  const Graph images = planned(zoo::changed(zoo::get("mlperf-ic"), 48, 7));
  CHECK(images.tensor(images.inputs[0]).shape == Shape{1, 48, 48, 3});
  CHECK(images.tensor(images.outputs[0]).shape == Shape{1, 7});
  CHECK_THROWS_AS(zoo::changed(zoo::get("mlperf-ad"), 64, std::nullopt), Error);
  CHECK_THROWS_AS(zoo::changed(zoo::get("mlperf-ad"), std::nullopt, 5), Error);
  CHECK_THROWS_AS(zoo::changed(zoo::get("person-det"), std::nullopt, 5), Error);
}

TEST_CASE("exported files run, float and int8 alike", "[zoo]") {
  for (const char* net_id : {"mlperf-kws", "mcunet-vww0", "mlperf-ad"}) {
    INFO(net_id);
    const Graph graph = zoo::build(zoo::get(net_id));
    const Graph read = read_tflite(write_tflite(graph), net_id);
    const size_t elements = static_cast<size_t>(read.tensor(read.inputs[0]).elements());
    const auto int8 = reference::Interpreter(read).run({std::vector<uint8_t>(elements, 3)});
    std::set<uint8_t> different(int8[0].begin(), int8[0].end());
    CHECK(different.size() > 1);
    const Graph floats = read_tflite(write_tflite(zoo::to_float(graph)), net_id);
    CHECK(floats.tensor(floats.inputs[0]).dtype == DType::Float32);
    const auto outputs =
        reference::Interpreter(floats).run({std::vector<uint8_t>(elements * sizeof(float))});
    CHECK(outputs[0].size() == int8[0].size() * sizeof(float));
  }
}

TEST_CASE("int4 variants keep half the bytes of their 1x1 weights", "[zoo]") {
  const Graph graph = zoo::build(zoo::get("mcunet-in2-int4"));
  int64_t packed = 0;
  for (const Op& op : graph.ops) {
    if (op.kind == OpKind::Conv2D && graph.input(op, 1).dtype == DType::Int4) ++packed;
  }
  CHECK(packed == 32);  // two of each block, but one of the first; the classifier
}

TEST_CASE("faults of a zoo file are named", "[zoo]") {
  const auto fault = [](const std::string& network) {
    try {
      const zoo::ZooNetwork parsed = zoo::parse(
          R"({"schema": "mcunet.zoo-network/1", "net_id": "n", "task": "t", "board": "host", )"
          R"("network": )" +
              network + "}",
          "n.json");
      zoo::build(parsed);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::Input);
      return std::string(error.what());
    }
    return std::string();
  };
  const auto layers = [&](const std::string& list) {
    return fault(R"({"family": "layers", "input": [8, 8, 3], "layers": [)" + list + "]}");
  };
  CHECK(layers(R"("conv 4 k3 s2 relu", "dw k3", "avgpool", "flatten", "dense 2", "softmax")")
            .empty());
  CHECK(layers(R"("cnov 4")").find("did you mean") != std::string::npos);
  CHECK(layers(R"("conv")").find("layers[0]: conv needs a number") != std::string::npos);
  CHECK(layers(R"("conv 4x")").find("'4x'") != std::string::npos);
  CHECK(layers(R"("conv 4 from=a")").find("no layer named 'a'") != std::string::npos);
  CHECK(layers(R"("conv 4 as=a", "conv 4 as=a")").find("already") != std::string::npos);
  CHECK(layers(R"("conv 4 as=a", "conv 5", "add with=a")").find("cannot be added") !=
        std::string::npos);
  CHECK(layers(R"("flatten", "conv 4")").find("needs an image") != std::string::npos);
  CHECK(layers(R"("maxpool k9")").find("larger") != std::string::npos);
  CHECK(fault(R"({"family": "layer"})").find("did you mean") != std::string::npos);
  CHECK(fault(R"({"family": "inverted-residual", "resolution": 32, "stem": 8, "classes": 2, )"
              R"("blocks": ["k3 y1 8"]})")
            .find("'y1'") != std::string::npos);
  CHECK_FALSE(fault("7").empty());
}
