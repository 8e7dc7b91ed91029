#include "libmcunet/zoo/zoo.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "libmcunet/graph/operators.h"
#include "libmcunet/graph/validate.h"
#include "libmcunet/netspec/scaled.h"
#include "libmcunet/support/embedded.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/suggest.h"

namespace mcunet::zoo {
namespace {

using netspec::LayerNetwork;
using netspec::NetworkDescription;
using nlohmann::json;

constexpr const char* kSchema = "mcunet.zoo-network/1";

// "k7 x3 16 s2": kernel, expansion ratio, channels, stride; "skip" hands its input on.
netspec::MobileInvertedResidualBlock read_block(const std::string& text, int32_t in_channels,
                                                const std::string& place) {
  netspec::MobileInvertedResidualBlock block;
  if (text == "skip") {
    block.shortcut = true;
    return block;
  }
  netspec::MBInvertedConvLayer& layer = block.mobile_inverted_conv.emplace();
  layer.in_channels = in_channels;
  std::istringstream words(text);
  std::string word;
  while (words >> word) {
    const bool letter = word[0] == 'k' || word[0] == 'x' || word[0] == 's';
    const std::string digits = word.substr(letter ? 1 : 0);
    if (digits.empty() || digits.size() > 5 ||
        !std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }))
      throw Error(ErrorKind::Input, place + ": '" + word + "' in the block '" + text +
                                        "' is none of kN, xN, sN, N and skip");
    const int32_t value = std::stoi(digits);
    if (word[0] == 'k') {
      layer.kernel_size = value;
    } else if (word[0] == 'x') {
      layer.expand_ratio = value;
    } else if (word[0] == 's') {
      layer.stride = value;
    } else {
      layer.out_channels = value;
    }
  }
  block.shortcut = layer.stride == 1 && layer.in_channels == layer.out_channels;
  return block;
}

NetworkDescription read_inverted_residual(const json& value, const std::string& place) {
  NetworkDescription network;
  network.resolution = value.at("resolution").get<int32_t>();
  network.bn.eps = value.value("bn_eps", 1e-5);
  network.first_conv.in_channels = 3;
  network.first_conv.out_channels = value.at("stem").get<int32_t>();
  network.first_conv.stride = 2;
  network.first_conv.activation = netspec::ActivationFunction::Relu6;
  int32_t channels = network.first_conv.out_channels;
  for (const json& block : value.at("blocks")) {
    network.blocks.push_back(read_block(block.get<std::string>(), channels, place));
    // The published descriptions never add at the first block, whose channels differ anyway.
    if (network.blocks.back().mobile_inverted_conv)
      channels = network.blocks.back().mobile_inverted_conv->out_channels;
  }
  // Blocks that begin a stage have no shortcut, even where the extents agree.
  for (const json& index : value.value("no_shortcut", json::array()))
    network.blocks.at(index.get<size_t>()).shortcut = false;
  if (value.contains("mix")) {
    netspec::ConvLayer& mix = network.feature_mix_layer.emplace();
    mix.in_channels = channels;
    mix.out_channels = value.at("mix").get<int32_t>();
    mix.kernel_size = 1;
    mix.activation = netspec::ActivationFunction::Relu6;
    channels = mix.out_channels;
  }
  network.classifier.in_features = channels;
  network.classifier.out_features = value.at("classes").get<int32_t>();
  network.classifier.dropout_rate = value.value("dropout", 0.0);
  return network;
}

NetworkDescription read_scaled(const json& value) {
  const auto make =
      value.at("family") == "mobilenetv2" ? netspec::mobilenet_v2 : netspec::proxyless_mobile;
  NetworkDescription network =
      make(value.at("width").get<double>(), value.at("resolution").get<int32_t>(),
           value.at("classes").get<int32_t>());
  network.classifier.dropout_rate = value.value("dropout", 0.0);
  return network;
}

LayerNetwork read_layers(const json& value) {
  LayerNetwork network;
  network.input = value.at("input").get<Shape>();
  network.same_padding = value.value("padding", "half") == "same";
  network.layers = value.at("layers").get<std::vector<std::string>>();
  network.outputs = value.value("outputs", std::vector<std::string>{});
  return network;
}

template <typename T>
std::optional<T> optional(const json& object, const char* key) {
  return object.contains(key) ? std::optional<T>(object.at(key).get<T>()) : std::nullopt;
}

Published read_published(const json& value) {
  Published published;
  published.source = value.at("source").get<std::string>();
  published.macs_m = optional<double>(value, "macs_m");
  published.params_m = optional<double>(value, "params_m");
  published.macs = optional<int64_t>(value, "macs");
  published.params = optional<int64_t>(value, "params");
  published.sram = optional<int64_t>(value, "sram");
  published.flash = optional<int64_t>(value, "flash");
  published.ms = optional<double>(value, "ms");
  published.top1_float = optional<double>(value, "top1_float");
  published.top1_int8 = optional<double>(value, "top1_int8");
  published.top5_float = optional<double>(value, "top5_float");
  published.top5_int8 = optional<double>(value, "top5_int8");
  return published;
}

