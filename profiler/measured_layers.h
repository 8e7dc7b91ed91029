// Cycle counts from a user's board, as the per-layer callback prints them
// (docs/commands/profile.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mcunet {

struct MeasuredLayers {
  int64_t total = 0;            // cycles of an inference: as given, else of all layers given
  bool total_given = false;     // by a line of its own
  std::vector<int64_t> layers;  // by index; -1 where none was given; empty if only the total was
};

// Lines "INDEX CYCLES" (or "INDEX,CYCLES"), or one line "total CYCLES"; '#' begins a comment, other
// lines that do not begin with a digit, such as a terminal's greeting, are passed over. An index
// that comes again begins the next inference: the last complete one counts, as the first runs on
// cold caches. `place` names the file in messages. Throws Error(Input) with every line that is
// wrong.
MeasuredLayers parse_measured_layers(const std::string& text, size_t layers,
                                     const std::string& place);

}  // namespace mcunet
