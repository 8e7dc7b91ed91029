#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>

#include "apps/mcunet/command.h"
#include "libmcunet/data/network_input.h"
#include "libmcunet/data/npy.h"
#include "libmcunet/data/visual_wake_words.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/log.h"
#include "libmcunet/support/progress.h"
#include "libmcunet/support/table.h"
#include "profiler/evaluate.h"

namespace mcunet::app {
namespace {

using nlohmann::ordered_json;

struct EvalCommand {
  std::string model, checkpoint, data, kind = "folder", coco, split = "test";
  std::vector<int32_t> input_shape;
  std::string preprocess, against, against_checkpoint, against_preprocess, on = "interpreter";
  std::string confusion, logits, progress = "auto";
  size_t limit = 0;
  uint64_t seed = 0;
  int threads = 0;
  double min_top1 = -1;
  bool json = false, csv = false, per_class = false;
  TargetOptions target;
  void run() const;
};

// A model with all that it takes to run it.
struct Contestant {
  Model model;
  Preprocess preprocess;
  ClassifierOutput output;
  std::unique_ptr<ModelRunner> runner;
};

std::string place_text(const std::string& on) {
  return on == "host"       ? "compiled C on this computer"
         : on == "firmware" ? "firmware on the emulated core"
                            : "on the interpreter";
}

double per_cent(int64_t part, int64_t whole) {
  return whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

// The published way to feed each set's networks: ImageNet's cut out the middle, Visual Wake Words'
// keep the whole picture, squashed. A file, or what the model says of itself, comes first. A model
// of which nothing is known is fed like the one that it is compared with: a float network beside
// the int8 network made of it.
Preprocess choose_preprocess(const std::string& given, const Graph& graph, const std::string& kind,
                             const Preprocess* of_other) {
  if (of_other != nullptr && given.empty() && kind == "folder" && !stored_preprocess(graph))
    return *of_other;
  Preprocess preprocess =
      preprocess_for(given, graph, kind == "folder" ? "imagenet" : "mcunet-int8");
  const bool by_name = preprocess.name.find('.') == std::string::npos &&
                       (!given.empty() || !stored_preprocess(graph));
  if (by_name && kind == "vww") preprocess.fit = Preprocess::Fit::Squash;
  return preprocess;
}

Contestant contestant(const EvalCommand& command, const std::string& path,
                      const std::string& checkpoint, const std::string& preprocess, Place place,
                      const Preprocess* of_other = nullptr) {
  Contestant result;
  import::ImportOptions options;
  options.checkpoint = checkpoint;
  if (!command.input_shape.empty()) options.input_shape = command.input_shape;
  result.model = load_trained_model(path, options);
  const Graph& graph = result.model.graph;
  single_input(graph);
  result.output = classifier_output(graph);
  result.preprocess = choose_preprocess(preprocess, graph, command.kind, of_other);
  result.runner = std::make_unique<ModelRunner>(
      graph, compiler::CompileOptions{result.model.stem, command.target.board(), {}}, place,
      compiler::HostCode::Vectors);
  return result;
}

Dataset open_data(const EvalCommand& command) {
  Dataset dataset =
      open_dataset(command.data, command.split == "train" ? Split::Train : Split::Test);
  if (!command.coco.empty()) dataset = label_visual_wake_words(dataset, command.coco);
  return dataset;
}

void warn_of_classes(const Dataset& dataset, const ClassifierOutput& output) {
  std::vector<bool> present(dataset.classes().size(), false);
  for (size_t i = 0; i < dataset.size(); ++i)
    present[static_cast<size_t>(*dataset.sample(i).label)] = true;
  if (std::count(present.begin(), present.end(), true) == 1)
    Log().warning("all images are of one class: accuracy says little");
  if (dataset.kind() == "class folders" && present.size() != output.classes) {
    Log().warning(std::to_string(present.size()) + " class folders, but the model has " +
                  std::to_string(output.classes) +
                  " classes: folders are numbered by name; labels.csv can say otherwise");
  }
}

// What is printed, in all forms.
struct Report {
  const EvalCommand& command;
  const Dataset& dataset;
  const Contestant& model;
  const Evaluation& evaluation;

  bool labelled() const { return dataset.labelled(); }
  std::string class_name(size_t i) const {
    return i < dataset.classes().size() ? dataset.classes()[i] : "";
  }
  void print_table() const;
  void print_json() const;
  void print_csv() const;
  void write_confusion() const;
  void write_logits() const;

 private:
  struct ClassCount {
    int64_t images = 0, right = 0;
  };
  std::vector<ClassCount> classes() const;
  std::string share_line(const char* name, int64_t hits) const;
};

// Label by label, for those that occur.
std::vector<Report::ClassCount> Report::classes() const {
  std::vector<ClassCount> counts(model.output.classes);
  for (size_t i = 0; i < dataset.size(); ++i) {
    const SampleResult& result = evaluation.samples[i];
    if (!result.rank) continue;
    ClassCount& count = counts[static_cast<size_t>(*dataset.sample(i).label)];
    ++count.images;
    count.right += *result.rank == 0 ? 1 : 0;
  }
  return counts;
}

std::string Report::share_line(const char* name, int64_t hits) const {
  const Interval interval = wilson_interval(hits, evaluation.images);
  return std::string(name) + format_fixed(per_cent(hits, evaluation.images), 2) + " %  (" +
         group_digits(hits) + " of " + group_digits(evaluation.images) +
         ";  95 % confidence: " + format_fixed(100 * interval.low, 1) + " to " +
         format_fixed(100 * interval.high, 1) + " %)\n";
}

void Report::print_table() const {
  std::cout << "model:      " << model.model.path << ", " << place_text(command.on) << "\n"
            << "data:       " << command.data << ": " << dataset.kind() << ", "
            << group_digits(evaluation.images) << " images";
  if (!evaluation.skipped.empty())
    std::cout << ", " << evaluation.skipped.size() << " more are corrupt and were skipped";
  std::cout << "\npreprocess: " << model.preprocess.name
            << (model.preprocess.fit == Preprocess::Fit::Squash ? ", squashed" : "") << "\n";
  if (labelled()) {
    std::cout << share_line("top-1:      ", evaluation.top1);
    if (model.output.classes > 5) std::cout << share_line("top-5:      ", evaluation.top5);
  }
  if (!command.against.empty()) {
    const double decibels = evaluation.signal_to_noise.decibels();
    std::cout << share_line("agreement:  ", evaluation.agreeing) << "            with "
              << command.against << "; outputs "
              << (std::isfinite(decibels) ? format_fixed(decibels, 1) + " dB signal to noise"
                                          : std::string("equal"))
              << "\n";
  }
  if (!command.per_class || !labelled()) return;
  Table table({{"class", Align::Right},
               {"images", Align::Right},
               {"right", Align::Right},
               {"top-1 %", Align::Right},
               {"name"}});
  const std::vector<ClassCount> counts = classes();
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].images == 0) continue;
    table.add_row({std::to_string(i), std::to_string(counts[i].images),
                   std::to_string(counts[i].right),
                   format_fixed(per_cent(counts[i].right, counts[i].images), 1), class_name(i)});
  }
  std::cout << "\n" << table.to_string();
}

