#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mcunet {

// The candidates that a mistyped word may have meant, the likeliest first, at most three. Upper and
// lower case are the same; the distance counts insertions, deletions, replacements and swaps of
// neighbours (optimal string alignment).
std::vector<std::string> suggestions(std::string_view word,
                                     const std::vector<std::string>& candidates);

// `; did you mean "stm32f746"?`, or nothing when no candidate is near: to be appended to an error's
// text.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace mcunet
