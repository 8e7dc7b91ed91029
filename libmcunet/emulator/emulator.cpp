#include "libmcunet/emulator/emulator.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "libmcunet/emulator/process.h"
#include "libmcunet/support/error.h"

namespace mcunet {
namespace {

using nlohmann::json;

[[noreturn]] void not_understood() {
  throw Error(ErrorKind::External,
              "mcunet-emu: its answer is not understood; is it of the same version as mcunet?");
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

uint8_t from_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<uint8_t>(c - 'a' + 10);
  not_understood();
}

std::vector<uint8_t> from_hex(const std::string& digits, size_t size) {
  if (digits.size() != 2 * size) not_understood();
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; i++) {
    bytes[i] = static_cast<uint8_t>(from_digit(digits[2 * i]) << 4 | from_digit(digits[2 * i + 1]));
  }
  return bytes;
}

uint64_t number(const json& answer, const char* name) { return answer.at(name).get<uint64_t>(); }

CycleCount to_cycles(const json& answer) {
  CycleCount count;
  count.core = number(answer, "cycles");
  count.pairs = number(answer, "pairs");
  count.mispredicts = number(answer, "mispredicts");
  const json& stalls = answer.at("stalls");
  count.stalls = {number(stalls, "load"),  number(stalls, "multiply"), number(stalls, "fp"),
                  number(stalls, "other"), number(stalls, "busy"),     number(stalls, "branch")};
  const json& memory = answer.at("memory");
  count.caches = {number(memory, "code_misses"),  number(memory, "load_misses"),
                  number(memory, "store_misses"), number(memory, "write_backs"),
                  number(memory, "code_stalls"),  number(memory, "data_stalls")};
  return count;
}

json to_json(const EmulatedCache& cache) {
  return {{"size", cache.size}, {"ways", cache.ways}, {"line", cache.line}};
}

json to_json(const EmulatedCaches& caches) {
  json memories = json::array();
  for (const EmulatedSlowMemory& memory : caches.memories) {
    memories.push_back({{"origin", memory.origin},
                        {"size", memory.size},
                        {"first", memory.first},
                        {"line", memory.line}});
  }
  return {{"code", to_json(caches.code)},
          {"data", to_json(caches.data)},
          {"memories", std::move(memories)}};
}

Measurement to_measurement(const json& answer) {
  Measurement measurement;
  measurement.instructions = answer.at("instructions").get<uint64_t>();
  measurement.cycles = to_cycles(answer);
  measurement.stack = answer.at("stack").get<uint32_t>();
  for (const json& count : answer.at("functions")) {
    measurement.functions.push_back({count.at("name").get<std::string>(),
                                     count.at("instructions").get<uint64_t>(),
                                     count.at("calls").get<uint64_t>(), to_cycles(count)});
  }
  for (const json& step : answer.at("steps")) {
    measurement.steps.push_back({step.at("function").get<std::string>(),
                                 number(step, "instructions"), number(step, "cycles"),
                                 number(step, "memory_cycles")});
  }
  return measurement;
}

}  // namespace

CycleCount& operator+=(CycleCount& sum, const CycleCount& count) {
  sum.core += count.core;
  sum.pairs += count.pairs;
  sum.mispredicts += count.mispredicts;
  sum.stalls.load += count.stalls.load;
  sum.stalls.multiply += count.stalls.multiply;
  sum.stalls.fp += count.stalls.fp;
  sum.stalls.other += count.stalls.other;
  sum.stalls.busy += count.stalls.busy;
  sum.stalls.branch += count.stalls.branch;
  sum.caches.code_misses += count.caches.code_misses;
  sum.caches.load_misses += count.caches.load_misses;
  sum.caches.store_misses += count.caches.store_misses;
  sum.caches.write_backs += count.caches.write_backs;
  sum.caches.code_stalls += count.caches.code_stalls;
  sum.caches.data_stalls += count.caches.data_stalls;
  return sum;
}

class Emulator::Process {
 public:
  // Sends a request and gives the answer to `read`, which picks what it needs.
  template <typename Read>
  auto ask(const json& request, Read read) {
    try {
      const json answer =
          json::parse(process_.ask(request.dump(-1, ' ', false, json::error_handler_t::replace)));
      if (!answer.at("ok").get<bool>()) {
        throw Error(ErrorKind::External, "emulated core: " + answer.at("error").get<std::string>());
      }
      return read(answer);
    } catch (const json::exception&) {
      not_understood();
    }
  }
  void ask(const json& request) {
    ask(request, [](const json&) { return 0; });
  }

