// Reading and writing files, so that a failure never leaves a half-written one behind.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mcunet {

// The whole file. Throws Error(Input) with the path and the system's reason when it cannot be read,
// is a directory, or holds more than 2 GiB.
std::vector<uint8_t> read_file(const std::filesystem::path& path);
std::string read_text_file(const std::filesystem::path& path);

// Replaces or creates the file in one step: readers see the old content or the new, never a part. A
// symbolic link is followed; devices and pipes (/dev/stdout) are written directly. Throws
// Error(Input) when it cannot be written.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);
void write_file_atomically(const std::filesystem::path& path, const std::vector<uint8_t>& bytes);

// A new empty directory under $TMPDIR (or /tmp), removed with its content at the end of the
// object's life.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(TemporaryDirectory&& other) noexcept;
  TemporaryDirectory& operator=(TemporaryDirectory&& other) noexcept;
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The files of a directory to be: collected in memory, and written all together by commit(). A
// directory that does not exist yet appears complete, by one rename. Into an existing one every
// file is first written under a temporary name, so that a full disk changes nothing; other files
// that are there stay.
class OutputDirectory {
 public:
  explicit OutputDirectory(std::filesystem::path path);

  // `relative` stays inside the directory; a name added twice is a programming error.
  void add(const std::string& relative, std::string text);
  void add(const std::string& relative, const std::vector<uint8_t>& bytes);

  // Throws Error(Input) when something cannot be written.
  void commit() const;

  const std::filesystem::path& path() const { return path_; }
  std::vector<std::string> files() const;  // relative names, in the order of add()

 private:
  std::filesystem::path path_;
  std::vector<std::pair<std::string, std::string>> files_;
};

}  // namespace mcunet
