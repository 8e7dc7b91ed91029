// As in image_jpeg.cpp: errors of libpng arrive by a jump, so that each function that calls it has
// its own target and no objects with destructors.
#include <png.h>

#include <array>
#include <cassert>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "libmcunet/data/image_formats.h"
#include "libmcunet/support/error.h"

namespace mcunet {
namespace {

class Decoder {
 public:
  Decoder(const uint8_t* bytes, size_t size) : next_(bytes), left_(size) {
    message_[0] = '\0';
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  ~Decoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Also asks for 8 bits, grey or RGB, without alpha.
  bool read_header() {
    if (png_ == nullptr || info_ == nullptr) return false;
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_read_fn(png_, this, on_read);
    png_read_info(png_, info_);
    png_set_expand(png_);  // palette → RGB, 1, 2, 4 bits → 8, transparent colour → alpha
    png_set_strip_16(png_);
    png_set_strip_alpha(png_);
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  // `pixels` has room for [height, width, channels].
  bool read_pixels(uint8_t* pixels) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    const size_t stride = png_get_rowbytes(png_, info_);
    for (int pass = 0; pass < passes_; ++pass) {
      for (int y = 0; y < height(); ++y) {
        png_read_row(png_, pixels + static_cast<size_t>(y) * stride, nullptr);
      }
    }
    png_read_end(png_, nullptr);
    return true;
  }

  int width() const { return static_cast<int>(png_get_image_width(png_, info_)); }
  int height() const { return static_cast<int>(png_get_image_height(png_, info_)); }
  int channels() const { return png_get_channels(png_, info_); }
  const char* message() const { return message_.data(); }

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp text) {
    auto* decoder = static_cast<Decoder*>(png_get_error_ptr(png));
    std::snprintf(decoder->message_.data(), decoder->message_.size(), "%s", text);
    png_longjmp(png, 1);
  }

  static void on_warning(png_structp /*png*/, png_const_charp /*text*/) {}

  static void on_read(png_structp png, png_bytep target, size_t size) {
    auto* decoder = static_cast<Decoder*>(png_get_io_ptr(png));
    if (size > decoder->left_) png_error(png, "the file is truncated");
    std::memcpy(target, decoder->next_, size);
    decoder->next_ += size;
    decoder->left_ -= size;
  }

  const uint8_t* next_;
  size_t left_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int passes_ = 1;
  std::array<char, 200> message_;
};

}  // namespace

Image decode_png(const std::vector<uint8_t>& bytes, const std::string& name) {
  Decoder decoder(bytes.data(), bytes.size());
  const auto check = [&](bool done) {
    if (!done) throw Error(ErrorKind::Input, name + ": corrupt PNG: " + decoder.message());
  };
  check(decoder.read_header());
  check_image_size(decoder.width(), decoder.height(), name);
  assert(decoder.channels() == 1 || decoder.channels() == 3);
  Image image(decoder.width(), decoder.height(), decoder.channels());
  check(decoder.read_pixels(image.pixels.data()));
  return image;
}

std::vector<uint8_t> encode_png(const Image& image) {
  assert(image.channels == 1 || image.channels == 3);
  png_image header = {};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(image.width);
  header.height = static_cast<png_uint_32>(image.height);
  header.format = image.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(header);
  std::vector<uint8_t> bytes(size);
  if (png_image_write_to_memory(&header, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr) ==
      0) {
    throw Error(ErrorKind::Internal, std::string("cannot encode a PNG: ") + header.message);
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace mcunet
