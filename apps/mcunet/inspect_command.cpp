#include <iostream>
#include <memory>

#include "apps/mcunet/command.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/reference/interpreter.h"
#include "libmcunet/support/table.h"
#include "libmcunet/tflite/strict.h"

namespace mcunet::app {
namespace {

using nlohmann::ordered_json;

struct InspectCommand {
  std::string model;
  bool json = false, tensors = false, strict = false;
  void run() const;
};

std::string quantization_text(const Tensor& tensor) {
  const Quantization& q = tensor.quantization;
  if (q.empty()) return "";
  if (q.per_axis())
    return std::to_string(q.scales.size()) + " scales, axis " + std::to_string(q.axis);
  char text[64];
  std::snprintf(text, sizeof text, "%.6g, %d", static_cast<double>(q.scale()), q.zero_point());
  return text;
}

// Why a command would refuse the model; empty when it would not.
template <typename Action>
std::vector<std::string> problems_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.problems();
  }
  return {};
}

void print_verdict(const std::string& title, const std::vector<std::string>& problems) {
  std::cout << title << (problems.empty() ? "yes" : "no") << "\n";
  for (const std::string& problem : problems) std::cout << "  " << problem << "\n";
}

// --strict is a gate.
void refuse(const std::vector<std::string>& rules) {
  if (rules.empty()) return;
  std::cout.flush();
  throw Error(ErrorKind::Mismatch, "the model breaks " + std::to_string(rules.size()) +
                                       " of TensorFlow Lite's rules for int8");
}

void InspectCommand::run() const {
  const Model source = load_model(model);
  const Graph& graph = source.graph;
  const auto runs = problems_of([&] { reference::Interpreter interpreter(graph); });
  const auto compiles = problems_of([&] {
    compiler::compile(graph, source.sha256, {source.stem, find_board("stm32f746"), {}});
  });
  const auto rules = strict ? strict_problems(graph) : std::vector<std::string>{};
  if (json) {
    ordered_json out = document("inspect");
    out["model"] = {{"path", source.path},
                    {"sha256", source.sha256},
                    {"name", source.stem},
                    {"macs", total_macs(graph)},
                    {"params", total_parameters(graph)}};
    for (const auto& [key, ids] :
         {std::pair{"inputs", &graph.inputs}, std::pair{"outputs", &graph.outputs}}) {
      out[key] = ordered_json::array();
      for (const TensorId id : *ids) out[key].push_back(tensor_json(graph.tensor(id)));
    }
    out["ops"] = ordered_json::array();
    for (const Op& op : graph.ops) {
      out["ops"].push_back({{"index", op.source_index},
                            {"op", operator_info(op.kind).name},
                            {"inputs", op.inputs},
                            {"outputs", op.outputs},
                            {"macs", macs(graph, op)}});
    }
    out["tensors"] = ordered_json::array();
    for (size_t i = 0; i < graph.tensors.size(); ++i) {
      ordered_json entry = {{"id", i}};
      entry.update(tensor_json(graph.tensors[i]));
      entry["constant"] = graph.tensors[i].is_constant();
      entry["scales"] = graph.tensors[i].quantization.scales.size();
      out["tensors"].push_back(entry);
    }
    out["runs"] = {{"ok", runs.empty()}, {"problems", runs}};
    out["compiles"] = {{"ok", compiles.empty()}, {"problems", compiles}};
    if (strict) out["strict"] = {{"ok", rules.empty()}, {"problems", rules}};
    print_json(out);
    return refuse(rules);
  }
  std::cout << "model:  " << source.path << "\nsha256: " << source.sha256 << "\n";
  const auto list = [&](const char* title, const std::vector<TensorId>& ids) {
    for (const TensorId id : ids) {
      const Tensor& tensor = graph.tensor(id);
      std::cout << title << to_string(tensor.shape) << " " << dtype_name(tensor.dtype) << " "
                << quantization_text(tensor) << "  '" << tensor.name << "'\n";
    }
  };
  list("input:  ", graph.inputs);
  list("output: ", graph.outputs);
  std::cout << "\n";
  Table table({{"op", Align::Right},
               {"operator"},
               {"input"},
               {"weights"},
               {"output"},
               {"type"},
               {"scale, zero point"},
               {"MACs", Align::Right}});
  for (const Op& op : graph.ops) {
    const Tensor& out = graph.output(op);
    const bool weighted = graph.has_input(op, 1) && graph.input(op, 1).is_constant();
    table.add_row({std::to_string(op.source_index), operator_info(op.kind).name,
                   to_string(graph.input(op, 0).shape),
                   weighted ? to_string(graph.input(op, 1).shape) : "", to_string(out.shape),
                   dtype_name(out.dtype), quantization_text(out),
                   macs(graph, op) > 0 ? group_digits(macs(graph, op)) : ""});
  }
  std::cout << table.to_string() << "\n"
            << group_digits(total_macs(graph)) << " MACs, " << group_digits(total_parameters(graph))
            << " parameters\n";
  if (tensors) {
    Table all({{"tensor", Align::Right}, {"shape"}, {"type"}, {"scale, zero point"}, {"name"}});
    for (size_t i = 0; i < graph.tensors.size(); ++i) {
      const Tensor& tensor = graph.tensors[i];
      all.add_row(
          {std::to_string(i), to_string(tensor.shape),
           std::string(dtype_name(tensor.dtype)) + (tensor.is_constant() ? " constant" : ""),
           quantization_text(tensor), tensor.name});
    }
    std::cout << "\n" << all.to_string();
  }
  std::cout << "\n";
  print_verdict("runs in the interpreter: ", runs);
  print_verdict("compiles: ", compiles);
  if (strict) print_verdict("keeps TensorFlow Lite's rules: ", rules);
  refuse(rules);
}

}  // namespace

void add_inspect(CLI::App& app) {
  auto command = std::make_shared<InspectCommand>();
  CLI::App* sub = app.add_subcommand(
      "inspect", "Graph, tensors and quantization of a model, and whether it runs and compiles");
  sub->footer(examples({"mcunet inspect model.tflite", "mcunet inspect model.tflite --tensors",
                        "mcunet inspect model.tflite --json"}));
  sub->add_option("model", command->model,
                  ".tflite file, or the .json of an MCUNet network (random weights)")
      ->required();
  sub->add_flag("--tensors", command->tensors, "list all tensors too");
  sub->add_flag(
      "--strict", command->strict,
      "check TensorFlow Lite's rules for int8 models too; exit code 6 when one is broken");
  add_json(*sub, command->json);
  sub->callback([command] { command->run(); });
}

}  // namespace mcunet::app
