#include "libmcunet/data/csv.h"

#include "libmcunet/support/error.h"

namespace mcunet {

std::vector<CsvRow> parse_csv(const std::string& text, const std::string& name) {
  const std::string mark = "\xEF\xBB\xBF";
  std::vector<CsvRow> rows;
  size_t at = text.compare(0, mark.size(), mark) == 0 ? mark.size() : 0;
  int line = 1;
  while (at < text.size()) {
    CsvRow row;
    row.line = line;
    bool more = true;
    while (more) {
      std::string cell;
      if (at < text.size() && text[at] == '"') {
        for (++at;; ++at) {
          if (at == text.size()) {
            throw Error(ErrorKind::Input, name + ": line " + std::to_string(row.line) +
                                              ": a quote is opened and not closed");
          }
          if (text[at] == '"') {
            ++at;
            if (at == text.size() || text[at] != '"') break;
          }
          line += text[at] == '\n' ? 1 : 0;
          cell += text[at];
        }
      }
      for (; at < text.size() && text[at] != ',' && text[at] != '\n'; ++at) cell += text[at];
      more = at < text.size() && text[at] == ',';
      if (!more && !cell.empty() && cell.back() == '\r') cell.pop_back();
      row.cells.push_back(std::move(cell));
      if (at < text.size()) ++at;
    }
    ++line;
    if (row.cells.size() > 1 || !row.cells.front().empty()) rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace mcunet
