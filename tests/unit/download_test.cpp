#include "libmcunet/download/download.h"

#include <catch2/catch.hpp>
#include <cstdlib>

#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/random.h"
#include "libmcunet/support/sha256.h"
#include "tests/support/http_server.h"

using namespace mcunet;
using mcunet::testing::HttpServer;

namespace {

std::string noise(size_t bytes) {
  SplitMix64 random(11);
  std::string text(bytes, '\0');
  for (char& c : text) c = static_cast<char>(random.below(256));
  return text;
}

struct Place {
  // A proxy of the machine that runs the tests would be asked for 127.0.0.1.
  Place() { ::setenv("no_proxy", "127.0.0.1", 1); }

  HttpServer server;
  TemporaryDirectory directory;
  std::string content = noise(100000);
  std::filesystem::path path = directory.path() / "cache" / "net.tflite";

  DownloadRequest request(const std::string& name = "/net.tflite") {
    DownloadRequest made;
    made.url = server.base() + name;
    made.path = path;
    return made;
  }
  DownloadRequest checked() {
    DownloadRequest made = request();
    made.bytes = static_cast<int64_t>(content.size());
    made.sha256 = sha256_hex(content);
    return made;
  }
  bool part_is_there() const { return std::filesystem::exists(path.string() + ".part"); }
};

std::string failure(const DownloadRequest& request, ErrorKind kind = ErrorKind::Input) {
  try {
    download(request);
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.what();
  }
  FAIL_CHECK("no error");
  return "";
}

}  // namespace

TEST_CASE("a file is fetched once and checked", "[download]") {
  Place place;
  place.server.serve("/net.tflite", {place.content});
  const DownloadResult first = download(place.checked());
  CHECK(first.transferred == 100000);
  CHECK(first.bytes == 100000);
  CHECK(first.sha256 == sha256_hex(place.content));
  CHECK(read_text_file(place.path) == place.content);
  CHECK_FALSE(place.part_is_there());
  CHECK(download(place.checked()).transferred == 0);
  CHECK(place.server.requests().size() == 1);
  // A file that has rotted is fetched anew.
  write_file_atomically(place.path, "rotten");
  CHECK(download(place.checked()).transferred == 100000);
  CHECK(read_text_file(place.path) == place.content);
}

TEST_CASE("a cut connection is taken up where it ended", "[download]") {
  Place place;
  mcunet::testing::HttpFile file{place.content};
  file.cuts = 2;
  file.cut_after = 30000;
  place.server.serve("/net.tflite", file);
  const DownloadResult result = download(place.checked());
  CHECK(result.transferred == 100000);
  CHECK(read_text_file(place.path) == place.content);
  CHECK(place.server.requests() == std::vector<std::string>{"GET /net.tflite",
                                                            "GET /net.tflite bytes=30000-",
                                                            "GET /net.tflite bytes=60000-"});
}

TEST_CASE("after too many cuts what has come is kept for the next call", "[download]") {
  Place place;
  mcunet::testing::HttpFile file{place.content};
  file.cuts = 2;
  file.cut_after = 10000;
  place.server.serve("/net.tflite", file);
  DownloadRequest request = place.checked();
  request.attempts = 2;
  const std::string message = failure(request);
  CHECK(message.find("20,000 bytes are kept in") != std::string::npos);
  CHECK(place.part_is_there());
  CHECK_FALSE(std::filesystem::exists(place.path));
  CHECK(download(request).transferred == 80000);
  CHECK(read_text_file(place.path) == place.content);
}

TEST_CASE("a server without ranges sends it all again", "[download]") {
  Place place;
  mcunet::testing::HttpFile file{place.content};
  file.ranges = false;
  file.cuts = 1;
  file.cut_after = 40000;
  place.server.serve("/net.tflite", file);
  const DownloadResult result = download(place.checked());
  CHECK(result.transferred == 140000);
  CHECK(read_text_file(place.path) == place.content);
}

TEST_CASE("wrong content does not take the file's name", "[download]") {
  Place place;
  std::string other = place.content;
  other[5] = static_cast<char>(other[5] ^ 1);
  place.server.serve("/net.tflite", {other});
  CHECK(failure(place.checked()).find("SHA-256") != std::string::npos);
  place.server.serve("/net.tflite", {"<html>moved</html>"});
  CHECK(failure(place.checked()).find("18 bytes instead of 100,000") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(place.path));
  CHECK_FALSE(place.part_is_there());
}

TEST_CASE("a part of another file is thrown away", "[download]") {
  Place place;
  place.server.serve("/net.tflite", {place.content});
  std::filesystem::create_directories(place.path.parent_path());
  write_file_atomically(place.path.string() + ".part", noise(100001));
  CHECK(download(place.checked()).bytes == 100000);
  // Of unknown size: the server refuses the range, and it begins anew.
  std::filesystem::remove(place.path);
  write_file_atomically(place.path.string() + ".part", noise(100001));
  CHECK(download(place.request()).bytes == 100000);
  CHECK(read_text_file(place.path) == place.content);
  // A complete part only needs its name.
  std::filesystem::rename(place.path, place.path.string() + ".part");
  CHECK(download(place.checked()).transferred == 0);
  CHECK(read_text_file(place.path) == place.content);
}

TEST_CASE("errors of the server and of the network are told", "[download]") {
  Place place;
  CHECK(failure(place.request("/missing")).find("the server answers 404") != std::string::npos);
  mcunet::testing::HttpFile broken;
  broken.status = 503;
  place.server.serve("/busy", broken);
  CHECK(failure(place.request("/busy")).find("503") != std::string::npos);
  mcunet::testing::HttpFile moved;
  moved.redirect = "/net.tflite";
  place.server.serve("/old", moved);
  place.server.serve("/net.tflite", {place.content});
  CHECK(download(place.request("/old")).bytes == 100000);

  DownloadRequest nowhere = place.request();
  nowhere.url = "http://127.0.0.1:1/net.tflite";  // nobody listens there
  nowhere.path = place.directory.path() / "nowhere";
  CHECK(failure(nowhere).find("is there a network") != std::string::npos);
  nowhere.url = "gopher://127.0.0.1/";
  failure(nowhere, ErrorKind::Usage);
  nowhere.url = place.server.base() + "/net.tflite";
  nowhere.path = place.directory.path() / "file" / "below";
  write_file_atomically(place.directory.path() / "file", "no directory");
  CHECK(failure(nowhere).find("cannot make") != std::string::npos);
}

TEST_CASE("an empty file is a file", "[download]") {
  Place place;
  place.server.serve("/net.tflite", {""});
  CHECK(download(place.request()).bytes == 0);
  CHECK(std::filesystem::exists(place.path));
}

TEST_CASE("a proxy from the environment is asked", "[download]") {
  Place place;
  // A proxy is sent the whole address.
  place.server.serve("http://models.invalid/net.tflite", {place.content});
  ::setenv("http_proxy", place.server.base().c_str(), 1);
  DownloadRequest request = place.request();
  request.url = "http://models.invalid/net.tflite";
  CHECK(download(request).bytes == 100000);
  ::unsetenv("http_proxy");
}
