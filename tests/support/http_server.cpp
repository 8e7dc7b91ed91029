#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace mcunet::testing {
namespace {

void send_all(int connection, const std::string& bytes) {
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t count =
        ::send(connection, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return;  // the client has gone
    sent += static_cast<size_t>(count);
  }
}

std::string read_request(int connection) {
  std::string text;
  char buffer[1024];
  while (text.find("\r\n\r\n") == std::string::npos) {
    const ssize_t count = ::recv(connection, buffer, sizeof buffer, 0);
    if (count <= 0) break;
    text.append(buffer, static_cast<size_t>(count));
  }
  return text;
}

}  // namespace

HttpServer::HttpServer() {
  listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, generic, length) != 0 || ::listen(listener_, 8) != 0 ||
      ::getsockname(listener_, generic, &length) != 0)
    throw std::runtime_error("no port for the test's web server");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { loop(); });
}

HttpServer::~HttpServer() {
  stop_ = true;
  thread_.join();
  ::close(listener_);
}

void HttpServer::serve(const std::string& path, HttpFile file) {
  const std::lock_guard<std::mutex> lock(mutex_);
  files_[path] = std::move(file);
}

std::string HttpServer::base() const { return "http://127.0.0.1:" + std::to_string(port_); }

std::vector<std::string> HttpServer::requests() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return requests_;
}

void HttpServer::loop() {
  while (!stop_) {
    pollfd waiting = {listener_, POLLIN, 0};
    if (::poll(&waiting, 1, 20) <= 0) continue;
    const int connection = ::accept(listener_, nullptr, nullptr);
    if (connection < 0) continue;
    answer(connection);
    ::close(connection);
  }
}

void HttpServer::answer(int connection) {
  const std::string request = read_request(connection);
  std::istringstream words(request);
  std::string method, path;
  words >> method >> path;
  size_t from = 0;
  const size_t range = request.find("Range: bytes=");
  if (range != std::string::npos) from = std::stoul(request.substr(range + 13));

  const std::lock_guard<std::mutex> lock(mutex_);
  requests_.push_back(method + " " + path +
                      (range == std::string::npos ? "" : " bytes=" + std::to_string(from) + "-"));
  const auto found = files_.find(path);
  if (found == files_.end() || found->second.status != 200) {
    const int status = found == files_.end() ? 404 : found->second.status;
    return send_all(connection, "HTTP/1.1 " + std::to_string(status) +
                                    " No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  }
  HttpFile& file = found->second;
  if (!file.redirect.empty()) {
    return send_all(connection, "HTTP/1.1 302 Found\r\nLocation: " + file.redirect +
                                    "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  }
  const bool partial = file.ranges && range != std::string::npos;
  if (partial && from >= file.content.size()) {
    return send_all(connection,
                    "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\n"
                    "Connection: close\r\n\r\n");
  }
  std::string body = file.content.substr(partial ? from : 0);
  std::string head = partial ? "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " +
                                   std::to_string(from) + "-" +
                                   std::to_string(file.content.size() - 1) + "/" +
                                   std::to_string(file.content.size()) + "\r\n"
                             : "HTTP/1.1 200 OK\r\n";
  head += "Content-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n";
  if (file.cuts > 0) {
    --file.cuts;
    body.resize(std::min(body.size(), file.cut_after));
  }
  send_all(connection, head + body);
}

}  // namespace mcunet::testing
