#include "libmcunet/netspec/read.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "libmcunet/support/error.h"
#include "libmcunet/support/suggest.h"

namespace mcunet::netspec {
namespace {

using nlohmann::json;

constexpr const char* kNetwork = "ProxylessNASNets";

// Everything that is wrong, and whether some of it makes the file unsound rather than unsupported.
struct Findings {
  std::vector<std::string> problems;
  bool unsound = false;

  void wrong(const std::string& place, const std::string& text) {
    problems.push_back(place + ": " + text);
    unsound = true;
  }
  void unsupported(const std::string& place, const std::string& text) {
    problems.push_back(place + ": " + text);
  }
};

std::string shortened(const json& value) {
  constexpr size_t kLongest = 40;
  const std::string text = value.dump(-1, ' ', true, json::error_handler_t::replace);
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "…";
}

// The fields of one JSON object. A field that is missing has the fallback given; one of the wrong
// type is noted and has it too.
class Fields {
 public:
  Fields(const json& object, std::string place, Findings& findings)
      : object_(object), place_(std::move(place)), findings_(findings) {
    if (!object_.is_object()) findings_.wrong(place_, "is not a JSON object");
  }

  bool is_object() const { return object_.is_object(); }
  std::string place(const std::string& key) const {
    return place_.empty() ? key : place_ + "." + key;
  }

  const json* find(const std::string& key) {
    known_.push_back(key);
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }

  const json* require(const std::string& key) {
    const json* value = find(key);
    if (value == nullptr && is_object()) findings_.wrong(place(key), "is missing");
    return value;
  }

  std::optional<int32_t> integer(const std::string& key) {
    const json* value = find(key);
    if (value == nullptr || value->is_null()) return std::nullopt;
    return as_integer(key, *value);
  }
  int32_t integer(const std::string& key, int32_t fallback) {
    const json* value = find(key);
    return value == nullptr ? fallback : as_integer(key, *value).value_or(fallback);
  }
  int32_t required_integer(const std::string& key) {
    const json* value = require(key);
    return value == nullptr ? 0 : as_integer(key, *value).value_or(0);
  }

  // Rows and columns: one number, or a list of two equal ones.
  int32_t square(const std::string& key, int32_t fallback) {
    const json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_array()) return as_integer(key, *value).value_or(fallback);
    if (value->size() != 2 || (*value)[0] != (*value)[1]) {
      findings_.unsupported(place(key), shortened(*value) +
                                            " differs between rows and columns; give one "
                                            "number for both");
      return fallback;
    }
    return as_integer(key, value->front()).value_or(fallback);
  }

  std::optional<double> number(const std::string& key) {
    const json* value = find(key);
    if (value == nullptr || value->is_null()) return std::nullopt;
    if (value->is_number() && std::isfinite(value->get<double>())) return value->get<double>();
    findings_.wrong(place(key), shortened(*value) + " is not a number");
    return std::nullopt;
  }

  bool flag(const std::string& key, bool fallback) {
    const json* value = find(key);
    if (value == nullptr) return fallback;
    if (value->is_boolean()) return value->get<bool>();
    findings_.wrong(place(key), shortened(*value) + " is neither true nor false");
    return fallback;
  }

  // Texts that name something; "" when missing or no text.
  std::string text(const std::string& key) {
    const json* value = require(key);
    if (value == nullptr) return "";
    if (value->is_string()) return value->get<std::string>();
    findings_.wrong(place(key), shortened(*value) + " is not a text");
    return "";
  }

  ActivationFunction activation(const std::string& key, ActivationFunction fallback) {
    const json* value = find(key);
    if (value == nullptr) return fallback;
    if (value->is_null()) return ActivationFunction::None;
    if (!value->is_string()) {
      findings_.wrong(place(key), shortened(*value) + " is neither a text nor null");
      return fallback;
    }
    const auto& name = value->get_ref<const std::string&>();
    for (const ActivationFunction known :
         {ActivationFunction::Relu, ActivationFunction::Relu6, ActivationFunction::HardSwish}) {
      if (name == activation_name(known)) return known;
    }
    if (name == "none") return ActivationFunction::None;
    findings_.unsupported(place(key), shortened(*value) +
                                          " is not supported; known: relu, relu6, h_swish, null" +
                                          did_you_mean(name, {"relu", "relu6", "h_swish"}));
    return fallback;
  }

