// Rounding by reconstruction: weights, their scales, biases and activation ranges that together
// make the quantized network compute what the float network does.
//
// Round-to-nearest treats each weight alone. Here all of them move, by fractions of a level and
// with straight-through gradients, against two targets at once: the outputs of the float network
// (Hinton et al., "Distilling the Knowledge in a Neural Network", arXiv:1503.02531) and what it
// computes at the ends of its blocks (BRECQ, Li et al., ICLR 2021, arXiv:2102.05426; AdaRound,
// Nagel et al., ICML 2020, arXiv:2004.10568). Every layer sees the inputs that the quantized layers
// before it give, so that later ones make up for earlier ones. Variations of the calibration images
// stand in for more images; the float network, not a label, says what is right for them.
#pragma once

#include "quant/reconstruct.h"

namespace mcunet::quant {

// A quant::Reconstruct. Iterations are steps of 16 samples; by default 400, and 800 where
// there are weights of 4 bits.
// Throws Error(Unsupported) for operators without a counterpart in LibTorch.
Encodings reconstruct_with_torch(const ReconstructInput& input, const ReconstructOptions& options,
                                 const ProgressHook& progress);

// What the encodings promise, computed in LibTorch's float arithmetic with the rounding of int8
// inference: the graph's outputs for one sample, as reals. The integer network may differ by one
// level where a value lies between two.
std::vector<std::vector<float>> simulate(const Graph& graph, const Encodings& encodings,
                                         const Calibration::Sample& sample);

}  // namespace mcunet::quant
