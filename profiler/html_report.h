// The profile as one page that needs nothing else: for a browser, for paper, for a colleague.
#pragma once

#include <string>
#include <vector>

#include "libmcunet/support/table.h"
#include "profiler/profile.h"

namespace mcunet {

struct HtmlTable {
  std::string title, note;
  Table table;
  bool open = true;  // shown without a click
};

// HTML 5 that is also well-formed XML but for its first line: summary, arena over time, flash,
// cycles per layer, roofline, schedules, engines (if there are any), then the tables. Pictures are
// inline SVG, a few lines of script sort tables; nothing is fetched. Light and dark as the reader
// has it. Equal arguments give equal text.
std::string html_report(const Profile& profile, const std::vector<HtmlTable>& tables);

}  // namespace mcunet
