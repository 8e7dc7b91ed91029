// The module that mcunet loads when a command needs LibTorch. Its functions have
// C names; what they take and give is C++, of the same build.
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <torch/csrc/api/include/torch/version.h>

extern "C" {

// The version of LibTorch it was built against.
const char* mcunet_torch_version() { return TORCH_VERSION; }

// Threads that LibTorch would use within an operator.
int mcunet_torch_threads() { return at::get_num_threads(); }
}
