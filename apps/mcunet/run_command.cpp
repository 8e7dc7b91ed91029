#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <numeric>

#include "apps/mcunet/command.h"
#include "apps/mcunet/zoo_cache.h"
#include "libmcunet/data/detection.h"
#include "libmcunet/data/drawing.h"
#include "libmcunet/data/image.h"
#include "libmcunet/data/network_input.h"
#include "libmcunet/data/network_output.h"
#include "libmcunet/data/preprocess.h"
#include "libmcunet/data/resize.h"
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
  std::string detect;
  double threshold = 0.3;
  bool json = false;
  TargetOptions target;

  void run();
  DetectionOptions detection() const {
    return {static_cast<int32_t>(std::lround(threshold * kScoreUnit))};
  }

 private:
  void resolve();
  void classify(const Graph& graph, const Buffers& outputs) const;
  void show_boxes(const Graph& graph, const Buffers& outputs) const;
};

// The model file's inputs to its outputs, wherever it runs.
Buffers execute(const Model& model, const RunCommand& command, const Buffers& inputs) {
  const Board board = command.target.board();
  compiler::CompileOptions options{model.stem, board, {}};
  if (!command.detect.empty()) {
    options.postprocess = compiler::Postprocess::Yolo3;
    options.detection = command.detection();
  }
  const ModelRunner runner(model.graph, options, place_of(command.on));
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

Buffers picture_input(const Graph& graph, const std::string& path, const std::string& preprocess,
                      const std::string& fallback) {
  if (graph.inputs.size() != 1)
    throw Error(ErrorKind::Usage, "the model has " + std::to_string(graph.inputs.size()) +
                                      " inputs; give them with --input");
  const Tensor& tensor = graph.tensor(graph.inputs[0]);
  if (!is_image_input(tensor))
    throw Error(ErrorKind::Usage, "the model's input " + to_string(tensor.shape) +
                                      " is no image; give it with --input");
  return {
      network_input(read_image(path), tensor, preprocess_for(preprocess, graph, fallback), path)};
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

// Outputs as they are, for --json and for numbers that nobody gave a meaning.
ordered_json outputs_json(const Graph& graph, const Buffers& outputs) {
  ordered_json list = ordered_json::array();
  for (size_t i = 0; i < graph.outputs.size(); ++i) {
    ordered_json entry = tensor_json(graph.tensor(graph.outputs[i]));
    entry["values"] = real_values(computed_tensor(graph, graph.outputs[i]), outputs[i]);
    list.push_back(entry);
  }
  return list;
}

// A box in pixels of the picture that was given.
struct PictureBox {
  double x, y, width, height, score;
  size_t class_index;
};

std::vector<PictureBox> scaled(const std::vector<DetectionBox>& boxes, const YoloLayout& layout,
                               const Image& picture) {
  std::vector<PictureBox> result;
  const double sx = static_cast<double>(picture.width) / layout.width / kBoxUnit;
  const double sy = static_cast<double>(picture.height) / layout.height / kBoxUnit;
  for (const DetectionBox& box : boxes) {
    result.push_back({box.x1 * sx, box.y1 * sy, (box.x2 - box.x1) * sx, (box.y2 - box.y1) * sy,
                      static_cast<double>(box.score) / kScoreUnit,
                      static_cast<size_t>(box.class_index)});
  }
  return result;
}

Image with_boxes(const Image& picture, const std::vector<PictureBox>& boxes) {
  constexpr Color kMark = {230, 30, 30}, kText = {255, 255, 255};
  Image image = convert_channels(picture, 3);
  const int thickness = std::max(1, std::min(image.width, image.height) / 120);
  // Worst first, so that the best is on top.
  for (auto box = boxes.rbegin(); box != boxes.rend(); ++box) {
    const auto pixel = [](double value) { return static_cast<int>(std::lround(value)); };
    const int x = pixel(box->x), y = pixel(box->y);
    draw_rectangle(image, x, y, pixel(box->x + box->width), pixel(box->y + box->height), thickness,
                   kMark);
    draw_number(image, std::max(x, 0), std::max(y, 0), format_fixed(box->score, 2), thickness,
                kText, kMark);
  }
  return image;
}

void RunCommand::resolve() {
  // "run IMAGE --detect person-det": the only word is the picture.
  if (!detect.empty() && image.empty() && input.empty()) {
    image = model;
    model.clear();
  }
  std::vector<std::string> problems;
  if (model.empty() && detect.empty()) problems.emplace_back("the model is missing");
  if (input.empty() == image.empty()) problems.emplace_back("give either an image or --input FILE");
  if (!detect.empty() && image.empty()) problems.emplace_back("--detect needs an image");
  if (!(threshold >= 0.01 && threshold <= 1))
    problems.emplace_back("--threshold must be from 0.01 to 1");
  if (!problems.empty()) throw Error(ErrorKind::Usage, std::move(problems));
  if (model.empty()) model = zoo_tflite(zoo::get(detect));
}

void RunCommand::run() {
  resolve();
  read_labels(labels_file);  // a wrong name is told before anything is done
  const Model source = load_model(model);
  const Graph& graph = source.graph;
  const Buffers inputs = image.empty() ? split(read_file(input), graph, input)
                                       : picture_input(graph, image, preprocess,
                                                       detect.empty() ? "imagenet" : "person-det");
  if (!detect.empty()) yolo3_layout(graph);  // before anything is compiled
  const Buffers outputs = execute(source, *this, inputs);
  if (!detect.empty()) return show_boxes(graph, outputs);
  if (!output.empty()) {
    std::vector<uint8_t> bytes;
    for (const auto& buffer : outputs) bytes.insert(bytes.end(), buffer.begin(), buffer.end());
    write_file_atomically(output, bytes);
  }
  if (image.empty() && !output.empty() && !json) return;
  classify(graph, outputs);
}

void RunCommand::classify(const Graph& graph, const Buffers& outputs) const {
  const std::vector<std::string> labels = read_labels(labels_file);
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
    out["outputs"] = outputs_json(graph, outputs);
    out["classes"] = ordered_json::array();
    for (const size_t i : order)
      out["classes"].push_back({{"index", i}, {"label", label(i)}, {"score", scores[i]}});
    return print_json(out);
  }
  Table table({{"class", Align::Right}, {"score", Align::Right}, {labels.empty() ? "" : "label"}});
  for (const size_t i : order)
    table.add_row({std::to_string(i), format_fixed(static_cast<double>(scores[i]), 4), label(i)});
  std::cout << table.to_string();
}

void RunCommand::show_boxes(const Graph& graph, const Buffers& outputs) const {
  const YoloLayout layout = yolo3_layout(graph);
  // Compiled, the network's own C has found the boxes.
  std::vector<DetectionBox> found;
  if (outputs.size() > graph.outputs.size()) {
    found = compiler::boxes_from_bytes(outputs.back());
  } else {
    std::vector<std::vector<float>> values;
    for (size_t i = 0; i < graph.outputs.size(); ++i)
      values.push_back(real_values(computed_tensor(graph, graph.outputs[i]), outputs[i]));
    found = mcunet::detect(layout, values, detection());
  }
  const Image picture = read_image(image);
  const std::vector<PictureBox> boxes = scaled(found, layout, picture);
  std::vector<std::string> labels = read_labels(labels_file);
  if (labels.empty() && layout.classes == 1) labels = {"person"};
  const auto label = [&](size_t i) { return i < labels.size() ? labels[i] : std::to_string(i); };
  if (!output.empty()) write_file_atomically(output, encode_png(with_boxes(picture, boxes)));
  if (json) {
    ordered_json out = document("run");
    out["on"] = on;
    out["outputs"] = outputs_json(graph, outputs);
    out["classes"] = ordered_json::array();
    out["boxes"] = ordered_json::array();
    for (const PictureBox& box : boxes) {
      out["boxes"].push_back({{"x", box.x},
                              {"y", box.y},
                              {"w", box.width},
                              {"h", box.height},
                              {"score", box.score},
                              {"class", label(box.class_index)}});
    }
    return print_json(out);
  }
  Table table({{"class"},
               {"score", Align::Right},
               {"x", Align::Right},
               {"y", Align::Right},
               {"width", Align::Right},
               {"height", Align::Right}});
  for (const PictureBox& box : boxes) {
    table.add_row({label(box.class_index), format_fixed(box.score, 4), format_fixed(box.x, 2),
                   format_fixed(box.y, 2), format_fixed(box.width, 2),
                   format_fixed(box.height, 2)});
  }
  std::cout << table.to_string();
  if (boxes.empty()) std::cout << "nothing found\n";
  if (!output.empty()) std::cout << "wrote " << output << "\n";
}

}  // namespace

