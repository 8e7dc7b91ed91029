// Images with 8 bits per channel: decoding JPEG, PNG and PNM, encoding PNG.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace mcunet {

struct Image {
  int width = 0;
  int height = 0;
  int channels = 0;             // 1: grey, 3: RGB
  std::vector<uint8_t> pixels;  // [height, width, channels]

  Image() = default;
  // All zero.
  Image(int image_width, int image_height, int image_channels)
      : width(image_width),
        height(image_height),
        channels(image_channels),
        pixels(static_cast<size_t>(image_width) * static_cast<size_t>(image_height) *
               static_cast<size_t>(image_channels)) {}

  uint8_t* at(int x, int y) { return pixels.data() + offset(x, y); }
  const uint8_t* at(int x, int y) const { return pixels.data() + offset(x, y); }

 private:
  size_t offset(int x, int y) const {
    return (static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) *
           static_cast<size_t>(channels);
  }
};

// The form is recognised by its first bytes: JPEG (grey, YCbCr, CMYK), PNG (every colour type and
// depth), binary PGM and PPM (P5, P6, up to 16 bits). Values are taken as they are stored, as
// Pillow does for its "RGB" and "L" modes: no gamma and no colour profile is applied, of 16 bits
// the upper 8 are kept, transparency is dropped without blending, EXIF orientation is ignored.
// `name` stands for the image in messages. Throws Error(Input) for a corrupt or truncated image, an
// unknown form, or more than 2^26 pixels.
Image decode_image(const std::vector<uint8_t>& bytes, const std::string& name);
Image read_image(const std::filesystem::path& path);

// Without loss, 1 or 3 channels of 8 bits.
std::vector<uint8_t> encode_png(const Image& image);

}  // namespace mcunet
