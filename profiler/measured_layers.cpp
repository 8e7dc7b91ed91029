#include "profiler/measured_layers.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <sstream>

#include "libmcunet/support/error.h"

namespace mcunet {
namespace {

constexpr int64_t kMostCycles = int64_t{1} << 53;

std::optional<int64_t> whole_number(const std::string& text) {
  if (text.empty() || text.size() > 16 ||
      !std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; }))
    return std::nullopt;
  const int64_t value = std::stoll(text);
  return value <= kMostCycles ? std::optional<int64_t>(value) : std::nullopt;
}

}  // namespace

MeasuredLayers parse_measured_layers(const std::string& text, size_t layers,
                                     const std::string& place) {
  std::vector<std::string> problems;
  MeasuredLayers result;
  std::vector<int64_t> inference(layers, -1);
  bool any = false;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    const std::string at = place + ":" + std::to_string(number) + ": ";
    line.erase(std::min(line.find('#'), line.size()));
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream words(line);
    std::string first, second, rest;
    words >> first >> second >> rest;
    const bool total = first == "total";
    if (first.empty() || (!total && std::isdigit(static_cast<unsigned char>(first[0])) == 0))
      continue;
    const std::optional<int64_t> index = whole_number(first), cycles = whole_number(second);
    if (!cycles || !rest.empty() || (!total && !index)) {
      problems.push_back(at + "expected \"INDEX CYCLES\" or \"total CYCLES\"");
    } else if (total) {
      result.total = *cycles;
      result.total_given = true;
    } else if (static_cast<size_t>(*index) >= layers) {
      problems.push_back(at + "there is no layer " + first + "; the network has " +
                         std::to_string(layers) +
                         " (was it another model, or another --schedule?)");
    } else {
      int64_t& cell = inference[static_cast<size_t>(*index)];
      if (cell >= 0) {
        result.layers = inference;
        inference.assign(layers, -1);
      }
      inference[static_cast<size_t>(*index)] = *cycles;
      any = true;
    }
  }
  if (!problems.empty()) throw Error(ErrorKind::Input, problems);
  const auto given = [](const std::vector<int64_t>& values) {
    return std::count_if(values.begin(), values.end(), [](int64_t value) { return value >= 0; });
  };
  if (any && (result.layers.empty() || given(inference) >= given(result.layers)))
    result.layers = inference;
  if (result.total == 0) {
    for (const int64_t cycles : result.layers) result.total += std::max<int64_t>(cycles, 0);
  }
  if (result.total == 0) {
    throw Error(ErrorKind::Input, place +
                                      ": no cycle counts; expected lines \"INDEX CYCLES\", as "
                                      "docs/commands/profile.md shows");
  }
  return result;
}

}  // namespace mcunet
