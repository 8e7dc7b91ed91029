#include "libmcunet/checkpoint/zip_archive.h"

#include <zlib.h>

#include <algorithm>

#include "libmcunet/support/error.h"

namespace mcunet::checkpoint {
namespace {

constexpr uint32_t kLocalHeader = 0x04034b50, kDirectoryEntry = 0x02014b50;
constexpr uint32_t kDirectoryEnd = 0x06054b50, kDirectoryEnd64 = 0x06064b50;
constexpr uint32_t kLocator64 = 0x07064b50;
constexpr size_t kDirectoryEndSize = 22, kLocatorSize = 20;
constexpr size_t kMaxComment = 65535;
constexpr uint64_t kElsewhere16 = 0xFFFF, kElsewhere32 = 0xFFFFFFFF;  // in the ZIP64 record

// Field 1 of an entry's extra data: those of its sizes and its offset that need 64 bits, in order.
void read_extra64(ByteReader extra, uint64_t& size, uint64_t& stored, uint64_t& header) {
  while (extra.left() >= 4) {
    const uint64_t id = extra.unsigned_integer(2);
    const uint64_t length = extra.unsigned_integer(2);
    ByteReader field(extra.take(length), extra.place());
    if (id != 1) continue;
    for (uint64_t* value : {&size, &stored, &header}) {
      if (*value == kElsewhere32) *value = field.unsigned_integer(8);
    }
  }
}

}  // namespace

bool is_zip(ByteView bytes) {
  if (bytes.size < 4) return false;
  return ByteReader(bytes, "").unsigned_integer(4) == kLocalHeader;
}

ZipArchive::ZipArchive(ByteView bytes, std::string place)
    : bytes_(bytes), place_(std::move(place)) {
  const Directory directory = find_directory();
  ByteReader reader(bytes_, place_);
  reader.seek(directory.offset);
  for (uint64_t i = 0; i < directory.entries; ++i) read_entry(reader);
}

void ZipArchive::damaged(const std::string& text) const {
  throw Error(ErrorKind::Input, place_ + ": damaged zip file: " + text);
}

ZipArchive::Directory ZipArchive::find_directory() const {
  ByteReader reader(bytes_, place_);
  // Its record is the last one, before a comment of unknown length.
  size_t end = bytes_.size < kDirectoryEndSize ? 0 : bytes_.size - kDirectoryEndSize + 1;
  const size_t first = end > kMaxComment ? end - kMaxComment : 0;
  const auto is_end = [&](size_t at) {
    reader.seek(at);
    return reader.unsigned_integer(4) == kDirectoryEnd;
  };
  do {
    if (end == first) damaged("it has no directory; it may be truncated");
    --end;
  } while (!is_end(end));

  reader.seek(end + 4);
  const uint64_t disks = reader.unsigned_integer(2) + reader.unsigned_integer(2);
  reader.take(2);
  Directory directory;
  directory.entries = reader.unsigned_integer(2);
  const uint64_t size = reader.unsigned_integer(4);
  directory.offset = reader.unsigned_integer(4);
  const bool elsewhere =
      directory.entries == kElsewhere16 || size == kElsewhere32 || directory.offset == kElsewhere32;
  if (elsewhere && end >= kLocatorSize) {
    reader.seek(end - kLocatorSize);
    if (reader.unsigned_integer(4) != kLocator64) damaged("its ZIP64 locator is missing");
    reader.take(4);
    reader.seek(reader.unsigned_integer(8));
    if (reader.unsigned_integer(4) != kDirectoryEnd64) damaged("its ZIP64 directory is missing");
    reader.take(8 + 2 + 2 + 4 + 4 + 8);
    directory.entries = reader.unsigned_integer(8);
    reader.take(8);
    directory.offset = reader.unsigned_integer(8);
  } else if (disks != 0) {
    throw Error(ErrorKind::Unsupported, place_ + ": a zip archive in several parts");
  }
  return directory;
}

void ZipArchive::read_entry(ByteReader& reader) {
  if (reader.unsigned_integer(4) != kDirectoryEntry) damaged("a directory entry is missing");
  reader.take(2 + 2);
  const uint64_t flags = reader.unsigned_integer(2);
  Entry entry;
  entry.method = static_cast<uint16_t>(reader.unsigned_integer(2));
  reader.take(2 + 2);
  entry.checksum = static_cast<uint32_t>(reader.unsigned_integer(4));
  entry.stored = reader.unsigned_integer(4);
  entry.size = reader.unsigned_integer(4);
  const uint64_t name_length = reader.unsigned_integer(2);
  const uint64_t extra_length = reader.unsigned_integer(2);
  const uint64_t comment_length = reader.unsigned_integer(2);
  reader.take(2 + 2 + 4);
  entry.header = reader.unsigned_integer(4);
  const ByteView name_bytes = reader.take(name_length);
  const std::string name(name_bytes.data, name_bytes.data + name_bytes.size);
  read_extra64(ByteReader(reader.take(extra_length), place_), entry.size, entry.stored,
               entry.header);
  reader.take(comment_length);
  if (name.empty() || name.back() == '/') return;
  if ((flags & 1) != 0)
    throw Error(ErrorKind::Unsupported, place_ + ": entry " + name + " is encrypted");
  if (!entries_.emplace(name, entry).second) damaged("entry " + name + " occurs twice");
}

std::vector<std::string> ZipArchive::names() const {
  std::vector<std::string> all;
  all.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) all.push_back(name);
  return all;
}

ByteView ZipArchive::read(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) damaged("entry " + name + " is missing");
  const Entry& entry = found->second;
  if (entry.method != 0)
    throw Error(ErrorKind::Unsupported,
                place_ + ": entry " + name +
                    " is compressed, which torch.save() does not do; pack the archive again "
                    "without compression (zip -0)");
  ByteReader reader(bytes_, place_ + ": entry " + name);
  reader.seek(entry.header);
  if (reader.unsigned_integer(4) != kLocalHeader) damaged("entry " + name + " has no header");
  reader.take(22);
  const uint64_t name_length = reader.unsigned_integer(2);
  const uint64_t extra_length = reader.unsigned_integer(2);
  reader.take(name_length + extra_length);
  const ByteView content = reader.take(entry.size);
  if (crc32_z(0, content.data, content.size) != entry.checksum)
    damaged("the checksum of entry " + name + " differs");
  return content;
}

}  // namespace mcunet::checkpoint
