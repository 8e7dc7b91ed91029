// The golden data of /work/shared/golden: models with inputs and the outputs that TensorFlow Lite
// Micro's reference kernels gave for them. Tests that need it skip themselves, audibly, where it is
// missing.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "libmcunet/graph/graph.h"

namespace mcunet::golden {

namespace fs = std::filesystem;

// The shared directory: $MCUNET_SHARED, or "shared" next to the repository.
inline std::optional<fs::path> shared_dir() {
  const char* variable = std::getenv("MCUNET_SHARED");
  fs::path dir = variable ? fs::path(variable) : fs::path();
#ifdef MCUNET_SOURCE_DIR
  if (!variable) dir = fs::path(MCUNET_SOURCE_DIR) / ".." / "shared";
#endif
  if (dir.empty() || !fs::exists(dir / "golden" / "manifest.json")) return std::nullopt;
  return dir;
}

inline void report_skipped(const std::string& test) {
  std::cout << "skipped: " << test
            << ", no golden data (set MCUNET_SHARED to the directory that holds golden/)\n";
}

inline std::vector<uint8_t> read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline nlohmann::json read_json(const fs::path& path) {
  return nlohmann::json::parse(read_bytes(path));
}

struct Case {
  std::string name;        // a seed, or "ramp", "lo", "hi"
  fs::path input, output;  // all inputs (outputs), concatenated in graph order
};

struct Model {
  std::string name;
  fs::path file;
  std::vector<std::string> operators;  // TFLite's names; only for the operator models
  std::vector<Case> cases;
  fs::path
      layers;  // directory with every operator's output for case "1"; empty for the operator models
};

namespace detail {

inline std::vector<Model> read_manifest(const fs::path& dir, const char* file_key,
                                        bool with_layers) {
  std::vector<Model> models;
  const nlohmann::json manifest = read_json(dir / "manifest.json");
  for (const auto& [name, entry] : manifest.at("models").items()) {
    Model model;
    model.name = name;
    model.file = dir / entry.at(file_key).get<std::string>();
    if (entry.contains("ops")) model.operators = entry.at("ops").get<std::vector<std::string>>();
    for (const auto& [seed, files] : entry.at("seeds").items()) {
      model.cases.push_back({seed, dir / files.at("input").get<std::string>(),
                             dir / files.at("output").get<std::string>()});
    }
    if (with_layers) model.layers = dir / name / "layers_1";
    models.push_back(std::move(model));
  }
  return models;
}

}  // namespace detail

// Whole networks, with every layer's output.
inline std::vector<Model> network_models(const fs::path& shared) {
  return detail::read_manifest(shared / "golden", "model_file", true);
}
// Models of one or a few operators.
inline std::vector<Model> operator_models(const fs::path& shared) {
  return detail::read_manifest(shared / "golden" / "ops", "file", false);
}

// Cuts concatenated bytes into one buffer per tensor.
inline std::vector<std::vector<uint8_t>> split(const std::vector<uint8_t>& bytes,
                                               const Graph& graph,
                                               const std::vector<TensorId>& tensors) {
  std::vector<std::vector<uint8_t>> buffers;
  auto position = bytes.begin();
  for (const TensorId id : tensors) {
    const auto size = static_cast<ptrdiff_t>(graph.tensor(id).byte_size());
    if (bytes.end() - position < size)
      throw std::runtime_error("golden file is shorter than the model's tensors");
    buffers.emplace_back(position, position + size);
    position += size;
  }
  if (position != bytes.end())
    throw std::runtime_error("golden file is longer than the model's tensors");
  return buffers;
}

inline std::vector<uint8_t> join(const std::vector<std::vector<uint8_t>>& buffers) {
  std::vector<uint8_t> bytes;
  for (const auto& buffer : buffers) bytes.insert(bytes.end(), buffer.begin(), buffer.end());
  return bytes;
}

// "" when equal, else where and how the bytes differ.
inline std::string difference(const uint8_t* actual, const uint8_t* expected, size_t count) {
  size_t differing = 0, first = 0;
  for (size_t i = count; i-- > 0;) {
    if (actual[i] != expected[i]) ++differing, first = i;
  }
  if (differing == 0) return "";
  return std::to_string(differing) + " of " + std::to_string(count) + " bytes differ, first at " +
         std::to_string(first) + ": " + std::to_string(static_cast<int8_t>(actual[first])) +
         " instead of " + std::to_string(static_cast<int8_t>(expected[first]));
}

inline std::string difference(const std::vector<uint8_t>& actual,
                              const std::vector<uint8_t>& expected) {
  if (actual.size() != expected.size()) {
    return std::to_string(actual.size()) + " bytes instead of " + std::to_string(expected.size());
  }
  return difference(actual.data(), expected.data(), actual.size());
}

}  // namespace mcunet::golden
