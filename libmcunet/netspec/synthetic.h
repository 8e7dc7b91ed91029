// Quantization and weights for networks that were never trained: what an int8 converter would give
// for a network of unit-variance weights and batch norm, so that activations use the range of int8
// and outputs depend on inputs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "libmcunet/graph/types.h"
#include "libmcunet/netspec/description.h"
#include "libmcunet/support/random.h"

namespace mcunet::netspec {

// What the real values of an activation look like: roughly normal before the activation function.
struct Spread {
  double mean = 0, deviation = 1;
  double mean_square() const { return mean * mean + deviation * deviation; }
};

// Of values with the spread `in` and mean 0, after the activation function.
Spread after(const Spread& in, ActivationFunction activation);

// Scale and zero point for values with the spread `in` before the activation: from zero for
// rectified ones (zero point -128), symmetric otherwise (zero point 0).
Quantization quantization_for(const Spread& in, ActivationFunction activation);
Quantization per_tensor(double scale, int32_t zero_point);

// Spread of the outputs of convolutions, as batch norm leaves it.
inline constexpr double kConvDeviation = 1.5;

// Scales for the weights of `channels` outputs that are sums of `taps` products with inputs of the
// spread `in`, so that outputs have about kConvDeviation. Random by a factor of 3.
Quantization weight_scales(int32_t channels, int64_t taps, const Spread& in, int axis,
                           SplitMix64& random);
// The products with the input's scale, which is what TFLite demands of a bias.
Quantization bias_scales(const Quantization& weights, float input_scale);

ConstantData random_weights(size_t count, SplitMix64& random);  // int8, -127 to 127
// int32; real values within ±0.3.
ConstantData random_bias(const Quantization& scales, SplitMix64& random);

// Constant data for graphs that are planned but never run. Tensors of one graph get buffers that
// differ (equal ones would be merged and counted once), the next graph gets the same ones again:
// nothing is allocated for a network like the one before. Not for several threads at once.
class Placeholders {
 public:
  void begin();  // the next graph
  ConstantData take(size_t bytes);

 private:
  struct Shelf {
    std::vector<ConstantData> buffers;
    size_t taken = 0;
  };
  std::map<size_t, Shelf> shelves_;  // by size
};

}  // namespace mcunet::netspec
