#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mcunet {

// The SHA-256 digest as 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);
std::string sha256_hex(const std::vector<uint8_t>& bytes);

}  // namespace mcunet