  // Options of MCUNet's layers that none of its networks use.
  void expect(const std::string& key, const json& only) {
    const json* value = find(key);
    if (value != nullptr && *value != only)
      findings_.unsupported(place(key),
                            shortened(*value) + " is not supported, only " + shortened(only));
  }

  void refuse_unknown() {
    if (!is_object()) return;
    for (const auto& [key, value] : object_.items()) {
      if (std::find(known_.begin(), known_.end(), key) == known_.end())
        findings_.wrong(place(key), "is no field of this layer" + did_you_mean(key, known_));
    }
  }

 private:
  std::optional<int32_t> as_integer(const std::string& key, const json& value) {
    if (value.is_number_integer() && value <= INT32_MAX && value >= INT32_MIN)
      return value.get<int32_t>();
    findings_.wrong(place(key), shortened(value) + " is not a whole number");
    return std::nullopt;
  }

  const json& object_;
  std::string place_;
  Findings& findings_;
  std::vector<std::string> known_;
};

// The layer's "name" when it is one of `names`; otherwise "" and a note.
std::string layer_name(Fields& fields, const std::vector<std::string>& names, Findings& findings) {
  std::string name = fields.text("name");
  if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) return name;
  std::string all;
  for (const std::string& known : names) all += (all.empty() ? "" : " or ") + known;
  findings.unsupported(
      fields.place("name"),
      shortened(json(name)) + " is not supported here, only " + all + did_you_mean(name, names));
  return "";
}

BatchNorm read_batch_norm(const json& value, Findings& findings) {
  Fields fields(value, "bn", findings);
  BatchNorm bn;
  bn.momentum = fields.number("momentum").value_or(bn.momentum);
  bn.eps = fields.number("eps").value_or(bn.eps);
  bn.ws_eps = fields.number("ws_eps");
  fields.refuse_unknown();
  return bn;
}

ConvLayer read_conv(const json& value, const std::string& place, Findings& findings) {
  Fields fields(value, place, findings);
  ConvLayer layer;
  if (layer_name(fields, {"ConvLayer"}, findings).empty()) return layer;
  layer.in_channels = fields.required_integer("in_channels");
  layer.out_channels = fields.required_integer("out_channels");
  layer.kernel_size = fields.square("kernel_size", layer.kernel_size);
  layer.stride = fields.square("stride", layer.stride);
  layer.dilation = fields.square("dilation", layer.dilation);
  layer.groups = fields.integer("groups", layer.groups);
  layer.bias = fields.flag("bias", layer.bias);
  layer.use_bn = fields.flag("use_bn", layer.use_bn);
  layer.activation = fields.activation("act_func", layer.activation);
  layer.dropout_rate = fields.number("dropout_rate").value_or(0);
  fields.expect("ops_order", "weight_bn_act");
  if (layer.groups > 1) fields.expect("has_shuffle", false);
  fields.flag("has_shuffle", false);
  fields.refuse_unknown();
  return layer;
}

MBInvertedConvLayer read_inverted(Fields& fields) {
  MBInvertedConvLayer layer;
  layer.in_channels = fields.required_integer("in_channels");
  layer.out_channels = fields.required_integer("out_channels");
  layer.kernel_size = fields.square("kernel_size", layer.kernel_size);
  layer.stride = fields.square("stride", layer.stride);
  layer.expand_ratio = fields.number("expand_ratio").value_or(layer.expand_ratio);
  layer.mid_channels = fields.integer("mid_channels");
  layer.activation = fields.activation("act_func", layer.activation);
  layer.use_se = fields.flag("use_se", layer.use_se);
  return layer;
}

// The input itself: MCUNet's IdentityLayer without options. Its channels stand in the convolution
// too, so that they need not be read.
bool read_shortcut(const json& value, const std::string& place, Findings& findings) {
  Fields fields(value, place, findings);
  const std::string name = layer_name(fields, {"IdentityLayer", "ZeroLayer"}, findings);
  if (name != "IdentityLayer") return false;
  fields.require("in_channels");
  fields.require("out_channels");
  fields.expect("use_bn", false);
  fields.expect("act_func", nullptr);
  fields.expect("ops_order", "weight_bn_act");
  fields.number("dropout_rate");
  fields.refuse_unknown();
  return true;
}

