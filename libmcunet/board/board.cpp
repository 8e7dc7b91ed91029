#include "libmcunet/board/board.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "libmcunet/board/size.h"
#include "libmcunet/support/embedded.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/suggest.h"

namespace mcunet {
namespace {

using nlohmann::json;

constexpr const char* kSchema = "mcunet.board/1";
const std::vector<std::string> kCores = {"cortex-m4", "cortex-m7", "cortex-m33", "host"};
const std::vector<std::string> kKinds = {"tcm", "sram", "flash"};
const std::vector<std::string> kStartups = {"stm32f7", "generic"};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

std::string hexadecimal(uint32_t value) {
  std::array<char, 16> text;
  const int length = std::snprintf(text.data(), text.size(), "0x%08X", value);
  return {text.data(), static_cast<size_t>(length)};
}

// Reads the fields of one JSON object and notes every problem instead of stopping at the first.
class Fields {
 public:
  Fields(const json& object, std::string place, std::vector<std::string>& problems)
      : object_(object), place_(std::move(place)), problems_(problems) {
    if (!object_.is_object()) problem("is not a JSON object");
  }

  const json* find(const std::string& key, bool required) {
    known_.push_back(key);
    const auto found = object_.is_object() ? object_.find(key) : object_.end();
    if (object_.is_object() && found != object_.end()) return &*found;
    if (required && object_.is_object()) problem("\"" + key + "\" is missing");
    return nullptr;
  }

  std::string text(const std::string& key, bool required) {
    const json* value = find(key, required);
    if (value == nullptr) return "";
    if (value->is_string() && !value->get_ref<const std::string&>().empty()) {
      return value->get<std::string>();
    }
    problem("\"" + key + "\" is not a text");
    return "";
  }

  std::string choice(const std::string& key, const std::vector<std::string>& choices) {
    std::string value = text(key, true);
    if (!value.empty() && std::find(choices.begin(), choices.end(), value) == choices.end()) {
      std::string all;
      for (const std::string& name : choices) all += (all.empty() ? "" : ", ") + name;
      problem("\"" + key + "\" is \"" + value + "\", not one of " + all);
    }
    return value;
  }

  std::vector<std::string> texts(const std::string& key) {
    const json* value = find(key, false);
    if (value == nullptr) return {};
    if (value->is_array() && std::all_of(value->begin(), value->end(),
                                         [](const json& item) { return item.is_string(); })) {
      return value->get<std::vector<std::string>>();
    }
    problem("\"" + key + "\" is not a list of texts");
    return {};
  }

  // A number, or a string that `parse` understands.
  int64_t quantity(const std::string& key, bool required,
                   int64_t (*parse)(std::string_view, std::string_view)) {
    const json* value = find(key, required);
    if (value == nullptr) return 0;
    if (value->is_string()) {
      try {
        return parse(value->get_ref<const std::string&>(), "\"" + key + "\"");
      } catch (const Error& error) {
        problem(error.what());
        return 0;
      }
    }
    // The limit also keeps sums of sizes from overflowing.
    constexpr int64_t kLargest = int64_t{1} << 50;
    if (value->is_number_integer() && value->get<int64_t>() >= 0 &&
        value->get<int64_t>() <= kLargest) {
      return value->get<int64_t>();
    }
    problem("\"" + key + "\" is neither a whole number nor a text such as \"320KiB\"");
    return 0;
  }

  uint32_t address(const std::string& key) {
    const json* value = find(key, true);
    if (value == nullptr) return 0;
    if (value->is_number_integer() && *value >= 0 && *value <= UINT32_MAX) {
      return value->get<uint32_t>();
    }
    if (value->is_string()) {
      const auto& text = value->get_ref<const std::string&>();
      const bool prefixed = text.size() > 2 && text.size() <= 10 && text[0] == '0' &&
                            (text[1] == 'x' || text[1] == 'X');
      if (prefixed && text.find_first_not_of("0123456789abcdefABCDEF", 2) == std::string::npos) {
        return static_cast<uint32_t>(std::stoul(text, nullptr, 16));
      }
    }
    problem("\"" + key + "\" is not an address such as \"0x20000000\"");
    return 0;
  }

  void refuse_unknown() {
    if (!object_.is_object()) return;
    for (const auto& [key, value] : object_.items()) {
      if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
        problem("\"" + key + "\" is no field of it" + did_you_mean(key, known_));
      }
    }
  }

