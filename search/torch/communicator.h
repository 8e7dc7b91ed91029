// Workers that train one network together, each on its part of a batch: threads of this process,
// and through c10d's Gloo those of others (PyTorch's usual MASTER_ADDR, MASTER_PORT, WORLD_SIZE,
// RANK).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace mcunet::search {

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Replaces the values by their sums over all workers; all call it with as many values, in the
  // same order of calls. The same bytes everywhere. Throws Error(External) when another worker is
  // gone.
  virtual void sum(float* values, int64_t count) = 0;
  virtual void sum(double* values, int64_t count) = 0;
};

// The only worker.
class Alone : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void sum(float*, int64_t) override {}
  void sum(double*, int64_t) override {}
};

// Processes: this one's place from the environment; nothing without WORLD_SIZE, or where it is 1.
// Waits for the others. Throws Error(Usage) for variables that are missing or make no sense,
// Error(External) when the others do not come within `timeout_s`.
std::unique_ptr<Communicator> processes_from_environment(double timeout_s = 300);

// Threads of this process, which together with those of `outer` (of as many threads each) make all
// workers. The sum is taken in the order of the ranks.
class ThreadTeam {
 public:
  ThreadTeam(int threads, Communicator& outer);
  ~ThreadTeam();

  int threads() const { return threads_; }
  // Calls `work` with each thread's communicator, each on a thread of its own. When one throws,
  // the others' sum() throws too; the first exception is rethrown here.
  void run(const std::function<void(Communicator&)>& work);

 private:
  class Member;
  void barrier();
  template <typename T>
  void sum(int thread, T* values, int64_t count);

  int threads_;
  Communicator& outer_;
  std::vector<void*> posted_;
  std::atomic<int> waiting_{0};
  std::atomic<uint64_t> round_{0};
  std::atomic<bool> failed_{false};
};

}  // namespace mcunet::search
