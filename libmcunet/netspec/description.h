// MCUNet's network descriptions as values: inverted-residual networks of the ProxylessNAS family.
//
//   image → first_conv → blocks … → [feature_mix_layer] → mean over rows and columns → classifier
//
// The names are those of MCUNet's JSON files (mit-han-lab/mcunet, assets/configs); their meaning is
// that of its tinynas/nn modules. Every convolution pads by dilation · (kernel / 2) on all sides.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mcunet::netspec {

enum class ActivationFunction : uint8_t { None, Relu, Relu6, HardSwish };

// "relu6" and so on; "" for None, which the files write as null.
const char* activation_name(ActivationFunction activation);

// For training; int8 graphs have it folded into weights and biases.
struct BatchNorm {
  double momentum = 0.1, eps = 1e-3;
  std::optional<double> ws_eps;  // of weight standardization, where the network is trained with it
};

// Convolution, then batch norm, then activation.
struct ConvLayer {
  int32_t in_channels = 0, out_channels = 0;
  int32_t kernel_size = 3, stride = 1, dilation = 1, groups = 1;
  bool bias = false, use_bn = true;
  ActivationFunction activation = ActivationFunction::Relu;
  double dropout_rate = 0;
};

// [1×1 to the expanded channels, activation], depthwise kernel×kernel, activation,
// [squeeze-and-excite], 1×1 to out_channels; batch norm after each convolution.
struct MBInvertedConvLayer {
  int32_t in_channels = 0, out_channels = 0;
  int32_t kernel_size = 3, stride = 1;
  double expand_ratio = 6;
  std::optional<int32_t> mid_channels;  // overrides expand_ratio · in_channels
  ActivationFunction activation = ActivationFunction::Relu6;
  bool use_se = false;

  bool expands() const { return expand_ratio != 1; }
  int32_t expanded_channels() const;
  int32_t squeezed_channels() const;  // of squeeze-and-excite: a quarter, in steps of 8
};

struct MobileInvertedResidualBlock {
  // Empty: the block hands its input on (ZeroLayer in the files).
  std::optional<MBInvertedConvLayer> mobile_inverted_conv;
  bool shortcut = false;  // the block's input is added to its output
};

struct LinearLayer {
  int32_t in_features = 0, out_features = 0;
  bool bias = true;
  double dropout_rate = 0;
};

struct NetworkDescription {
  BatchNorm bn;
  ConvLayer first_conv;
  std::vector<MobileInvertedResidualBlock> blocks;
  std::optional<ConvLayer> feature_mix_layer;
  LinearLayer classifier;
  std::optional<int32_t> resolution;  // rows and columns of the square input image
};

bool operator==(const NetworkDescription& a, const NetworkDescription& b);
inline bool operator!=(const NetworkDescription& a, const NetworkDescription& b) {
  return !(a == b);
}

// What keeps the description from being a network: extents out of range, layers that do not fit
// each other, shortcuts that cannot be added. One line each, beginning with the place as in the
// JSON file: "blocks[3].mobile_inverted_conv.kernel_size: …". Empty when it is sound.
std::vector<std::string> problems(const NetworkDescription& network);

}  // namespace mcunet::netspec
