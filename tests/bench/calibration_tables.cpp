// Writes the tables of docs/calibration.md anew, from configs/measurements/published.json and the
// fits to it; scripts/calibrate runs it.
//
//   mcunet_calibration_tables docs/calibration.md docs/images/engine-residuals.svg
//
// A table stands between the lines "<!-- scripts/calibrate: NAME -->" and "<!-- end -->".
#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/table.h"
#include "profiler/board_factor.h"
#include "profiler/engines.h"
#include "profiler/measurements.h"
#include "tests/bench/residual_plot.h"

namespace mcunet::bench {
namespace {

std::string pair_text(double first, double second, int decimals) {
  return format_fixed(first, decimals) + " / " + format_fixed(second, decimals);
}

std::string list_text(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string emulated_points(const Measurements& all) {
  Table table({{"board"},
               {"network"},
               {"measured cycles", Align::Right},
               {"of the core", Align::Right},
               {"factor", Align::Right},
               {"source", Align::Right}});
  for (const EmulatedPoint& point : all.emulated) {
    table.add_row({point.board, point.network,
                   group_digits(static_cast<int64_t>(point.measured_cycles)),
                   group_digits(static_cast<int64_t>(point.emulated_cycles)),
                   format_fixed(point.measured_cycles / point.emulated_cycles, 3),
                   std::to_string(point.source + 1)});
  }
  return table.to_markdown();
}

// How far an engine's or network's own ratio of two boards lies from the mean of all.
std::string board_pairs(const Measurements& all) {
  std::map<std::string, std::vector<double>> ratios;
  for (const BoardPair& pair : all.pairs) ratios[pair.engine].push_back(pair.ratio);
  Table table(
      {{"engine"}, {"networks", Align::Right}, {"least", Align::Right}, {"most", Align::Right}});
  for (const auto& [engine, values] : ratios) {
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    table.add_row(
        {engine, std::to_string(values.size()), format_fixed(*least, 2), format_fixed(*most, 2)});
  }
  return table.to_markdown();
}

// What every board gets when nothing of the user's own is known.
std::string board_factors() {
  Table table({{"board"},
               {"core"},
               {"factor", Align::Right},
               {"networks", Align::Right},
               {"bar, emulated", Align::Right},
               {"bar, estimated", Align::Right},
               {"from"}});
  const auto bar_text = [](const RelativeBar& bar) {
    return format_fixed(bar.low, 2) + " to " + format_fixed(bar.high, 2);
  };
  for (const Board& board : list_boards()) {
    if (board.is_host()) continue;
    const BoardFactor emulated = board_factor(board, false, {});
    const BoardFactor estimated = board_factor(board, true, {});
    table.add_row({board.name, board.core, format_fixed(emulated.factor, 3),
                   std::to_string(emulated.points), bar_text(emulated.bar), bar_text(estimated.bar),
                   emulated.note});
  }
  return table.to_markdown();
}

int64_t inside(const EngineFit& fit) {
  return std::count_if(fit.held_out.begin(), fit.held_out.end(),
                       [](const HeldOut& point) { return point.inside(); });
}

std::string engine_table(const Measurements& all, const std::vector<EngineFit>& fits) {
  Table table({{"engine"},
               {"versions"},
               {"board"},
               {"points", Align::Right},
               {"networks", Align::Right},
               {"terms of time"},
               {"time", Align::Right},
               {"SRAM", Align::Right},
               {"flash", Align::Right},
               {"inside the bar", Align::Right},
               {"sources", Align::Right}});
  for (size_t i = 0; i < fits.size(); ++i) {
    const EngineFit& fit = fits[i];
    std::set<std::string> networks, versions;
    std::set<size_t> sources;
    for (const MeasuredPoint& point : all.fits.at(i).points) {
      networks.insert(point.network);
      versions.insert(point.version);
      sources.insert(point.source + 1);
    }
    std::vector<std::string> numbers;
    for (const size_t source : sources) numbers.push_back(std::to_string(source));
    table.add_row({fit.engine, list_text({versions.begin(), versions.end()}), fit.board,
                   std::to_string(fit.time.points), std::to_string(networks.size()),
                   list_text(fit.terms), pair_text(fit.time.mean_pct, fit.time.worst_pct, 1),
                   pair_text(fit.sram.mean_pct, fit.sram.worst_pct, 1),
                   pair_text(fit.flash.mean_pct, fit.flash.worst_pct, 1),
                   std::to_string(inside(fit)), list_text(numbers)});
  }
  return table.to_markdown();
}

std::string coverage_table() {
  Table table({{"bars of nominally", Align::Right}, {"hold", Align::Right}, {"", Align::Right}});
  for (const Coverage coverage : {Coverage::Nominal90, Coverage::Nominal95}) {
    int64_t held = 0, points = 0;
    for (const EngineFit& fit : engine_fits(coverage)) {
      held += inside(fit);
      points += static_cast<int64_t>(fit.held_out.size());
    }
    table.add_row(
        {coverage == Coverage::Nominal90 ? "90 %" : "95 %",
         std::to_string(held) + " of " + std::to_string(points),
         format_fixed(100.0 * static_cast<double>(held) / static_cast<double>(points), 1) + " %"});
  }
  return table.to_markdown();
}

std::string coefficients_table(const std::vector<EngineFit>& fits) {
  Table table({{"engine"}, {"board"}, {"cycles"}});
  for (const EngineFit& fit : fits) {
    std::string sum;
    for (size_t i = 0; i < fit.terms.size(); ++i) {
      sum +=
          (i > 0 ? " + " : "") + format_fixed(fit.cycles_per_term.at(i), 2) + " × " + fit.terms[i];
    }
    table.add_row({fit.engine, fit.board, sum});
  }
  return table.to_markdown();
}

std::string source_list(const Measurements& all) {
  std::string text;
  for (size_t i = 0; i < all.sources.size(); ++i)
    text += std::to_string(i + 1) + ". " + all.sources[i] + "\n";
  return text;
}

// Throws Error(Input) where the page has no such place.
void replace(std::string& page, const std::string& name, const std::string& text) {
  const std::string begin = "<!-- scripts/calibrate: " + name + " -->\n", end = "<!-- end -->\n";
  const size_t from = page.find(begin);
  const size_t to = from == std::string::npos ? from : page.find(end, from);
  if (to == std::string::npos)
    throw Error(ErrorKind::Input, "the page has no lines \"" + begin + "\" and \"" + end + "\"");
  page.replace(from + begin.size(), to - from - begin.size(), "\n" + text + "\n");
}

void write(const std::string& document, const std::string& picture) {
  const Measurements all = published_measurements();
  const std::vector<EngineFit> fits = engine_fits();
  std::string page = read_text_file(document);
  replace(page, "emulated", emulated_points(all));
  replace(page, "pairs", board_pairs(all));
  replace(page, "boards", board_factors());
  replace(page, "engines", engine_table(all, fits));
  replace(page, "coefficients", coefficients_table(fits));
  replace(page, "coverage", coverage_table());
  replace(page, "sources", source_list(all));
  write_file_atomically(document, page);
  write_file_atomically(picture, residual_plot(fits));
}

}  // namespace
}  // namespace mcunet::bench

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s PAGE.md PICTURE.svg\n", argv[0]);
    return 2;
  }
  try {
    mcunet::bench::write(argv[1], argv[2]);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
