#include "compiler/targets/toolchain.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "compiler/codegen/c_text.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/process.h"

namespace mcunet::compiler {
namespace {

constexpr double kBuildTimeout = 600;  // seconds; the largest model's weights take some 20

std::string first_lines(const std::string& text, size_t count) {
  std::istringstream in(text);
  std::string line, out;
  for (size_t i = 0; i < count && std::getline(in, line); ++i) out += "\n  " + line;
  return out;
}

void write_sources(const std::vector<SourceFile>& files, const std::filesystem::path& directory) {
  OutputDirectory out(directory);
  for (const SourceFile& file : files) out.add(file.path, file.text);
  out.commit();
}

void run_or_throw(const std::vector<std::string>& arguments, const std::filesystem::path& directory,
                  const std::string& what) {
  ProcessOptions options;
  options.directory = directory.string();
  options.timeout_s = kBuildTimeout;
  const ProcessResult result = run_process(arguments, options);
  if (!result.ok())
    throw Error(ErrorKind::External, what + " failed with exit code " +
                                         std::to_string(result.exit_code) +
                                         first_lines(result.errors, 12));
}

}  // namespace

Board roomy_board(const CompiledModel& model) {
  Board board = model.options.board;
  if (board.is_host()) board = find_board("stm32f746");
  constexpr int64_t kExampleFlash = 32768, kExampleRam = 4096;
  board.flash_bytes = std::max(board.flash_bytes, model.flash.total() * 11 / 10 + kExampleFlash);
  board.sram_bytes = std::max(board.sram_bytes, model.sram.total() + kExampleRam);
  return board;
}

std::string cpu_flags(const std::string& core) {
  if (core == "cortex-m4") return "-mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard";
  if (core == "cortex-m33") return "-mcpu=cortex-m33 -mthumb -mfpu=fpv5-sp-d16 -mfloat-abi=hard";
  return "-mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard";
}

bool host_compiler_available() { return find_program("cc").has_value(); }
bool cross_compiler_available() {
  return find_program("arm-none-eabi-gcc").has_value() && find_program("make").has_value();
}

namespace {

void require_cross_compiler() {
  if (cross_compiler_available()) return;
  throw Error(ErrorKind::External,
              "arm-none-eabi-gcc and make are needed to build firmware; ./scripts/setup installs "
              "gcc-arm-none-eabi, libnewlib-arm-none-eabi and make");
}

}  // namespace

void make_firmware(const std::filesystem::path& directory) {
  require_cross_compiler();
  run_or_throw({"make", "firmware"}, directory, "building the firmware");
}

std::filesystem::path build_firmware(const CompiledModel& model,
                                     const std::filesystem::path& directory,
                                     const std::vector<SourceFile>& network) {
  require_cross_compiler();
  CompiledModel roomy = model;
  roomy.options.board = roomy_board(model);
  EmitOptions options;
  options.firmware = true;
  write_sources(emit_sources(roomy, options, network), directory);
  make_firmware(directory);
  return directory / (model.name + ".elf");
}

std::filesystem::path build_host_runner(const CompiledModel& model,
                                        const std::filesystem::path& directory,
                                        const std::vector<SourceFile>& network, HostCode code) {
  EmitOptions options;
  options.selftest = false;
  std::vector<SourceFile> files = network.empty() ? emit_network(model, options) : network;
  files.push_back(emit_host_runner(model));
  write_sources(files, directory);
  const std::string name = model.name;
  std::vector<std::string> command = {"cc",
                                      "-std=c99",
                                      "-O2",
                                      "-iquote",
                                      ".",
                                      name + ".c",
                                      name + "_weights.c",
                                      name + "_kernels.c",
                                      name + "_host_runner.c",
                                      "-o",
                                      name + "_host"};
  if (model.detection) command.push_back(name + "_detection.c");
  if (code == HostCode::Vectors) {
    command.emplace_back("-O3");  // the last one counts
    command.push_back("-D" + upper(name) + "_VECTORS");
  }
  run_or_throw(command, directory, "compiling for the host");
  return directory / (name + "_host");
}

LinkedSizes read_map(const std::filesystem::path& map, const CompiledModel& model) {
  std::istringstream in(read_text_file(map));
  const std::string start = "Linker script and memory map";
  std::string line;
  while (std::getline(in, line) && line.compare(0, start.size(), start) != 0) {
  }
  std::set<std::string> weights;
  for (const Constant& constant : model.schedule.constants) {
    if (constant.role == ConstantRole::Weights)
      weights.insert(".rodata." + model.name + "_" + constant.name);
  }
  const std::string folder = "build/firmware/";
  const std::set<std::string> objects = {
      folder + model.name + ".o", folder + model.name + "_weights.o",
      folder + model.name + "_kernels.o", folder + model.name + "_detection.o"};
  LinkedSizes sizes;
  std::string section;
  bool any = false;
  // " .text.net_conv\n                0x08000410      0x55c build/firmware/net_kernels.o", on one
  // line or two
  while (std::getline(in, line)) {
    if (line.compare(0, 2, " .") == 0) {
      std::istringstream words(line);
      words >> section;
    } else if (line.compare(0, 4, "    ") != 0) {
      section.clear();
      continue;
    }
    const size_t address = line.find(" 0x");
    if (section.empty() || address == std::string::npos) continue;
    std::istringstream words(line.substr(address));
    std::string where, size, file;
    if (!(words >> where >> size >> file) || size.compare(0, 2, "0x") != 0) continue;
    const auto bytes = static_cast<int64_t>(std::stoull(size, nullptr, 16));
    if (section == ".bss." + model.name + "_firmware_arena") sizes.arena = bytes;
    if (objects.count(file) == 0) {
      section.clear();
      continue;
    }
    any = true;
    if (section.compare(0, 5, ".text") == 0) sizes.code += bytes;
    if (section.compare(0, 7, ".rodata") == 0)
      (weights.count(section) ? sizes.weights : sizes.constants) += bytes;
    if (section.compare(0, 5, ".data") == 0 || section.compare(0, 4, ".bss") == 0)
      sizes.writable += bytes;
    section.clear();
  }
  if (!any)
    throw Error(ErrorKind::External,
                map.string() + ": the model's objects do not occur in the map file");
  return sizes;
}

FlashAccount linked_flash(const CompiledModel& model, const LinkedSizes& sizes) {
  FlashAccount flash = model.flash;
  flash.weights = sizes.weights;
  flash.code = sizes.code;
  flash.constants = sizes.constants;
  flash.linked = true;
  return flash;
}

}  // namespace mcunet::compiler
