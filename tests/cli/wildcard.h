// Expected output with gaps: "..." inside a line is any text of that line, a line "..." any lines.
#pragma once

#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace mcunet::cli_test {

constexpr std::string_view kGap = "...";

// Without the blank lines at the end.
inline std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

inline bool matches_line(std::string_view pattern, std::string_view text) {
  const size_t gap = pattern.find(kGap);
  if (gap == std::string_view::npos) return pattern == text;
  if (text.substr(0, gap) != pattern.substr(0, gap)) return false;
  const std::string_view rest = pattern.substr(gap + kGap.size());
  for (size_t at = gap; at <= text.size(); ++at) {
    if (matches_line(rest, text.substr(at))) return true;
  }
  return false;
}

inline bool matches_lines(const std::vector<std::string>& patterns,
                          const std::vector<std::string>& lines, size_t pattern = 0,
                          size_t line = 0) {
  for (; pattern < patterns.size(); ++pattern, ++line) {
    if (patterns[pattern] == kGap) {
      for (size_t at = line; at <= lines.size(); ++at) {
        if (matches_lines(patterns, lines, pattern + 1, at)) return true;
      }
      return false;
    }
    if (line >= lines.size() || !matches_line(patterns[pattern], lines[line])) return false;
  }
  return line == lines.size();
}

}  // namespace mcunet::cli_test
