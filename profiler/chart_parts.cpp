#include "profiler/chart_parts.h"

#include <cmath>

#include "libmcunet/graph/operators.h"
#include "libmcunet/support/table.h"
#include "profiler/charts.h"

namespace mcunet::charts {

using svg::Tenths;

std::string chart_style() {
  // Okabe and Ito's colours, which remain distinct with any kind of colour vision.
  return R"(
.chart{width:100%;height:auto;display:block}
.chart text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:var(--ink)}
.chart .muted{fill:var(--muted)}
.chart .small{font-size:11px}
.chart .end{text-anchor:end}
.chart .mid{text-anchor:middle}
.chart .strong{font-weight:600}
.chart .on{fill:#fff}
.chart .ondark{fill:#111}
.chart .halo{paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
.chart .k0{fill:#0072b2}.chart .k1{fill:#56b4e9}.chart .k2{fill:#e69f00}.chart .k3{fill:#cc79a7}
.chart .k4{fill:#009e73}.chart .k5{fill:#c9b800}.chart .k6{fill:#8c959f}
.chart .pale{fill-opacity:.4}
.chart .point{fill-opacity:.75;stroke:var(--card);stroke-width:1}
.chart .grid{stroke:var(--line);stroke-width:.7}
.chart .axis{stroke:var(--muted);stroke-width:1}
.chart .band{fill:var(--ink);fill-opacity:.045}
.chart .mark{fill:var(--muted);fill-opacity:.55}
.chart .free{fill:var(--ink);fill-opacity:.07}
.chart .funnel{fill:var(--ink);fill-opacity:.06}
.chart .roof{stroke:var(--bad);stroke-width:1.8;fill:none}
.chart .slow{stroke:var(--bad);stroke-width:1.2;stroke-dasharray:6 4;fill:none}
.chart .rooftext{fill:var(--bad)}
.chart .bar{fill:#8c959f;fill-opacity:.7}
.chart .chosen{fill:#0072b2}
.chart .over{fill:#d55e00}
.chart .limit{stroke:var(--bad);stroke-width:1.4;stroke-dasharray:2 3}
.chart .range{stroke:var(--ink);stroke-width:1.3;fill:none}
.chart .cut{stroke:var(--card);stroke-width:2.5;fill:none}
.chart .gap{stroke:var(--card);stroke-width:.8}
.chart path:hover,.chart rect.hot:hover,.chart circle:hover{filter:brightness(1.15)}
)";
}

std::string kind_class(const Graph& graph, const Op& op) {
  switch (op.kind) {
    case OpKind::Conv2D: {
      const Shape& weights = graph.input(op, 1).shape;
      return weights[1] == 1 && weights[2] == 1 ? "k0" : "k1";
    }
    case OpKind::DepthwiseConv2D:
      return "k2";
    case OpKind::FullyConnected:
      return "k3";
    case OpKind::AveragePool2D:
    case OpKind::MaxPool2D:
    case OpKind::Mean:
      return "k4";
    case OpKind::Add:
    case OpKind::Sub:
    case OpKind::Mul:
    case OpKind::Minimum:
    case OpKind::Maximum:
      return "k5";
    default:
      return "k6";
  }
}

std::string open_chart(Tenths height, const std::string& title) {
  return "<svg class=\"chart\" viewBox=\"0 0 " + svg::number(kWidth) + " " + svg::number(height) +
         "\" role=\"img\">\n<title>" + svg::escape(title) + "</title>\n";
}

double round_step(double most, int parts) {
  if (most <= 0) return 1;
  const double least = most / parts;
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= least) return factor * power;
  }
  return 10 * power;
}

std::string short_number(double value) {
  const auto with_unit = [](double amount, const char* unit) {
    std::string text = format_fixed(amount, 1);
    if (text.size() > 2 && text.compare(text.size() - 2, 2, ".0") == 0)
      text.resize(text.size() - 2);
    return text + unit;
  };
  if (value >= 1e6) return with_unit(value / 1e6, " M");
  if (value >= 1e4) return with_unit(value / 1e3, " k");
  return with_unit(value, "");
}

std::string legend(Tenths x, Tenths y, const std::vector<LegendEntry>& entries) {
  std::string out;
  for (const LegendEntry& entry : entries) {
    out += svg::rect(x, y - 95, 110, 110, entry.style);
    out += svg::text(x + 160, y, entry.words, "small");
    x += 160 + svg::text_length(entry.words) * (kCharacter - 4) + 200;
  }
  return out;
}

std::string layer_title(const Profile& profile, size_t layer) {
  const Graph& graph = profile.model.graph;
  const Op& op = graph.ops[layer];
  return "layer " + std::to_string(layer) + ", " + kind_of(graph, op) + "\n" +
         to_string(graph.input(op, 0).shape) + " to " + to_string(graph.output(op).shape);
}

}  // namespace mcunet::charts
