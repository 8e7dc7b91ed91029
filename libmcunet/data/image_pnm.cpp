#include <cstddef>
#include <string_view>

#include "libmcunet/data/image_formats.h"
#include "libmcunet/support/error.h"

namespace mcunet {
namespace {

// The header of a PGM or PPM file: numbers between white space and comments.
class Header {
 public:
  Header(const std::vector<uint8_t>& bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  int64_t number() {
    skip_space();
    int64_t value = 0;
    const size_t start = position_;
    while (position_ < bytes_.size() && bytes_[position_] >= '0' && bytes_[position_] <= '9') {
      value = value * 10 + (bytes_[position_++] - '0');
      if (value > INT32_MAX) fail("a number of its header is too large");
    }
    if (position_ == start) fail("its header is incomplete");
    return value;
  }

  // Exactly one white-space character separates header and pixels.
  size_t end() const { return position_ + 1; }

  [[noreturn]] void fail(const std::string& why) const {
    throw Error(ErrorKind::Input, name_ + ": corrupt PNM: " + why);
  }

 private:
  void skip_space() {
    constexpr std::string_view kSpace = " \t\r\n\v\f";
    while (position_ < bytes_.size()) {
      if (bytes_[position_] == '#') {
        while (position_ < bytes_.size() && bytes_[position_] != '\n') ++position_;
      } else if (kSpace.find(static_cast<char>(bytes_[position_])) == std::string_view::npos) {
        return;
      } else {
        ++position_;
      }
    }
  }

  const std::vector<uint8_t>& bytes_;
  const std::string& name_;
  size_t position_ = 2;  // after "P5" or "P6"
};

}  // namespace

Image decode_pnm(const std::vector<uint8_t>& bytes, const std::string& name) {
  Header header(bytes, name);
  const int channels = bytes[1] == '6' ? 3 : 1;
  const int64_t width = header.number();
  const int64_t height = header.number();
  const int64_t largest = header.number();
  check_image_size(width, height, name);
  if (largest < 1 || largest > 65535) header.fail("its largest value is not in 1..65535");

  Image image(static_cast<int>(width), static_cast<int>(height), channels);
  const size_t sample = largest > 255 ? 2 : 1;
  if (bytes.size() < header.end() || (bytes.size() - header.end()) / sample < image.pixels.size()) {
    header.fail("it is truncated");
  }
  const uint8_t* source = bytes.data() + header.end();
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    const int64_t value = sample == 2 ? source[2 * i] * 256 + source[2 * i + 1] : source[i];
    if (value > largest) header.fail("a value is above its largest");
    image.pixels[i] = static_cast<uint8_t>((value * 255 + largest / 2) / largest);
  }
  return image;
}

}  // namespace mcunet
