#include "libmcunet/netspec/description.h"

#include <algorithm>
#include <cmath>

#include "libmcunet/netspec/write.h"

namespace mcunet::netspec {
namespace {

constexpr int32_t kMaxChannels = 1 << 16;
constexpr int32_t kMaxKernel = 31;
constexpr int32_t kMaxStride = 8;
constexpr int32_t kMaxResolution = 4096;
// Far more than any microcontroller holds; it keeps a mistyped file from taking all memory.
constexpr int64_t kMaxParameters = int64_t{1} << 28;

class Checker {
 public:
  std::vector<std::string> run(const NetworkDescription& network) {
    if (network.resolution.has_value())
      in_range("resolution", *network.resolution, 1, kMaxResolution);
    check_conv("first_conv", network.first_conv);
    channels_ = network.first_conv.out_channels;
    for (size_t i = 0; i < network.blocks.size(); ++i) {
      const std::string place = "blocks[" + std::to_string(i) + "]";
      const MobileInvertedResidualBlock& block = network.blocks[i];
      if (!block.mobile_inverted_conv.has_value()) continue;
      check_inverted(place + ".mobile_inverted_conv", *block.mobile_inverted_conv);
      if (block.shortcut) check_shortcut(place + ".shortcut", *block.mobile_inverted_conv);
    }
    if (network.feature_mix_layer.has_value()) {
      const ConvLayer& layer = *network.feature_mix_layer;
      follows("feature_mix_layer.in_channels", layer.in_channels);
      check_conv("feature_mix_layer", layer);
      channels_ = layer.out_channels;
    }
    const LinearLayer& classifier = network.classifier;
    in_range("classifier.out_features", classifier.out_features, 1, kMaxChannels);
    follows("classifier.in_features", classifier.in_features);
    check_rate("classifier.dropout_rate", classifier.dropout_rate);
    parameters_ += int64_t{classifier.in_features} * classifier.out_features;
    if (problems_.empty() && parameters_ > kMaxParameters)
      problem("network", "more than " + std::to_string(kMaxParameters) + " parameters");
    return std::move(problems_);
  }

 private:
  void problem(const std::string& place, const std::string& text) {
    problems_.push_back(place + ": " + text);
  }

  bool in_range(const std::string& place, int32_t value, int32_t low, int32_t high) {
    if (value >= low && value <= high) return true;
    problem(place, std::to_string(value) + " is not between " + std::to_string(low) + " and " +
                       std::to_string(high));
    return false;
  }

  void check_kernel(const std::string& place, int32_t kernel, int32_t stride) {
    // Padding by half the kernel keeps an image's size for odd kernels only.
    if (in_range(place + ".kernel_size", kernel, 1, kMaxKernel) && kernel % 2 == 0)
      problem(place + ".kernel_size", std::to_string(kernel) + " is not odd");
    in_range(place + ".stride", stride, 1, kMaxStride);
  }

  bool check_channels(const std::string& place, int32_t in, int32_t out) {
    const bool in_fits = in_range(place + ".in_channels", in, 1, kMaxChannels);
    return in_range(place + ".out_channels", out, 1, kMaxChannels) && in_fits;
  }

  void check_rate(const std::string& place, double rate) {
    if (!(rate >= 0 && rate < 1)) problem(place, "is not at least 0 and less than 1");
  }

  // What comes in must be what the layer before gives; 0 when that is not known.
  void follows(const std::string& place, int32_t in) {
    if (channels_ > 0 && in != channels_)
      problem(place, std::to_string(in) + ", but the layer before gives " +
                         std::to_string(channels_) + " channels");
  }

