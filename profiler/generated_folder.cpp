#include "profiler/generated_folder.h"

#include <algorithm>

#include "compiler/targets/toolchain.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"

namespace mcunet {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

const char* const kSchema = "mcunet.manifest/1";

// What the report reads; throws json exceptions where something is missing.
void check(const ordered_json& manifest) {
  for (const char* member : {"name", "target", "schedule"})
    static_cast<void>(manifest.at(member).get<std::string>());
  for (const char* member : {"arena", "activations", "scratch", "static", "stack", "total"})
    static_cast<void>(manifest.at("sram").at(member).get<int64_t>());
  for (const char* member : {"weights", "constants", "code", "total"})
    static_cast<void>(manifest.at("flash").at(member).get<int64_t>());
  static_cast<void>(manifest.at("sram").at("lower_bound").get<int64_t>());
  static_cast<void>(manifest.at("flash").at("code_source").get<std::string>());
  static_cast<void>(manifest.at("model").at("sha256").get<std::string>());
  for (const char* member : {"macs", "params"})
    static_cast<void>(manifest.at("model").at(member).get<int64_t>());
  for (const ordered_json& layer : manifest.at("layers")) {
    static_cast<void>(layer.at("op").get<std::string>());
    static_cast<void>(layer.at("macs").get<int64_t>());
    static_cast<void>(layer.at("calls").get<int64_t>());
    for (const char* shape : {"in", "out"})
      static_cast<void>(layer.at(shape).get<std::vector<int32_t>>());
  }
}

std::vector<fs::path> json_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator file(folder, error), end; !error && file != end;
       file.increment(error)) {
    if (file->path().extension() == ".json") files.push_back(file->path());
  }
  if (error)
    throw Error(ErrorKind::Input, "cannot read " + folder.string() + ": " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

GeneratedFolder read_generated_folder(const fs::path& path) {
  GeneratedFolder folder;
  folder.path = path;
  fs::path found;
  for (const fs::path& file : json_files(path)) {
    ordered_json document = ordered_json::parse(read_text_file(file), nullptr, false);
    if (!document.is_object() || document.value("schema", ordered_json()) != kSchema) continue;
    if (!found.empty()) {
      throw Error(ErrorKind::Input, path.string() + " holds several networks (" +
                                        found.filename().string() + ", " +
                                        file.filename().string() +
                                        "); give the firmware (.elf) of one, or its model");
    }
    found = file;
    folder.manifest = std::move(document);
  }
  if (found.empty()) {
    throw Error(ErrorKind::Input,
                path.string() + " holds no manifest (NAME.json) of mcunet compile");
  }
  try {
    check(folder.manifest);
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::Input, found.string() + " is damaged: " + error.what());
  }
  folder.name = folder.manifest.at("name");
  folder.firmware = fs::is_directory(path / "firmware");
  return folder;
}

fs::path build_generated_firmware(const GeneratedFolder& folder, const fs::path& directory) {
  if (!folder.firmware) {
    throw Error(ErrorKind::Usage,
                folder.path.string() + ": --emulate needs firmware; compile with --firmware");
  }
  std::error_code error;
  fs::copy(folder.path, directory, fs::copy_options::recursive | fs::copy_options::skip_symlinks,
           error);
  if (error) {
    throw Error(ErrorKind::Input, "cannot copy " + folder.path.string() + ": " + error.message());
  }
  // What lies there may be older than its sources.
  fs::remove_all(directory / "build", error);
  fs::remove(directory / (folder.name + ".elf"), error);
  compiler::make_firmware(directory);
  return directory / (folder.name + ".elf");
}

}  // namespace mcunet
