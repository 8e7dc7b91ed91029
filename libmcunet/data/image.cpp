#include "libmcunet/data/image.h"

#include <algorithm>
#include <cassert>

#include "libmcunet/data/image_formats.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"

namespace mcunet {

Image decode_image(const std::vector<uint8_t>& bytes, const std::string& name) {
  const auto starts_with = [&](const std::string& magic) {
    return bytes.size() >= magic.size() &&
           std::equal(magic.begin(), magic.end(), bytes.begin(),
                      [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
  };
  if (starts_with("\xFF\xD8\xFF")) return decode_jpeg(bytes, name);
  if (starts_with("\x89PNG\r\n\x1A\n")) return decode_png(bytes, name);
  if (starts_with("P5") || starts_with("P6")) return decode_pnm(bytes, name);
  throw Error(ErrorKind::Input,
              name + (bytes.empty() ? ": the file is empty" : ": neither JPEG, PNG, PGM nor PPM"));
}

Image read_image(const std::filesystem::path& path) {
  return decode_image(read_file(path), path.string());
}

void check_image_size(int64_t width, int64_t height, const std::string& name) {
  constexpr int64_t kMostPixels = int64_t{1} << 26;
  if (width <= 0 || height <= 0) {
    throw Error(ErrorKind::Input, name + ": the image has no pixels");
  }
  if (width > kMostPixels || height > kMostPixels / width) {
    throw Error(ErrorKind::Input, name + ": " + std::to_string(width) + "x" +
                                      std::to_string(height) +
                                      " pixels are more than the 67 million supported");
  }
}

}  // namespace mcunet
