#include "apps/mcunet/profile_compiled.h"

#include <filesystem>
#include <fstream>
#include <iostream>

#include "apps/mcunet/profile_report.h"
#include "libmcunet/emulator/board_caches.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/sha256.h"
#include "libmcunet/support/table.h"
#include "profiler/calibration_file.h"
#include "profiler/firmware_elf.h"
#include "profiler/generated_folder.h"

namespace mcunet::app {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// What the two kinds of input have in common.
struct Compiled {
  std::string path, name, sha256;
  std::optional<GeneratedFolder> folder;
  std::optional<FirmwareElf> firmware;
  std::optional<Measurement> measurement;
  int64_t arena = 0, statics = 0, stack = 0;  // bytes; the stack as used, or its bound
  int64_t flash = 0;                          // of the network, or of all of the firmware
  BoardFactor factor;
  int64_t sram() const { return arena + statics + stack; }
  double ms(const Board& board) const {
    return measurement ? to_ms(static_cast<double>(measurement->cycles.core) * factor.factor, board)
                       : 0;
  }
};

Measurement measure(const FirmwareElf& firmware, const Board& board, bool caches) {
  TimingOptions timing;
  if (caches) timing.caches = emulated_caches(board);
  const EmulatedCore core =
      board.core == "cortex-m4" ? EmulatedCore::CortexM4 : EmulatedCore::CortexM7;
  return measure_firmware(firmware, core, timing);
}

Compiled compiled_folder(const std::string& path, GeneratedFolder folder, const Board& board,
                         const CompiledOptions& options) {
  Compiled result;
  result.path = path;
  result.name = folder.name;
  result.sha256 = folder.manifest["model"]["sha256"];
  const ordered_json& sram = folder.manifest["sram"];
  result.arena = sram["arena"];
  result.statics = sram["static"];
  result.stack = sram["stack"];
  result.flash = folder.manifest["flash"]["total"];
  if (options.emulate) {
    const TemporaryDirectory directory;
    const fs::path elf = build_generated_firmware(folder, directory.path() / "project");
    result.firmware = read_firmware_elf(read_file(elf), elf.string());
    result.measurement = measure(*result.firmware, board, options.caches);
  }
  result.folder = std::move(folder);
  return result;
}

Compiled compiled_firmware(const std::string& path, const Board& board,
                           const CompiledOptions& options) {
  const std::vector<uint8_t> bytes = read_file(path);
  Compiled result;
  result.path = path;
  result.firmware = read_firmware_elf(bytes, path);
  result.name = result.firmware->network;
  result.sha256 = sha256_hex(bytes);
  result.measurement = measure(*result.firmware, board, options.caches);
  result.arena = result.firmware->arena;
  result.statics = result.firmware->context;
  result.stack = result.measurement->stack;
  result.flash = result.firmware->flash;
  return result;
}

std::string memory_text(const Compiled& compiled) {
  Table table({{"SRAM"}, {"bytes", Align::Right}, {""}});
  table.add_row({"arena", group_digits(compiled.arena), ""});
  table.add_row({"statics", group_digits(compiled.statics), "the context"});
  table.add_row({"stack", group_digits(compiled.stack), compiled.folder ? "bound" : "used"});
  table.add_row({"total", group_digits(compiled.sram()), format_bytes(compiled.sram())});
  Table flash({{"flash"}, {"bytes", Align::Right}, {""}});
  if (compiled.folder) {
    const ordered_json& account = compiled.folder->manifest["flash"];
    flash.add_row({"weights", group_digits(account["weights"]), ""});
    flash.add_row({"constants", group_digits(account["constants"]), ""});
    flash.add_row({"code", group_digits(account["code"]), account["code_source"]});
    flash.add_row({"total", group_digits(compiled.flash), format_bytes(compiled.flash)});
  }
  if (compiled.firmware) {
    flash.add_row({"firmware", group_digits(compiled.firmware->flash),
                   "all of it, start-up and self-test included; with " +
                       group_digits(compiled.firmware->ram) + " B of data and stack"});
  }
  return table.to_string() + "\n" + flash.to_string();
}

// Of the manifest: what the network is made of. Time is counted per function.
std::string layers_text(const ordered_json& manifest) {
  Table table({{"layer", Align::Right},
               {"operator"},
               {"input"},
               {"output"},
               {"MACs", Align::Right},
               {"calls", Align::Right}});
  size_t index = 0;
  for (const ordered_json& layer : manifest["layers"]) {
    const int64_t macs = layer["macs"];
    table.add_row({std::to_string(index++), layer["op"], to_string(layer["in"].get<Shape>()),
                   to_string(layer["out"].get<Shape>()), macs > 0 ? group_digits(macs) : "",
                   group_digits(layer["calls"])});
  }
  return table.to_string() + "\n";
}

void print(const Compiled& compiled, const Board& board) {
  int64_t macs = 0;
  std::cout << target_line(board);
  if (compiled.folder) {
    const ordered_json& manifest = compiled.folder->manifest;
    macs = manifest["model"]["macs"];
    std::cout << "folder: " << compiled.path << ", network " << compiled.name << ", "
              << manifest["layers"].size() << " layers, " << group_digits(macs) << " MACs, "
              << group_digits(manifest["model"]["params"]) << " parameters; schedule "
              << manifest["schedule"].get<std::string>() << ", compiled for "
              << manifest["target"].get<std::string>() << "\n\n"
              << layers_text(manifest);
  } else {
    std::cout << "firmware: " << compiled.path << ", network " << compiled.name << "\n\n";
  }
  std::cout << memory_text(compiled) << "\n";
  if (compiled.measurement) {
    print_measurement(*compiled.measurement, macs, compiled.folder ? compiled.stack : 0);
    if (!board.is_host()) {
      print_latency(board, static_cast<int64_t>(compiled.measurement->cycles.core), compiled.factor,
                    compiled.measurement);
    }
  } else {
    std::cout << "latency:  not counted; --emulate builds the firmware and runs it\n";
  }
  if (board.is_host()) return;
  std::cout << "fits:     "
            << verdict(compiled.sram() <= board.sram_bytes, "SRAM", compiled.sram(),
                       board.sram_bytes)
            << "; "
            << verdict(compiled.flash <= board.flash_bytes, "flash", compiled.flash,
                       board.flash_bytes)
            << "\n";
}

ordered_json to_json(const Compiled& compiled, const Board& board, bool latency_fits) {
  ordered_json out = document("profile");
  out["model"] = {{"path", compiled.path}, {"sha256", compiled.sha256}, {"name", compiled.name}};
  out["target"] = target_json(board);
  if (compiled.folder) {
    const ordered_json& manifest = compiled.folder->manifest;
    out["source"] = "folder";
    out["model"]["macs"] = manifest["model"]["macs"];
    out["model"]["params"] = manifest["model"]["params"];
    out["schedule"] = manifest["schedule"];
    out["sram"] = manifest["sram"];
    out["flash"] = manifest["flash"];
    out["layers"] = manifest["layers"];
  } else {
    out["source"] = "firmware";
    out["sram"] = {{"arena", compiled.arena},
                   {"static", compiled.statics},
                   {"stack", compiled.stack},
                   {"total", compiled.sram()}};
    out["flash"] = {{"total", compiled.flash}};
  }
  if (compiled.firmware)
    out["firmware"] = {{"flash", compiled.firmware->flash}, {"ram", compiled.firmware->ram}};
  out["latency"] = nullptr;
  if (compiled.measurement) {
    out["latency"] = latency_json(board, static_cast<int64_t>(compiled.measurement->cycles.core),
                                  compiled.factor, compiled.measurement);
    out["emulator"] = emulator_json(*compiled.measurement);
  }
  out["fits"] = {{"sram", board.is_host() || compiled.sram() <= board.sram_bytes},
                 {"flash", board.is_host() || compiled.flash <= board.flash_bytes},
                 {"latency", latency_fits}};
  return out;
}

}  // namespace

