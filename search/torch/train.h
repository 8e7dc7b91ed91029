// Training of one network.
#pragma once

#include "search/training.h"

namespace mcunet::search {

// A search::Train. Throws Error(Input) for weights that do not fit the network, or checkpoints of
// another training; Error(Usage) for a device that is not there; Error(External) when another
// process of the training is gone.
TrainResult train_with_torch(const TrainJob& job, const TrainHooks& hooks);

}  // namespace mcunet::search
