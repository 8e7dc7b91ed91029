// libjpeg reports errors by a function that must not return. Each function below that calls libjpeg
// sets its own jump target and has no objects with destructors, so that the jump skips none.
#include <csetjmp>
#include <cstddef>
#include <cstdio>
// After cstdio, which it needs and does not include.
#include <jpeglib.h>
// After jpeglib.h, whose types it uses.
#include <jerror.h>

#include <array>
#include <cassert>

#include "libmcunet/data/image_formats.h"
#include "libmcunet/support/error.h"

namespace mcunet {
namespace {

struct ErrorState {
  jpeg_error_mgr manager;  // first: libjpeg hands out a pointer to it
  std::jmp_buf jump;
  std::array<char, JMSG_LENGTH_MAX> message;
};

[[noreturn]] void leave(j_common_ptr info) {
  auto* state = reinterpret_cast<ErrorState*>(info->err);
  (*info->err->format_message)(info, state->message.data());
  std::longjmp(state->jump, 1);
}

// Warnings are for data that libjpeg makes up. Superfluous bytes are harmless and frequent; missing
// or damaged ones are an error here, though libjpeg would fill them with grey.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  const int code = info->err->msg_code;
  if (code == JWRN_HIT_MARKER || code == JWRN_JPEG_EOF || code == JWRN_HUFF_BAD_CODE ||
      code == JWRN_ARITH_BAD_CODE || code == JWRN_MUST_RESYNC) {
    leave(info);
  }
}

class Decoder {
 public:
  Decoder() {
    info_.err = jpeg_std_error(&state_.manager);
    state_.manager.error_exit = leave;
    state_.manager.emit_message = on_message;
    state_.message[0] = '\0';
  }
  ~Decoder() { jpeg_destroy_decompress(&info_); }  // does nothing when creation failed
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  bool read_header(const uint8_t* bytes, size_t size) {
    if (setjmp(state_.jump) != 0) return false;
    jpeg_create_decompress(&info_);
    jpeg_mem_src(&info_, bytes, size);
    jpeg_read_header(&info_, TRUE);
    const bool four = info_.jpeg_color_space == JCS_CMYK || info_.jpeg_color_space == JCS_YCCK;
    const bool grey = info_.jpeg_color_space == JCS_GRAYSCALE;
    if (four) info_.out_color_space = JCS_CMYK;
    if (!four) info_.out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_calc_output_dimensions(&info_);
    return true;
  }

  // `pixels` has room for [height, width, components].
  bool read_pixels(uint8_t* pixels) {
    if (setjmp(state_.jump) != 0) return false;
    jpeg_start_decompress(&info_);
    const size_t stride = size_t{info_.output_width} * static_cast<size_t>(components());
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = pixels + info_.output_scanline * stride;
      jpeg_read_scanlines(&info_, &row, 1);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

  int width() const { return static_cast<int>(info_.output_width); }
  int height() const { return static_cast<int>(info_.output_height); }
  int components() const { return info_.out_color_components; }
  bool inverted() const { return info_.saw_Adobe_marker != FALSE; }
  const char* message() const { return state_.message.data(); }

 private:
  jpeg_decompress_struct info_ = {};
  ErrorState state_ = {};
};

// Adobe's files hold inverted CMYK, others plain.
Image rgb_from_cmyk(const std::vector<uint8_t>& samples, int width, int height, bool inverted) {
  Image image(width, height, 3);
  for (size_t i = 0; i < image.pixels.size(); ++i) {
    const size_t pixel = i / 3 * 4;
    const int ink = samples[pixel + i % 3];
    const int black = samples[pixel + 3];
    const int product = inverted ? ink * black : (255 - ink) * (255 - black);
    image.pixels[i] = static_cast<uint8_t>((product + 127) / 255);
  }
  return image;
}

}  // namespace

Image decode_jpeg(const std::vector<uint8_t>& bytes, const std::string& name) {
  Decoder decoder;
  const auto check = [&](bool done) {
    if (!done) throw Error(ErrorKind::Input, name + ": corrupt JPEG: " + decoder.message());
  };
  check(decoder.read_header(bytes.data(), bytes.size()));
  check_image_size(decoder.width(), decoder.height(), name);
  if (decoder.components() == 4) {
    std::vector<uint8_t> samples(static_cast<size_t>(decoder.width()) *
                                 static_cast<size_t>(decoder.height()) * 4);
    check(decoder.read_pixels(samples.data()));
    return rgb_from_cmyk(samples, decoder.width(), decoder.height(), decoder.inverted());
  }
  assert(decoder.components() == 1 || decoder.components() == 3);
  Image image(decoder.width(), decoder.height(), decoder.components());
  check(decoder.read_pixels(image.pixels.data()));
  return image;
}

}  // namespace mcunet
