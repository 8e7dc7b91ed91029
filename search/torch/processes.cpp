// In a file of its own: c10d's headers take long to read.
#include <ATen/ATen.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "libmcunet/support/error.h"
#include "search/torch/communicator.h"

namespace mcunet::search {
namespace {

[[noreturn]] void gone(int rank, const std::exception& error) {
  const std::string text = error.what();
  throw Error(ErrorKind::External,
              "process " + std::to_string(rank) +
                  ": another training process has ended or cannot be reached (" +
                  text.substr(0, text.find('\n')) + "); start all of them again with --resume");
}

class GlooProcesses : public Communicator {
 public:
  GlooProcesses(const std::string& host, uint16_t port, int rank, int size, double timeout_s)
      : rank_(rank), size_(size) {
    const std::chrono::milliseconds timeout(static_cast<int64_t>(timeout_s * 1000));
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = rank == 0;
    options.numWorkers = static_cast<size_t>(size);
    options.timeout = timeout;
    try {
      auto store = c10::make_intrusive<c10d::TCPStore>(host, options);
      auto gloo = c10d::ProcessGroupGloo::Options::create(timeout);
      gloo->devices.push_back(host == "127.0.0.1" || host == "localhost"
                                  ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                  : c10d::ProcessGroupGloo::createDefaultDevice());
      group_ = c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, gloo);
    } catch (const std::exception& error) {
      const std::string text = error.what();
      throw Error(ErrorKind::External, "process " + std::to_string(rank) + " of " +
                                           std::to_string(size) + " cannot join the others at " +
                                           host + ":" + std::to_string(port) + " (" +
                                           text.substr(0, text.find('\n')) +
                                           "); are all of them started, and is the port free?");
    }
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void sum(float* values, int64_t count) override { reduce(values, count, at::kFloat); }
  void sum(double* values, int64_t count) override { reduce(values, count, at::kDouble); }

 private:
  void reduce(void* values, int64_t count, at::ScalarType type) {
    try {
      std::vector<at::Tensor> tensors = {at::from_blob(values, {count}, at::dtype(type))};
      group_->allreduce(tensors)->wait();
    } catch (const std::exception& error) {
      gone(rank_, error);
    }
  }

  int rank_, size_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
};

// A whole number from the environment.
std::optional<int> number(const char* name, int low, int high, std::vector<std::string>& problems) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (*end == '\0' && value >= low && value <= high) return static_cast<int>(value);
  problems.push_back(std::string(name) + "=" + text + " is not a number from " +
                     std::to_string(low) + " to " + std::to_string(high));
  return std::nullopt;
}

}  // namespace

std::unique_ptr<Communicator> processes_from_environment(double timeout_s) {
  std::vector<std::string> problems;
  const std::optional<int> size = number("WORLD_SIZE", 1, 1024, problems);
  if (problems.empty() && (!size || *size == 1)) return std::make_unique<Alone>();
  const std::optional<int> rank = number("RANK", 0, size.value_or(1024) - 1, problems);
  const std::optional<int> port = number("MASTER_PORT", 1, 65535, problems);
  const char* host = std::getenv("MASTER_ADDR");
  if (problems.empty() && !rank) problems.emplace_back("RANK is missing beside WORLD_SIZE");
  if (problems.empty() && !port) problems.emplace_back("MASTER_PORT is missing beside WORLD_SIZE");
  if (host == nullptr) problems.emplace_back("MASTER_ADDR is missing beside WORLD_SIZE");
  if (!problems.empty()) throw Error(ErrorKind::Usage, std::move(problems));
  return std::make_unique<GlooProcesses>(host, static_cast<uint16_t>(*port), *rank, *size,
                                         timeout_s);
}

}  // namespace mcunet::search
