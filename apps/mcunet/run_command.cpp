#include <algorithm>
#include <iostream>
#include <memory>
#include <numeric>

#include "apps/mcunet/command.h"
#include "libmcunet/data/image.h"
#include "libmcunet/data/network_input.h"
#include "libmcunet/data/network_output.h"
#include "libmcunet/data/preprocess.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/log.h"
#include "libmcunet/support/table.h"
#include "profiler/model_runner.h"

namespace mcunet::app {
namespace {

using nlohmann::ordered_json;

constexpr size_t kTop = 5;

struct RunCommand {
  std::string model, image, input, output, labels_file, preprocess, on = "interpreter";
  bool json = false;
  TargetOptions target;
  void run() const;
};

// The model file's inputs to its outputs, wherever it runs.
Buffers execute(const Model& model, const RunCommand& command, const Buffers& inputs) {
  const Board board = command.target.board();
  const ModelRunner runner(model.graph, {model.stem, board, {}}, place_of(command.on));
  if (runner.exceeds_board()) Log().warning("the emulated core has more memory than " + board.name);
  return runner.run(inputs);
}

Buffers split(const std::vector<uint8_t>& bytes, const Graph& graph, const std::string& path) {
  size_t expected = 0;
  for (const TensorId id : graph.inputs) expected += graph.tensor(id).byte_size();
  if (bytes.size() != expected)
    throw Error(ErrorKind::Input, path + ": " + std::to_string(bytes.size()) +
                                      " bytes, but the model's inputs take " +
                                      std::to_string(expected));
  Buffers buffers;
  auto at = bytes.begin();
  for (const TensorId id : graph.inputs) {
    const auto size = static_cast<std::ptrdiff_t>(graph.tensor(id).byte_size());
    buffers.emplace_back(at, at + size);
    at += size;
  }
  return buffers;
}

Buffers picture_input(const Graph& graph, const std::string& path, const std::string& preprocess) {
  if (graph.inputs.size() != 1)
    throw Error(ErrorKind::Usage, "the model has " + std::to_string(graph.inputs.size()) +
                                      " inputs; give them with --input");
  const Tensor& tensor = graph.tensor(graph.inputs[0]);
  if (!is_image_input(tensor))
    throw Error(ErrorKind::Usage, "the model's input " + to_string(tensor.shape) +
                                      " is no image; give it with --input");
  return {
      network_input(read_image(path), tensor, preprocess_for(preprocess, graph, "imagenet"), path)};
}

std::vector<std::string> read_labels(const std::string& path) {
  std::vector<std::string> labels;
  if (path.empty()) return labels;
  const std::string text = read_text_file(path);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    labels.push_back(line);
    at = end + 1;
  }
  return labels;
}

void RunCommand::run() const {
  const bool raw = !input.empty();
  if (raw == !image.empty()) throw Error(ErrorKind::Usage, "give either an image or --input FILE");
  const Model source = load_model(model);
  const Graph& graph = source.graph;
  const std::vector<std::string> labels = read_labels(labels_file);
  const Buffers inputs =
      raw ? split(read_file(input), graph, input) : picture_input(graph, image, preprocess);
  const Buffers outputs = execute(source, *this, inputs);
  if (!output.empty()) {
    std::vector<uint8_t> bytes;
    for (const auto& buffer : outputs) bytes.insert(bytes.end(), buffer.begin(), buffer.end());
    write_file_atomically(output, bytes);
  }
  const std::vector<float> scores =
      real_values(computed_tensor(graph, graph.outputs.front()), outputs.front());
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  // Among equals the lowest class wins.
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return scores[a] > scores[b]; });
  order.resize(std::min(order.size(), kTop));
  const auto label = [&](size_t i) { return i < labels.size() ? labels[i] : std::string(); };
  if (json) {
    ordered_json out = document("run");
    out["on"] = on;
    out["outputs"] = ordered_json::array();
    for (size_t i = 0; i < outputs.size(); ++i) {
      ordered_json entry = tensor_json(graph.tensor(graph.outputs[i]));
      entry["values"] = real_values(computed_tensor(graph, graph.outputs[i]), outputs[i]);
      out["outputs"].push_back(entry);
    }
    out["classes"] = ordered_json::array();
    for (const size_t i : order)
      out["classes"].push_back({{"index", i}, {"label", label(i)}, {"score", scores[i]}});
    return print_json(out);
  }
  if (raw && !output.empty()) return;
  Table table({{"class", Align::Right}, {"score", Align::Right}, {labels.empty() ? "" : "label"}});
  for (const size_t i : order)
    table.add_row({std::to_string(i), format_fixed(static_cast<double>(scores[i]), 4), label(i)});
  std::cout << table.to_string();
}

}  // namespace

void add_run(CLI::App& app) {
  auto command = std::make_shared<RunCommand>();
  CLI::App* sub = app.add_subcommand("run",
                                     "Runs a model on one input: raw tensors (little-endian, "
                                     "concatenated in the graph's order) or an image");
  sub->footer(examples({"mcunet run model.tflite photo.jpg --labels labels.txt",
                        "mcunet run model.tflite --input in.bin --output out.bin",
                        "mcunet run model.tflite --input in.bin --output out.bin --on firmware"}));
  sub->add_option("model", command->model,
                  ".tflite file, or the .json of an MCUNet network (random weights)")
      ->required();
  sub->add_option("image", command->image, "JPEG, PNG, PPM or PGM: prints the five best classes");
  sub->add_option("--input", command->input, "raw input tensors");
  sub->add_option("--output", command->output, "file for the raw output tensors");
  sub->add_option("--on", command->on, "interpreter, host (compiled C) or firmware (emulated core)")
      ->check(CLI::IsMember({"interpreter", "host", "firmware"}))
      ->capture_default_str();
  sub->add_option("--preprocess", command->preprocess,
                  "imagenet, zero-one, minus-one-one, mcunet-int8 or a JSON file; else what is "
                  "stored in the model, else imagenet");
  sub->add_option("--labels", command->labels_file, "text file with one label per line");
  sub->add_flag("--json", command->json, "one JSON document on standard output");
  command->target.add_to(*sub);
  sub->callback([command] { command->run(); });
}

}  // namespace mcunet::app
