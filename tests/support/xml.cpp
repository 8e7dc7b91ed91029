#include "tests/support/xml.h"

#include <cstddef>
#include <regex>
#include <vector>

namespace mcunet::testing {

std::string xml_problem(const std::string& text) {
  std::vector<std::string> open;
  static const std::regex tag(
      R"re(^<(/?)([a-zA-Z][\w-]*)((?:\s+[a-zA-Z:][\w:.-]*="[^"<]*")*)\s*(/?)>)re");
  static const std::regex entity("^&(amp|lt|gt|quot|apos);");
  bool root = false;
  for (size_t i = 0; i < text.size();) {
    const auto rest = text.begin() + static_cast<std::ptrdiff_t>(i);
    std::smatch match;
    if (text[i] == '&') {
      if (!std::regex_search(rest, text.end(), match, entity))
        return "entity at " + text.substr(i, 30);
      i += static_cast<size_t>(match.length());
    } else if (text[i] == '<') {
      if (!std::regex_search(rest, text.end(), match, tag)) return "tag at " + text.substr(i, 60);
      const std::string attributes = match[3];
      for (size_t at = attributes.find('&'); at != std::string::npos;
           at = attributes.find('&', at + 1)) {
        if (!std::regex_search(attributes.begin() + static_cast<std::ptrdiff_t>(at),
                               attributes.end(), entity))
          return "attribute " + attributes;
      }
      if (match[1].length() > 0) {
        if (open.empty() || open.back() != match[2]) return "</" + match[2].str() + "> alone";
        open.pop_back();
      } else {
        if (open.empty() && root) return "two roots";
        root = true;
        if (match[4].length() == 0) open.push_back(match[2]);
      }
      i += static_cast<size_t>(match.length());
    } else {
      if (open.empty() && text[i] != '\n') return "text outside";
      if (static_cast<unsigned char>(text[i]) < 0x20 && text[i] != '\n') return "control character";
      ++i;
    }
  }
  return open.empty() && root ? "" : "not closed";
}

}  // namespace mcunet::testing
