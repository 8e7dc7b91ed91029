#include "libmcunet/data/npy.h"

#include <algorithm>
#include <cassert>
#include <cctype>
#include <cstring>
#include <optional>

#include "libmcunet/support/error.h"

namespace mcunet {
namespace {

constexpr char kMagic[] = "\x93NUMPY";
constexpr size_t kMagicBytes = 6;
constexpr size_t kAlignment = 64;  // of the data, as NumPy writes it
constexpr size_t kMaxRank = 8;
constexpr int64_t kMaxElements = int64_t{1} << 31;

struct TypeCode {
  const char* code;
  DType dtype;
};
constexpr TypeCode kTypes[] = {
    {"<f4", DType::Float32}, {"|i1", DType::Int8},  {"|u1", DType::UInt8}, {"<i2", DType::Int16},
    {"<i4", DType::Int32},   {"<i8", DType::Int64}, {"|b1", DType::Bool}};

// The header is a Python dictionary with three keys; this reads just what NumPy writes.
class HeaderReader {
 public:
  HeaderReader(std::string text, std::string name)
      : text_(std::move(text)), name_(std::move(name)) {}

  void read(NpyArray& array) {
    expect('{');
    bool descr = false, order = false, shape = false;
    while (peek() != '}') {
      const std::string key = string();
      expect(':');
      if (key == "descr") {
        descr = true;
        array.dtype = type(string());
      } else if (key == "fortran_order") {
        order = true;
        if (word() != "False") {
          throw Error(
              ErrorKind::Unsupported,
              name_ + ": the array is in Fortran order; store numpy.ascontiguousarray of it");
        }
      } else if (key == "shape") {
        shape = true;
        array.shape = tuple();
      } else {
        fail("has the unknown key '" + key + "'");
      }
      if (peek() == ',') expect(',');
    }
    if (!descr || !order || !shape) fail("lacks descr, fortran_order or shape");
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::Input, name_ + ": corrupt .npy file: its header " + what);
  }
  char peek() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
    if (at_ == text_.size()) fail("ends early");
    return text_[at_];
  }
  void expect(char c) {
    if (peek() != c) fail(std::string("has no '") + c + "' where one belongs");
    ++at_;
  }
  std::string string() {
    const char quote = peek();
    if (quote == '[') {
      throw Error(ErrorKind::Unsupported, name_ + ": structured arrays are not supported");
    }
    if (quote != '\'' && quote != '"') fail("has no text where some belongs");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string::npos) fail("ends early");
    const std::string value = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return value;
  }
  std::string word() {
    peek();
    const size_t begin = at_;
    while (at_ < text_.size() && std::isalpha(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> extents;
    int64_t elements = 1;
    expect('(');
    while (peek() != ')') {
      int64_t extent = 0;
      const size_t begin = at_;
      for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0; ++at_)
        extent = std::min(extent * 10 + (text_[at_] - '0'), kMaxElements + 1);
      if (at_ == begin) fail("has a shape that is none");
      extents.push_back(extent);
      if (extents.size() > kMaxRank) fail("has more than 8 axes");
      elements *= std::max<int64_t>(extent, 1);
      if (elements > kMaxElements) fail("has a shape of more than 2^31 elements");
      if (peek() == ',') expect(',');
    }
    expect(')');
    return extents;
  }
  DType type(const std::string& code) const {
    for (const TypeCode& known : kTypes) {
      if (code == known.code) return known.dtype;
    }
    throw Error(
        ErrorKind::Unsupported,
        name_ + ": elements of type '" + code +
            "'; supported: float32, int8, uint8, int16, int32, int64, bool (little-endian)");
  }

  std::string text_, name_;
  size_t at_ = 0;
};

}  // namespace

int64_t NpyArray::elements() const {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

NpyArray parse_npy(const std::vector<uint8_t>& bytes, const std::string& name) {
  const auto corrupt = [&](const std::string& why) {
    return Error(ErrorKind::Input, name + ": corrupt .npy file: " + why);
  };
  if (bytes.size() < kMagicBytes + 4 || std::memcmp(bytes.data(), kMagic, kMagicBytes) != 0)
    throw Error(ErrorKind::Input, name + ": not an .npy file");
  const int major = bytes[kMagicBytes];
  if (major < 1 || major > 3) throw corrupt("version " + std::to_string(major));
  const size_t length_bytes = major == 1 ? 2 : 4;
  size_t at = kMagicBytes + 2, length = 0;
  if (bytes.size() < at + length_bytes) throw corrupt("it is cut off");
  for (size_t i = 0; i < length_bytes; ++i) length |= static_cast<size_t>(bytes[at + i]) << (8 * i);
  at += length_bytes;
  if (length > bytes.size() - at) throw corrupt("it is cut off");
  const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
  NpyArray array;
  HeaderReader(std::string(begin, begin + static_cast<std::ptrdiff_t>(length)), name).read(array);
  at += length;
  const size_t expected = static_cast<size_t>(array.elements()) * dtype_size(array.dtype);
  if (bytes.size() - at != expected) {
    throw corrupt(std::to_string(bytes.size() - at) + " bytes of data, its shape needs " +
                  std::to_string(expected));
  }
  array.bytes.assign(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end());
  return array;
}

std::vector<uint8_t> format_npy(const NpyArray& array) {
  assert(array.bytes.size() == static_cast<size_t>(array.elements()) * dtype_size(array.dtype));
  std::string shape;
  for (const int64_t extent : array.shape) shape += std::to_string(extent) + ", ";
  std::string code;
  for (const TypeCode& known : kTypes) {
    if (known.dtype == array.dtype) code = known.code;
  }
  assert(!code.empty());
  std::string header =
      "{'descr': '" + code + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  const size_t prefix = kMagicBytes + 4;
  header.append(kAlignment - 1 - (prefix + header.size()) % kAlignment, ' ');
  header += '\n';
  std::vector<uint8_t> bytes(kMagic, kMagic + kMagicBytes);
  bytes.push_back(1);
  bytes.push_back(0);
  bytes.push_back(static_cast<uint8_t>(header.size() & 0xFFU));
  bytes.push_back(static_cast<uint8_t>(header.size() >> 8));
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.insert(bytes.end(), array.bytes.begin(), array.bytes.end());
  return bytes;
}

}  // namespace mcunet
