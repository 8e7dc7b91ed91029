// The decoders behind decode_image(), one source each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libmcunet/data/image.h"

namespace mcunet {

// Each throws Error(Input) as decode_image() does.
Image decode_jpeg(const std::vector<uint8_t>& bytes, const std::string& name);
Image decode_png(const std::vector<uint8_t>& bytes, const std::string& name);
Image decode_pnm(const std::vector<uint8_t>& bytes, const std::string& name);

// Throws Error(Input) for an image without pixels or with too many: before memory is taken for it.
void check_image_size(int64_t width, int64_t height, const std::string& name);

}  // namespace mcunet
