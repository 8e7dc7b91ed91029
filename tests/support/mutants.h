// Damaged copies of a file: every reader must end in success or in an Error that blames the file.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace mcunet::testing {

using Bytes = std::vector<uint8_t>;

// The file cut after 0/parts, 1/parts … of its bytes.
std::vector<Bytes> truncated(const Bytes& file, size_t parts);

// `count` copies, each with one to four bytes flipped, replaced, removed or repeated.
std::vector<Bytes> mutants(const Bytes& file, size_t count, uint64_t seed);

// What went wrong when `read` got these files: exceptions other than Error(Input) and
// Error(Unsupported), errors without text. One line each, with the file's number.
std::vector<std::string> misread(const std::vector<Bytes>& files,
                                 const std::function<void(const Bytes&)>& read);

}  // namespace mcunet::testing
