// Zip files as PyTorch writes them: entries stored uncompressed, ZIP64 records.
//
// Format: PKWARE's APPNOTE.TXT 6.3.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "libmcunet/checkpoint/byte_reader.h"

namespace mcunet::checkpoint {

bool is_zip(ByteView bytes);

// The entries by name, directories left out; views into `bytes`, checksums not yet compared. Throws
// Error(Input) for a damaged directory, Error(Unsupported) for encrypted entries and archives in
// several parts.
class ZipArchive {
 public:
  ZipArchive(ByteView bytes, std::string place);

  // In alphabetical order.
  std::vector<std::string> names() const;
  bool has(const std::string& name) const { return entries_.count(name) != 0; }
  // The content. Throws Error(Input) when there is no such entry or its checksum differs,
  // Error(Unsupported) when it is compressed.
  ByteView read(const std::string& name) const;

 private:
  struct Entry {
    uint64_t header = 0, size = 0, stored = 0;  // bytes
    uint32_t checksum = 0;
    uint16_t method = 0;
  };

  struct Directory {
    uint64_t offset = 0, entries = 0;
  };

  [[noreturn]] void damaged(const std::string& text) const;
  Directory find_directory() const;
  void read_entry(ByteReader& reader);

  ByteView bytes_;
  std::string place_;
  std::map<std::string, Entry> entries_;
};

}  // namespace mcunet::checkpoint
