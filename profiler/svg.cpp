#include "profiler/svg.h"

#include <cstdlib>

#include "libmcunet/support/xml_text.h"

namespace mcunet::svg {
namespace {

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

std::string escape(const std::string& text) { return escape_xml(text); }

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

std::string circle(Tenths x, Tenths y, Tenths radius, const std::string& style,
                   const std::string& tooltip) {
  return element("circle",
                 attribute("cx", x) + " " + attribute("cy", y) + " " + attribute("r", radius),
                 style, tooltip);
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
