#include "libmcunet/support/sha256.h"

#include <sys/types.h>
// After sys/types.h, which it needs and does not include.
#include <sha2.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "libmcunet/support/error.h"

namespace mcunet {

std::string sha256_hex(std::string_view bytes) {
  std::array<char, SHA256_DIGEST_STRING_LENGTH> digits;
  return SHA256Data(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), digits.data());
}

std::string sha256_hex(const std::vector<uint8_t>& bytes) {
  return sha256_hex(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

std::string sha256_file(const std::filesystem::path& path) {
  std::array<char, SHA256_DIGEST_STRING_LENGTH> digits;
  if (SHA256File(path.c_str(), digits.data()) == nullptr)
    throw Error(ErrorKind::Input,
                "cannot read " + path.string() + ": " + std::generic_category().message(errno));
  return digits.data();
}

}  // namespace mcunet
