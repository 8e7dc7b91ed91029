// The supernet's shared weights, its training, and the networks in it.
//
// Layout: the network of the widest place with all blocks, the largest kernels and expansions. A
// part uses the first channels of each layer, the first blocks of each stage, and of a depthwise
// kernel the middle, turned by a learned matrix (one per block and step from one size to the next
// smaller one; Once-for-All, section 3.3).
// Training: progressive shrinking in four phases (largest; kernels; depths; expansions, widths and
// resolutions), from the second on by the sandwich rule (largest, smallest, random ones) with the
// largest's scores as the others' targets (Yu, Huang, arXiv:1903.05134). Before expansions shrink,
// expanded channels are sorted by the norm of what the projection takes from them.
#pragma once

#include "search/supernet.h"

namespace mcunet::search {

// A search::MakeSupernet. Throws what train_with_torch() throws.
std::unique_ptr<Supernet> make_supernet_with_torch(const SupernetJob& job, const TrainHooks& hooks,
                                                   const checkpoint::StateDict& trained);

}  // namespace mcunet::search
