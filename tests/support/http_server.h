// A web server for tests: one thread on a free port of 127.0.0.1, one connection after the other.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace mcunet::testing {

struct HttpFile {
  std::string content;
  bool ranges = true;  // answers "Range: bytes=N-" with 206
  int cuts = 0;        // so many answers end after `cut_after` bytes of the body
  size_t cut_after = 0;
  int status = 200;           // another one has no body
  std::string redirect = {};  // 302 to this path
};

class HttpServer {
 public:
  HttpServer();
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  void serve(const std::string& path, HttpFile file);
  std::string base() const;                   // "http://127.0.0.1:40123"
  std::vector<std::string> requests() const;  // first line and Range of each: "GET /a bytes=5-"

 private:
  void loop();
  void answer(int connection);

  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::map<std::string, HttpFile> files_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

}  // namespace mcunet::testing
