#include "libmcunet/support/sha256.h"

#include <sys/types.h>
// After sys/types.h, which it needs and does not include.
#include <sha2.h>

#include <array>

namespace mcunet {

std::string sha256_hex(std::string_view bytes) {
  std::array<char, SHA256_DIGEST_STRING_LENGTH> digits;
  return SHA256Data(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), digits.data());
}

std::string sha256_hex(const std::vector<uint8_t>& bytes) {
  return sha256_hex(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace mcunet
