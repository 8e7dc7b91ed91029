// Published measurements (configs/measurements/published.json), as scripts/compact-measurements
// writes them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "profiler/engines.h"

namespace mcunet {

struct MeasuredPoint {
  std::string network, version;
  double clock_mhz = 0, ms = 0;
  int64_t sram = 0, flash = 0;  // bytes; 0: not published
  size_t source = 0;
  double cycles() const { return ms * clock_mhz * 1000; }
};

struct MeasuredFit {
  std::string engine, board;
  std::vector<std::string> terms;  // that time is fitted to
  std::vector<MeasuredPoint> points;
};

// The same firmware, on the board and emulated without caches.
struct EmulatedPoint {
  std::string board, network;
  double measured_cycles = 0, emulated_cycles = 0;
  size_t source = 0;  // index into Measurements::sources
};

// Cycles on an STM32F746 over cycles on an STM32H743.
struct BoardPair {
  std::string engine, network;
  double ratio = 0;
};

struct Measurements {
  std::vector<std::string> sources;
  std::map<std::string, NetworkShape> networks;
  std::vector<MeasuredFit> fits;
  std::vector<EmulatedPoint> emulated;
  std::vector<BoardPair> pairs;
};

Measurements published_measurements();

}  // namespace mcunet
