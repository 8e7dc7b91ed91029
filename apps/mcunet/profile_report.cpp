#include "apps/mcunet/profile_report.h"

#include <algorithm>
#include <cmath>
#include <iostream>

#include "apps/mcunet/command.h"
#include "libmcunet/graph/operators.h"

namespace mcunet::app {
namespace {

// The schedules side by side; `auto` is one of them, or a mixture of layer and stream.
Table schedule_table(const Profile& profile, const Board& board) {
  Table table({{"schedule"},
               {"SRAM", Align::Right},
               {"arena", Align::Right},
               {"lower bound", Align::Right},
               {"cycles (est.)", Align::Right},
               {"recomputed MACs", Align::Right},
               {""}});
  const auto add = [&](const std::string& name, const compiler::SramAccount& sram, int64_t cycles,
                       int64_t recomputed) {
    const bool fits = board.is_host() || sram.total() <= board.sram_bytes;
    table.add_row({name, group_digits(sram.total()), group_digits(sram.arena),
                   group_digits(sram.lower_bound), group_digits(cycles),
                   recomputed > 0 ? group_digits(recomputed) : "", fits ? "" : "does not fit"});
  };
  for (const compiler::Alternative& other : profile.schedules)
    add(other.name, other.sram, other.cycles, other.recomputed_macs);
  add("chosen", profile.model.sram, profile.estimated_cycles, profile.model.recomputed_macs);
  return table;
}

std::string percent(double value) { return format_fixed(value, 1) + " %"; }

std::string range_ms(double ms, const RelativeBar& bar) {
  return format_fixed(ms * bar.low, 1) + " to " + format_fixed(ms * bar.high, 1);
}

// What the network needs here and in other engines; beside each figure the mean error of its fit on
// networks that were held out.
Table engine_table(const Profile& profile) {
  Table table({{"engine"},
               {"SRAM", Align::Right},
               {"error", Align::Right},
               {"flash", Align::Right},
               {"error", Align::Right},
               {"ms", Align::Right},
               {"range"},
               {"error", Align::Right},
               {"worst", Align::Right},
               {"points", Align::Right},
               {""}});
  table.add_row({"mcunet", group_digits(profile.model.sram.total()), "",
                 group_digits(profile.flash.total()), "", format_fixed(profile.ms, 1),
                 range_ms(profile.ms, profile.factor.bar)});
  for (const EngineEstimate& engine : profile.engines) {
    std::string notes = "fitted on " + engine.fitted_on;
    for (const std::string& note : engine.notes) notes += "; " + note;
    table.add_row({engine.engine, group_digits(engine.sram), percent(engine.sram_error.mean_pct),
                   group_digits(engine.flash), percent(engine.flash_error.mean_pct),
                   format_fixed(engine.ms, 1), range_ms(engine.ms, engine.bar),
                   percent(engine.time_error.mean_pct), percent(engine.time_error.worst_pct),
                   std::to_string(engine.time_error.points), notes});
  }
  return table;
}

// --measured: cycles on the board against those estimated for it.
Table measured_table(const Profile& profile) {
  Table table({{"layer", Align::Right},
               {"operator"},
               {"measured", Align::Right},
               {"estimated", Align::Right},
               {"difference", Align::Right}});
  const auto row = [&](const std::string& index, const std::string& name, int64_t measured,
                       int64_t core) {
    const double estimate = static_cast<double>(core) * profile.factor.factor;
    const bool comparable = measured > 0 && core > 0;
    const double difference = 100 * (estimate / static_cast<double>(measured) - 1);
    table.add_row({index, name, group_digits(measured), group_digits(std::llround(estimate)),
                   comparable ? percent(difference) : ""});
  };
  const MeasuredLayers& measured = *profile.on_board;
  for (const LayerProfile& layer : profile.layers) {
    if (measured.layers.empty() || measured.layers[layer.index] < 0) continue;
    row(std::to_string(layer.index), operator_info(profile.model.graph.ops[layer.index].kind).name,
        measured.layers[layer.index], profile.measurement ? layer.emulated_cycles : layer.cycles);
  }
  if (measured.total_given || unmeasured_layers(profile).empty())
    row("", "total", measured.total, profile.cycles);
  return table;
}

}  // namespace

Table function_table(const Measurement& measured) {
  const auto number = [](uint64_t value) { return group_digits(static_cast<int64_t>(value)); };
  const uint64_t total = measured.cycles.with_caches();
  const bool caches = measured.cycles.memory() > 0;
  std::vector<Table::Column> columns = {{"function"},
                                        {"calls", Align::Right},
                                        {"instructions", Align::Right},
                                        {"cycles", Align::Right}};
  if (caches) columns.push_back({"+ memory", Align::Right});
  columns.push_back({"share", Align::Right});
  Table functions(columns);
  for (const FunctionCount& function : measured.functions) {
    std::vector<std::string> row = {function.name, number(function.calls),
                                    number(function.instructions), number(function.cycles.core)};
    if (caches) row.push_back(number(function.cycles.memory()));
    row.push_back(format_fixed(100.0 * static_cast<double>(function.cycles.with_caches()) /
                                   static_cast<double>(std::max<uint64_t>(total, 1)),
                               1) +
                  " %");
    functions.add_row(row);
  }
  return functions;
}

void print_measurement(const Measurement& measured, int64_t macs_in_all, int64_t stack) {
  const auto number = [](uint64_t value) { return group_digits(static_cast<int64_t>(value)); };
  std::cout << function_table(measured).to_string()
            << "\nemulated: " << number(measured.instructions) << " instructions, "
            << number(measured.cycles.core) << " cycles";
  if (measured.cycles.memory() > 0)
    std::cout << " and " << number(measured.cycles.memory()) << " of caches and memory";
  if (macs_in_all > 0) {
    std::cout << ", "
              << format_fixed(
                     static_cast<double>(measured.cycles.core) / static_cast<double>(macs_in_all),
                     2)
              << " cycles per MAC";
  }
  std::cout << "; stack used " << group_digits(measured.stack);
  if (stack > 0) std::cout << " of " << group_digits(stack);
  std::cout << " B\n";
}

void print_latency(const Board& board, int64_t cycles, const BoardFactor& factor,
                   const std::optional<Measurement>& measurement) {
  const double board_cycles = static_cast<double>(cycles) * factor.factor;
  const double ms = to_ms(board_cycles, board);
  std::cout << "latency:  " << format_fixed(ms, 1) << " ms (" << range_ms(ms, factor.bar) << "), "
            << group_digits(std::llround(board_cycles)) << " cycles at " << board.clock_hz / 1000000
            << " MHz\n          " << group_digits(cycles) << " cycles of the core, "
            << (measurement ? "emulated" : "estimated from the shapes") << ", times "
            << format_fixed(factor.factor, 3) << " for flash and caches (" << factor.points
            << (factor.points == 1 ? " network; " : " networks; ") << factor.note << ")\n";
  if (measurement && measurement->cycles.memory() > 0) {
    std::cout << "          "
              << format_fixed(to_ms(static_cast<double>(measurement->cycles.with_caches()), board),
                              1)
              << " ms with flash and caches simulated instead\n";
  }
}

std::string verdict(bool fits, const char* what, int64_t needed, int64_t available) {
  const std::string text =
      std::string(what) + " " + group_digits(needed) + " of " + group_digits(available) + " B";
  return fits ? text + " fits"
              : text + " does NOT fit, " + group_digits(needed - available) + " B too much";
}

Rows parse_rows(const std::string& name) {
  if (name == "layer") return Rows::Layer;
  if (name == "block") return Rows::Block;
  if (name == "operator") return Rows::Operator;
  throw Error(ErrorKind::Usage, "--by " + name + ": known are layer, block, operator");
}

namespace {

using Number = std::string (*)(int64_t);
std::string plain_number(int64_t value) { return std::to_string(value); }

// Columns that every table of cycles ends with.
void add_cycle_columns(const Profile& profile, std::vector<Table::Column>& columns) {
  columns.push_back({"cycles (est.)", Align::Right});
  if (!profile.measurement) return;
  columns.push_back({"instructions", Align::Right});
  columns.push_back({"cycles", Align::Right});
  if (profile.with_caches()) columns.push_back({"+ memory", Align::Right});
  columns.push_back({"per MAC", Align::Right});
  columns.push_back({"to the floor", Align::Right});
}

void add_cycles(const Profile& profile, const LayerProfile& layer, Number number,
                std::vector<std::string>& row) {
  row.push_back(number(layer.cycles));
  if (!profile.measurement) return;
  row.push_back(number(layer.instructions));
  row.push_back(number(layer.emulated_cycles));
  if (profile.with_caches()) row.push_back(number(layer.memory_cycles));
  const double per_mac =
      layer.macs > 0 ? static_cast<double>(layer.emulated_cycles) / static_cast<double>(layer.macs)
                     : 0;
  row.push_back(layer.macs > 0 ? format_fixed(per_mac, 2) : "");
  row.push_back(layer.macs > 0 ? format_fixed(per_mac / kLeastCyclesPerMac, 1) + "x" : "");
}

Table layer_table(const Profile& profile, Number number) {
  std::vector<Table::Column> columns = {{"layer", Align::Right},
                                        {"op", Align::Right},
                                        {"operator"},
                                        {"input"},
                                        {"output"},
                                        {"MACs", Align::Right},
                                        {"SRAM", Align::Right},
                                        {"flash", Align::Right}};
  add_cycle_columns(profile, columns);
  Table table(columns);
  for (const LayerProfile& layer : profile.layers) {
    const Op& op = profile.model.graph.ops[layer.index];
    std::vector<std::string> row = {std::to_string(layer.index),
                                    op.source_index < 0 ? "" : std::to_string(op.source_index),
                                    operator_info(op.kind).name,
                                    to_string(profile.model.graph.input(op, 0).shape),
                                    to_string(profile.model.graph.output(op).shape),
                                    layer.macs > 0 ? number(layer.macs) : "",
                                    number(layer.sram),
                                    number(layer.flash)};
    add_cycles(profile, layer, number, row);
    table.add_row(row);
  }
  return table;
}

int64_t all_layer_cycles(const Profile& profile) {
  int64_t cycles = 0;
  for (const LayerProfile& layer : profile.layers) cycles += profile.layer_cycles(layer);
  return std::max<int64_t>(cycles, 1);
}

// What blocks and kinds of operators have in common; `row` and `columns` begin with their own.
void add_group(const Profile& profile, const LayerGroup& group, Number number,
               std::vector<std::string> row, Table& table) {
  const LayerProfile sum = sum_of(profile, group);
  const double share = 100 * static_cast<double>(profile.layer_cycles(sum)) /
                       static_cast<double>(all_layer_cycles(profile));
  row.insert(row.end(), {sum.macs > 0 ? number(sum.macs) : "", number(sum.sram), number(sum.flash),
                         format_fixed(share, 1) + " %"});
  add_cycles(profile, sum, number, row);
  table.add_row(row);
}

std::vector<Table::Column> group_columns(const Profile& profile,
                                         std::vector<Table::Column> columns) {
  columns.push_back({"MACs", Align::Right});
  columns.push_back({"SRAM", Align::Right});
  columns.push_back({"flash", Align::Right});
  columns.push_back({"time", Align::Right});
  add_cycle_columns(profile, columns);
  return columns;
}

Table block_table(const Profile& profile, Number number) {
  Table table(group_columns(
      profile, {{"block", Align::Right}, {"layers", Align::Right}, {"kind"}, {"output"}}));
  const Graph& graph = profile.model.graph;
  int64_t index = 0;
  for (const LayerGroup& block : group_by_block(graph)) {
    const size_t first = block.layers.front(), last = block.layers.back();
    const std::string layers =
        std::to_string(first) + (last > first ? " to " + std::to_string(last) : "");
    add_group(profile, block, number,
              {std::to_string(index++), layers, block.name,
               to_string(graph.output(graph.ops[last]).shape)},
              table);
  }
  return table;
}

Table operator_table_of(const Profile& profile, Number number) {
  Table table(group_columns(profile, {{"operator"}, {"layers", Align::Right}}));
  for (const LayerGroup& kind : group_by_kind(profile.model.graph))
    add_group(profile, kind, number, {kind.name, std::to_string(kind.layers.size())}, table);
  return table;
}

}  // namespace

Table profile_table(const Profile& profile, Rows rows, bool grouped) {
  const Number number = grouped ? group_digits : plain_number;
  switch (rows) {
    case Rows::Block:
      return block_table(profile, number);
    case Rows::Operator:
      return operator_table_of(profile, number);
    case Rows::Layer:
      break;
  }
  return layer_table(profile, number);
}

// Layers that take time and of which --measured has no count.
std::vector<std::string> unmeasured_layers(const Profile& profile) {
  std::vector<std::string> missing;
  const std::vector<int64_t>& given = profile.on_board->layers;
  for (const LayerProfile& layer : profile.layers) {
    if (layer.cycles > 0 && (given.empty() || given[layer.index] < 0))
      missing.push_back(std::to_string(layer.index));
  }
  return missing;
}

void print_report(const Model& source, const Profile& profile, const std::vector<Rows>& tables) {
  const Board& board = profile.board();
  std::cout << target_line(board) << "model:  " << source.stem << ", " << profile.layers.size()
            << " layers, " << group_digits(total_macs(profile.model.graph)) << " MACs, "
            << group_digits(total_parameters(profile.model.graph)) << " parameters; schedule "
            << profile.model.schedule.kind << "\n\n";
  for (const Rows rows : tables)
    std::cout << profile_table(profile, rows, true).to_string() << "\n";
  std::cout << memory_table(profile.model, profile.flash) << "\n"
            << schedule_table(profile, board).to_string() << "\n";
  if (profile.measurement) {
    print_measurement(*profile.measurement, total_macs(profile.model.graph),
                      profile.model.sram.stack);
  }
  if (profile.on_board) std::cout << measured_table(profile).to_string() << "\n";
  if (!profile.engines.empty()) std::cout << engine_table(profile).to_string() << "\n";
  if (board.is_host()) return;
  print_latency(board, profile.cycles, profile.factor, profile.measurement);
  std::cout << "fits:     "
            << verdict(profile.fits_sram, "SRAM", profile.model.sram.total(), board.sram_bytes)
            << "; "
            << verdict(profile.fits_flash, "flash", profile.flash.total(), board.flash_bytes)
            << "\n";
}

std::vector<HtmlTable> html_tables(const Profile& profile) {
  std::vector<HtmlTable> tables;
  if (!profile.engines.empty()) {
    tables.push_back(
        {"Engines: errors of the fits",
         "Beside each figure the mean error on networks that were left out of the fit.",
         engine_table(profile)});
  }
  tables.push_back({"Kinds of operators", "", profile_table(profile, Rows::Operator, true)});
  tables.push_back({"Blocks", "", profile_table(profile, Rows::Block, true)});
  tables.push_back(
      {"Layers", "A click on a title sorts.", profile_table(profile, Rows::Layer, true)});
  if (profile.on_board) {
    tables.push_back({"Measured on the board", "Cycles, and those estimated for the board.",
                      measured_table(profile)});
  }
  if (profile.measurement) {
    tables.push_back({"Functions on the emulated core",
                      "Of each function itself, without those it calls.",
                      function_table(*profile.measurement)});
  }
  tables.push_back({"Schedules", "", schedule_table(profile, profile.board())});
  return tables;
}

}  // namespace mcunet::app
