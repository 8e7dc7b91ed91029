#include <iostream>
#include <memory>

#include "apps/mcunet/command.h"
#include "libmcunet/support/table.h"

namespace mcunet::app {
namespace {

using nlohmann::ordered_json;

void list_command(bool json) {
  if (json) {
    ordered_json out = document("board");
    out["boards"] = ordered_json::array();
    for (const Board& board : list_boards()) out["boards"].push_back(board_to_json(board));
    return print_json(out);
  }
  Table table({{"board"},
               {"core"},
               {"MHz", Align::Right},
               {"SRAM", Align::Right},
               {"flash", Align::Right},
               {"also"}});
  for (const Board& board : list_boards()) {
    std::string aliases;
    for (const std::string& alias : board.aliases) aliases += (aliases.empty() ? "" : ", ") + alias;
    if (board.is_host()) {
      table.add_row({board.name, "this computer", "", "", "", aliases});
    } else {
      table.add_row({board.name, board.core, std::to_string(board.clock_hz / 1000000),
                     std::to_string(board.sram_bytes / 1024) + " KiB",
                     std::to_string(board.flash_bytes / 1024) + " KiB", aliases});
    }
  }
  std::cout << table.to_string();
}

void show_command(const std::string& name, bool json) {
  const Board board = find_board(name);
  ordered_json out = board_to_json(board);
  if (json) {
    ordered_json whole = document("board");
    whole["board"] = out;
    return print_json(whole);
  }
  std::cout << out.dump(2) << "\n";
}

}  // namespace

void add_board(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("board", "The boards mcunet knows");
  sub->footer(examples({"mcunet board list", "mcunet board show stm32f746",
                        "mcunet board show stm32f746 >mine.json   # then: --target mine.json"}));
  sub->require_subcommand(1);
  auto json = std::make_shared<bool>(false);
  auto name = std::make_shared<std::string>();
  CLI::App* list = sub->add_subcommand("list", "all boards");
  add_json(*list, *json);
  list->callback([json] { list_command(*json); });
  CLI::App* show = sub->add_subcommand("show", "one board, as a board file");
  show->add_option("board", *name, "name, alias or .json file")->required();
  add_json(*show, *json);
  show->callback([json, name] { show_command(*name, *json); });
}

}  // namespace mcunet::app
