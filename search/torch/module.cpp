// What the LibTorch module offers of training (quant/import/torch_door.h finds it by name).
#include "search/torch/supernet.h"
#include "search/torch/train.h"

extern "C" void mcunet_train(mcunet::search::Train& method) {
  method = mcunet::search::train_with_torch;
}

extern "C" void mcunet_supernet(mcunet::search::MakeSupernet& method) {
  method = mcunet::search::make_supernet_with_torch;
}
