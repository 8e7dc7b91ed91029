// The text files in tests/cli/cases: command lines, and what is expected of each. README.md there
// describes the format.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/cli/wildcard.h"

namespace mcunet::cli_test {

struct Step {
  int line = 0;  // in the case file
  std::string command;
  int exit_code = 0;
  std::optional<std::vector<std::string>> out, err;  // unset: anything is right
  std::vector<std::string> json;                     // "/sram/arena is number"
  std::vector<std::string> exists, absent;           // paths
};

struct Case {
  std::vector<std::string> needs;  // "shared", "user", "torch", or a program
  std::vector<Step> steps;
};

// The text after `start` and its blanks, when the line begins with it.
inline std::optional<std::string> after(const std::string& line, const std::string& start) {
  if (line.compare(0, start.size(), start) != 0) return std::nullopt;
  const size_t begin = line.find_first_not_of(' ', start.size());
  return begin == std::string::npos ? std::string() : line.substr(begin);
}

// Throws std::runtime_error for a line that means nothing.
inline Case parse_case(const std::string& text) {
  Case result;
  std::vector<std::string>* section = nullptr;
  int number = 0;
  for (const std::string& line : split_lines(text)) {
    ++number;
    const auto value = [&line](const char* start) { return after(line, start); };
    const bool directive = line.compare(0, 2, "# ") == 0 || line.compare(0, 2, "$ ") == 0;
    if (directive) section = nullptr;
    if (section != nullptr) {
      section->push_back(line);
    } else if (const auto command = value("$ ")) {
      result.steps.emplace_back();
      result.steps.back().line = number;
      result.steps.back().command = *command;
    } else if (const auto need = value("# needs:")) {
      result.needs.push_back(*need);
    } else if (result.steps.empty() || line.empty()) {
      continue;  // what the case is about
    } else if (const auto code = value("# exit:")) {
      result.steps.back().exit_code = std::stoi(*code);
    } else if (value("# stdout:")) {
      section = &result.steps.back().out.emplace();
    } else if (value("# stderr:")) {
      section = &result.steps.back().err.emplace();
    } else if (const auto check = value("# json:")) {
      result.steps.back().json.push_back(*check);
    } else if (const auto path = value("# exists:")) {
      result.steps.back().exists.push_back(*path);
    } else if (const auto missing = value("# absent:")) {
      result.steps.back().absent.push_back(*missing);
    } else {
      throw std::runtime_error("line " + std::to_string(number) + " means nothing: " + line);
    }
  }
  for (Step& step : result.steps) {  // a blank line before the next command is for the reader
    for (auto* lines : {&step.out, &step.err}) {
      while (*lines && !(*lines)->empty() && (*lines)->back().empty()) (*lines)->pop_back();
    }
  }
  if (result.steps.empty()) throw std::runtime_error("no line begins with \"$ \"");
  return result;
}

// As a shell splits words: blanks separate, '…' and "…" group, a backslash outside '…' takes the
// next character as it is.
inline std::vector<std::string> split_words(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      word += text[++i];
      open = true;
    } else if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      open = true;
    } else if (c == ' ') {
      if (open) words.push_back(word);
      word.clear();
      open = false;
    } else {
      word += c;
      open = true;
    }
  }
  if (quote != 0) throw std::runtime_error("unbalanced quotes: " + text);
  if (open) words.push_back(word);
  return words;
}

}  // namespace mcunet::cli_test
