// What C++17's strings lack.
#pragma once

#include <string_view>

namespace mcunet {

inline bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace mcunet
