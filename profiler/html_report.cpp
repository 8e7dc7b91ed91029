#include "profiler/html_report.h"

#include <algorithm>

#include "libmcunet/graph/operators.h"
#include "libmcunet/support/xml_text.h"
#include "profiler/charts.h"
#include "profiler/memory_map.h"

namespace mcunet {
namespace {

const char* const kStyle = R"(
:root{--ink:#1f2328;--muted:#59636e;--line:#d8dee4;--card:#fff;--page:#f4f6f8;--accent:#0072b2;
--good:#1a7f4b;--bad:#c24a00;color-scheme:light dark}
@media screen and (prefers-color-scheme:dark){:root{--ink:#e6edf3;--muted:#9198a1;--line:#30363d;
--card:#0d1117;--page:#010409;--accent:#56b4e9;--good:#4ac98a;--bad:#ff8a4c}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}
main{max-width:1240px;margin:0 auto;padding:32px 20px 60px}
h1{font-size:30px;line-height:1.2;margin:0}
h2{font-size:18px;margin:0}
p{margin:4px 0 0;max-width:80em}
.note{color:var(--muted);font-size:13.5px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(240px,1fr));gap:16px;margin:24px 0 0}
section,.tile{background:var(--card);border:1px solid var(--line);border-radius:10px}
section{padding:20px 24px;margin-top:20px}
.tile{padding:16px 20px}
.tile h2{font-size:13px;font-weight:600;color:var(--muted)}
.tile h2 span{float:right}
.big{font-size:30px;font-weight:650;line-height:1.25;margin:2px 0 8px;font-variant-numeric:tabular-nums}
.big small{font-size:16px;font-weight:400;color:var(--muted)}
.good{color:var(--good)}.bad{color:var(--bad)}
.gauge{position:relative;height:8px;border-radius:4px;background:var(--line);overflow:hidden}
.gauge i{position:absolute;top:0;bottom:0;left:0;background:var(--accent)}
.gauge .range{opacity:.4}
.gauge.over i{background:var(--bad)}
.picture{margin-top:14px;overflow-x:auto}
.picture svg{min-width:760px}
.arena-map{width:100%;height:auto;display:block}
.wide{overflow-x:auto;margin-top:12px}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;white-space:nowrap}
th,td{padding:4px 12px;text-align:left;border-bottom:1px solid var(--line)}
th{color:var(--muted);font-weight:600;cursor:pointer;user-select:none;background:var(--card)}
th:hover{color:var(--ink)}
td:last-child{white-space:normal;min-width:4em}
.r{text-align:right}
tbody tr:hover{background:var(--page)}
summary{cursor:pointer}
summary h2{display:inline}
footer{margin-top:24px;color:var(--muted);font-size:13px;overflow-wrap:anywhere}
@media print{body{background:#fff;font-size:12px}main{max-width:none;padding:0}
section,.tile{break-inside:avoid;border-color:#bbb}.tables{break-inside:auto}
.tiles{grid-template-columns:repeat(4,1fr);gap:8px}.picture svg{min-width:0}
table{font-size:9px}th,td{padding:2px 5px}tr{break-inside:avoid}.big{font-size:20px}}
)";

// A click on a title sorts by that column, the next one the other way round. Without the characters
// that XML reserves.
const char* const kScript = R"(
document.querySelectorAll("th").forEach(function (title) {
  title.addEventListener("click", function () {
    var body = title.closest("table").tBodies[0], column = title.cellIndex;
    var sign = title.dataset.sign === "1" ? -1 : 1;
    title.dataset.sign = sign;
    function value(row) { return row.cells[column].textContent.replace(/,/g, ""); }
    Array.from(body.rows).sort(function (a, b) {
      var x = value(a), y = value(b), difference = parseFloat(x) - parseFloat(y);
      return sign * (isNaN(difference) ? x.localeCompare(y) : difference);
    }).forEach(function (row) { body.appendChild(row); });
  });
});
)";

std::string percent_of(double part, double whole) {
  return format_fixed(std::clamp(whole > 0 ? 100 * part / whole : 0, 0.0, 100.0), 1) + "%";
}

std::string gauge(double used, double whole) {
  return std::string("<div class=\"gauge") + (used > whole ? " over" : "") +
         "\"><i style=\"width:" + percent_of(used, whole) + "\"></i></div>\n";
}

struct Tile {
  std::string title, badge, figure, unit, gauge, note;
  bool good = true;
};

std::string tile(const Tile& tile) {
  std::string out = "<div class=\"tile\"><h2>" + escape_xml(tile.title);
  if (!tile.badge.empty()) {
    out += std::string("<span class=\"") + (tile.good ? "good" : "bad") + "\">" +
           escape_xml(tile.badge) + "</span>";
  }
  return out + "</h2>\n<div class=\"big\">" + escape_xml(tile.figure) + " <small>" +
         escape_xml(tile.unit) + "</small></div>\n" + tile.gauge + "<p class=\"note\">" +
         escape_xml(tile.note) + "</p></div>\n";
}

std::string kib(int64_t bytes) { return format_fixed(static_cast<double>(bytes) / 1024, 1); }

Tile memory_tile(const std::string& title, int64_t bytes, int64_t available, bool fits, bool host,
                 const std::string& parts) {
  Tile out{title, "", kib(bytes), "KiB", "", group_digits(bytes) + " B", fits};
  if (!host) {
    out.unit = "of " + kib(available) + " KiB";
    out.badge = fits ? "fits" : "does not fit";
    out.gauge = gauge(static_cast<double>(bytes), static_cast<double>(available));
    out.note += fits ? "; " + group_digits(available - bytes) + " B left"
                     : "; " + group_digits(bytes - available) + " B too much";
  }
  out.note += ". " + parts;
  return out;
}

std::string tiles(const Profile& profile) {
  const Board& board = profile.board();
  const bool host = board.is_host();
  const compiler::SramAccount& sram = profile.model.sram;
  const compiler::FlashAccount& flash = profile.flash;
  std::string out = "<div class=\"tiles\">\n";
  out += tile(memory_tile("SRAM", sram.total(), board.sram_bytes, profile.fits_sram, host,
                          "Arena " + group_digits(sram.arena) + ", context " +
                              group_digits(sram.statics) + ", stack at most " +
                              group_digits(sram.stack) + "."));
  out += tile(memory_tile("Flash", flash.total(), board.flash_bytes, profile.fits_flash, host,
                          "Weights " + group_digits(flash.weights) + ", constants " +
                              group_digits(flash.constants) + ", code " + group_digits(flash.code) +
                              (flash.linked ? " (linked)." : " (estimated).")));
  if (!host) {
    const RelativeBar& bar = profile.factor.bar;
    const double high = profile.ms * bar.high;
    const std::string range =
        "<div class=\"gauge\"><i class=\"range\" style=\"width:100%\"></i>"
        "<i style=\"width:" +
        percent_of(profile.ms, high) + "\"></i></div>\n";
    out += tile({"Latency", profile.measurement ? "emulated" : "estimated",
                 format_fixed(profile.ms, 1), "ms", range,
                 format_fixed(profile.ms * bar.low, 1) + " to " + format_fixed(high, 1) + " ms; " +
                     group_digits(profile.board_cycles()) + " cycles at " +
                     std::to_string(board.clock_hz / 1000000) + " MHz"});
  }
  const int64_t macs_in_all = total_macs(profile.model.graph);
  const double speed = profile.cycles > 0
                           ? static_cast<double>(macs_in_all) / static_cast<double>(profile.cycles)
                           : 0;
  out += tile({"Work", "", format_fixed(static_cast<double>(macs_in_all) / 1e6, 1), "million MACs",
               gauge(speed * kLeastCyclesPerMac, 1),
               format_fixed(speed, 2) + " MACs per cycle of the core, of 2 at most; " +
                   group_digits(profile.cycles) + " cycles"});
  return out + "</div>\n";
}

std::string figure(const std::string& title, const std::string& note, const std::string& picture) {
  return "<section><h2>" + escape_xml(title) + "</h2>\n<p class=\"note\">" + escape_xml(note) +
         "</p>\n<div class=\"picture\">\n" + picture + "</div></section>\n";
}

// The picture for a file names its own kind of document; inside a page it need not.
std::string inline_map(const Profile& profile) {
  std::string svg = memory_map_svg(profile.model);
  const std::string name = " xmlns=\"http://www.w3.org/2000/svg\"";
  svg.erase(svg.find(name), name.size());
  return svg;
}

std::string pictures(const Profile& profile) {
  const bool emulated = profile.measurement.has_value();
  const char* source = emulated ? "on the emulated core" : "estimated from the shapes";
  std::string out;
  out += figure("Arena over time",
                "What lies where in SRAM while the network runs. Hover for names, shapes and "
                "addresses.",
                inline_map(profile));
  out += figure(
      "Cycles per layer",
      std::string("Cycles of the core, ") + source +
          (profile.with_caches() ? "; pale on top: what flash and caches add, simulated" : "") +
          ". The bar above is all of them together, by kind of operator; the bar below marks "
          "blocks.",
      charts::cycles_per_layer(profile));
  out += figure("Roofline",
                "How far each layer is from what the core can do. A circle is a layer; its area is "
                "its share of the time. Under the slope the layer waits for memory, under the "
                "flat roof for the multipliers; what is far below both spends its time on other "
                "instructions.",
                charts::roofline(profile));
  out += figure("Flash", "What the model takes of the flash, and which layers bring it.",
                charts::flash_map(profile));
  out +=
      figure("Schedules", "The same network, arranged in other ways: less SRAM often costs cycles.",
             charts::schedules(profile));
  if (!profile.engines.empty()) {
    out += figure("Engines",
                  "What the network as it is in the file would need elsewhere: fits to published "
                  "measurements, with their ranges. The errors of the fits are in the table below.",
                  charts::engines(profile));
  }
  return out;
}

std::string facts(const Profile& profile) {
  const Board& board = profile.board();
  const Graph& graph = profile.model.graph;
  std::string text = board.is_host() ? "host"
                                     : board.name + ", " + board.core + " at " +
                                           std::to_string(board.clock_hz / 1000000) + " MHz";
  text += " · " + group_digits(static_cast<int64_t>(graph.ops.size())) + " layers · " +
          group_digits(total_parameters(graph)) + " parameters · schedule " +
          profile.model.schedule.kind;
  if (!graph.inputs.empty())
    text += " · input " + to_string(graph.tensor(graph.inputs.front()).shape);
  return text;
}

std::string provenance(const Profile& profile) {
  const BoardFactor& factor = profile.factor;
  std::string text = "mcunet " MCUNET_VERSION "; model SHA-256 " + profile.model.sha256 + ".";
  if (!profile.board().is_host()) {
    text += " Latency: " + group_digits(profile.cycles) + " cycles of the core times " +
            format_fixed(factor.factor, 3) + " for flash and caches (" + factor.id + ", " +
            std::to_string(factor.points) + (factor.points == 1 ? " network; " : " networks; ") +
            factor.note + ").";
  }
  return text;
}

}  // namespace

std::string html_report(const Profile& profile, const std::vector<HtmlTable>& tables) {
  const std::string name = escape_xml(profile.model.options.name);
  std::string out =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<title>" +
      name + " on " + escape_xml(profile.board().name) + "</title>\n<style>" + kStyle +
      charts::chart_style() + "</style>\n</head>\n<body>\n<main>\n";
  out += "<header><h1>" + name + "</h1>\n<p class=\"note\">" + escape_xml(facts(profile)) +
         "</p></header>\n";
  out += tiles(profile) + pictures(profile);
  for (const HtmlTable& table : tables) {
    out += std::string("<section class=\"tables\"><details") +
           (table.open ? " open=\"open\"" : "") + "><summary><h2>" + escape_xml(table.title) +
           "</h2></summary>\n";
    if (!table.note.empty()) out += "<p class=\"note\">" + escape_xml(table.note) + "</p>\n";
    out += "<div class=\"wide\">\n" + table.table.to_html() + "</div></details></section>\n";
  }
  out += "<footer>" + escape_xml(provenance(profile)) + "</footer>\n</main>\n<script>" + kScript +
         "</script>\n</body>\n</html>\n";
  return out;
}

}  // namespace mcunet
