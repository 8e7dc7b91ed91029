#include "libmcunet/support/table.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdio>
#include <utility>

#include "libmcunet/support/xml_text.h"

namespace mcunet {
namespace {

size_t width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;  // not a continuation byte
  }));
}

std::string group_decimal_digits(std::string digits) {
  const size_t first = digits[0] == '-' ? 1 : 0;
  for (size_t i = digits.size(); i > first + 3;) {
    i -= 3;
    digits.insert(i, ",");
  }
  return digits;
}

std::string csv_cell(const std::string& cell) {
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char c : cell) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string markdown_cell(const std::string& cell) {
  std::string escaped;
  for (const char c : cell) {
    if (c == '|') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {
  assert(!columns_.empty());
}

void Table::add_row(std::vector<std::string> cells) {
  assert(cells.size() <= columns_.size());
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

void Table::add_rule() { rows_.emplace_back(); }

std::string Table::to_string() const {
  std::vector<std::string> titles;
  std::vector<size_t> widths;
  for (const Column& column : columns_) {
    titles.push_back(column.title);
    widths.push_back(width(column.title));
  }
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  size_t total = 2 * (columns_.size() - 1);
  for (const size_t w : widths) total += w;
  const std::string rule = std::string(total, '-') + "\n";

  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text;
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) text += "  ";
      const std::string padding(widths[i] - width(cells[i]), ' ');
      text += columns_[i].align == Align::Right ? padding + cells[i] : cells[i] + padding;
    }
    text.erase(text.find_last_not_of(' ') + 1);
    return text + "\n";
  };

  std::string text;
  if (std::any_of(titles.begin(), titles.end(), [](const auto& title) { return !title.empty(); })) {
    text += line(titles) + rule;
  }
  for (const auto& row : rows_) text += row.empty() ? rule : line(row);
  return text;
}

std::string Table::to_csv() const {
  std::string text;
  const auto add = [&text](size_t index, const std::string& cell) {
    text += (index > 0 ? "," : "") + csv_cell(cell);
  };
  for (size_t i = 0; i < columns_.size(); ++i) add(i, columns_[i].title);
  text += "\n";
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) add(i, row[i]);
    if (!row.empty()) text += "\n";
  }
  return text;
}

std::string Table::to_markdown() const {
  std::string text = "|";
  for (const Column& column : columns_) text += " " + markdown_cell(column.title) + " |";
  text += "\n|";
  for (const Column& column : columns_) text += column.align == Align::Right ? "--:|" : "---|";
  text += "\n";
  for (const auto& row : rows_) {
    if (row.empty()) continue;
    text += "|";
    for (const std::string& cell : row) text += " " + markdown_cell(cell) + " |";
    text += "\n";
  }
  return text;
}

std::string Table::to_html() const {
  const auto line = [this](const char* element, const auto& text_of) {
    std::string text = "<tr>";
    for (size_t i = 0; i < columns_.size(); ++i) {
      text += "<" + std::string(element) +
              (columns_[i].align == Align::Right ? " class=\"r\">" : ">") + escape_xml(text_of(i)) +
              "</" + element + ">";
    }
    return text + "</tr>\n";
  };
  std::string text = "<table>\n<thead>" +
                     line("th", [this](size_t i) { return columns_[i].title; }) +
                     "</thead>\n<tbody>\n";
  for (const auto& row : rows_) {
    if (!row.empty()) text += line("td", [&row](size_t i) { return row[i]; });
  }
  return text + "</tbody>\n</table>\n";
}

std::string group_digits(int64_t value) { return group_decimal_digits(std::to_string(value)); }

std::string format_fixed(double value, int decimals) {
  std::array<char, 400> buffer;  // the largest double has 309 digits before the point
  const int length = std::snprintf(buffer.data(), buffer.size(), "%.*f", decimals, value);
  assert(length > 0 && static_cast<size_t>(length) < buffer.size());
  std::string text(buffer.data(), static_cast<size_t>(length));
  const size_t end = text.find_first_not_of("-0123456789");
  if (end == 0 || text.find_first_of("0123456789") == std::string::npos) return text;  // nan, inf
  const std::string fraction = end == std::string::npos ? "" : text.substr(end);
  return group_decimal_digits(text.substr(0, end)) + fraction;
}

std::string format_bytes(int64_t bytes) {
  std::string text = group_digits(bytes) + " B";
  if (bytes >= 1024 || bytes <= -1024) {
    text += " (" + format_fixed(static_cast<double>(bytes) / 1024, 1) + " KiB)";
  }
  return text;
}

}  // namespace mcunet
