#include "libmcunet/download/download.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <system_error>

#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/sha256.h"
#include "libmcunet/support/table.h"

namespace mcunet {
namespace {

namespace fs = std::filesystem;

constexpr long kConnectSeconds = 20;
constexpr long kMostRedirects = 10;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
struct CleanUp {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;
using Curl = std::unique_ptr<CURL, CleanUp>;

int64_t size_of(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return error ? 0 : static_cast<int64_t>(size);
}

// One transfer into PATH.part, from `offset` on.
struct Transfer {
  const DownloadRequest& request;
  fs::path part;
  int64_t offset = 0;
  CURL* curl = nullptr;
  File file = {};
  int64_t received = 0;
  bool restarted = false;  // the server sent the whole file instead of the rest
  std::string file_error = {};
  std::optional<Progress> bar = {};
  std::array<char, CURL_ERROR_SIZE> message = {};

  // The file is opened with the first byte, when the answer's status is known.
  bool open() {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    restarted = offset > 0 && status == 200;
    file.reset(std::fopen(part.c_str(), offset > 0 && !restarted ? "ab" : "wb"));
    if (!file) {
      file_error = "cannot write " + part.string() + ": " +
                   std::error_code(errno, std::generic_category()).message();
      return false;
    }
    curl_off_t length = 0;
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    const int64_t begin = restarted ? 0 : offset;
    const int64_t total = request.bytes > 0 ? request.bytes : length > 0 ? begin + length : 0;
    if (request.progress != ProgressMode::None && total > 0) {
      bar.emplace("downloading " + request.path.filename().string(), "bytes", total,
                  request.progress);
      bar->advance(std::min(begin, total));
    }
    return true;
  }

  static size_t on_data(char* data, size_t size, size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (!transfer.file && !transfer.open()) return 0;
    const size_t written = std::fwrite(data, size, count, transfer.file.get());
    if (written != count) transfer.file_error = "cannot write " + transfer.part.string();
    transfer.received += static_cast<int64_t>(written * size);
    if (transfer.bar) transfer.bar->advance(static_cast<int64_t>(written * size));
    return written * size;
  }
};

enum class Outcome { Done, Again, Failed };

struct Attempt {
  Outcome outcome = Outcome::Failed;
  int64_t received = 0;
  std::string problem;
};

bool may_help_to_try_again(CURLcode code) {
  return code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
         code == CURLE_OPERATION_TIMEDOUT || code == CURLE_SEND_ERROR || code == CURLE_HTTP2_STREAM;
}

std::string remedy(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_OPERATION_TIMEDOUT:
      return "; is there a network, or a proxy to be named in https_proxy? Another address: --base";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return "; the package ca-certificates has the certificates";
    default:
      return "";
  }
}

Attempt attempt(const DownloadRequest& request, const fs::path& part) {
  const Curl curl(curl_easy_init());
  if (!curl) throw Error(ErrorKind::Internal, "libcurl cannot be started");
  Transfer transfer{request, part, size_of(part), curl.get()};
  const auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(curl.get(), option, value);
  };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https,file");
  set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_MAXREDIRS, kMostRedirects);
  set(CURLOPT_FAILONERROR, 1L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_USERAGENT, "mcunet");
  set(CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, std::max(1L, static_cast<long>(request.stall_seconds)));
  set(CURLOPT_ERRORBUFFER, transfer.message.data());
  set(CURLOPT_WRITEFUNCTION, &Transfer::on_data);
  set(CURLOPT_WRITEDATA, &transfer);
  // A range of our own: with CURLOPT_RESUME_FROM libcurl refuses servers that have no ranges.
  const std::string range = std::to_string(transfer.offset) + "-";
  if (transfer.offset > 0) set(CURLOPT_RANGE, range.c_str());

  const CURLcode code = curl_easy_perform(curl.get());
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  transfer.bar.reset();
  if (code == CURLE_OK && !transfer.file && transfer.offset == 0) transfer.open();  // an empty file
  if (transfer.file && std::fflush(transfer.file.get()) != 0 && transfer.file_error.empty())
    transfer.file_error = "cannot write " + part.string();
  transfer.file.reset();

  Attempt result;
  result.received = transfer.received;
  if (!transfer.file_error.empty()) throw Error(ErrorKind::Input, transfer.file_error);
  if (code == CURLE_OK) {
    result.outcome = Outcome::Done;
    return result;
  }
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
    throw Error(ErrorKind::Usage, "'" + request.url + "' is no address of http, https or file");
  if (status == 416) {  // nothing is left from here on: it is complete, or of another file
    if (request.bytes == transfer.offset && request.bytes > 0) {
      result.outcome = Outcome::Done;
    } else {
      fs::remove(part);
      result.outcome = Outcome::Again;
    }
    return result;
  }
  const std::string why =
      transfer.message[0] != '\0' ? transfer.message.data() : curl_easy_strerror(code);
  result.problem =
      "cannot fetch " + request.url + ": " +
      (code == CURLE_HTTP_RETURNED_ERROR ? "the server answers " + std::to_string(status) : why) +
      remedy(code);
  result.outcome = may_help_to_try_again(code) ? Outcome::Again : Outcome::Failed;
  return result;
}

// What is wrong with the file; nothing when it is what was asked for.
std::string difference(const DownloadRequest& request, const fs::path& path, std::string& digest) {
  const int64_t size = size_of(path);
  if (request.bytes > 0 && size != request.bytes)
    return "it has " + group_digits(size) + " bytes instead of " + group_digits(request.bytes);
  digest = sha256_file(path);
  if (!request.sha256.empty() && digest != request.sha256)
    return "its SHA-256 is " + digest + " instead of " + request.sha256;
  return "";
}

}  // namespace

DownloadResult download(const DownloadRequest& request) {
  DownloadResult result;
  std::error_code error;
  if (fs::is_regular_file(request.path, error) &&
      difference(request, request.path, result.sha256).empty()) {
    result.bytes = size_of(request.path);
    return result;
  }
  fs::create_directories(request.path.parent_path(), error);
  if (error)
    throw Error(ErrorKind::Input,
                "cannot make " + request.path.parent_path().string() + ": " + error.message());
  fs::path part = request.path;
  part += ".part";
  // A part that is larger than the file can be is of another one.
  if (request.bytes > 0 && size_of(part) > request.bytes) fs::remove(part, error);

  Attempt last;
  for (int i = 0; i < std::max(request.attempts, 1); ++i) {
    last = attempt(request, part);
    result.transferred += last.received;
    if (last.outcome != Outcome::Again) break;
  }
  if (last.outcome != Outcome::Done) {
    const int64_t kept = size_of(part);
    throw Error(ErrorKind::Input,
                last.problem + (kept > 0 ? "; " + group_digits(kept) + " bytes are kept in " +
                                               part.string() + ", the next call goes on there"
                                         : ""));
  }
  const std::string wrong = difference(request, part, result.sha256);
  if (!wrong.empty()) {
    fs::remove(part, error);
    throw Error(ErrorKind::Input, request.url + " is not the file that was expected: " + wrong +
                                      "; it was thrown away");
  }
  result.bytes = size_of(part);
  fs::rename(part, request.path, error);
  if (error)
    throw Error(ErrorKind::Input, "cannot write " + request.path.string() + ": " + error.message());
  return result;
}

}  // namespace mcunet