void Report::print_json() const {
  const auto interval_json = [&](int64_t hits) {
    const Interval interval = wilson_interval(hits, evaluation.images);
    return ordered_json{100 * interval.low, 100 * interval.high};
  };
  const int64_t images = evaluation.images;
  ordered_json out = document("eval");
  out["model"] = model.model.path;
  out["dataset"] = command.data;
  out["on"] = command.on;
  out["preprocess"] = preprocess_to_json(model.preprocess);
  out["images"] = images;
  out["skipped"] = evaluation.skipped.size();
  if (labelled()) {
    out["top1"] = per_cent(evaluation.top1, images);
    out["top1_images"] = evaluation.top1;
    out["ci95"] = interval_json(evaluation.top1);
    if (model.output.classes > 5) {
      out["top5"] = per_cent(evaluation.top5, images);
      out["top5_images"] = evaluation.top5;
      out["top5_ci95"] = interval_json(evaluation.top5);
    }
  }
  if (!command.against.empty()) {
    const double decibels = evaluation.signal_to_noise.decibels();
    out["against"] = command.against;
    out["agreement"] = per_cent(evaluation.agreeing, images);
    out["agreement_images"] = evaluation.agreeing;
    out["agreement_ci95"] = interval_json(evaluation.agreeing);
    // Without noise there is no number for it.
    out["snr_db"] = std::isfinite(decibels) ? ordered_json(decibels) : ordered_json(nullptr);
  }
  if (command.per_class && labelled()) {
    out["classes"] = ordered_json::array();
    const std::vector<ClassCount> counts = classes();
    for (size_t i = 0; i < counts.size(); ++i) {
      if (counts[i].images == 0) continue;
      out["classes"].push_back({{"index", i},
                                {"label", class_name(i)},
                                {"images", counts[i].images},
                                {"top1", per_cent(counts[i].right, counts[i].images)}});
    }
  }
  app::print_json(out);
}

