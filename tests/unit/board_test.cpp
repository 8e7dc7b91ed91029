#include "libmcunet/board/board.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"

using namespace mcunet;
using nlohmann::json;

namespace {

json small_board() {
  return json::parse(R"({"schema": "mcunet.board/1", "name": "mine", "core": "cortex-m4",
                         "clock": "64MHz", "sram": "64k", "flash": 262144})");
}

std::vector<std::string> problems_of(const json& document) {
  try {
    board_from_json(document, "mine.json");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Usage);
    for (const std::string& problem : error.problems()) CHECK(problem.find("mine.json: ") == 0);
    return error.problems();
  }
  return {};
}

}  // namespace

TEST_CASE("every built-in board is sound, sourced and found by each of its names") {
  const std::vector<Board> boards = list_boards();
  CHECK(boards.size() == 11);
  std::set<std::string> names;
  for (const Board& board : boards) {
    INFO(board.name);
    CHECK(find_board(board.name) == board);
    CHECK(names.insert(board.name).second);
    CHECK_FALSE(board.sources.empty());
    for (const std::string& alias : board.aliases) {
      CHECK(find_board(alias).name == board.name);
      CHECK(names.insert(alias).second);
    }
    CHECK(board_from_json(board_to_json(board), board.name) == board);
    if (board.is_host()) continue;
    CHECK(data_memory(board).size == board.sram_bytes);
    CHECK(flash_memory(board).origin == 0x08000000);
    for (const MemoryRegion& a : board.regions) {
      for (const MemoryRegion& b : board.regions) {
        const bool apart = a.origin + a.size <= b.origin || b.origin + b.size <= a.origin;
        CHECK((a.name == b.name || apart));
      }
    }
  }
}

TEST_CASE("the reference board") {
  const Board board = find_board("STM32F746G-Disco");
  CHECK(board.name == "stm32f746");
  CHECK(board.core == "cortex-m7");
  CHECK(board.clock_hz == 216'000'000);
  CHECK(board.sram_bytes == 327'680);
  CHECK(board.flash_bytes == 1'048'576);
  CHECK(board.startup == "stm32f7");
  CHECK(board.icache_bytes == 4096);
  CHECK(board.flash_wait_states == 7);
  const MemoryRegion ram = data_memory(board);
  CHECK(ram.name == "ram");
  CHECK(ram.origin == 0x20000000);
  CHECK(ram.size == 327'680);
}

TEST_CASE("an unknown board names near ones and all") {
  try {
    find_board("stm32f764");
    FAIL("found");
  } catch (const Error& error) {
    const std::string text = error.what();
    CHECK(error.kind() == ErrorKind::Usage);
    CHECK(text.find("did you mean \"stm32f7") != std::string::npos);
    CHECK(text.find("stm32u585") != std::string::npos);
  }
}

TEST_CASE("a board file of one's own needs five figures") {
  const TemporaryDirectory directory;
  const auto path = directory.path() / "mine.json";
  write_file_atomically(path, small_board().dump());
  const Board board = find_board(path.string());
  CHECK(board.sram_bytes == 65'536);
  CHECK(board.flash_bytes == 262'144);
  CHECK(board.clock_hz == 64'000'000);
  CHECK(board.startup == "generic");
  CHECK(data_memory(board).origin == 0x20000000);
  CHECK(flash_memory(board).origin == 0x08000000);

  write_file_atomically(path, "{");
  CHECK_THROWS_AS(find_board(path.string()), Error);
  try {
    find_board((directory.path() / "none.json").string());
    FAIL("found");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::Input);
  }
}

TEST_CASE("a larger budget makes the memory larger") {
  Board board = find_board("stm32f746");
  board.sram_bytes = 4 << 20;
  CHECK(data_memory(board).size == 4 << 20);
}

TEST_CASE("all problems of a board file are told at once") {
  json document = small_board();
  document["core"] = "cortex-m0";
  document["clock"] = "fast";
  document["flahs"] = 1;
  document.erase("flash");
  const std::vector<std::string> problems = problems_of(document);
  REQUIRE(problems.size() == 4);
  CHECK(problems[0].find("cortex-m0") != std::string::npos);
  CHECK(problems[1].find("fast") != std::string::npos);
  CHECK(problems[2].find("\"flash\" is missing") != std::string::npos);
  CHECK(problems[3].find("did you mean \"flash\"") != std::string::npos);
}

TEST_CASE("malformed board files are refused, one fault each") {
  const auto with = [](const char* key, json value) {
    json document = small_board();
    document[key] = std::move(value);
    return document;
  };
  const auto region = [](const char* name, const char* origin, const char* size) {
    return json{{"name", name}, {"origin", origin}, {"size", size}, {"kind", "sram"}};
  };
  CHECK(problems_of(json::array()).size() == 1);
  CHECK(problems_of(json(3)).size() == 1);
  CHECK(problems_of(with("schema", "mcunet.board/2")).size() == 1);
  CHECK(problems_of(with("name", "Mine!")).size() == 1);
  CHECK(problems_of(with("name", "")).size() == 1);
  CHECK(problems_of(with("name", 7)).size() == 1);
  CHECK(problems_of(with("sram", 0)).size() == 1);
  CHECK(problems_of(with("sram", -1)).size() == 1);
  CHECK(problems_of(with("sram", 1.5)).size() == 1);
  CHECK(problems_of(with("sram", 18446744073709551615U)).size() == 1);
  CHECK(problems_of(with("aliases", "x")).size() == 1);
  CHECK(problems_of(with("aliases", {1})).size() == 1);
  CHECK(problems_of(with("startup", "stm32l4")).size() == 1);
  CHECK(problems_of(with("regions", "x")).size() == 1);
  CHECK(problems_of(with("regions", {1})).size() == 1);
  CHECK(problems_of(with("data_regions", {"dtcm"})).size() == 1);

  json document = small_board();
  document["flash_regions"] = {"flash"};
  document["data_regions"] = {"a", "b"};
  const json flash = {
      {"name", "flash"}, {"origin", 0x08000000}, {"size", "256k"}, {"kind", "flash"}};
  document["regions"] = {region("a", "0x20000000", "48k"), region("b", "0x2000C000", "16k"), flash};
  CHECK(problems_of(document).empty());
  document["regions"][1]["origin"] = "0x20010000";  // a gap
  CHECK(problems_of(document).size() == 1);
  document["regions"][1]["origin"] = "0x2000C000";
  document["regions"][1]["size"] = "8k";  // too little
  CHECK(problems_of(document).size() == 1);
  document["regions"][1]["size"] = "16k";
  document["regions"][1]["name"] = "a";  // twice the same name
  CHECK(problems_of(document).size() == 1);
  document["regions"][1]["name"] = "b";
  document["regions"][1]["origin"] = "0xFFFFFFF0";  // beyond the address space
  CHECK(problems_of(document).size() == 1);
  document["regions"][1]["origin"] = "2000C000";
  CHECK(problems_of(document).size() == 1);
}
