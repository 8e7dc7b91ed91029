// The pictures of the HTML report, each an <svg> element to stand in a page with chart_style().
// Equal profiles give equal text. Shapes have tooltips.
#pragma once

#include <string>
#include <vector>

#include "profiler/profile.h"

namespace mcunet::charts {

// Colours and fonts of all of them, as CSS: for light and dark pages, and for paper.
std::string chart_style();

// The colour of a kind of operator, as a class: "k0" to "k6".
std::string kind_class(const Graph& graph, const Op& op);

// The model in the board's flash, and below, magnified, what it consists of: constants per layer in
// order, parameters, code.
std::string flash_map(const Profile& profile);

// One bar per layer, coloured by kind, with the blocks marked below, and the share of each kind
// above. Cycles as in Profile::layer_cycles(); with simulated caches what they add on top.
std::string cycles_per_layer(const Profile& profile);

// MACs per cycle against MACs per byte (inputs, weights and output, each once) of every layer that
// has MACs; a point's area is its time. Roofs: two MACs per cycle (SMLAD), what the core's load
// ports can deliver, and the bandwidth of lines filled from flash (emulated_caches()).
// S. Williams et al., "Roofline: an insightful visual performance model", CACM 52 (2009).
std::string roofline(const Profile& profile);

// Bytes per core cycle: of the load ports, and of lines filled from flash (0: not known).
double load_bytes_per_cycle(const Board& board);
double flash_bytes_per_cycle(const Board& board);
// Bytes of all inputs, weights and outputs of an operator.
int64_t touched_bytes(const Graph& graph, const Op& op);

// Several things by several measures, as bars side by side.
struct Bar {
  double value = 0;
  std::string text;          // what stands beside it
  double low = 0, high = 0;  // a range around it; none if equal
};
struct Contender {
  std::string name;
  bool chosen = false;
  std::vector<Bar> bars;  // one per measure
};
struct Measure {
  std::string title;
  double limit = 0;  // 0: none
  std::string limit_text;
};
std::string comparison(const std::vector<Measure>& measures,
                       const std::vector<Contender>& contenders);

std::string schedules(const Profile& profile);
std::string engines(const Profile& profile);

}  // namespace mcunet::charts
