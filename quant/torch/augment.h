// Variations of calibration images, so that a hundred of them say enough about a network's weights.
#pragma once

#include <vector>

#include "libmcunet/graph/graph.h"
#include "libmcunet/support/random.h"
#include "quant/calibration.h"

namespace mcunet::quant {

// Images are mirrored, shifted by up to a tenth of their extents (the border reflected) and changed
// a little in contrast and brightness, within the values that the calibration inputs have. No label
// is needed: the float network says what the varied image is. What does not look like an image, by
// its shape [1, at least 16, at least 16, 1 or 3], stays as it is.
class Augmenter {
 public:
  Augmenter(const Graph& graph, const Calibration& calibration);

  // Buffers of floats, one per graph input.
  std::vector<std::vector<float>> operator()(const Calibration::Sample& sample,
                                             SplitMix64& random) const;

 private:
  struct Input {
    Shape shape;
    bool image;
    float low, high;  // over all samples
  };
  std::vector<Input> inputs_;
};

}  // namespace mcunet::quant