void Report::print_csv() const {
  Table table({{"file"}, {"class"}, {"predicted"}, {"right"}, {"rank"}, {"score"}, {"against"}});
  for (size_t i = 0; i < dataset.size(); ++i) {
    const SampleResult& result = evaluation.samples[i];
    if (!result.problem.empty()) continue;
    const Sample& sample = dataset.sample(i);
    char score[32];
    std::snprintf(score, sizeof score, "%.9g", static_cast<double>(result.score));
    table.add_row({sample.name, sample.label ? std::to_string(*sample.label) : "",
                   std::to_string(result.predicted),
                   result.rank ? (*result.rank == 0 ? "1" : "0") : "",
                   result.rank ? std::to_string(*result.rank) : "", score,
                   result.expected ? std::to_string(*result.expected) : ""});
  }
  std::cout << table.to_csv();
}

// Row: the label; column: what was predicted.
void Report::write_confusion() const {
  const size_t count = model.output.classes;
  std::vector<int64_t> cells(count * count, 0);
  for (size_t i = 0; i < dataset.size(); ++i) {
    const SampleResult& result = evaluation.samples[i];
    if (result.rank)
      ++cells[static_cast<size_t>(*dataset.sample(i).label) * count + result.predicted];
  }
  const auto title = [&](size_t i) {
    const std::string name = class_name(i);
    return name.empty() ? std::to_string(i) : name;
  };
  std::vector<Table::Column> columns = {{"class"}};
  for (size_t i = 0; i < count; ++i) columns.push_back({title(i)});
  Table table(columns);
  for (size_t i = 0; i < count; ++i) {
    std::vector<std::string> row = {title(i)};
    for (size_t n = 0; n < count; ++n) row.push_back(std::to_string(cells[i * count + n]));
    table.add_row(std::move(row));
  }
  write_file_atomically(command.confusion, table.to_csv());
}

// Rows of corrupt images are NaN, so that the others keep their places.
void Report::write_logits() const {
  const auto outputs = static_cast<size_t>(model.output.tensor.elements());
  NpyArray array;
  array.shape = {static_cast<int64_t>(dataset.size()), static_cast<int64_t>(outputs)};
  std::vector<float> all(dataset.size() * outputs, std::nanf(""));
  for (size_t i = 0; i < dataset.size(); ++i) {
    const std::vector<float>& values = evaluation.samples[i].values;
    std::copy(values.begin(), values.end(), all.begin() + static_cast<std::ptrdiff_t>(i * outputs));
  }
  const auto* bytes = reinterpret_cast<const uint8_t*>(all.data());
  array.bytes.assign(bytes, bytes + all.size() * sizeof(float));
  write_file_atomically(command.logits, format_npy(array));
}

void check_usage(const EvalCommand& command) {
  std::vector<std::string> problems;
  if (command.json && command.csv) problems.emplace_back("--json and --csv exclude each other");
  if (!command.coco.empty() && command.kind != "vww")
    problems.emplace_back("--coco belongs to --dataset vww");
  if (command.against.empty() &&
      !(command.against_checkpoint.empty() && command.against_preprocess.empty()))
    problems.emplace_back("--against-checkpoint and --against-preprocess belong to --against");
  if (!problems.empty()) throw Error(ErrorKind::Usage, std::move(problems));
}

void check_labelled(const EvalCommand& command, const Dataset& dataset) {
  if (dataset.labelled()) return;
  const bool needed = command.min_top1 >= 0 || !command.confusion.empty() || command.per_class;
  if (!command.against.empty() && !needed) return;
  throw Error(ErrorKind::Usage,
              command.data + ": the images have no labels (" + dataset.kind() +
                  "): give them class folders or labels.csv" +
                  (needed ? "" : ", or a model or outputs to compare with: --against"));
}

void EvalCommand::run() const {
  check_usage(*this);
  const ProgressMode mode = progress_mode(progress);
  const Dataset whole = open_data(*this);
  const Dataset dataset = limit > 0 ? whole.choose(limit, seed) : whole;
  check_labelled(*this, dataset);
  const Contestant judged = contestant(*this, model, checkpoint, preprocess, place_of(on));
  if (judged.runner->exceeds_board())
    Log().warning("the emulated core has more memory than " + target.board().name);

  std::optional<Contestant> other;
  Scorer reference;
  if (std::filesystem::path(against).extension() == ".npy") {
    reference = array_scorer(against, judged.output, whole.size());
  } else if (!against.empty()) {
    other = contestant(*this, against, against_checkpoint,
                       against_preprocess.empty() ? preprocess : against_preprocess,
                       Place::Interpreter, &judged.preprocess);
    reference = model_scorer(other->model.graph, *other->runner, other->preprocess);
  }

  EvaluateOptions options;
  options.threads = threads;
  options.keep_values = !logits.empty();
  const Evaluation evaluation = [&] {
    Progress bar("evaluating", "images", static_cast<int64_t>(dataset.size()), mode);
    options.progress = [&bar](int64_t count) { bar.advance(count); };
    return evaluate(dataset, judged.output,
                    model_scorer(judged.model.graph, *judged.runner, judged.preprocess), reference,
                    options);
  }();
  if (dataset.labelled()) warn_of_classes(dataset, judged.output);
  for (const std::string& problem : evaluation.skipped) Log().warning("skipped: " + problem);

  const Report report{*this, dataset, judged, evaluation};
  if (!confusion.empty()) report.write_confusion();
  if (!logits.empty()) report.write_logits();
  if (json) {
    report.print_json();
  } else if (csv) {
    report.print_csv();
  } else {
    report.print_table();
  }
  const double top1 = per_cent(evaluation.top1, evaluation.images);
  if (min_top1 >= 0 && top1 < min_top1) {
    std::cout.flush();
    throw Error(ErrorKind::Mismatch, "top-1 " + format_fixed(top1, 2) + " % < --min-top1 " +
                                         format_fixed(min_top1, 2) + " %");
  }
}

}  // namespace

