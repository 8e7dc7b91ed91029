#include "quant/import/import.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "libmcunet/checkpoint/state_dict.h"
#include "libmcunet/checkpoint/zip_archive.h"
#include "libmcunet/netspec/read.h"
#include "libmcunet/netspec/trained.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/tflite/reader.h"
#include "quant/import/onnx/read.h"
#include "quant/import/tflite_weights.h"
#include "quant/import/torch_door.h"
#include "quant/import/torchscript.h"

namespace mcunet::import {
namespace {

namespace fs = std::filesystem;

// ModelProto begins with its field 1, the version of the format, as a small number.
bool looks_like_onnx(const std::vector<uint8_t>& bytes) {
  return bytes.size() > 2 && bytes[0] == 0x08 && bytes[1] > 0 && bytes[1] < 0x20;
}

bool looks_like_json(const std::vector<uint8_t>& bytes) {
  const auto first = std::find_if(bytes.begin(), bytes.end(), [](uint8_t c) {
    return c != ' ' && c != '\n' && c != '\r' && c != '\t';
  });
  return first != bytes.end() && *first == '{';
}

[[noreturn]] void misused(const std::string& path, const std::string& text) {
  throw Error(ErrorKind::Usage, path + ": " + text);
}

Graph from_description(const std::vector<uint8_t>& bytes, const std::string& path,
                       const ImportOptions& options) {
  if (options.checkpoint.empty())
    misused(path, "a network description has no weights; name them with --checkpoint W.pth");
  if (options.input_shape) misused(path, "a network description takes a resolution, not a shape");
  const std::string text(bytes.begin(), bytes.end());
  const netspec::NetworkDescription network = netspec::read_description(text, path);
  netspec::TrainedOptions trained;
  trained.name = fs::path(path).stem().string();
  trained.description = path;
  trained.checkpoint = options.checkpoint;
  trained.resolution = options.resolution;
  Graph graph = netspec::build_trained_graph(
      network, checkpoint::read_state_dict(fs::path(options.checkpoint)), trained);
  if (const auto preprocess = netspec::described_preprocess(text, path))
    store_preprocess(graph, *preprocess);
  return graph;
}

Graph from_tflite(const std::vector<uint8_t>& bytes, const std::string& path,
                  const ImportOptions& options) {
  if (options.input_shape || options.resolution)
    misused(path, "the shapes of a .tflite file are fixed");
  return with_float_weights(read_tflite(bytes, fs::path(path).stem().string()));
}

Graph from_onnx(const std::vector<uint8_t>& bytes, const std::string& path,
                const ImportOptions& options) {
  OnnxOptions onnx;
  onnx.name = fs::path(path).stem().string();
  onnx.directory = fs::path(path).parent_path();
  onnx.input_shape = options.input_shape;
  onnx.resolution = options.resolution;
  return read_onnx(bytes, onnx);
}

ReadTorchScript* torchscript_reader() {
  try {
    return reinterpret_cast<ReadTorchScript*>(torch_function(kReadTorchScript));
  } catch (const Error& error) {
    std::vector<std::string> problems = error.problems();
    problems.emplace_back("models can be exported to ONNX instead (torch.onnx.export)");
    throw Error(error.kind(), std::move(problems));
  }
}

Graph from_torchscript(const std::vector<uint8_t>& bytes, const std::string& path,
                       const ImportOptions& options) {
  TorchScriptOptions script;
  script.name = fs::path(path).stem().string();
  script.input_shape = options.input_shape;
  script.resolution = options.resolution;
  return *torchscript_reader()(bytes, script);
}

}  // namespace

NetworkFile network_file(const std::vector<uint8_t>& bytes, const std::string& place) {
  if (bytes.size() >= 8 && std::memcmp(bytes.data() + 4, "TFL3", 4) == 0)
    return NetworkFile::TfLite;
  if (checkpoint::is_checkpoint(bytes, place)) return NetworkFile::Checkpoint;
  if (checkpoint::is_zip({bytes.data(), bytes.size()})) return NetworkFile::TorchScript;
  if (looks_like_json(bytes)) return NetworkFile::Description;
  if (looks_like_onnx(bytes)) return NetworkFile::Onnx;
  return NetworkFile::Unknown;
}

Graph import_network(const std::string& path, const ImportOptions& options) {
  const std::vector<uint8_t> bytes = read_file(path);
  const NetworkFile kind = network_file(bytes, path);
  if (kind != NetworkFile::Description && !options.checkpoint.empty())
    misused(path, "only a network description (.json) takes a checkpoint");
  switch (kind) {
    case NetworkFile::Description:
      return from_description(bytes, path, options);
    case NetworkFile::TfLite:
      return from_tflite(bytes, path, options);
    case NetworkFile::TorchScript:
      return from_torchscript(bytes, path, options);
    case NetworkFile::Onnx:
      return from_onnx(bytes, path, options);
    case NetworkFile::Checkpoint:
      misused(path,
              "a checkpoint holds weights only; give the network's description and name this file "
              "with --checkpoint, or save the model with torch.jit.script or torch.onnx.export");
    case NetworkFile::Unknown:
      break;
  }
  throw Error(ErrorKind::Input, path +
                                    ": neither a network description (JSON), nor TorchScript, "
                                    "ONNX or .tflite");
}

}  // namespace mcunet::import
