#include "libmcunet/data/resize.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>

namespace mcunet {
namespace {

constexpr int kFractionBits = 22;  // 32 - 8 bits of a pixel - 2 bits of head room

// A filter, as wide on both sides of 0 as `support` says, and zero beyond.
struct Filter {
  double support;
  double (*value)(double distance);
};

constexpr Filter kTriangle = {1.0, [](double distance) {
                                const double d = std::abs(distance);
                                return d < 1.0 ? 1.0 - d : 0.0;
                              }};

// Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -0.5.
constexpr Filter kCubic = {2.0, [](double distance) {
                             constexpr double kA = -0.5;
                             const double d = std::abs(distance);
                             if (d < 1.0) return ((kA + 2.0) * d - (kA + 3.0)) * d * d + 1.0;
                             if (d < 2.0) return (((d - 5.0) * d + 8.0) * d - 4.0) * kA;
                             return 0.0;
                           }};

// What one output position takes of the input: weights for the positions from `first` on.
struct Window {
  int first = 0;
  std::vector<int32_t> weights;
};

std::vector<Window> windows(int input, int output, const Filter& filter) {
  const double scale = static_cast<double>(input) / output;
  const double stretch = std::max(scale, 1.0);  // antialiasing: the filter covers all it replaces
  const double support = filter.support * stretch;
  std::vector<Window> result(static_cast<size_t>(output));
  std::vector<double> weights;
  for (int i = 0; i < output; ++i) {
    const double center = (i + 0.5) * scale;
    const int first = std::max(0, static_cast<int>(std::floor(center - support + 0.5)));
    const int end = std::min(input, static_cast<int>(std::floor(center + support + 0.5)));
    weights.clear();
    double sum = 0.0;
    for (int x = first; x < end; ++x) {
      weights.push_back(filter.value((x - center + 0.5) * (1.0 / stretch)));
      sum += weights.back();
    }
    Window& window = result[static_cast<size_t>(i)];
    window.first = first;
    for (double weight : weights) {
      if (sum != 0.0) weight /= sum;
      window.weights.push_back(
          static_cast<int32_t>((weight < 0 ? -0.5 : 0.5) + weight * (1 << kFractionBits)));
    }
  }
  return result;
}

// Weighted sum of `window` over samples that are `stride` bytes apart.
uint8_t apply(const Window& window, const uint8_t* samples, size_t stride) {
  int32_t sum = 1 << (kFractionBits - 1);
  for (const int32_t weight : window.weights) {
    sum += weight * *samples;
    samples += stride;
  }
  return static_cast<uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

Image resize_rows(const Image& image, int width, const Filter& filter) {
  Image result(width, image.height, image.channels);
  const std::vector<Window> columns = windows(image.width, width, filter);
  const auto channels = static_cast<size_t>(image.channels);
  uint8_t* target = result.pixels.data();
  for (int y = 0; y < image.height; ++y) {
    for (const Window& window : columns) {
      const uint8_t* source = image.at(window.first, y);
      for (size_t c = 0; c < channels; ++c) *target++ = apply(window, source + c, channels);
    }
  }
  return result;
}

Image resize_columns(const Image& image, int height, const Filter& filter) {
  Image result(image.width, height, image.channels);
  const size_t stride = static_cast<size_t>(image.width) * static_cast<size_t>(image.channels);
  uint8_t* target = result.pixels.data();
  for (const Window& window : windows(image.height, height, filter)) {
    const uint8_t* source = image.at(0, window.first);
    for (size_t x = 0; x < stride; ++x) *target++ = apply(window, source + x, stride);
  }
  return result;
}

// (outer - inner) / 2, rounded half to even.
int crop_offset(int outer, int inner) {
  const int half = (outer - inner) / 2;
  const bool tie = (outer - inner) % 2 != 0;
  return tie && half % 2 != 0 ? half + 1 : half;
}

Image resize(const Image& image, int width, int height, const Filter& filter) {
  assert(width > 0 && height > 0 && image.width > 0 && image.height > 0);
  Image result = width == image.width ? image : resize_rows(image, width, filter);
  return height == image.height ? result : resize_columns(result, height, filter);
}

}  // namespace

Image resize_bilinear(const Image& image, int width, int height) {
  return resize(image, width, height, kTriangle);
}

Image resize_bicubic(const Image& image, int width, int height) {
  return resize(image, width, height, kCubic);
}

Image crop_center(const Image& image, int width, int height) {
  assert(width > 0 && width <= image.width && height > 0 && height <= image.height);
  const int left = crop_offset(image.width, width);
  const int top = crop_offset(image.height, height);
  Image result(width, height, image.channels);
  const size_t row = static_cast<size_t>(width) * static_cast<size_t>(image.channels);
  for (int y = 0; y < height; ++y) std::copy_n(image.at(left, top + y), row, result.at(0, y));
  return result;
}

Image convert_channels(const Image& image, int channels) {
  assert((image.channels == 1 || image.channels == 3) && (channels == 1 || channels == 3));
  if (channels == image.channels) return image;
  Image result(image.width, image.height, channels);
  const size_t count = image.pixels.size() / static_cast<size_t>(image.channels);
  for (size_t i = 0; i < count; ++i) {
    if (channels == 3) {
      std::fill_n(&result.pixels[3 * i], 3, image.pixels[i]);
    } else {
      const uint8_t* rgb = &image.pixels[3 * i];
      const uint32_t luma = rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U;
      result.pixels[i] = static_cast<uint8_t>((luma + 0x8000U) >> 16);
    }
  }
  return result;
}

}  // namespace mcunet
