#include "search/torch/communicator.h"

#include <cstring>
#include <exception>
#include <mutex>
#include <thread>

#include "libmcunet/support/error.h"

namespace mcunet::search {
namespace {

// Thrown in the threads whose colleague failed; what the colleague threw is what is reported.
struct ColleagueFailed : std::exception {
  const char* what() const noexcept override { return "another training thread failed"; }
};

}  // namespace

class ThreadTeam::Member : public Communicator {
 public:
  Member(ThreadTeam& team, int thread) : team_(team), thread_(thread) {}
  int rank() const override { return team_.outer_.rank() * team_.threads_ + thread_; }
  int size() const override { return team_.outer_.size() * team_.threads_; }
  void sum(float* values, int64_t count) override { team_.sum(thread_, values, count); }
  void sum(double* values, int64_t count) override { team_.sum(thread_, values, count); }

 private:
  ThreadTeam& team_;
  int thread_;
};

ThreadTeam::ThreadTeam(int threads, Communicator& outer)
    : threads_(threads), outer_(outer), posted_(static_cast<size_t>(threads)) {}
ThreadTeam::~ThreadTeam() = default;

void ThreadTeam::run(const std::function<void(Communicator&)>& work) {
  failed_ = false;
  waiting_ = 0;
  std::mutex mutex;
  std::exception_ptr first;
  const auto body = [&](int thread) {
    try {
      Member member(*this, thread);
      work(member);
    } catch (const ColleagueFailed&) {
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      if (!first) first = std::current_exception();
      failed_ = true;
    }
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads_; ++i) others.emplace_back(body, i);
  body(0);
  for (std::thread& other : others) other.join();
  if (first) std::rethrow_exception(first);
}

// There are two hundred of these in a step, and the threads arrive almost together: they look for a
// while before they let others run.
void ThreadTeam::barrier() {
  const uint64_t round = round_.load();
  if (waiting_.fetch_add(1) + 1 == threads_) {
    waiting_ = 0;
    round_ = round + 1;
    return;
  }
  for (int64_t looks = 0; round_.load(std::memory_order_acquire) == round; ++looks) {
    if (failed_) throw ColleagueFailed{};
    if (looks > 2000) std::this_thread::yield();
  }
}

template <typename T>
void ThreadTeam::sum(int thread, T* values, int64_t count) {
  if (threads_ == 1) return outer_.sum(values, count);
  posted_[static_cast<size_t>(thread)] = values;
  barrier();
  T* total = static_cast<T*>(posted_[0]);
  if (thread == 0) {
    for (int i = 1; i < threads_; ++i) {
      const T* other = static_cast<const T*>(posted_[static_cast<size_t>(i)]);
      for (int64_t k = 0; k < count; ++k) total[k] += other[k];
    }
    outer_.sum(total, count);
  }
  barrier();
  if (thread != 0) std::memcpy(values, total, static_cast<size_t>(count) * sizeof(T));
  barrier();
}

}  // namespace mcunet::search
