// Runs damaged inputs in child processes, so that a crash costs one of them and its seed is known.
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <iostream>
#include <new>
#include <stdexcept>
#include <string>

namespace mcunet::testing {

// A `T` of zeros that this process and its children share, for good.
template <typename T>
T& shared_by_children() {
  void* memory =
      mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return *static_cast<T*>(memory);
}

// Calls run(seed), which says what went wrong or nothing, for each of [first, end); one that takes
// longer than `hang_seconds` is killed. Prints each failure with label(seed), and returns how many
// there were.
inline uint64_t run_in_children(uint64_t first, uint64_t end, unsigned hang_seconds,
                                const std::function<std::string(uint64_t seed)>& run,
                                const std::function<std::string(uint64_t seed)>& label) {
  struct Shared {
    volatile uint64_t seed;
    uint64_t failures;
  };
  auto& shared = shared_by_children<Shared>();
  const auto report = [&](uint64_t seed, const std::string& problem) {
    std::cout << label(seed) << ": " << problem << std::endl;
    ++shared.failures;
  };
  for (uint64_t next = first; next < end;) {
    std::cout.flush();
    shared.seed = next;
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("fork failed");
    if (child == 0) {
      for (uint64_t seed = next; seed < end; ++seed) {
        shared.seed = seed;
        alarm(hang_seconds);  // each anew; SIGALRM ends the child
        const std::string problem = run(seed);
        if (!problem.empty()) report(seed, problem);
      }
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) break;
    report(shared.seed, WIFSIGNALED(status) ? "killed by signal " + std::to_string(WTERMSIG(status))
                                            : "exit code " + std::to_string(WEXITSTATUS(status)));
    next = shared.seed + 1;
  }
  return shared.failures;
}

}  // namespace mcunet::testing
