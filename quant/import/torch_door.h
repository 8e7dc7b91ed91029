// The door to LibTorch for libraries: functions of the module that is loaded on demand.
#pragma once

#include <string>

namespace mcunet::import {

// The address of a function in libmcunet-torch.so, which lies beside the program. The module stays
// loaded. Throws Error(External) with what to install when there is none, or none that fits.
void* torch_function(const std::string& name);

}  // namespace mcunet::import
