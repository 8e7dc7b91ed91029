#include "libmcunet/support/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "libmcunet/support/error.h"

namespace mcunet {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLargestFile = size_t{1} << 31;

std::string reason(int error) { return std::generic_category().message(error); }

[[noreturn]] void fail(const std::string& what, const fs::path& path, const std::string& why) {
  throw Error(ErrorKind::Input, "cannot " + what + " " + path.string() + ": " + why);
}

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }
  // Some file systems report a full disk only here. Returns 0 or errno.
  int close() {
    const int fd = fd_;
    fd_ = -1;
    return ::close(fd) == 0 ? 0 : errno;
  }

 private:
  int fd_;
};

template <typename Bytes>
Bytes read_whole(const fs::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) fail("read", path, reason(errno));
  struct stat status = {};
  if (::fstat(file.get(), &status) != 0) fail("read", path, reason(errno));
  if (S_ISDIR(status.st_mode)) fail("read", path, "it is a directory");

  Bytes bytes;
  // One more than the size, so that the last read() sees the end; a pipe has no size and grows by
  // pieces.
  const size_t expected = S_ISREG(status.st_mode) ? static_cast<size_t>(status.st_size) + 1 : 65536;
  size_t used = 0;
  for (;;) {
    if (used > kLargestFile || expected > kLargestFile + 1) {
      fail("read", path, "it is larger than 2 GiB");
    }
    if (used == bytes.size()) bytes.resize(std::max(expected, used * 2));
    const ssize_t count = ::read(file.get(), bytes.data() + used, bytes.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("read", path, reason(errno));
    if (count == 0) break;
    used += static_cast<size_t>(count);
  }
  bytes.resize(used);
  return bytes;
}

void write_all(FileDescriptor& file, std::string_view text, const fs::path& path) {
  size_t used = 0;
  while (used < text.size()) {
    const ssize_t count = ::write(file.get(), text.data() + used, text.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("write", path, reason(errno));
    used += static_cast<size_t>(count);
  }
  const int error = file.close();
  if (error != 0) fail("write", path, reason(error));
}

std::string_view as_text(const std::vector<uint8_t>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

fs::path temporary_name(const fs::path& path, int attempt) {
  return path.parent_path() / ("." + path.filename().string() + ".tmp-" +
                               std::to_string(::getpid()) + "-" + std::to_string(attempt));
}

// Creates a sibling of `path` that exists nowhere yet. Not mkstemp, whose files only their owner
// may read.
fs::path write_temporary(const fs::path& path, std::string_view text) {
  for (int attempt = 0;; ++attempt) {
    fs::path name = temporary_name(path, attempt);
    FileDescriptor file(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (file.get() < 0 && errno == EEXIST && attempt < 1000) continue;
    if (file.get() < 0) fail("write", path, reason(errno));
    try {
      write_all(file, text, path);
    } catch (...) {
      ::unlink(name.c_str());
      throw;
    }
    return name;
  }
}

void rename_over(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail("write", to, reason(errno));
}

fs::path create_temporary_sibling(const fs::path& path) {
  for (int attempt = 0;; ++attempt) {
    fs::path name = temporary_name(path, attempt);
    if (::mkdir(name.c_str(), 0777) == 0) return name;
    if (errno != EEXIST || attempt == 1000) fail("create", path, reason(errno));
  }
}

void make_directories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail("create", path, error.message());
}

void remove_quietly(const fs::path& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

}  // namespace

std::vector<uint8_t> read_file(const fs::path& path) {
  return read_whole<std::vector<uint8_t>>(path);
}

std::string read_text_file(const fs::path& path) { return read_whole<std::string>(path); }

void write_file_atomically(const fs::path& path, std::string_view text) {
  struct stat status = {};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) fail("write", path, "it is a directory");
  if (exists && !S_ISREG(status.st_mode)) {
    // Renaming over /dev/stdout or /dev/null would replace the device.
    FileDescriptor device(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (device.get() < 0) fail("write", path, reason(errno));
    write_all(device, text, path);
    return;
  }
  std::error_code error;
  const fs::path target = exists ? fs::canonical(path, error) : path;
  if (error) fail("write", path, error.message());
  const fs::path temporary = write_temporary(target, text);
  try {
    rename_over(temporary, target);
  } catch (...) {
    remove_quietly(temporary);
    throw;
  }
}

void write_file_atomically(const fs::path& path, const std::vector<uint8_t>& bytes) {
  write_file_atomically(path, as_text(bytes));
}

TemporaryDirectory::TemporaryDirectory() {
  const char* base = std::getenv("TMPDIR");
  std::string name =
      std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/mcunet-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) fail("create", name, reason(errno));
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  if (!path_.empty()) remove_quietly(path_);
}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept {
  path_.swap(other.path_);
}

TemporaryDirectory& TemporaryDirectory::operator=(TemporaryDirectory&& other) noexcept {
  path_.swap(other.path_);
  return *this;
}

OutputDirectory::OutputDirectory(fs::path path) : path_(std::move(path)) {
  if (!path_.has_filename()) path_ = path_.parent_path();  // "out/" names the same as "out"
  if (path_.empty()) path_ = ".";
}

void OutputDirectory::add(const std::string& relative, std::string text) {
  assert(!relative.empty() && fs::path(relative).is_relative());
  assert(fs::path(relative).lexically_normal().string().rfind("..", 0) != 0);
  assert(std::none_of(files_.begin(), files_.end(),
                      [&](const auto& file) { return file.first == relative; }));
  files_.emplace_back(relative, std::move(text));
}

void OutputDirectory::add(const std::string& relative, const std::vector<uint8_t>& bytes) {
  add(relative, std::string(as_text(bytes)));
}

std::vector<std::string> OutputDirectory::files() const {
  std::vector<std::string> names;
  names.reserve(files_.size());
  for (const auto& file : files_) names.push_back(file.first);
  return names;
}

void OutputDirectory::commit() const {
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (fs::exists(status) && !fs::is_directory(status)) {
    fail("write into", path_, "it is not a directory");
  }

  if (!fs::exists(status)) {
    if (path_.has_parent_path()) make_directories(path_.parent_path());
    const fs::path building = create_temporary_sibling(path_);
    try {
      for (const auto& [name, text] : files_) {
        const fs::path target = building / name;
        make_directories(target.parent_path());
        write_file_atomically(target, text);
      }
      rename_over(building, path_);
    } catch (...) {
      remove_quietly(building);
      throw;
    }
    return;
  }

  std::vector<fs::path> temporaries;
  size_t placed = 0;
  try {
    for (const auto& [name, text] : files_) {
      const fs::path target = path_ / name;
      if (fs::is_directory(target, error)) fail("write", target, "it is a directory");
      make_directories(target.parent_path());
      temporaries.push_back(write_temporary(target, text));
    }
    for (; placed < temporaries.size(); ++placed) {
      rename_over(temporaries[placed], path_ / files_[placed].first);
    }
  } catch (...) {
    for (size_t i = placed; i < temporaries.size(); ++i) remove_quietly(temporaries[i]);
    throw;
  }
}

}  // namespace mcunet
