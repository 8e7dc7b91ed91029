#include "apps/mcunet/torch_door.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

#include "libmcunet/support/error.h"
#include "quant/import/torch_door.h"

namespace mcunet::app {

std::string torch_line() {
  std::error_code error;
  const std::filesystem::path here =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const std::string path = (here / "libmcunet-torch.so").string();
  if (!std::filesystem::exists(path, error))
    return "LibTorch module: not built; ./scripts/setup installs libtorch-dev, then build with "
           "-DMCUNET_WITH_TORCH=ON";
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!module) return std::string("LibTorch module: cannot be loaded: ") + dlerror();
  auto* version = reinterpret_cast<const char* (*)()>(dlsym(module, "mcunet_torch_version"));
  auto* threads = reinterpret_cast<int (*)()>(dlsym(module, "mcunet_torch_threads"));
  if (!version || !threads) return "LibTorch module: " + path + " is not one of mcunet's";
  return std::string("LibTorch module: ") + version() + ", " + std::to_string(threads()) +
         " threads";
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
