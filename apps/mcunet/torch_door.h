// The door to LibTorch: a module that is loaded only when it is asked for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libmcunet/torchscript/program.h"
#include "quant/reconstruct.h"
#include "search/supernet.h"
#include "search/training.h"

namespace mcunet::app {

// "LibTorch module: 1.13.0, 2 threads", or what to install to have one.
std::string torch_line();

// Reconstruction by LibTorch (quant/torch/reconstruct.h). Throws Error(External) with what to
// install, or to do instead, where the module is missing or does not fit.
quant::Reconstruct torch_reconstruct();

// Training by LibTorch (search/torch/train.h). Throws Error(External) likewise.
search::Train torch_train();
// Supernets (search/torch/supernet.h); the same.
search::MakeSupernet torch_supernet();
// The program as the file that torch.jit.load() reads. Throws as torch_reconstruct() does.
std::vector<uint8_t> torchscript_file(const torchscript::Program& program);

}  // namespace mcunet::app
