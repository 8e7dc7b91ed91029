// Files from the network, with libcurl: http, https and file addresses; proxies as libcurl takes
// them from the environment (http_proxy, https_proxy, no_proxy).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "libmcunet/support/progress.h"

namespace mcunet {

struct DownloadRequest {
  std::string url;
  std::filesystem::path path;  // of the file to be; its directory is made
  int64_t bytes = 0;           // that it must have; 0: not known
  std::string sha256;          // that it must have, hexadecimal; empty: not known
  ProgressMode progress = ProgressMode::None;
  int attempts = 3;           // after a cut connection the transfer goes on where it stopped
  double stall_seconds = 30;  // without a byte, after which an attempt is given up
};

struct DownloadResult {
  int64_t bytes = 0;        // of the file
  int64_t transferred = 0;  // in this call: 0 when the file was there already
  std::string sha256;
};

// Fetches the file unless it is there with the size and digest that are asked for. What has arrived
// stands in PATH.part: a later call goes on there if the server can (HTTP Range), and begins anew
// if it cannot. The file appears under its name only when it is complete and right.
//
// Throws Error(Input): the server cannot be reached, answers with an error, ends too early, or the
// file has not the size or digest that it must have (then PATH.part is removed). Error(Usage): the
// address is none. Error(Input) also when PATH cannot be written.
DownloadResult download(const DownloadRequest& request);

}  // namespace mcunet
