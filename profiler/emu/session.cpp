// SPDX-License-Identifier: GPL-2.0-or-later
#include "profiler/emu/session.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>

namespace mcunet::emu {
namespace {

using nlohmann::json;

constexpr uint64_t kDefaultLimit = 100'000'000'000;

const json& member(const json& request, const char* name) {
  const auto found = request.find(name);
  if (found == request.end()) throw std::runtime_error(std::string("\"") + name + "\" is missing");
  return *found;
}

uint64_t number(const json& value, const char* name, uint64_t limit) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > limit) {
    throw std::runtime_error(std::string("\"") + name + "\" is not a number from 0 to " +
                             std::to_string(limit));
  }
  return value.get<uint64_t>();
}

uint32_t word(const json& value, const char* name) {
  return static_cast<uint32_t>(number(value, name, UINT32_MAX));
}

uint64_t number_or(const json& request, const char* name, uint64_t fallback) {
  return request.contains(name) ? number(request[name], name, UINT64_MAX) : fallback;
}

std::string text(const json& value, const char* name) {
  if (!value.is_string()) throw std::runtime_error(std::string("\"") + name + "\" is not a string");
  return value.get<std::string>();
}

uint32_t place(const Machine& machine, const json& request) {
  const uint32_t base = request.contains("symbol")
                            ? machine.symbol(text(request["symbol"], "symbol")).address
                            : word(member(request, "address"), "address");
  const uint64_t address = base + number_or(request, "offset", 0);
  if (address > UINT32_MAX) throw std::runtime_error("the address leaves the 32-bit address space");
  return static_cast<uint32_t>(address);
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  throw std::runtime_error("\"hex\" is not a string of hexadecimal digits");
}

std::vector<uint8_t> from_hex(const std::string& digits) {
  if (digits.size() % 2 != 0) throw std::runtime_error("\"hex\" has an odd number of digits");
  std::vector<uint8_t> bytes(digits.size() / 2);
  for (size_t i = 0; i < bytes.size(); i++) {
    bytes[i] = static_cast<uint8_t>(digit(digits[2 * i]) * 16 + digit(digits[2 * i + 1]));
  }
  return bytes;
}

std::string to_hex(const std::vector<uint8_t>& bytes) {
  const char* digits = "0123456789abcdef";
  std::string result;
  result.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    result += digits[byte >> 4];
    result += digits[byte & 15];
  }
  return result;
}

json to_json(const MemoryCount& count) {
  return {{"code_misses", count.code_misses},   {"load_misses", count.load_misses},
          {"store_misses", count.store_misses}, {"write_backs", count.write_backs},
          {"code_stalls", count.code_stalls},   {"data_stalls", count.data_stalls}};
}

void add_cycles(json& answer, const CycleCount& count) {
  const Stalls& stalls = count.stalls;
  answer["cycles"] = count.cycles;
  answer["pairs"] = count.pairs;
  answer["mispredicts"] = count.mispredicts;
  answer["stalls"] = {{"load", stalls.load}, {"multiply", stalls.multiply},
                      {"fp", stalls.fp},     {"other", stalls.other},
                      {"busy", stalls.busy}, {"branch", stalls.branch}};
  answer["memory"] = to_json(count.memory);
}

json to_json(const Measurement& measurement) {
  json functions = json::array(), steps = json::array();
  for (const FunctionCount& count : measurement.functions) {
    json function = {
        {"name", count.name}, {"instructions", count.instructions}, {"calls", count.calls}};
    add_cycles(function, count.cycles);
    functions.push_back(std::move(function));
  }
  for (const Step& step : measurement.steps) {
    steps.push_back({{"function", step.function},
                     {"instructions", step.instructions},
                     {"cycles", step.cycles},
                     {"memory_cycles", step.memory_cycles}});
  }
  json answer = {{"instructions", measurement.instructions},
                 {"stack", measurement.stack},
                 {"functions", std::move(functions)},
                 {"steps", std::move(steps)}};
  add_cycles(answer, measurement.cycles);
  return answer;
}

CacheShape cache_shape(const json& cache) {
  return {word(member(cache, "size"), "size"), word(member(cache, "ways"), "ways"),
          word(member(cache, "line"), "line")};
}

MemorySystem memory_system(const json& caches) {
  MemorySystem system;
  system.code = cache_shape(member(caches, "code"));
  system.data = cache_shape(member(caches, "data"));
  for (const json& memory : member(caches, "memories")) {
    system.memories.push_back({word(member(memory, "origin"), "origin"),
                               number(member(memory, "size"), "size", 1ull << 32),
                               word(member(memory, "first"), "first"),
                               word(member(memory, "line"), "line")});
  }
  return system;
}

