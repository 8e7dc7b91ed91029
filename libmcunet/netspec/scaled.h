// Network families whose channels are scaled by a width multiplier.
#pragma once

#include <cstdint>

#include "libmcunet/netspec/description.h"

namespace mcunet::netspec {

// Channels · width to the nearest multiple of 8, at least 8, and never more than 10 % less than
// wanted: the rule of MobileNetV2's own code.
int32_t scaled_channels(int32_t channels, double width);
// The next multiple of 8: what the published ProxylessNAS networks of width 0.25 and 0.3 have.
int32_t scaled_up_channels(int32_t channels, double width);

// Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", arXiv:1801.04381, 2018,
// table 2; the last convolution is scaled too, as in MCUNet's baselines. Throws Error(Usage) for a
// width that is not from 0.05 to 4.
NetworkDescription mobilenet_v2(double width, int32_t resolution, int32_t classes);

// ProxylessNAS-Mobile: Cai et al., "ProxylessNAS: Direct Neural Architecture Search on Target Task
// and Hardware", arXiv:1812.00332, 2019.
NetworkDescription proxyless_mobile(double width, int32_t resolution, int32_t classes);

}  // namespace mcunet::netspec
