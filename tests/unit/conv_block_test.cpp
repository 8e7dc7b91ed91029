// Constants of the block kernels: which channels they take, and what the rewriting of channels
// keeps.
#include "compiler/schedule/conv_block.h"

#include <catch2/catch.hpp>

#include "compiler/kernels/mcunet_kernels.h"
#include "libmcunet/support/random.h"

using namespace mcunet;
using namespace mcunet::compiler;

namespace {

constexpr int32_t kInputs = 8;

int8_t meant(const ConvChannels& channels, size_t c, const int8_t* x) {
  int32_t sum = channels.bias[c];
  for (int32_t i = 0; i < kInputs; ++i)
    sum += channels.weights[c * kInputs + static_cast<size_t>(i)] * x[i];
  const int32_t y =
      reference::multiply_by_quantized_multiplier(sum, channels.requantize[c]) + channels.out_zero;
  return static_cast<int8_t>(std::clamp(y, channels.clamp.min, channels.clamp.max));
}

// Outputs of mcunet_conv_1x1 that differ from what is meant, over random pixels and the extremes.
int wrong_outputs(const ConvChannels& channels, const std::vector<int32_t>& constants,
                  SplitMix64& random) {
  const auto out_c = static_cast<int32_t>(channels.bias.size());
  constexpr int32_t kPixels = 400;
  std::vector<int8_t> in(kPixels * kInputs), out(static_cast<size_t>(kPixels * out_c));
  for (size_t i = 0; i < in.size(); ++i) {
    in[i] = static_cast<int8_t>(random.between(-128, 127));
    const size_t pixel = i / kInputs, k = i % kInputs;
    if (pixel < channels.bias.size() * 2) {  // the least and the largest sum of each channel
      const bool positive = channels.weights[pixel / 2 * kInputs + k] > 0;
      in[i] = positive == (pixel % 2 == 0) ? int8_t{127} : int8_t{-128};
    }
  }
  const mcunet_conv_1x1_params p = {constants.data(),
                                    kPixels,
                                    kInputs,
                                    out_c,
                                    static_cast<int8_t>(channels.out_zero),
                                    static_cast<int8_t>(channels.clamp.min),
                                    static_cast<int8_t>(channels.clamp.max),
                                    0};
  std::vector<int16_t> scratch(MCUNET_CONV_1X1_SCRATCH_BYTES(kInputs) / 2);
  mcunet_conv_1x1(in.data(), out.data(), scratch.data(), &p);
  int wrong = 0;
  for (size_t pixel = 0; pixel < kPixels; ++pixel) {
    for (size_t c = 0; c < channels.bias.size(); ++c)
      wrong += out[pixel * channels.bias.size() + c] != meant(channels, c, &in[pixel * kInputs]);
  }
  return wrong;
}

}  // namespace

TEST_CASE("channels of small scales keep their outputs with a shorter shift", "[conv_block]") {
  SplitMix64 random(3);
  int packed = 0;
  for (int trial = 0; trial < 200; ++trial) {
    ConvChannels channels;
    channels.out_zero = -128;
    channels.clamp = {-128, 127};
    for (int c = 0; c < 4; ++c) {
      for (int i = 0; i < kInputs; ++i)
        channels.weights.push_back(static_cast<int8_t>(random.between(-127, 127)));
      channels.bias.push_back(static_cast<int32_t>(random.between(-500000, 500000)));
      const int shift =
          -static_cast<int>(c % 2 == 0 ? random.between(8, 22) : random.between(15, 22));
      channels.requantize.push_back(
          {static_cast<int32_t>(random.between(1 << 30, 2147483647)), shift});
    }
    const auto constants = pack_conv_block(channels);
    if (!constants) continue;
    ++packed;
    INFO("trial " << trial);
    CHECK(wrong_outputs(channels, *constants, random) == 0);
  }
  CHECK(packed > 190);
}

TEST_CASE("channels whose sums are too large are refused", "[conv_block]") {
  ConvChannels channels;
  channels.clamp = {-128, 127};
  channels.weights.assign(2 * kInputs, 127);
  channels.bias = {1 << 20, 1 << 20};
  channels.requantize = {{1 << 30, -8}, {1 << 30, -8}};
  CHECK(pack_conv_block(channels).has_value());
  channels.bias[1] = 1 << 23;  // of the second channel 23 bits have room
  channels.requantize[1].shift = -16;
  CHECK_FALSE(pack_conv_block(channels).has_value());
}
