// What the same network needs in other engines: models of them, fitted to published measurements
// (configs/measurements/published.json, docs/calibration.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libmcunet/board/board.h"
#include "libmcunet/graph/graph.h"

namespace mcunet {

// What an engine's time and memory depend on. Bytes of activations: one per element.
struct NetworkShape {
  int64_t conv_macs = 0;       // of convolutions and fully connected layers
  int64_t depthwise_macs = 0;  // of depthwise convolutions
  int64_t outputs = 0;         // elements that these layers and additions write
  int64_t operators = 0;       // without padding and reshaping
  int64_t parameters = 0;      // weights and biases
  // Largest sum of tensors that are alive together, padding and reshaping counting as part of their
  // neighbours; and with every depthwise convolution's output written over its input, which is
  // TinyEngine's rule (Lin et al., MCUNet, 2020, section 3.2).
  int64_t live = 0, live_in_place = 0;
};

// Of the network as it is in the file.
NetworkShape network_shape(const Graph& graph);

// A range as factors of the estimate.
struct RelativeBar {
  double low = 1, high = 1;
};

// A quantity's fit, and how far it was off on networks left out of it (leave one out; all versions
// of a network leave together). In per cent of the measured figure.
struct FitError {
  int64_t points = 0;
  double mean_pct = 0, worst_pct = 0;
};

struct EngineEstimate {
  std::string engine;              // "tinyengine"
  std::string fitted_on;           // board of the measurements
  std::vector<std::string> notes;  // what is special about this estimate
  int64_t sram = 0, flash = 0;     // bytes
  int64_t cycles = 0;
  double ms = 0;
  RelativeBar bar;  // of the time: held at least 90 % of the networks held out
  FitError time_error, sram_error, flash_error;
};

// "tinyengine", "cmsis-nn" (TensorFlow Lite Micro with CMSIS-NN), "tflm" (its reference kernels),
// "x-cube-ai".
const std::vector<std::string>& peer_engines();

// Fits the engine's measurements on the board; without any, on the nearest board of the same core,
// by cycles, with a wider bar. Throws Error(Usage) for an engine that is not known,
// Error(Unsupported) where nothing was measured on such a core.
EngineEstimate estimate_engine(const NetworkShape& shape, const std::string& engine,
                               const Board& board);

// One measurement against the fit to the others, with the bar that the others alone give.
struct HeldOut {
  std::string network;
  double measured_ms = 0, estimated_ms = 0;
  RelativeBar bar;
  bool inside() const {
    return measured_ms >= estimated_ms * bar.low && measured_ms <= estimated_ms * bar.high;
  }
};

struct EngineFit {
  std::string engine, board;
  std::vector<std::string> terms;
  std::vector<double> cycles_per_term;
  FitError time, sram, flash;
  std::vector<HeldOut> held_out;
};

// What the bars are meant to hold: those of estimate_engine() are of 95 %.
enum class Coverage { Nominal90, Nominal95 };

// All fits, for docs/calibration.md (tests/bench/calibration_tables.cpp) and tests.
std::vector<EngineFit> engine_fits(Coverage coverage = Coverage::Nominal95);

}  // namespace mcunet
