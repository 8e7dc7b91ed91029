#include "libmcunet/support/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace mcunet {

int default_threads() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

void parallel_for(size_t count, int threads, const std::function<void(size_t)>& function) {
  if (threads <= 0) threads = default_threads();
  const size_t workers = std::min(count, static_cast<size_t>(threads));
  if (workers <= 1) {
    for (size_t i = 0; i < count; ++i) function(i);
    return;
  }

  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  size_t failed_index = count;
  // All indices below a failing one have been handed out before it, so the lowest failure is always
  // seen.
  const auto work = [&] {
    for (size_t i = next++; i < count; i = next++) {
      try {
        function(i);
      } catch (...) {
        next = count;
        const std::lock_guard<std::mutex> lock(mutex);
        if (i < failed_index) {
          failed_index = i;
          failure = std::current_exception();
        }
      }
    }
  };

  std::vector<std::thread> helpers;
  helpers.reserve(workers - 1);
  try {
    while (helpers.size() < workers - 1) helpers.emplace_back(work);
  } catch (const std::system_error&) {
    // No more threads to be had: those there are do all the work.
  }
  work();
  for (std::thread& helper : helpers) helper.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace mcunet