bool is_compiled(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return true;
  if (!fs::is_regular_file(path, error)) return false;
  std::vector<uint8_t> start(4);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(start.data()), 4);
  return file.gcount() == 4 && is_elf(start);
}

void profile_compiled(const std::string& path, TargetOptions target, const CompiledOptions& options,
                      const Gates& gates) {
  std::error_code error;
  std::optional<GeneratedFolder> folder;
  if (fs::is_directory(path, error)) {
    folder = read_generated_folder(path);
    if (!options.target_given) target.target = folder->manifest["target"];
  }
  const Board board = target.board();
  if (board.is_host() && (options.emulate || !folder))
    throw Error(ErrorKind::Usage, path + ": name the firmware's board (--target)");
  if (folder && !options.emulate && gates.latency_ms > 0)
    throw Error(ErrorKind::Usage, "--max-latency of a folder needs --emulate");
  Compiled compiled = folder ? compiled_folder(path, std::move(*folder), board, options)
                             : compiled_firmware(path, board, options);
  if (!board.is_host()) {
    compiled.factor =
        board_factor(board, false, load_calibration(calibration_path(board.name), board.name));
  }
  if (options.json) {
    print_json(to_json(compiled, board, gates.latency_fits(compiled.ms(board))));
  } else {
    print(compiled, board);
  }
  gates.check(compiled.sram(), compiled.flash, compiled.ms(board));
}

}  // namespace mcunet::app
