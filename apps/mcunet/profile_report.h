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

// Layers that take time and of which --measured has no count, by index.
std::vector<std::string> unmeasured_layers(const Profile& profile);

}  // namespace mcunet::app
