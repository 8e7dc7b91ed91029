// Post-training quantization: a float network in, its int8 network out.
//
//   prepare → observe → equalize → ranges → weights → bias correction → (tune ranges)
//   → (reconstruct) → assemble
//
// Each stage is a function of its own header; this one is their sequence.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "libmcunet/graph/graph.h"
#include "quant/bias_correction.h"
#include "quant/calibration.h"
#include "quant/encodings.h"
#include "quant/equalize.h"
#include "quant/mixed.h"
#include "quant/ranges.h"
#include "quant/reconstruct.h"
#include "quant/report.h"
#include "quant/tune_ranges.h"
#include "quant/weights.h"

namespace mcunet::quant {

enum class WeightBits { Int8, Int4, Mixed };

struct QuantizeOptions {
  bool equalize = true;
  EqualizeOptions equalization;
  RangeMethod ranges = RangeMethod::Mse;
  // Of Int8; Int4 always takes the least squared error, where clipping pays.
  WeightScale weight_scale = WeightScale::Max;
  bool correct_biases = true;
  bool tune_ranges = false;  // against the network's outputs; takes minutes
  WeightBits weights = WeightBits::Int8;
  // Of Mixed: bytes of flash that the model may take, and what they are counted with.
  int64_t max_flash = 0;
  MeasureFlash measure_flash;
  Reconstruct reconstruct;  // empty: weights stay rounded to nearest
  ReconstructOptions reconstruction;
  // Takes what reconstruction gives even if it is much farther off on the calibration inputs.
  bool always_reconstruct = false;
  int threads = 0;  // 0: as many as the machine has
};

struct Quantized {
  Graph float_graph;                    // prepared and equalized: what the report compares with
  Encodings encodings;                  // as assembled
  Graph graph;                          // int8 inside and at the edges
  Report report;                        // on the calibration inputs
  bool reconstruction_refused = false;  // it went astray; the encodings are those before it
};

// Same input and options, same result, whatever `threads` (but for what `reconstruct` says of its
// own). Throws what the stages throw; Error(DoesNotFit) when no mixture of weights meets max_flash.
Quantized quantize(const Graph& float_graph, const Calibration& calibration,
                   const QuantizeOptions& options, const ProgressHook& progress = {});

}  // namespace mcunet::quant
