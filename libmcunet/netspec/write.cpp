#include "libmcunet/netspec/write.h"

namespace mcunet::netspec {
namespace {

using nlohmann::ordered_json;

constexpr const char* kOrder = "weight_bn_act";

// Whole numbers without a fraction, as the files have them.
ordered_json number(double value) {
  const auto whole = static_cast<int64_t>(value);
  return static_cast<double>(whole) == value ? ordered_json(whole) : ordered_json(value);
}

ordered_json activation_json(ActivationFunction activation) {
  if (activation == ActivationFunction::None) return nullptr;
  return activation_name(activation);
}

ordered_json to_json(const BatchNorm& bn) {
  ordered_json out = {{"momentum", bn.momentum}, {"eps", bn.eps}};
  if (bn.ws_eps.has_value()) out["ws_eps"] = *bn.ws_eps;
  return out;
}

ordered_json to_json(const ConvLayer& layer) {
  return {{"name", "ConvLayer"},
          {"kernel_size", layer.kernel_size},
          {"stride", layer.stride},
          {"dilation", layer.dilation},
          {"groups", layer.groups},
          {"bias", layer.bias},
          {"has_shuffle", false},
          {"in_channels", layer.in_channels},
          {"out_channels", layer.out_channels},
          {"use_bn", layer.use_bn},
          {"act_func", activation_json(layer.activation)},
          {"dropout_rate", number(layer.dropout_rate)},
          {"ops_order", kOrder}};
}

ordered_json to_json(const MBInvertedConvLayer& layer) {
  return {{"name", "MBInvertedConvLayer"},
          {"in_channels", layer.in_channels},
          {"out_channels", layer.out_channels},
          {"kernel_size", layer.kernel_size},
          {"stride", layer.stride},
          {"expand_ratio", number(layer.expand_ratio)},
          {"mid_channels", layer.mid_channels.has_value() ? ordered_json(*layer.mid_channels)
                                                          : ordered_json(nullptr)},
          {"act_func", activation_json(layer.activation)},
          {"use_se", layer.use_se}};
}

ordered_json identity_json(int32_t channels) {
  return {{"name", "IdentityLayer"}, {"in_channels", channels}, {"out_channels", channels},
          {"use_bn", false},         {"act_func", nullptr},     {"dropout_rate", 0},
          {"ops_order", kOrder}};
}

ordered_json to_json(const MobileInvertedResidualBlock& block, int32_t in_channels) {
  const auto& conv = block.mobile_inverted_conv;
  return {{"name", "MobileInvertedResidualBlock"},
          {"mobile_inverted_conv",
           conv.has_value() ? to_json(*conv) : ordered_json{{"name", "ZeroLayer"}, {"stride", 1}}},
          {"shortcut", block.shortcut ? identity_json(in_channels) : ordered_json(nullptr)}};
}

ordered_json to_json(const LinearLayer& layer) {
  return {{"name", "LinearLayer"},
          {"in_features", layer.in_features},
          {"out_features", layer.out_features},
          {"bias", layer.bias},
          {"use_bn", false},
          {"act_func", nullptr},
          {"dropout_rate", number(layer.dropout_rate)},
          {"ops_order", kOrder}};
}

}  // namespace

ordered_json description_to_json(const NetworkDescription& network) {
  ordered_json blocks = ordered_json::array();
  int32_t channels = network.first_conv.out_channels;
  for (const MobileInvertedResidualBlock& block : network.blocks) {
    blocks.push_back(to_json(block, channels));
    if (block.mobile_inverted_conv.has_value()) channels = block.mobile_inverted_conv->out_channels;
  }
  ordered_json out = {{"name", "ProxylessNASNets"},
                      {"bn", to_json(network.bn)},
                      {"first_conv", to_json(network.first_conv)},
                      {"blocks", std::move(blocks)},
                      {"feature_mix_layer", network.feature_mix_layer.has_value()
                                                ? to_json(*network.feature_mix_layer)
                                                : ordered_json(nullptr)},
                      {"classifier", to_json(network.classifier)}};
  if (network.resolution.has_value()) out["resolution"] = *network.resolution;
  return out;
}

std::string write_description(const NetworkDescription& network) {
  return description_to_json(network).dump(4) + "\n";
}

std::string write_description(const NetworkDescription& network, const Preprocess& preprocess) {
  ordered_json document = description_to_json(network);
  document["preprocess"] = preprocess_to_json(preprocess);
  return document.dump(4) + "\n";
}

}  // namespace mcunet::netspec
