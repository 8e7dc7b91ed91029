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

namespace {

// Work is spread over threads that each compute for themselves; a BLAS with threads of its own
// would only get in their way, and OpenMP's must not spin while they wait. Read when the libraries
// are loaded. OpenBLAS 0.3.21 takes processors that are younger than itself for a Pentium 4
// (Prescott: a tenth of the speed) and is told better.
void prepare_libraries() {
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  setenv("OMP_WAIT_POLICY", "passive", 0);
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl")) {
    setenv("OPENBLAS_CORETYPE", "SkylakeX", 0);
  } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    setenv("OPENBLAS_CORETYPE", "Haswell", 0);
  }
#endif
}

}  // namespace

search::Train torch_train() {
  prepare_libraries();
  auto* get = reinterpret_cast<void (*)(search::Train&)>(import::torch_function("mcunet_train"));
  search::Train method;
  get(method);
  return method;
}

search::MakeSupernet torch_supernet() {
  prepare_libraries();
  auto* get =
      reinterpret_cast<void (*)(search::MakeSupernet&)>(import::torch_function("mcunet_supernet"));
  search::MakeSupernet method;
  get(method);
  return method;
}

quant::Reconstruct torch_reconstruct() {
  prepare_libraries();
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