void add_eval(CLI::App& app) {
  auto command = std::make_shared<EvalCommand>();
  CLI::App* sub = app.add_subcommand(
      "eval", "Accuracy of a classifier on a data set, and its agreement with another model");
  sub->footer(examples({"mcunet eval model.tflite --data photos/",
                        "mcunet eval int8.tflite --data imagenet/val --dataset imagenet "
                        "--against float.tflite --on host",
                        "mcunet eval vww.tflite --data val2014/ --dataset vww --coco "
                        "instances_val2014.json --min-top1 85"}));
  sub->add_option(
         "model", command->model,
         ".tflite file, float or int8; ONNX or TorchScript; or the .json of an MCUNet network with "
         "--checkpoint")
      ->required();
  sub->add_option("--checkpoint", command->checkpoint, "weights of a .json network (.pth)");
  sub->add_option("--input-shape", command->input_shape,
                  "shape of the input as the file's framework has it, such as 1,3,160,160; "
                  "TorchScript needs it")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  const char* data = "Data";
  sub->add_option("--data", command->data,
                  "folder of images (class folders, or labels.csv), IDX or CIFAR-10 files, .npy")
      ->required()
      ->group(data);
  sub->add_option("--dataset", command->kind,
                  "how the set's networks are fed unless said otherwise: imagenet, vww (squashed), "
                  "folder")
      ->check(CLI::IsMember({"folder", "imagenet", "vww"}))
      ->capture_default_str()
      ->group(data);
  sub->add_option("--coco", command->coco, "COCO's instances_….json: labels for Visual Wake Words")
      ->group(data);
  sub->add_option("--split", command->split, "half of a set that has two: test or train")
      ->check(CLI::IsMember({"test", "train"}))
      ->capture_default_str()
      ->group(data);
  sub->add_option("--preprocess", command->preprocess,
                  "imagenet, zero-one, minus-one-one, mcunet-int8 or a JSON file; else what is "
                  "stored in the model, else imagenet (--dataset folder) or mcunet-int8")
      ->group(data);
  sub->add_option("--limit", command->limit, "only so many images, each class with its share")
      ->check(CLI::PositiveNumber)
      ->group(data);
  sub->add_option("--seed", command->seed, "which ones")->capture_default_str()->group(data);
  const char* compare = "Comparison";
  sub->add_option("--against", command->against,
                  "another model, or its outputs for all images (.npy)")
      ->group(compare);
  sub->add_option("--against-checkpoint", command->against_checkpoint, "weights, as --checkpoint")
      ->group(compare);
  sub->add_option(
         "--against-preprocess", command->against_preprocess,
         "for the other model; else as --preprocess, or what is stored in it, or as for model")
      ->group(compare);
  sub->add_option("--min-top1", command->min_top1, "per cent; exit code 6 below it")
      ->check(CLI::Range(0.0, 100.0))
      ->group(compare);
  const char* results = "Results";
  add_json(*sub, command->json)->group(results);
  sub->add_flag("--csv", command->csv, "one line per image on standard output")->group(results);
  sub->add_flag("--per-class", command->per_class, "accuracy of each class")->group(results);
  sub->add_option("--confusion", command->confusion,
                  "CSV file: rows are labels, columns are predictions")
      ->group(results);
  sub->add_option("--logits", command->logits, "the outputs of all images as float32 (.npy)")
      ->group(results);
  sub->add_option("--on", command->on, "interpreter, host (compiled C) or firmware (emulated core)")
      ->check(CLI::IsMember({"interpreter", "host", "firmware"}))
      ->capture_default_str();
  add_jobs(*sub, command->threads);
  add_progress(*sub, command->progress);
  command->target.add_to(*sub);
  sub->callback([command] { command->run(); });
}

}  // namespace mcunet::app
