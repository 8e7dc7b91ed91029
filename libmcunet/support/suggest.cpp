#include "libmcunet/support/suggest.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace mcunet {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

size_t distance(const std::string& a, const std::string& b) {
  std::vector<size_t> before_last(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

std::vector<std::string> suggestions(std::string_view word,
                                     const std::vector<std::string>& candidates) {
  const std::string typed = lower(word);
  std::vector<std::pair<size_t, std::string>> near;
  for (const std::string& candidate : candidates) {
    const std::string known = lower(candidate);
    // A beginning is as good as a typing error: "h743" for "stm32h743" too.
    const bool part = typed.size() >= 3 && known.find(typed) != std::string::npos;
    const size_t errors = part ? 1 : distance(typed, known);
    const size_t allowed = std::max<size_t>(1, std::max(typed.size(), known.size()) / 3);
    if (errors <= allowed && errors < known.size()) near.emplace_back(errors, candidate);
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  if (near.size() > 3) near.resize(3);
  std::vector<std::string> result;
  result.reserve(near.size());
  for (auto& entry : near) result.push_back(std::move(entry.second));
  return result;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::vector<std::string> near = suggestions(word, candidates);
  if (near.empty()) return "";
  std::string text = "; did you mean ";
  for (size_t i = 0; i < near.size(); ++i) {
    if (i > 0) text += i + 1 == near.size() ? " or " : ", ";
    text += "\"" + near[i] + "\"";
  }
  return text + "?";
}

}  // namespace mcunet
