// The door to LibTorch: a module that is loaded only when it is asked for.
#pragma once

#include <string>

namespace mcunet::app {

// "LibTorch module: 1.13.0, 2 threads", or what to install to have one.
std::string torch_line();

}  // namespace mcunet::app
