#include "quant/import/torch_door.h"

#include <dlfcn.h>

#include <filesystem>

#include "libmcunet/support/error.h"

namespace mcunet::import {

void* torch_function(const std::string& name) {
  std::error_code error;
  const std::filesystem::path here =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const std::string path = (here / "libmcunet-torch.so").string();
  if (!std::filesystem::exists(path, error))
    throw Error(ErrorKind::External,
                "this needs LibTorch, and mcunet was built without it: ./scripts/setup installs "
                "libtorch-dev, then build with -DMCUNET_WITH_TORCH=ON");
  // Never closed: LibTorch does not survive that.
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr)
    throw Error(ErrorKind::External,
                std::string("the LibTorch module cannot be loaded: ") + dlerror());
  void* function = dlsym(module, name.c_str());
  if (function == nullptr)
    throw Error(ErrorKind::External, path + " is of another version (it has no " + name + ")");
  return function;
}

}  // namespace mcunet::import
