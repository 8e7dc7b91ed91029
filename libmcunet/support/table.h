// Aligned tables and readable numbers for the terminal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mcunet {

enum class Align { Left, Right };

// Text in columns as wide as their widest cell, two spaces apart. Cells are UTF-8, one column per
// code point.
class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::Left;
  };

  explicit Table(std::vector<Column> columns);

  // As many cells as columns, or fewer: the rest stays empty.
  void add_row(std::vector<std::string> cells);
  // A rule over the full width, before a total for example.
  void add_rule();

  // Lines without trailing spaces, each ended by '\n': titles (unless all are empty), rule, rows.
  std::string to_string() const;
  std::string to_csv() const;       // RFC 4180, without rules
  std::string to_markdown() const;  // without rules
  // <table>…</table>, also well-formed XML; cells to the right have the class "r". Without rules.
  std::string to_html() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;  // a row without cells is a rule
};

std::string group_digits(int64_t value);  // 402112 → "402,112"
std::string format_bytes(
    int64_t bytes);  // 402112 → "402,112 B (392.7 KiB)"; under 1 KiB only "512 B"
std::string format_fixed(double value, int decimals);  // 1234.5, 1 → "1,234.5"

}  // namespace mcunet