  void problem(const std::string& text) { problems_.push_back(place_ + ": " + text); }

 private:
  const json& object_;
  std::string place_;
  std::vector<std::string>& problems_;
  std::vector<std::string> known_;
};

const MemoryRegion* find_region(const Board& board, const std::string& name) {
  const auto found = std::find_if(board.regions.begin(), board.regions.end(),
                                  [&](const MemoryRegion& region) { return region.name == name; });
  return found == board.regions.end() ? nullptr : &*found;
}

// The named regions must follow each other without a gap and add up to the budget.
void check_span(const Board& board, const char* key, const std::vector<std::string>& names,
                bool flash, int64_t budget, Fields& fields) {
  int64_t size = 0;
  int64_t end = -1;
  for (const std::string& name : names) {
    const MemoryRegion* region = find_region(board, name);
    const std::string place = std::string("\"") + key + "\": " + name;
    if (region == nullptr) {
      fields.problem(place + " is none of the regions");
      return;
    }
    if ((region->kind == "flash") != flash) fields.problem(place + " is " + region->kind);
    if (end >= 0 && region->origin != end) fields.problem(place + " is not next to the one before");
    end = int64_t{region->origin} + region->size;
    size += region->size;
  }
  if (size != budget) {
    fields.problem(std::string("\"") + key + "\" have " + std::to_string(size) + " B, not the " +
                   std::to_string(budget) + " B of the " + (flash ? "\"flash\"" : "\"sram\"") +
                   " field");
  }
}

void read_regions(const json& list, const std::string& place, Board& board,
                  std::vector<std::string>& problems) {
  if (!list.is_array()) {
    problems.push_back(place + ": \"regions\" is not a list");
    return;
  }
  std::set<std::string> names;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string here = place + ": region " + std::to_string(i);
    Fields fields(list[i], here, problems);
    MemoryRegion region;
    region.name = fields.text("name", true);
    region.origin = fields.address("origin");
    region.size = fields.quantity("size", true, parse_size);
    region.kind = fields.choice("kind", kKinds);
    fields.refuse_unknown();
    if (region.origin + region.size > int64_t{1} << 32) fields.problem("it ends beyond 4 GiB");
    if (!names.insert(region.name).second) fields.problem("its name is taken");
    board.regions.push_back(std::move(region));
  }
}

void check_board(const Board& board, Fields& fields) {
  if (!std::all_of(board.name.begin(), board.name.end(),
                   [](char c) { return std::islower(c) || std::isdigit(c) || c == '-'; })) {
    fields.problem("\"name\" is not of lower-case letters, digits and '-'");
  }
  if (board.sram_bytes <= 0) fields.problem("\"sram\" must be positive");
  if (board.flash_bytes <= 0) fields.problem("\"flash\" must be positive");
  if (board.is_host()) return;
  if (board.clock_hz <= 0) fields.problem("\"clock\" must be positive");
  check_span(board, "data_regions", board.data_regions, false, board.sram_bytes, fields);
  check_span(board, "flash_regions", board.flash_regions, true, board.flash_bytes, fields);
}

MemoryRegion merged(const Board& board, const std::vector<std::string>& names, std::string name,
                    int64_t size) {
  assert(!names.empty());
  const MemoryRegion* first = find_region(board, names[0]);
  assert(first != nullptr);
  return {std::move(name), first->origin, size, first->kind};
}

Board parse_board(std::string_view text, const std::string& place) {
  json document;
  try {
    document = json::parse(text);
  } catch (const json::parse_error& error) {
    throw Error(ErrorKind::Usage, place + ": not JSON: " + error.what());
  }
  return board_from_json(document, place);
}

bool names_board(const Board& board, const std::string& name) {
  return board.name == name ||
         std::any_of(board.aliases.begin(), board.aliases.end(),
                     [&](const std::string& alias) { return lower(alias) == name; });
}

}  // namespace

bool operator==(const MemoryRegion& a, const MemoryRegion& b) {
  return a.name == b.name && a.origin == b.origin && a.size == b.size && a.kind == b.kind;
}

bool operator==(const Board& a, const Board& b) { return board_to_json(a) == board_to_json(b); }

MemoryRegion data_memory(const Board& board) {
  return merged(board, board.data_regions, "ram", board.sram_bytes);
}

