#include "libmcunet/checkpoint/write.h"

#include <zlib.h>

#include <cassert>
#include <string>
#include <utility>

namespace mcunet::checkpoint {
namespace {

// Little-endian fields, one after the other.
class ByteWriter {
 public:
  void number(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
  void raw(const std::string& text) { bytes_.insert(bytes_.end(), text.begin(), text.end()); }
  void raw(const std::vector<uint8_t>& data) {
    bytes_.insert(bytes_.end(), data.begin(), data.end());
  }
  size_t size() const { return bytes_.size(); }
  std::vector<uint8_t> finish() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

const char* storage_name(DType dtype) {
  switch (dtype) {
    case DType::Float32:
      return "FloatStorage";
    case DType::Int64:
      return "LongStorage";
    case DType::Int32:
      return "IntStorage";
    case DType::Int16:
      return "ShortStorage";
    case DType::Int8:
      return "CharStorage";
    case DType::UInt8:
      return "ByteStorage";
    case DType::Bool:
      return "BoolStorage";
    case DType::Int4:
      break;
  }
  assert(!"no storage of this type");
  return "";
}

// The opcodes of pickle protocol 2 that are needed (Lib/pickletools.py).
class PickleWriter {
 public:
  PickleWriter() { out_.raw("\x80\x02"); }

  void raw(const char* opcodes) { out_.raw(std::string(opcodes)); }
  void global(const std::string& module, const std::string& name) {
    out_.raw("c" + module + "\n" + name + "\n");
  }
  void text(const std::string& value) {
    out_.raw("X");
    out_.number(value.size(), 4);
    out_.raw(value);
  }
  // LONG1 where 31 bits are not enough.
  void integer(uint64_t value) {
    if (value <= INT32_MAX) {
      out_.raw("J");
      out_.number(value, 4);
    } else {
      out_.raw("\x8a\x08");
      out_.number(value, 8);
    }
  }
  void integers(const std::vector<uint64_t>& values) {
    raw("(");
    for (const uint64_t value : values) integer(value);
    raw("t");
  }
  std::vector<uint8_t> finish() {
    raw(".");
    return out_.finish();
  }

 private:
  ByteWriter out_;
};

// _rebuild_tensor_v2(storage, 0, size, stride, False, OrderedDict())
void write_tensor(PickleWriter& out, const Tensor& tensor, const std::string& key) {
  out.global("torch._utils", "_rebuild_tensor_v2");
  out.raw("((");
  out.text("storage");
  out.global("torch", storage_name(tensor.dtype));
  out.text(key);
  out.text("cpu");
  out.integer(static_cast<uint64_t>(tensor.elements()));
  out.raw("tQ");
  out.integer(0);
  std::vector<uint64_t> sizes(tensor.shape.begin(), tensor.shape.end());
  std::vector<uint64_t> strides(sizes.size(), 1);
  for (size_t d = strides.size(); d-- > 1;) strides[d - 1] = strides[d] * sizes[d];
  out.integers(sizes);
  out.integers(strides);
  out.raw("\x89");
  out.global("collections", "OrderedDict");
  out.raw(")RtR");
}

std::vector<uint8_t> pickle_of(const StateDict& tensors) {
  PickleWriter out;
  out.global("collections", "OrderedDict");
  out.raw(")R(");
  size_t key = 0;
  for (const auto& [name, tensor] : tensors) {
    out.text(name);
    write_tensor(out, tensor, std::to_string(key++));
  }
  out.raw("u");
  return out.finish();
}

// Entries are stored as they are, each beginning at a multiple of 64 bytes, as PyTorch maps them.
class ZipWriter {
 public:
  void add(const std::string& name, const std::vector<uint8_t>& content) {
    constexpr size_t kAlignment = 64, kFields = 30, kExtraFields = 4;
    const auto checksum = static_cast<uint32_t>(crc32_z(0, content.data(), content.size()));
    const size_t header = out_.size();
    const size_t unpadded = header + kFields + name.size() + kExtraFields;
    const size_t padding = (kAlignment - unpadded % kAlignment) % kAlignment;
    out_.number(0x04034b50, 4);
    common_fields(out_, checksum, content.size(), name.size(), kExtraFields + padding);
    out_.raw(name);
    out_.number(0x4246, 2);  // "FB", as PyTorch marks its padding
    out_.number(padding, 2);
    out_.raw(std::string(padding, 'Z'));
    out_.raw(content);

    directory_.number(0x02014b50, 4);
    directory_.number(0, 2);  // made by
    common_fields(directory_, checksum, content.size(), name.size(), 0);
    directory_.number(0, 2);  // comment
    directory_.number(0, 8);  // disk, attributes
    directory_.number(header, 4);
    directory_.raw(name);
    ++entries_;
  }

  std::vector<uint8_t> finish() {
    const size_t begin = out_.size();
    const size_t size = directory_.size();
    out_.raw(directory_.finish());
    out_.number(0x06054b50, 4);
    out_.number(0, 4);
    out_.number(entries_, 2);
    out_.number(entries_, 2);
    out_.number(size, 4);
    out_.number(begin, 4);
    out_.number(0, 2);
    return out_.finish();
  }

 private:
  // What the header of an entry and its line in the directory share. No time: the same content
  // gives the same bytes.
  static void common_fields(ByteWriter& out, uint32_t checksum, size_t size, size_t name_size,
                            size_t extra_size) {
    constexpr uint64_t kFirstDay = 0x0021;  // 1 January 1980
    out.number(20, 2);
    out.number(0, 2);  // flags
    out.number(0, 2);  // stored
    out.number(0, 2);
    out.number(kFirstDay, 2);
    out.number(checksum, 4);
    out.number(size, 4);
    out.number(size, 4);
    out.number(name_size, 2);
    out.number(extra_size, 2);
  }

  ByteWriter out_, directory_;
  uint64_t entries_ = 0;
};

}  // namespace

std::vector<uint8_t> write_state_dict(const StateDict& tensors) {
  ZipWriter zip;
  zip.add("archive/data.pkl", pickle_of(tensors));
  size_t key = 0;
  for (const auto& [name, tensor] : tensors)
    zip.add("archive/data/" + std::to_string(key++), *tensor.data);
  zip.add("archive/version", {'3', '\n'});
  return zip.finish();
}

}  // namespace mcunet::checkpoint