// "mobilenetv2-w0.5-r128" → its parts.
std::optional<ZooNetwork> find_scaled(const std::string& name) {
  for (const char* family : {"mobilenetv2", "proxyless"}) {
    const std::string start = std::string(family) + "-w";
    const size_t r = name.rfind("-r");
    if (name.compare(0, start.size(), start) != 0 || r == std::string::npos || r <= start.size())
      continue;
    double width = 0;
    int32_t resolution = 0;
    std::istringstream width_text(name.substr(start.size(), r - start.size()));
    std::istringstream resolution_text(name.substr(r + 2));
    if (!(width_text >> width) || !width_text.eof() || !(resolution_text >> resolution) ||
        !resolution_text.eof())
      return std::nullopt;
    ZooNetwork network;
    network.net_id = name;
    network.task = "imagenet";
    network.board = "stm32f746";
    const auto make =
        family == std::string("mobilenetv2") ? netspec::mobilenet_v2 : netspec::proxyless_mobile;
    network.network = make(width, resolution, 1000);
    return network;
  }
  return std::nullopt;
}

// int8 weights of 1×1 convolutions to int4: each code a sixteenth as fine.
void halve_weights(Graph& graph) {
  for (const Op& op : graph.ops) {
    if (op.kind != OpKind::Conv2D) continue;
    Tensor& weights = graph.tensor(op.inputs[1]);
    if (weights.shape[1] != 1 || weights.shape[2] != 1 || weights.dtype != DType::Int8) continue;
    const auto count = static_cast<size_t>(weights.elements());
    auto packed = std::make_shared<std::vector<uint8_t>>((count + 1) / 2, uint8_t{0});
    const int8_t* codes = weights.constant<int8_t>();
    for (size_t i = 0; i < count; ++i) {
      // -127 … 127 to -7 … 7, to the nearest.
      const int code = (codes[i] * 7 + (codes[i] < 0 ? -63 : 63)) / 127;
      (*packed)[i / 2] = static_cast<uint8_t>((*packed)[i / 2] | (code & 15) << (i % 2 * 4));
    }
    weights.data = packed;
    weights.dtype = DType::Int4;
    for (float& scale : weights.quantization.scales) scale *= 127.0F / 7.0F;
    // TFLite wants the bias's scale to be the product of the others'.
    if (op.inputs.size() < 3) continue;
    Tensor& bias = graph.tensor(op.inputs[2]);
    auto values = std::make_shared<std::vector<uint8_t>>(*bias.data);
    auto* numbers = reinterpret_cast<int32_t*>(values->data());
    const float input = graph.tensor(op.inputs[0]).quantization.scale();
    for (size_t c = 0; c < static_cast<size_t>(bias.elements()); ++c) {
      numbers[c] = numbers[c] * 7 / 127;
      bias.quantization.scales[c] = weights.quantization.scales[c] * input;
    }
    bias.data = values;
  }
}

}  // namespace

ZooNetwork parse(std::string_view text, const std::string& place) {
  try {
    const json document = json::parse(text);
    if (document.at("schema") != kSchema)
      throw Error(ErrorKind::Input, place + ": its schema is not " + kSchema);
    ZooNetwork network;
    network.net_id = document.at("net_id").get<std::string>();
    network.aliases = document.value("aliases", std::vector<std::string>{});
    network.task = document.at("task").get<std::string>();
    network.board = document.at("board").get<std::string>();
    network.weight_bits = document.value("weight_bits", 8);
    const json& described = document.at("network");
    const std::string family = described.at("family").get<std::string>();
    if (family == "inverted-residual") {
      network.network = read_inverted_residual(described, place);
    } else if (family == "mobilenetv2" || family == "proxyless") {
      network.network = read_scaled(described);
    } else if (family == "layers") {
      network.network = read_layers(described);
    } else {
      throw Error(ErrorKind::Input, place + ": unknown family '" + family + "'" +
                                        did_you_mean(family, {"inverted-residual", "mobilenetv2",
                                                              "proxyless", "layers"}));
    }
    if (document.contains("published"))
      network.published = read_published(document.at("published"));
    for (const json& file : document.value("downloads", json::array())) {
      network.downloads.push_back({file.at("name").get<std::string>(),
                                   file.value("bytes", int64_t{0}), file.value("sha256", "")});
    }
    return network;
  } catch (const json::exception& error) {
    throw Error(ErrorKind::Input, place + ": " + error.what());
  }
}

std::vector<ZooNetwork> networks() {
  std::vector<ZooNetwork> all;
  for (const EmbeddedFile& file : embedded::zoo()) {
    try {
      all.push_back(parse(file.text, file.name));
    } catch (const Error& error) {
      throw Error(ErrorKind::Internal, error.problems());
    }
  }
  return all;
}

std::optional<ZooNetwork> find(const std::string& name) {
  for (ZooNetwork& network : networks()) {
    const auto& aliases = network.aliases;
    if (network.net_id == name || std::find(aliases.begin(), aliases.end(), name) != aliases.end())
      return std::move(network);
  }
  return find_scaled(name);
}

