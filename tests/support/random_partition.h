// Partitions made at random, for what no search would choose.
#pragma once

#include <optional>

#include "compiler/plan.h"
#include "compiler/schedule/partition.h"
#include "libmcunet/support/random.h"

namespace mcunet::testing {

// The operators split into runs at random: single ones whole or by rows, several by rows wherever
// can_run() allows, each in a random direction. With `input_rows` the first run takes the network's
// input row by row, from the top; nothing where no run can.
std::optional<compiler::Partition> random_partition(const compiler::RowGraph& graph,
                                                    SplitMix64& random, bool input_rows = false);

// The plan of such a partition of a prepared graph, its operators reordered for memory or not.
std::optional<compiler::Plan> random_plan(const Graph& prepared, SplitMix64& random,
                                          bool input_rows = false);

}  // namespace mcunet::testing
