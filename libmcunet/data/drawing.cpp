#include "libmcunet/data/drawing.h"

#include <algorithm>
#include <cassert>

namespace mcunet {
namespace {

constexpr int kGlyphWidth = 3, kGlyphHeight = 5;

// Rows from the top, three bits each; the highest is on the left.
constexpr std::array<uint16_t, 10> kDigits = {
    0b111'101'101'101'111, 0b010'110'010'010'111, 0b111'001'111'100'111, 0b111'001'111'001'111,
    0b101'101'111'001'001, 0b111'100'111'001'111, 0b111'100'111'101'111, 0b111'001'010'010'010,
    0b111'101'111'101'111, 0b111'101'111'001'111};
constexpr uint16_t kPoint = 0b000'000'000'000'010;

uint16_t glyph(char c) {
  if (c >= '0' && c <= '9') return kDigits[static_cast<size_t>(c - '0')];
  return c == '.' ? kPoint : uint16_t{0};
}

void fill(Image& image, int x1, int y1, int x2, int y2, const Color& color) {
  assert(image.channels == 3);
  for (int y = std::max(y1, 0); y < std::min(y2, image.height); ++y) {
    for (int x = std::max(x1, 0); x < std::min(x2, image.width); ++x)
      std::copy(color.begin(), color.end(), image.at(x, y));
  }
}

}  // namespace

void draw_rectangle(Image& image, int x1, int y1, int x2, int y2, int thickness,
                    const Color& color) {
  const int width = std::min(thickness, x2 - x1), height = std::min(thickness, y2 - y1);
  fill(image, x1, y1, x2, y1 + height, color);
  fill(image, x1, y2 - height, x2, y2, color);
  fill(image, x1, y1, x1 + width, y2, color);
  fill(image, x2 - width, y1, x2, y2, color);
}

void draw_number(Image& image, int x, int y, const std::string& text, int zoom, const Color& color,
                 const Color& ground) {
  fill(image, x, y, x + number_width(text, zoom), y + number_height(zoom), ground);
  int left = x + zoom;
  for (const char c : text) {
    const uint16_t bits = glyph(c);
    for (int i = 0; i < kGlyphWidth * kGlyphHeight; ++i) {
      if ((bits >> (kGlyphWidth * kGlyphHeight - 1 - i) & 1) == 0) continue;
      const int px = left + i % kGlyphWidth * zoom, py = y + (1 + i / kGlyphWidth) * zoom;
      fill(image, px, py, px + zoom, py + zoom, color);
    }
    left += (kGlyphWidth + 1) * zoom;
  }
}

int number_width(const std::string& text, int zoom) {
  return (static_cast<int>(text.size()) * (kGlyphWidth + 1) + 1) * zoom;
}

int number_height(int zoom) { return (kGlyphHeight + 2) * zoom; }

}  // namespace mcunet