  CallResult call(json request, const std::vector<uint32_t>& arguments, uint64_t max_instructions) {
    request["cmd"] = "call";
    request["args"] = arguments;
    if (max_instructions != 0) request["max_instructions"] = max_instructions;
    return ask(request, [](const json& answer) {
      return CallResult{answer.at("r0").get<uint32_t>(), to_measurement(answer.at("measured"))};
    });
  }
  void write(json request, const std::vector<uint8_t>& bytes) {
    request["cmd"] = "write";
    request["hex"] = to_hex(bytes);
    ask(request);
  }
  std::vector<uint8_t> read(json request, size_t size) {
    request["cmd"] = "read";
    request["size"] = size;
    return ask(request, [size](const json& answer) {
      return from_hex(answer.at("hex").get<std::string>(), size);
    });
  }

 private:
  EmulatorProcess process_;
};

bool Emulator::available() { return !EmulatorProcess::find_program().empty(); }

Emulator::Emulator() : process_(std::make_unique<Process>()) {}
Emulator::~Emulator() = default;
Emulator::Emulator(Emulator&& other) noexcept = default;
Emulator& Emulator::operator=(Emulator&& other) noexcept = default;

void Emulator::load(const std::string& elf_path, EmulatedCore core,
                    const std::vector<EmulatedMemory>& memory, const TimingOptions& timing) {
  json request = {{"cmd", "load"},
                  {"elf", elf_path},
                  {"core", core == EmulatedCore::CortexM7 ? "cortex-m7" : "cortex-m4"},
                  {"timing", timing.cycles}};
  if (timing.caches) request["caches"] = to_json(*timing.caches);
  for (const EmulatedMemory& range : memory) {
    request["memory"].push_back({{"origin", range.origin}, {"size", range.size}});
  }
  process_->ask(request);
}

RunResult Emulator::run(const RunOptions& options) {
  json request = {{"cmd", "run"}};
  if (!options.measure.empty()) {
    request["measure"] = options.measure;
    request["occurrence"] = options.occurrence;
  }
  if (options.max_instructions != 0) request["max_instructions"] = options.max_instructions;
  return process_->ask(request, [](const json& answer) {
    RunResult result;
    result.exit_code = answer.at("exit_code").get<int>();
    result.output = answer.at("output").get<std::string>();
    result.instructions = number(answer, "instructions");
    result.cycles = number(answer, "cycles");
    result.memory_cycles = number(answer, "memory_cycles");
    if (answer.contains("measured")) result.measured = to_measurement(answer["measured"]);
    return result;
  });
}

CallResult Emulator::call(const std::string& function, const std::vector<uint32_t>& arguments,
                          uint64_t max_instructions) {
  return process_->call({{"function", function}}, arguments, max_instructions);
}

CallResult Emulator::call(uint32_t address, const std::vector<uint32_t>& arguments,
                          uint64_t max_instructions) {
  return process_->call({{"function", address}}, arguments, max_instructions);
}

void Emulator::write(const std::string& symbol, const std::vector<uint8_t>& bytes,
                     uint32_t offset) {
  process_->write({{"symbol", symbol}, {"offset", offset}}, bytes);
}

void Emulator::write(uint32_t address, const std::vector<uint8_t>& bytes) {
  process_->write({{"address", address}}, bytes);
}

std::vector<uint8_t> Emulator::read(const std::string& symbol, size_t size, uint32_t offset) {
  return process_->read({{"symbol", symbol}, {"offset", offset}}, size);
}

std::vector<uint8_t> Emulator::read(uint32_t address, size_t size) {
  return process_->read({{"address", address}}, size);
}

EmulatedSymbol Emulator::symbol(const std::string& name) {
  return process_->ask({{"cmd", "symbol"}, {"name", name}}, [](const json& answer) {
    return EmulatedSymbol{answer.at("address").get<uint32_t>(), answer.at("size").get<uint32_t>()};
  });
}

uint64_t Emulator::straight_cycles(uint32_t address, uint32_t size, uint32_t repeat) {
  return process_->ask(
      {{"cmd", "straight"}, {"address", address}, {"size", size}, {"repeat", repeat}},
      [](const json& answer) { return number(answer, "cycles"); });
}

}  // namespace mcunet
