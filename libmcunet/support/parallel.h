#pragma once

#include <cstddef>
#include <functional>

namespace mcunet {

// Calls function(0) … function(count - 1), each once, on up to `threads` threads (0: as many as the
// machine has). Calls start in order of the index; results belong into slots of their own, so that
// nothing depends on the number of threads. When calls throw, no further ones start, and the
// exception of the lowest index that threw is rethrown.
void parallel_for(size_t count, int threads, const std::function<void(size_t)>& function);

// What `-j 0` means: the processors this process may use, at least 1.
int default_threads();

}  // namespace mcunet
