// Comma-separated values: RFC 4180.
#pragma once

#include <string>
#include <vector>

namespace mcunet {

struct CsvRow {
  int line = 0;  // of the file, from 1
  std::vector<std::string> cells;
};

// Rows without the empty lines; cells may be quoted, line ends are LF or CRLF, a UTF-8 byte order
// mark is skipped. Throws Error(Input) for a quote that is not closed.
std::vector<CsvRow> parse_csv(const std::string& text, const std::string& name);

}  // namespace mcunet
