#include "libmcunet/checkpoint/byte_reader.h"

#include <algorithm>

#include "libmcunet/support/error.h"

namespace mcunet::checkpoint {

ByteView ByteReader::take(uint64_t count) {
  if (count > left())
    fail(std::to_string(count) + " bytes are wanted here, " + std::to_string(left()) +
         " are left: the file is truncated or damaged");
  const ByteView view = {bytes_.data + position_, static_cast<size_t>(count)};
  position_ += static_cast<size_t>(count);
  return view;
}

uint64_t ByteReader::unsigned_integer(int bytes) {
  const ByteView view = take(static_cast<uint64_t>(bytes));
  uint64_t value = 0;
  for (size_t i = 0; i < view.size; ++i) value |= uint64_t{view.data[i]} << (8 * i);
  return value;
}

int64_t ByteReader::signed_integer(int bytes) {
  const uint64_t value = unsigned_integer(bytes);
  const int unused = 64 - 8 * bytes;
  return unused == 64 ? 0 : static_cast<int64_t>(value << unused) >> unused;
}

std::string ByteReader::line() {
  const uint8_t* begin = bytes_.data + position_;
  const uint8_t* end = bytes_.data + bytes_.size;
  const uint8_t* feed = std::find(begin, end, uint8_t{'\n'});
  if (feed == end) fail("a line without end: the file is truncated or damaged");
  position_ += static_cast<size_t>(feed - begin) + 1;
  return {begin, feed};
}

void ByteReader::seek(uint64_t position) {
  if (position > bytes_.size)
    fail("byte " + std::to_string(position) + " lies outside: the file is truncated or damaged");
  position_ = static_cast<size_t>(position);
}

void ByteReader::fail(const std::string& text) const {
  throw Error(ErrorKind::Input, place_ + ": byte " + std::to_string(position_) + ": " + text);
}

}  // namespace mcunet::checkpoint
