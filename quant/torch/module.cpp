// What the LibTorch module offers of quantization (quant/import/torch_door.h finds it by name).
#include "quant/torch/reconstruct.h"

extern "C" void mcunet_reconstruct(mcunet::quant::Reconstruct& method) {
  method = mcunet::quant::reconstruct_with_torch;
}
