#include "libmcunet/support/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <set>

#include "libmcunet/support/error.h"
#include "libmcunet/support/sha256.h"

using namespace mcunet;
namespace fs = std::filesystem;

namespace {

std::set<std::string> names_in(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    names.insert(fs::relative(entry.path(), directory).string());
  }
  return names;
}

template <typename Function>
std::string input_error(Function function) {
  try {
    function();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Input);
    return error.what();
  }
  FAIL("no error");
  return "";
}

}  // namespace

TEST_CASE("a file reads back as it was written") {
  const TemporaryDirectory directory;
  const fs::path path = directory.path() / "file";
  std::vector<uint8_t> bytes(100'000);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7 + i / 256);
  for (const size_t size : {size_t{0}, size_t{1}, size_t{65536}, bytes.size()}) {
    const std::vector<uint8_t> part(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
    write_file_atomically(path, part);
    CHECK(read_file(path) == part);
  }
  write_file_atomically(path, "text\n");
  CHECK(read_text_file(path) == "text\n");
  CHECK(names_in(directory.path()) == std::set<std::string>{"file"});
}

TEST_CASE("a written file has the permissions that the user's mask gives") {
  const TemporaryDirectory directory;
  const fs::path path = directory.path() / "file";
  const fs::path plain = directory.path() / "plain";
  write_file_atomically(path, "x");
  std::ofstream(plain.c_str()) << "x";
  CHECK(fs::status(path).permissions() == fs::status(plain).permissions());
}

TEST_CASE("errors name the path and the reason") {
  const TemporaryDirectory directory;
  const fs::path missing = directory.path() / "missing";
  CHECK(input_error([&] { read_file(missing); }) ==
        "cannot read " + missing.string() + ": No such file or directory");
  CHECK(input_error([&] { read_file(directory.path()); }).find("it is a directory") !=
        std::string::npos);
  CHECK(input_error([&] {
          write_file_atomically(missing / "file", "x");
        }).find("No such file or directory") != std::string::npos);
  CHECK(input_error([&] {
          write_file_atomically(directory.path(), "x");
        }).find("it is a directory") != std::string::npos);
}

TEST_CASE("more than 2 GiB is refused before memory is taken") {
  const TemporaryDirectory directory;
  const fs::path path = directory.path() / "sparse";
  write_file_atomically(path, "");
  REQUIRE(::truncate(path.c_str(), (off_t{1} << 31) + 1) == 0);
  CHECK(input_error([&] { read_file(path); }).find("larger than 2 GiB") != std::string::npos);
}

TEST_CASE("links are followed and devices not replaced") {
  const TemporaryDirectory directory;
  const fs::path file = directory.path() / "file";
  const fs::path link = directory.path() / "link";
  write_file_atomically(file, "old");
  fs::create_symlink(file, link);
  write_file_atomically(link, "new");
  CHECK(fs::is_symlink(link));
  CHECK(read_text_file(file) == "new");
  write_file_atomically("/dev/null", "x");
  CHECK(fs::is_character_file("/dev/null"));
  CHECK(read_file("/dev/null").empty());
}

TEST_CASE("a temporary directory goes with its object") {
  fs::path path;
  {
    TemporaryDirectory first;
    path = first.path();
    const TemporaryDirectory second(std::move(first));
    CHECK(second.path() == path);
    write_file_atomically(path / "file", "x");
    CHECK(fs::is_directory(path));
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("an output directory appears complete or not at all") {
  const TemporaryDirectory directory;
  const fs::path path = directory.path() / "new" / "out";
  OutputDirectory output(path / "");
  output.add("net.h", "header");
  output.add("src/net.c", std::vector<uint8_t>{'c'});
  CHECK_FALSE(fs::exists(path));
  CHECK(output.files() == std::vector<std::string>{"net.h", "src/net.c"});
  output.commit();
  CHECK(read_text_file(path / "net.h") == "header");
  CHECK(read_text_file(path / "src" / "net.c") == "c");
  CHECK(names_in(directory.path()) == std::set<std::string>{"new", "new/out", "new/out/net.h",
                                                            "new/out/src", "new/out/src/net.c"});
}

TEST_CASE("into an existing directory all files go or none") {
  const TemporaryDirectory directory;
  write_file_atomically(directory.path() / "a", "old");
  write_file_atomically(directory.path() / "other", "stays");
  OutputDirectory output(directory.path());
  output.add("a", "new");
  output.add("b", "new");

  SECTION("all") {
    output.commit();
    CHECK(read_text_file(directory.path() / "a") == "new");
    CHECK(read_text_file(directory.path() / "b") == "new");
    CHECK(read_text_file(directory.path() / "other") == "stays");
    CHECK(names_in(directory.path()) == std::set<std::string>{"a", "b", "other"});
  }
  SECTION("none, because one cannot be written") {
    output.add("other/c", "new");  // "other" is a file
    CHECK_FALSE(input_error([&] { output.commit(); }).empty());
    CHECK(read_text_file(directory.path() / "a") == "old");
    CHECK(names_in(directory.path()) == std::set<std::string>{"a", "other"});
  }
}

TEST_CASE("an output directory that is a file is refused") {
  const TemporaryDirectory directory;
  write_file_atomically(directory.path() / "file", "x");
  OutputDirectory output(directory.path() / "file");
  output.add("a", "new");
  CHECK(input_error([&] { output.commit(); }).find("not a directory") != std::string::npos);
}

TEST_CASE("SHA-256 of the standard's examples") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex(std::vector<uint8_t>{'a', 'b', 'c'}) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
