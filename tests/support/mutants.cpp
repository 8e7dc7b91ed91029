#include "tests/support/mutants.h"

#include "libmcunet/support/error.h"
#include "libmcunet/support/random.h"

namespace mcunet::testing {

std::vector<Bytes> truncated(const Bytes& file, size_t parts) {
  std::vector<Bytes> files;
  for (size_t i = 0; i < parts; ++i)
    files.emplace_back(file.begin(),
                       file.begin() + static_cast<ptrdiff_t>(file.size() * i / parts));
  return files;
}

std::vector<Bytes> mutants(const Bytes& file, size_t count, uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<Bytes> files;
  for (size_t i = 0; i < count; ++i) {
    Bytes bytes = file;
    for (uint64_t changes = 1 + random.below(4); changes > 0 && bytes.size() > 1; --changes) {
      const auto at = static_cast<ptrdiff_t>(random.below(bytes.size()));
      switch (random.below(4)) {
        case 0:
          bytes[static_cast<size_t>(at)] ^= static_cast<uint8_t>(1U << random.below(8));
          break;
        case 1:
          bytes[static_cast<size_t>(at)] = static_cast<uint8_t>(random.next());
          break;
        case 2:
          bytes.erase(bytes.begin() + at);
          break;
        default:
          bytes.insert(bytes.begin() + at, bytes[static_cast<size_t>(at)]);
      }
    }
    files.push_back(std::move(bytes));
  }
  return files;
}

std::vector<std::string> misread(const std::vector<Bytes>& files,
                                 const std::function<void(const Bytes&)>& read) {
  std::vector<std::string> wrong;
  for (size_t i = 0; i < files.size(); ++i) {
    const std::string place = "file " + std::to_string(i) + ": ";
    try {
      read(files[i]);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::Input && error.kind() != ErrorKind::Unsupported)
        wrong.push_back(place + "kind " + std::to_string(error.exit_code()) + ": " + error.what());
      if (std::string(error.what()).empty()) wrong.push_back(place + "an error without text");
    } catch (const std::exception& exception) {
      wrong.push_back(place + "exception: " + exception.what());
    }
  }
  return wrong;
}

}  // namespace mcunet::testing
