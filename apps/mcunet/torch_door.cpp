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

// What the module's function `name` gives for a reference to it.
template <typename T>
T from_module(void* function) {
  T method;
  reinterpret_cast<void (*)(T&)>(function)(method);
  return method;
}

// A function of the module, or what to do `instead` beside what to install.
void* function_or(const char* name, const std::string& instead) {
  try {
    return import::torch_function(name);
  } catch (const Error& error) {
    std::vector<std::string> problems = error.problems();
    problems.push_back(instead);
    throw Error(error.kind(), std::move(problems));
  }
}

}  // namespace

quant::Reconstruct torch_reconstruct() {
  prepare_libraries();
  return from_module<quant::Reconstruct>(function_or(
      "mcunet_reconstruct", "--rounding nearest quantizes without LibTorch, less accurately"));
}

search::Train torch_train() {
  prepare_libraries();
  return from_module<search::Train>(import::torch_function("mcunet_train"));
}

search::MakeSupernet torch_supernet() {
  prepare_libraries();
  return from_module<search::MakeSupernet>(
      function_or("mcunet_supernet", "--score predictor searches without LibTorch and images"));
}

std::vector<uint8_t> torchscript_file(const torchscript::Program& program) {
  const auto write = reinterpret_cast<torchscript::WriteTorchScript*>(
      function_or(torchscript::kWriteTorchScript,
                  "without LibTorch there are the formats json, int8 and float (.tflite)"));
  return *write(program);
}

}  // namespace mcunet::app
