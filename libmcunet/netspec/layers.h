// Networks as lists of layers, for those that are no inverted-residual classifiers: detectors with
// several outputs, DS-CNN, ResNet, autoencoders. One line per layer:
//
//   conv 48 k3 s2 relu6         CONV_2D, square or rows x columns (k10x4 s2x1), to 48
//                               channels; k1 s1, no activation when left out
//   dw k3 s2 relu6              DEPTHWISE_CONV_2D
//   ir k5 e120 40 s2 se10       1×1 to 120 channels, depthwise 5×5, squeeze-and-excite through 10
//                               channels, 1×1 to 40; ADD of its input where the shapes agree.
//                               (not with "plain"). Without e no expansion. relu6, or the
//                               activation that is named
//   add with=NAME [relu]        ADD of the layer named NAME
//   avgpool | maxpool [k2 s2]   over all that is left of the image, or by windows
//   upsample 2                  RESIZE_NEAREST_NEIGHBOR to 2 times the rows and columns
//   flatten                     RESHAPE to [1, n]
//   dense 12 [relu]             FULLY_CONNECTED
//   softmax                     SOFTMAX
//
// Every layer takes the output of the one before; "from=NAME" takes another's, "as=NAME" gives a
// name. Convolutions and dense layers have a bias, into which batch norm is folded.
#pragma once

#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"
#include "libmcunet/netspec/build.h"

namespace mcunet::netspec {

struct LayerNetwork {
  Shape input;                       // without the batch: {128, 160, 3}, {640}
  bool same_padding = false;         // TensorFlow's SAME; else kernel / 2 on every side
  std::vector<std::string> layers;   // lines as above
  std::vector<std::string> outputs;  // names; empty: the last layer
};

// The validated int8 graph, with weights and quantization as build_graph() gives them (options.
// resolution is not used). Throws Error(Input) with the line of the first fault; `place` is the
// description's name for messages.
Graph build_layer_graph(const LayerNetwork& network, const BuildOptions& options,
                        const std::string& place);

}  // namespace mcunet::netspec