MemoryRegion flash_memory(const Board& board) {
  return merged(board, board.flash_regions, "flash", board.flash_bytes);
}

Board board_from_json(const json& document, const std::string& place) {
  std::vector<std::string> problems;
  Fields fields(document, place, problems);
  Board board;
  const std::string schema = fields.text("schema", true);
  if (!schema.empty() && schema != kSchema) {
    fields.problem("\"schema\" is \"" + schema + "\", not \"" + kSchema + "\"");
  }
  board.name = fields.text("name", true);
  board.title = fields.text("title", false);
  if (board.title.empty()) board.title = board.name;
  board.aliases = fields.texts("aliases");
  board.core = fields.choice("core", kCores);
  board.clock_hz = fields.quantity("clock", !board.is_host(), parse_clock);
  board.sram_bytes = fields.quantity("sram", true, parse_size);
  board.flash_bytes = fields.quantity("flash", true, parse_size);
  const json* regions = fields.find("regions", false);
  board.data_regions = fields.texts("data_regions");
  board.flash_regions = fields.texts("flash_regions");
  board.icache_bytes = fields.quantity("icache", false, parse_size);
  board.dcache_bytes = fields.quantity("dcache", false, parse_size);
  board.flash_wait_states = static_cast<int>(
      std::min<int64_t>(fields.quantity("flash_wait_states", false, parse_size), INT16_MAX));
  board.startup =
      fields.find("startup", false) != nullptr ? fields.choice("startup", kStartups) : "generic";
  board.sources = fields.texts("sources");
  board.notes = fields.texts("notes");
  fields.refuse_unknown();

  if (regions != nullptr) {
    read_regions(*regions, place, board, problems);
  } else if (!board.is_host()) {
    board.regions = {{"ram", 0x20000000, board.sram_bytes, "sram"},
                     {"flash", 0x08000000, board.flash_bytes, "flash"}};
    if (board.data_regions.empty()) board.data_regions = {"ram"};
    if (board.flash_regions.empty()) board.flash_regions = {"flash"};
  }
  // What does not add up is only worth saying about fields that could be read.
  if (problems.empty()) check_board(board, fields);
  if (!problems.empty()) throw Error(ErrorKind::Usage, std::move(problems));
  return board;
}

nlohmann::ordered_json board_to_json(const Board& board) {
  nlohmann::ordered_json document = {{"schema", kSchema},        {"name", board.name},
                                     {"title", board.title},     {"aliases", board.aliases},
                                     {"core", board.core},       {"clock", board.clock_hz},
                                     {"sram", board.sram_bytes}, {"flash", board.flash_bytes}};
  document["regions"] = nlohmann::ordered_json::array();
  for (const MemoryRegion& region : board.regions) {
    document["regions"].push_back({{"name", region.name},
                                   {"origin", hexadecimal(region.origin)},
                                   {"size", region.size},
                                   {"kind", region.kind}});
  }
  document["data_regions"] = board.data_regions;
  document["flash_regions"] = board.flash_regions;
  document["icache"] = board.icache_bytes;
  document["dcache"] = board.dcache_bytes;
  document["flash_wait_states"] = board.flash_wait_states;
  document["startup"] = board.startup;
  document["sources"] = board.sources;
  document["notes"] = board.notes;
  return document;
}

std::vector<Board> list_boards() {
  std::vector<Board> boards;
  for (const EmbeddedFile& file : embedded::boards()) {
    boards.push_back(parse_board(file.text, "configs/boards/" + file.name));
  }
  std::sort(boards.begin(), boards.end(),
            [](const Board& a, const Board& b) { return a.name < b.name; });
  return boards;
}

Board find_board(const std::string& name) {
  const std::string wanted = lower(name);
  if (std::filesystem::path(wanted).extension() == ".json") {
    return parse_board(read_text_file(name), name);
  }
  std::vector<Board> boards = list_boards();
  std::vector<std::string> known;
  std::string all;
  for (Board& board : boards) {
    if (names_board(board, wanted)) return std::move(board);
    known.push_back(board.name);
    known.insert(known.end(), board.aliases.begin(), board.aliases.end());
    all += (all.empty() ? "" : ", ") + board.name;
  }
  throw Error(ErrorKind::Usage, "unknown board \"" + name + "\"" + did_you_mean(name, known) +
                                    " Known: " + all + "; or the path of a .json file");
}

}  // namespace mcunet
