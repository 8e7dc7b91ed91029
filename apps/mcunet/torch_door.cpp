#include "apps/mcunet/torch_door.h"

#include <cstdlib>

#include "libmcunet/support/error.h"
#include "quant/import/torch_door.h"

namespace mcunet::app {

std::string torch_line() {
  try {
    auto* version =
        reinterpret_cast<const char* (*)()>(import::torch_function("mcunet_torch_version"));
    auto* threads = reinterpret_cast<int (*)()>(import::torch_function("mcunet_torch_threads"));
    return std::string("LibTorch module: ") + version() + ", " + std::to_string(threads()) +
           " threads";
  } catch (const Error& error) {
    return std::string("LibTorch module: none; ") + error.what();
  }
}

quant::Reconstruct torch_reconstruct() {
  // Work is spread over threads that each compute for themselves; a BLAS with threads of its own
  // would only get in their way. Read when the library is loaded.
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  try {
    auto* get = reinterpret_cast<void (*)(quant::Reconstruct&)>(
        import::torch_function("mcunet_reconstruct"));
    quant::Reconstruct method;
    get(method);
    return method;
  } catch (const Error& error) {
    std::vector<std::string> problems = error.problems();
    problems.emplace_back("--rounding nearest quantizes without LibTorch, less accurately");
    throw Error(error.kind(), std::move(problems));
  }
}

}  // namespace mcunet::app