  void check_conv(const std::string& place, const ConvLayer& layer) {
    check_kernel(place, layer.kernel_size, layer.stride);
    in_range(place + ".dilation", layer.dilation, 1, kMaxKernel);
    check_rate(place + ".dropout_rate", layer.dropout_rate);
    if (!check_channels(place, layer.in_channels, layer.out_channels)) return;
    if (layer.groups < 1 || layer.in_channels % layer.groups != 0 ||
        layer.out_channels % layer.groups != 0) {
      problem(place + ".groups", std::to_string(layer.groups) + " does not divide " +
                                     std::to_string(layer.in_channels) + " and " +
                                     std::to_string(layer.out_channels) + " channels");
      return;
    }
    parameters_ += int64_t{layer.in_channels} / layer.groups * layer.out_channels *
                   layer.kernel_size * layer.kernel_size;
  }

  void check_inverted(const std::string& place, const MBInvertedConvLayer& layer) {
    check_kernel(place, layer.kernel_size, layer.stride);
    const bool channels = check_channels(place, layer.in_channels, layer.out_channels);
    follows(place + ".in_channels", layer.in_channels);
    channels_ = layer.out_channels;
    if (layer.mid_channels.has_value()) {
      if (!in_range(place + ".mid_channels", *layer.mid_channels, 1, kMaxChannels)) return;
    } else if (!(layer.expand_ratio > 0 && layer.expand_ratio <= kMaxChannels &&
                 layer.expand_ratio * layer.in_channels <= kMaxChannels &&
                 (!channels || layer.expanded_channels() >= 1))) {
      problem(place + ".expand_ratio", "leaves no channels or more than " +
                                           std::to_string(kMaxChannels) + " to the depthwise part");
      return;
    }
    if (!channels) return;
    const int32_t mid = layer.expanded_channels();
    if (!layer.expands() && mid != layer.in_channels) {
      problem(place + ".mid_channels",
              std::to_string(mid) + " with an expand_ratio of 1, which keeps the " +
                  std::to_string(layer.in_channels) + " channels of the input");
      return;
    }
    const int64_t expand = layer.expands() ? layer.in_channels : 0;
    const int64_t window = int64_t{layer.kernel_size} * layer.kernel_size;
    const int64_t gate = layer.use_se ? 2 * int64_t{layer.squeezed_channels()} : 0;
    parameters_ += mid * (expand + window + gate + layer.out_channels);
  }

  void check_shortcut(const std::string& place, const MBInvertedConvLayer& layer) {
    if (layer.stride == 1 && layer.in_channels == layer.out_channels) return;
    problem(place, "needs stride 1 and as many output channels as input channels, the block has " +
                       std::to_string(layer.stride) + ", " + std::to_string(layer.out_channels) +
                       " and " + std::to_string(layer.in_channels));
  }

  int32_t channels_ = 0;
  int64_t parameters_ = 0;
  std::vector<std::string> problems_;
};

}  // namespace

const char* activation_name(ActivationFunction activation) {
  switch (activation) {
    case ActivationFunction::Relu:
      return "relu";
    case ActivationFunction::Relu6:
      return "relu6";
    case ActivationFunction::HardSwish:
      return "h_swish";
    case ActivationFunction::None:
      break;
  }
  return "";
}

int32_t MBInvertedConvLayer::expanded_channels() const {
  if (mid_channels.has_value()) return *mid_channels;
  // Python's round(), which the files are written with, takes halves to the even neighbour.
  return static_cast<int32_t>(std::nearbyint(expand_ratio * in_channels));
}

// make_divisible() of MobileNet: to the nearest multiple of 8, but not below nine tenths.
int32_t MBInvertedConvLayer::squeezed_channels() const {
  const int32_t wanted = expanded_channels() / 4;
  const int32_t rounded = std::max(8, (wanted + 4) / 8 * 8);
  return 10 * int64_t{rounded} < 9 * int64_t{wanted} ? rounded + 8 : rounded;
}

bool operator==(const NetworkDescription& a, const NetworkDescription& b) {
  return description_to_json(a) == description_to_json(b);
}

std::vector<std::string> problems(const NetworkDescription& network) {
  return Checker().run(network);
}

}  // namespace mcunet::netspec
