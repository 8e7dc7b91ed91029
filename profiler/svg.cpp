#include "profiler/svg.h"

#include <cstdlib>

namespace mcunet::svg {
namespace {

const char* const kReplacement = "\xEF\xBF\xBD";

// Bytes of the well-formed sequence that begins at `i`; 0 if there is none.
size_t sequence_length(const std::string& text, size_t i) {
  const auto byte = [&](size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
  };
  const unsigned first = byte(i);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4) return 0;
  for (size_t at = i + 1; at < i + length; ++at) {
    if ((byte(at) & 0xC0U) != 0x80) return 0;
  }
  const unsigned second = byte(i + 1);
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  const bool surrogate = first == 0xED && second >= 0xA0;
  const bool beyond = first == 0xF4 && second >= 0x90;
  const bool no_character = first == 0xEF && second == 0xBF && byte(i + 2) >= 0xBE;
  return overlong || surrogate || beyond || no_character ? 0 : length;
}

std::string element(const char* name, const std::string& attributes, const std::string& style,
                    const std::string& tooltip) {
  std::string out = "<" + std::string(name) + " class=\"" + style + "\" " + attributes;
  if (tooltip.empty()) return out + "/>\n";
  return out + "><title>" + escape(tooltip) + "</title></" + name + ">\n";
}

std::string attribute(const char* name, Tenths value) {
  return std::string(name) + "=\"" + number(value) + "\"";
}

}  // namespace

std::string number(Tenths value) {
  std::string out = value < 0 ? "-" : "";
  out += std::to_string(std::abs(value / 10));
  const Tenths fraction = std::abs(value % 10);
  return fraction == 0 ? out : out + "." + std::to_string(fraction);
}

std::string escape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const size_t length = sequence_length(text, i);
    const char c = text[i];
    if (length == 0 || (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t'))
      out += kReplacement;
    else if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += text.substr(i, length);
    i += length == 0 ? 1 : length;
  }
  return out;
}

int64_t text_length(const std::string& text) {
  int64_t length = 0;
  for (const char c : text) length += (static_cast<unsigned char>(c) & 0xC0U) != 0x80 ? 1 : 0;
  return length;
}

std::string rect(Tenths x, Tenths y, Tenths width, Tenths height, const std::string& style,
                 const std::string& tooltip) {
  return element("rect",
                 attribute("x", x) + " " + attribute("y", y) + " " + attribute("width", width) +
                     " " + attribute("height", height),
                 style, tooltip);
}

std::string line(Tenths x1, Tenths y1, Tenths x2, Tenths y2, const std::string& style) {
  return element("line",
                 attribute("x1", x1) + " " + attribute("y1", y1) + " " + attribute("x2", x2) + " " +
                     attribute("y2", y2),
                 style, "");
}

std::string path(const std::string& path, const std::string& style, const std::string& tooltip) {
  return element("path", "d=\"" + path + "\"", style, tooltip);
}

std::string text(Tenths x, Tenths y, const std::string& content, const std::string& style,
                 int degrees) {
  std::string out = "<text class=\"" + style + "\" " + attribute("x", x) + " " + attribute("y", y);
  if (degrees != 0) {
    out += " transform=\"rotate(" + std::to_string(degrees) + " " + number(x) + " " + number(y) +
           ")\"";
  }
  return out + ">" + escape(content) + "</text>\n";
}

}  // namespace mcunet::svg
