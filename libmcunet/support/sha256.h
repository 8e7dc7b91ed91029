#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace mcunet {

// The SHA-256 digest as 64 lower-case hexadecimal digits.
std::string sha256_hex(std::string_view bytes);
std::string sha256_hex(const std::vector<uint8_t>& bytes);

// Of a file of any size. Throws Error(Input) when it cannot be read.
std::string sha256_file(const std::filesystem::path& path);

}  // namespace mcunet
