// Writing SVG: numbers in tenths of a pixel, so that the same drawing is the same text everywhere;
// names escaped.
#pragma once

#include <cstdint>
#include <string>

namespace mcunet::svg {

// A coordinate in tenths of a pixel: 123 is "12.3".
using Tenths = int64_t;
std::string number(Tenths value);

// escape_xml().
std::string escape(const std::string& text);

// Columns that the text takes: code points of UTF-8.
int64_t text_length(const std::string& text);

// Elements, each on a line of its own. `style` is a list of classes. A tooltip, if not empty,
// becomes a <title> inside.
std::string rect(Tenths x, Tenths y, Tenths width, Tenths height, const std::string& style,
                 const std::string& tooltip = "");
std::string line(Tenths x1, Tenths y1, Tenths x2, Tenths y2, const std::string& style);
std::string circle(Tenths x, Tenths y, Tenths radius, const std::string& style,
                   const std::string& tooltip = "");
// `path` is the attribute d.
std::string path(const std::string& path, const std::string& style,
                 const std::string& tooltip = "");
// Rotated about its own place by `degrees`, clockwise.
std::string text(Tenths x, Tenths y, const std::string& content, const std::string& style,
                 int degrees = 0);

}  // namespace mcunet::svg