std::unique_ptr<Machine> load(const json& request) {
  const std::string core = text(member(request, "core"), "core");
  if (core != "cortex-m7" && core != "cortex-m4") {
    throw std::runtime_error("core " + core + " is not known; there are cortex-m7 and cortex-m4");
  }
  // Flash and RAM of the STM32 families, and code at 0 as on QEMU's mps2 boards.
  std::vector<MemoryRange> memory = {{0x08000000, 16 << 20}, {0x20000000, 16 << 20}, {0, 4 << 20}};
  if (request.contains("memory")) {
    memory.clear();
    for (const json& range : request["memory"]) {
      memory.push_back({word(member(range, "origin"), "origin"),
                        number(member(range, "size"), "size", 1ull << 32)});
    }
  }
  std::optional<MemorySystem> system;
  if (request.contains("caches")) system = memory_system(request["caches"]);
  return std::make_unique<Machine>(text(member(request, "elf"), "elf"),
                                   core == "cortex-m7" ? Core::CortexM7 : Core::CortexM4, memory,
                                   request.value("timing", true), system);
}

json run(Machine& machine, const json& request) {
  const std::string measure =
      request.contains("measure") ? text(request["measure"], "measure") : "";
  const uint64_t occurrence = number_or(request, "occurrence", 1);
  if (occurrence == 0) throw std::runtime_error("\"occurrence\" counts from 1");
  const RunResult result =
      machine.run(measure, occurrence, number_or(request, "max_instructions", kDefaultLimit));
  json answer = {{"exit_code", result.exit_code},
                 {"output", result.output},
                 {"instructions", result.instructions},
                 {"cycles", result.cycles},
                 {"memory_cycles", result.memory_cycles}};
  if (result.measured) answer["measured"] = to_json(*result.measured);
  return answer;
}

json call(Machine& machine, const json& request) {
  const json& function = member(request, "function");
  const uint32_t address = function.is_string()
                               ? machine.symbol(function.get<std::string>()).address
                               : word(function, "function");
  std::vector<uint32_t> arguments;
  if (request.contains("args")) {
    for (const json& argument : request["args"]) arguments.push_back(word(argument, "args"));
  }
  const CallResult result =
      machine.call(address, arguments, number_or(request, "max_instructions", kDefaultLimit));
  return {{"r0", result.r0}, {"measured", to_json(result.measured)}};
}

json perform(std::unique_ptr<Machine>& machine, const json& request) {
  const std::string command = text(member(request, "cmd"), "cmd");
  if (command == "load") {
    machine.reset();
    machine = load(request);
    return {{"entry", machine->image().entry()}, {"symbols", machine->image().symbol_count()}};
  }
  if (command != "run" && command != "call" && command != "write" && command != "read" &&
      command != "symbol" && command != "straight") {
    throw std::runtime_error("command " + command + " is not known");
  }
  if (!machine) throw std::runtime_error("no firmware is loaded");
  if (command == "run") return run(*machine, request);
  if (command == "call") return call(*machine, request);
  if (command == "write") {
    machine->write(place(*machine, request), from_hex(text(member(request, "hex"), "hex")));
    return json::object();
  }
  if (command == "read") {
    return {
        {"hex", to_hex(machine->read(place(*machine, request), number_or(request, "size", 0)))}};
  }
  if (command == "straight") {
    const uint32_t size = word(member(request, "size"), "size");
    const uint64_t repeat = number_or(request, "repeat", 1);
    if (size > 1u << 20 || repeat > 1u << 20) throw std::runtime_error("that is too much code");
    return {{"cycles", machine->straight_cycles(place(*machine, request), size,
                                                static_cast<uint32_t>(repeat))}};
  }
  const Symbol& symbol = machine->symbol(text(member(request, "name"), "name"));
  return {{"address", symbol.address}, {"size", symbol.size}};
}

}  // namespace

std::string Session::answer(const std::string& line) {
  json answer;
  try {
    const json request = json::parse(line);
    if (!request.is_object()) throw std::runtime_error("a request is a JSON object");
    ended_ = request.value("cmd", "") == "quit";
    answer = ended_ ? json::object() : perform(machine_, request);
    answer["ok"] = true;
  } catch (const std::exception& error) {
    answer = {{"ok", false}, {"error", error.what()}};
  }
  // Firmware may print bytes that are not UTF-8.
  return answer.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace mcunet::emu
