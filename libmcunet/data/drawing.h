// Marks on pictures.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "libmcunet/data/image.h"

namespace mcunet {

using Color = std::array<uint8_t, 3>;

// The outline of the rectangle with these corners (x2, y2 outside), `thickness` pixels inwards.
// What lies outside the picture is left out. RGB pictures only, as below.
void draw_rectangle(Image& image, int x1, int y1, int x2, int y2, int thickness,
                    const Color& color);

// Digits, points and blanks, 3×5 pixels each, enlarged `zoom` times, on a filled ground; (x, y) is
// the upper left corner.
void draw_number(Image& image, int x, int y, const std::string& text, int zoom, const Color& color,
                 const Color& ground);
// The extent of that, in pixels.
int number_width(const std::string& text, int zoom);
int number_height(int zoom);

}  // namespace mcunet
