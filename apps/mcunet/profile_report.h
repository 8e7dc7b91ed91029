// The forms that `profile` gives its results in: text for the terminal, tables, JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "apps/mcunet/command.h"
#include "libmcunet/support/table.h"
#include "profiler/html_report.h"
#include "profiler/profile.h"

namespace mcunet::app {

enum class Rows { Layer, Block, Operator };

// "layer", "block" or "operator". Throws Error(Usage).
Rows parse_rows(const std::string& name);

// One row per layer, block or kind of operator. `grouped`: 12,345 for people; 12345 for programs.
Table profile_table(const Profile& profile, Rows rows, bool grouped);

// `tables` in this order.
void print_report(const Model& source, const Profile& profile, const std::vector<Rows>& tables);

std::vector<HtmlTable> html_tables(const Profile& profile);

nlohmann::ordered_json profile_json(const Model& source, const Profile& profile, bool latency_fits);

// ---- parts that reports of compiled firmware have too

// Instructions and cycles per function.
Table function_table(const Measurement& measured);
// That table and the sums; `stack` is the bound, 0 where it is not known.
void print_measurement(const Measurement& measured, int64_t macs_in_all, int64_t stack);
void print_latency(const Board& board, int64_t cycles, const BoardFactor& factor,
                   const std::optional<Measurement>& measurement);
std::string verdict(bool fits, const char* what, int64_t needed, int64_t available);

nlohmann::ordered_json emulator_json(const Measurement& measurement);
nlohmann::ordered_json latency_json(const Board& board, int64_t cycles, const BoardFactor& factor,
                                    const std::optional<Measurement>& measurement);

// Layers that take time and of which --measured has no count, by index.
std::vector<std::string> unmeasured_layers(const Profile& profile);

}  // namespace mcunet::app