ZooNetwork get(const std::string& name) {
  if (std::optional<ZooNetwork> network = find(name)) return std::move(*network);
  std::vector<std::string> names;
  for (const ZooNetwork& network : networks()) {
    names.push_back(network.net_id);
    names.insert(names.end(), network.aliases.begin(), network.aliases.end());
  }
  throw Error(ErrorKind::Usage, "there is no network '" + name + "' in the zoo" +
                                    did_you_mean(name, names) +
                                    "; 'mcunet zoo list' names them, and mobilenetv2-wW-rR and "
                                    "proxyless-wW-rR have any width and resolution");
}

ZooNetwork changed(ZooNetwork network, std::optional<int32_t> resolution,
                   std::optional<int32_t> classes) {
  if (auto* description = std::get_if<NetworkDescription>(&network.network)) {
    if (resolution) description->resolution = *resolution;
    if (classes) description->classifier.out_features = *classes;
    return network;
  }
  auto& layers = std::get<LayerNetwork>(network.network);
  if (resolution) {
    if (layers.input.size() != 3 || layers.input[0] != layers.input[1])
      throw Error(ErrorKind::Usage, network.net_id + ": its input " + to_string(layers.input) +
                                        " is no square image; it has no resolution to change");
    layers.input[0] = layers.input[1] = *resolution;
  }
  if (classes) {
    // The last dense layer is the classifier.
    const auto dense =
        std::find_if(layers.layers.rbegin(), layers.layers.rend(),
                     [](const std::string& l) { return l.compare(0, 6, "dense ") == 0; });
    const bool classifies = network.task != "anomaly detection" && layers.outputs.empty();
    if (!classifies || dense == layers.layers.rend())
      throw Error(ErrorKind::Usage,
                  network.net_id + " is no classifier; it has no classes to change");
    *dense = "dense " + std::to_string(*classes);
  }
  return network;
}

Graph build(const ZooNetwork& network, const netspec::BuildOptions& options) {
  netspec::BuildOptions named = options;
  named.name = network.net_id;
  Graph graph = network.is_description()
                    ? netspec::build_graph(std::get<NetworkDescription>(network.network), named)
                    : netspec::build_layer_graph(std::get<LayerNetwork>(network.network), named,
                                                 network.net_id);
  if (network.weight_bits == 4) {
    halve_weights(graph);
    validate(graph);
  }
  return graph;
}

Graph to_float(const Graph& graph) {
  Graph result = graph;
  for (Tensor& tensor : result.tensors) {
    if (tensor.is_constant() && tensor.dtype == DType::Int4)
      throw Error(ErrorKind::Unsupported, graph.name + ": int4 weights have no float form here");
    if (tensor.is_constant()) {
      const Quantization& q = tensor.quantization;
      // Elements per step of the axis, and how many steps there are.
      int64_t inner = 1;
      for (size_t d = static_cast<size_t>(q.axis) + 1; d < tensor.shape.size(); ++d)
        inner *= tensor.shape[d];
      std::vector<float> values(static_cast<size_t>(tensor.elements()));
      for (size_t i = 0; i < values.size(); ++i) {
        const size_t channel = q.per_axis() ? i / static_cast<size_t>(inner) % q.scales.size() : 0;
        const int32_t code = tensor.dtype == DType::Int32 ? tensor.constant<int32_t>()[i]
                                                          : tensor.constant<int8_t>()[i];
        values[i] = q.scales[channel] * static_cast<float>(code - q.zero_points[channel]);
      }
      auto bytes = std::make_shared<std::vector<uint8_t>>(values.size() * sizeof(float));
      std::memcpy(bytes->data(), values.data(), bytes->size());
      tensor.data = bytes;
    }
    tensor.dtype = DType::Float32;
    tensor.quantization = {};
  }
  validate(result);
  return result;
}

int64_t trained_parameters(const ZooNetwork& network, const Graph& graph) {
  int64_t count = total_parameters(graph);
  if (!network.is_description()) return count;
  const auto& description = std::get<NetworkDescription>(network.network);
  // One number more per channel of every batch norm.
  const auto conv = [&](const netspec::ConvLayer& layer) {
    if (layer.use_bn) count += layer.out_channels;
  };
  conv(description.first_conv);
  for (const auto& block : description.blocks) {
    if (!block.mobile_inverted_conv) continue;
    const netspec::MBInvertedConvLayer& layer = *block.mobile_inverted_conv;
    count += int64_t{layer.expanded_channels()} * (layer.expands() ? 2 : 1) + layer.out_channels;
  }
  if (description.feature_mix_layer) conv(*description.feature_mix_layer);
  return count;
}

std::string input_text(const ZooNetwork& network) {
  if (!network.is_description()) return to_string(std::get<LayerNetwork>(network.network).input);
  const auto& description = std::get<NetworkDescription>(network.network);
  return to_string(
      {*description.resolution, *description.resolution, description.first_conv.in_channels});
}

}  // namespace mcunet::zoo
