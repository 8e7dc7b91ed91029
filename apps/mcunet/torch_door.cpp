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
  // Work is spread over threads that each compute for themselves; a BLAS with threads of its own
  // would only get in their way. Read when the library is loaded.
  setenv("OPENBLAS_NUM_THREADS", "1", 0);
  auto* get = reinterpret_cast<void (*)(quant::Reconstruct&)>(function_or(
      "mcunet_reconstruct", "--rounding nearest quantizes without LibTorch, less accurately"));
  quant::Reconstruct method;
  get(method);
  return method;
}

std::vector<uint8_t> torchscript_file(const torchscript::Program& program) {
  const auto write = reinterpret_cast<torchscript::WriteTorchScript*>(
      function_or(torchscript::kWriteTorchScript,
                  "without LibTorch there are the formats json, int8 and float (.tflite)"));
  return *write(program);
}

}  // namespace mcunet::app
