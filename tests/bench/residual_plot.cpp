#include "tests/bench/residual_plot.h"

#include <algorithm>
#include <cmath>

#include "libmcunet/support/table.h"
#include "profiler/svg.h"

namespace mcunet::bench {
namespace {

using svg::Tenths;

constexpr Tenths kLeft = 2300, kRight = 9600, kWidth = 10000, kTop = 800, kRow = 340;
constexpr double kMost = 50;  // per cent; what is farther off is drawn as an arrow at the edge

const char* const kStyle = R"(<style>
text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}
.muted{fill:#59636e}.small{font-size:11px}.end{text-anchor:end}.mid{text-anchor:middle}
.title{font-size:16px;font-weight:600}
.background{fill:#fff}.grid{stroke:#d8dee4;stroke-width:.7}.zero{stroke:#59636e;stroke-width:1.2}
.inside{fill:#0072b2;fill-opacity:.65}.outside{fill:#d55e00}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.muted{fill:#9198a1}.background{fill:#0d1117}
.grid{stroke:#30363d}.inside{fill:#56b4e9}}
</style>
)";

double error_pct(const HeldOut& point) {
  return 100 * (point.estimated_ms / point.measured_ms - 1);
}

Tenths x(double pct) {
  return (kLeft + kRight) / 2 + std::lround(pct / kMost * static_cast<double>(kRight - kLeft) / 2);
}

std::string signed_percent(double value) {
  return (value > 0 ? "+" : "") + format_fixed(value, 1) + " %";
}

std::string mark(const HeldOut& point, Tenths y) {
  const double pct = error_pct(point);
  const std::string style = point.inside() ? "inside" : "outside";
  const std::string words = point.network + ": " + format_fixed(point.measured_ms, 1) +
                            " ms measured, " + format_fixed(point.estimated_ms, 1) +
                            " estimated, " + signed_percent(pct);
  if (std::abs(pct) <= kMost) return svg::circle(x(pct), y, 45, style, words);
  const bool right = pct > 0;
  return svg::path("M" + svg::number(x(right ? kMost : -kMost)) + " " + svg::number(y - 50) +
                       (right ? "l9 5l-9 5z" : "l-9 5l9 5z"),
                   style, words);
}

}  // namespace

std::string residual_plot(const std::vector<EngineFit>& fits) {
  const Tenths bottom = kTop + static_cast<Tenths>(fits.size()) * kRow, height = bottom + 900;
  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " +
                    svg::number(kWidth) + " " + svg::number(height) + "\" width=\"" +
                    svg::number(kWidth) + "\" height=\"" + svg::number(height) +
                    "\" role=\"img\">\n<title>Latency of networks held out</title>\n" + kStyle;
  out += svg::rect(0, 0, kWidth, height, "background");
  out += svg::text(200, 330, "Latency of other engines: networks held out of the fit", "title");
  for (int pct = -50; pct <= 50; pct += 10) {
    out += svg::line(x(pct), kTop - 100, x(pct), bottom, pct == 0 ? "zero" : "grid");
    out += svg::text(x(pct), bottom + 200, (pct > 0 ? "+" : "") + std::to_string(pct) + " %",
                     "mid small muted");
  }
  Tenths y = kTop + kRow / 2;
  for (const EngineFit& fit : fits) {
    out += svg::text(kLeft - 250, y + 40, fit.engine + ", " + fit.board, "end");
    for (const HeldOut& point : fit.held_out) out += mark(point, y);
    y += kRow;
  }
  out += svg::text(x(0), bottom + 430, "estimate against measurement", "mid small muted");
  out += svg::circle(kLeft, bottom + 690, 45, "inside");
  out += svg::text(kLeft + 120, bottom + 730, "measured inside the estimate's bar", "small");
  out += svg::circle(kLeft + 3000, bottom + 690, 45, "outside");
  out += svg::text(kLeft + 3120, bottom + 730, "outside (an arrow: farther off than 50 %)", "small");
  return out + "</svg>\n";
}

}  // namespace mcunet::bench
