#include "apps/mcunet/torch_door.h"

#include <dlfcn.h>

#include <filesystem>

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

}  // namespace mcunet::app
