// A cursor over the bytes of a file that may be damaged: nothing is read beyond its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace mcunet::checkpoint {

struct ByteView {
  const uint8_t* data = nullptr;
  size_t size = 0;
};

// Little-endian. Not the owner of the bytes.
class ByteReader {
 public:
  // `place` names the file, or the part of it, in messages.
  ByteReader(ByteView bytes, std::string place) : bytes_(bytes), place_(std::move(place)) {}

  const std::string& place() const { return place_; }
  size_t position() const { return position_; }
  size_t left() const { return bytes_.size - position_; }

  // The next `count` bytes. Throws Error(Input) when there are fewer.
  ByteView take(uint64_t count);
  uint64_t unsigned_integer(int bytes);
  int64_t signed_integer(int bytes);
  // Up to the next line feed, which is passed over.
  std::string line();
  // Moves to a byte counted from the beginning. Throws Error(Input) when it lies outside.
  void seek(uint64_t position);

  // Throws Error(Input) with place and position.
  [[noreturn]] void fail(const std::string& text) const;

 private:
  ByteView bytes_;
  std::string place_;
  size_t position_ = 0;
};

}  // namespace mcunet::checkpoint