void add_run(CLI::App& app) {
  auto command = std::make_shared<RunCommand>();
  CLI::App* sub = app.add_subcommand("run",
                                     "Runs a model on one input: raw tensors (little-endian, "
                                     "concatenated in the graph's order) or an image");
  sub->footer(examples({"mcunet run model.tflite photo.jpg --labels labels.txt",
                        "mcunet run photo.jpg --detect person-det -o boxes.png",
                        "mcunet run model.tflite --input in.bin --output out.bin --on firmware"}));
  sub->add_option("model", command->model,
                  ".tflite file, or the .json of an MCUNet network (random weights); with --detect "
                  "it may be left out");
  sub->add_option("image", command->image,
                  "JPEG, PNG, PPM or PGM: prints the five best classes, or boxes");
  sub->add_option("--input", command->input, "raw input tensors");
  sub->add_option(
      "-o,--output", command->output,
      "file for the raw output tensors; with --detect for the picture with boxes (PNG)");
  sub->add_option("--detect", command->detect,
                  "person-det: the model is a detector with three YOLO heads; find boxes")
      ->check(CLI::IsMember({"person-det"}));
  sub->add_option("--threshold", command->threshold, "lowest score of a box, 0.01 to 1")
      ->capture_default_str();
  sub->add_option("--on", command->on, "interpreter, host (compiled C) or firmware (emulated core)")
      ->check(CLI::IsMember({"interpreter", "host", "firmware"}))
      ->capture_default_str();
  sub->add_option("--preprocess", command->preprocess,
                  "imagenet, zero-one, minus-one-one, mcunet-int8, person-det or a JSON file; else "
                  "what is stored in the model, else imagenet (with --detect person-det)");
  sub->add_option("--labels", command->labels_file, "text file with one label per line");
  add_json(*sub, command->json);
  command->target.add_to(*sub);
  sub->callback([command] { command->run(); });
}

}  // namespace mcunet::app