MobileInvertedResidualBlock read_block(const json& value, const std::string& place,
                                       Findings& findings) {
  MobileInvertedResidualBlock block;
  Fields fields(value, place, findings);
  if (layer_name(fields, {"MobileInvertedResidualBlock"}, findings).empty()) return block;
  const json* conv = fields.require("mobile_inverted_conv");
  const json* shortcut = fields.require("shortcut");
  fields.refuse_unknown();
  if (conv != nullptr && !conv->is_null()) {
    Fields layer(*conv, place + ".mobile_inverted_conv", findings);
    const std::string name = layer_name(layer, {"MBInvertedConvLayer", "ZeroLayer"}, findings);
    if (name == "ZeroLayer") layer.expect("stride", 1);
    if (name == "MBInvertedConvLayer") block.mobile_inverted_conv = read_inverted(layer);
    if (!name.empty()) layer.refuse_unknown();
  }
  if (shortcut != nullptr && !shortcut->is_null())
    block.shortcut = read_shortcut(*shortcut, place + ".shortcut", findings);
  return block;
}

LinearLayer read_linear(const json& value, Findings& findings) {
  Fields fields(value, "classifier", findings);
  LinearLayer layer;
  if (layer_name(fields, {"LinearLayer"}, findings).empty()) return layer;
  layer.in_features = fields.required_integer("in_features");
  layer.out_features = fields.required_integer("out_features");
  layer.bias = fields.flag("bias", layer.bias);
  layer.dropout_rate = fields.number("dropout_rate").value_or(0);
  fields.expect("use_bn", false);
  fields.expect("act_func", nullptr);
  fields.expect("ops_order", "weight_bn_act");
  fields.refuse_unknown();
  return layer;
}

NetworkDescription read_network(const json& document, Findings& findings) {
  NetworkDescription network;
  Fields fields(document, "", findings);
  // A file of another kind gets one line instead of one for every field that it lacks.
  if (layer_name(fields, {kNetwork}, findings).empty()) return network;
  network.resolution = fields.integer("resolution");
  if (const json* bn = fields.find("bn")) network.bn = read_batch_norm(*bn, findings);
  if (const json* layer = fields.require("first_conv"))
    network.first_conv = read_conv(*layer, "first_conv", findings);
  if (const json* blocks = fields.require("blocks")) {
    if (!blocks->is_array()) findings.wrong("blocks", "is not a list");
    for (size_t i = 0; blocks->is_array() && i < blocks->size(); ++i)
      network.blocks.push_back(
          read_block((*blocks)[i], "blocks[" + std::to_string(i) + "]", findings));
  }
  const json* mix = fields.require("feature_mix_layer");
  if (mix != nullptr && !mix->is_null())
    network.feature_mix_layer = read_conv(*mix, "feature_mix_layer", findings);
  if (const json* layer = fields.require("classifier"))
    network.classifier = read_linear(*layer, findings);
  return network;
}

}  // namespace

NetworkDescription read_description(std::string_view text, const std::string& place) {
  json document;
  try {
    document = json::parse(text);
  } catch (const json::exception& error) {
    throw Error(ErrorKind::Input, place + ": not JSON: " + error.what());
  }
  Findings findings;
  NetworkDescription network =
      document.is_object() ? read_network(document, findings) : NetworkDescription{};
  if (!document.is_object()) findings.wrong("document", "is not a JSON object");
  // Layers that do not fit each other are only worth naming when all could be read.
  if (findings.problems.empty()) {
    findings.problems = problems(network);
    findings.unsound = !findings.problems.empty();
  }
  if (findings.problems.empty()) return network;
  for (std::string& problem : findings.problems) problem = place + ": " + problem;
  throw Error(findings.unsound ? ErrorKind::Input : ErrorKind::Unsupported,
              std::move(findings.problems));
}

std::optional<Preprocess> described_preprocess(std::string_view text, const std::string& place) {
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, false);
  if (!document.is_object() || !document.contains("preprocess")) return std::nullopt;
  Preprocess preprocess = preprocess_from_json(document["preprocess"], place + ": preprocess");
  preprocess.name = "of " + place;
  return preprocess;
}

}  // namespace mcunet::netspec
