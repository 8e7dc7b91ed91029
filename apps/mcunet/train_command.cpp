#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>

#include "apps/mcunet/command.h"
#include "apps/mcunet/torch_door.h"
#include "apps/mcunet/training_data.h"
#include "libmcunet/checkpoint/write.h"
#include "libmcunet/netspec/write.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/interrupt.h"
#include "libmcunet/support/log.h"
#include "libmcunet/support/table.h"
#include "search/training.h"

namespace mcunet::app {
namespace {

using nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kDefaultPreprocess = "imagenet";  // as quantize's

struct TrainCommand {
  std::string network, data, validation, output, init, preprocess, budget;
  std::string optimizer = "sgd", progress = "auto";
  double holdout = 0.1;
  int32_t resolution = 0;
  bool epochs_given = false;
  bool no_crop = false, no_flip = false, colour = false, resume = false, scratch = false;
  bool json = false;
  search::TrainOptions options;

  void run() const;
};

// Where a training that was interrupted goes on from.
fs::path state_path(const TrainCommand& command) { return command.output + ".training"; }

fs::path description_path(const TrainCommand& command) {
  return fs::path(command.output).replace_extension(".json");
}

// The description with the resolution asked for and as many classes as the images have.
DescribedNetwork load_network(const TrainCommand& command, int32_t classes, const Log& log) {
  DescribedNetwork described = load_description(command.network);
  netspec::NetworkDescription& network = described.network;
  if (command.resolution > 0) network.resolution = command.resolution;
  if (!network.resolution)
    throw Error(ErrorKind::Usage,
                described.name + " has no resolution; give one with --resolution");
  if (network.classifier.out_features != classes) {
    log.warning("the network has " + std::to_string(network.classifier.out_features) +
                " classes, the images " + std::to_string(classes) +
                ": its classifier is replaced by a new one");
    network.classifier.out_features = classes;
  }
  return described;
}

// Weights to begin with: --init, or those that search wrote beside the description.
std::string initial_weights(const TrainCommand& command) {
  if (command.scratch || !command.init.empty()) return command.init;
  const fs::path beside = fs::path(command.network).replace_extension(".pth");
  std::error_code error;
  const bool there = fs::path(command.network).extension() == ".json" && fs::exists(beside, error);
  return there ? beside.string() : "";
}

void print_result(const TrainCommand& command, const search::TrainResult& result,
                  const TrainingSets& sets) {
  if (command.json) {
    ordered_json out = document("train");
    out["output"] = command.output;
    out["description"] = description_path(command).string();
    out["epochs"] = result.epochs;
    out["seconds"] = result.seconds;
    out["accuracy"] = result.accuracy;
    out["images"] = {{"train", sets.train.size()}, {"validation", sets.validation.size()}};
    out["workers"] = result.workers;
    out["seed"] = command.options.seed;
    return print_json(out);
  }
  std::cout << result.epochs << " epochs in " << format_duration(result.seconds) << ": top-1 "
            << format_fixed(result.accuracy, 2) << " % on "
            << group_digits(static_cast<int64_t>(sets.validation.size()))
            << " validation images\nwrote " << command.output << " and "
            << description_path(command).string() << "\n";
}

void TrainCommand::run() const {
  const Log log(LogLevel::Info);
  const fs::path parent = fs::path(output).parent_path();
  if (!parent.empty() && !fs::is_directory(parent))
    throw Error(ErrorKind::Input, "cannot write " + output + ": " + parent.string() +
                                      " is not a directory; create it first");
  if (fs::path(output).extension() == ".json")
    throw Error(ErrorKind::Usage,
                "-o names the checkpoint, such as net.pth; the description is "
                "written beside it as .json");
  const search::Train train = torch_train();
  const TrainingSets sets = open_training_sets(data, validation, holdout, options.seed);
  const DescribedNetwork described =
      load_network(*this, static_cast<int32_t>(sets.train.classes().size()), log);
  const Preprocess prepared = !preprocess.empty()    ? find_preprocess(preprocess)
                              : described.preprocess ? *described.preprocess
                                                     : find_preprocess(kDefaultPreprocess);
  if (prepared.raw_pixels)
    throw Error(ErrorKind::Usage, "--preprocess " + prepared.name + " is for integer inputs");

  search::TrainJob job;
  job.network = described.network;
  job.options = options;
  job.options.optimizer =
      optimizer == "adamw" ? search::OptimizerKind::AdamW : search::OptimizerKind::Sgd;
  job.options.augmentation = {!no_crop, !no_flip, colour};
  if (!budget.empty()) {
    job.options.budget_s = parse_seconds(budget, "--budget");
    if (!epochs_given) job.options.epochs = 0;
  }
  const std::string weights = initial_weights(*this);
  if (resume) {
    job.resume = checkpoint::read_state_dict(state_path(*this));
  } else if (!weights.empty()) {
    log.info("beginning with the weights of " + weights);
    job.start = checkpoint::read_state_dict(fs::path(weights));
  }
  const auto images = [&](const Dataset& set) {
    return training_images(set, *job.network.resolution, job.network.first_conv.in_channels,
                           prepared, options.threads, log);
  };
  const search::TrainingImages train_images = images(sets.train);
  const search::TrainingImages validation_images = images(sets.validation);
  job.train = &train_images;
  job.validation = &validation_images;

  const InterruptScope signals;
  TrainProgress shown("training", progress_mode(progress));
  search::TrainHooks hooks = shown.hooks(signals);
  hooks.epoch = [&](const search::EpochReport& report, const checkpoint::StateDict& state,
                    const checkpoint::StateDict* best) {
    if (best != nullptr) {
      write_file_atomically(description_path(*this),
                            netspec::write_description(job.network, prepared));
      write_file_atomically(output, checkpoint::write_state_dict(*best));
    }
    write_file_atomically(state_path(*this), checkpoint::write_state_dict(state));
    shown.epoch(report, log);
  };

  const search::TrainResult result = train(job, hooks);
  if (result.interrupted)
    throw Error(ErrorKind::Interrupted,
                result.epochs == 0 ? "interrupted in the first epoch; nothing is saved"
                                   : "interrupted after epoch " + std::to_string(result.epochs) +
                                         "; the same command with --resume goes on");
  if (result.rank != 0) return;  // the first process speaks for all
  std::error_code error;
  fs::remove(state_path(*this), error);
  print_result(*this, result, sets);
}

}  // namespace

void add_train(CLI::App& app) {
  auto command = std::make_shared<TrainCommand>();
  search::TrainOptions& options = command->options;
  CLI::App* sub = app.add_subcommand(
      "train", "Trains or fine-tunes a network on your images, and writes a checkpoint");
  sub->footer(
      examples({"mcunet train mcunet-search/best.json --data photos -o best.pth",
                "mcunet train net.json --data photos --budget 30m --init old.pth -o net.pth",
                "mcunet train mcunet-vww1 --data vww --epochs 60 -j 2 -o vww.pth"}));
  sub->add_option("network", command->network,
                  "a network description (.json), such as search writes, or a name of the zoo")
      ->required();
  sub->add_option("--data", command->data,
                  "images with classes: folders, labels.csv, IDX or CIFAR-10 files")
      ->required();
  sub->add_option("-o,--output", command->output,
                  "the checkpoint (.pth); its description is written beside it (.json)")
      ->required();
  sub->add_option("--val", command->validation,
                  "images that decide which epoch was best; else a part of --data is kept for it");
  sub->add_option("--holdout", command->holdout, "how large a part, without --val")
      ->check(CLI::Range(0.001, 0.9))
      ->capture_default_str();
  sub->add_option("--init", command->init,
                  "weights to begin with (.pth); by default those beside the description");
  sub->add_flag("--from-scratch", command->scratch, "begin with random weights")
      ->excludes("--init");
  sub->add_option("--preprocess", command->preprocess,
                  "how images become inputs: imagenet (the default), zero-one, minus-one-one or a "
                  ".json file");
  sub->add_option("--resolution", command->resolution, "rows and columns instead of the network's")
      ->check(CLI::Range(8, 1024));
  const char* method = "Training";
  const auto epochs = sub->add_option("--epochs", options.epochs, "how often all images are seen")
                          ->check(CLI::Range(1, 100000))
                          ->capture_default_str()
                          ->group(method);
  sub->add_option("--budget", command->budget,
                  "time instead of epochs, such as 30m; with both, what ends first")
      ->group(method);
  sub->add_option("--batch", options.batch, "images of a step, over all workers")
      ->check(CLI::Range(2, 65536))
      ->capture_default_str()
      ->group(method);
  sub->add_option("--optimizer", command->optimizer, "sgd or adamw")
      ->check(CLI::IsMember({"sgd", "adamw"}))
      ->capture_default_str()
      ->group(method);
  sub->add_option("--rate", options.rate, "the highest learning rate (adamw: try 0.002)")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->group(method);
  sub->add_option("--weight-decay", options.weight_decay)
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(method);
  sub->add_option("--label-smoothing", options.label_smoothing)
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str()
      ->group(method);
  sub->add_option("--mixup", options.mixup, "the beta distribution's parameter; 0: none")
      ->check(CLI::Range(0.0, 2.0))
      ->capture_default_str()
      ->group(method);
  sub->add_option("--ema", options.average,
                  "of the average of weights that is judged and written, by step; 0: none")
      ->check(CLI::Range(0.0, 0.99999))
      ->capture_default_str()
      ->group(method);
  sub->add_option("--patience", options.patience,
                  "stop after so many epochs without a better accuracy; 0: never")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(method);
  sub->add_flag("--no-crop", command->no_crop, "do not move images about")->group(method);
  sub->add_flag("--no-flip", command->no_flip, "do not mirror images (digits, text)")
      ->group(method);
  sub->add_flag("--colour", command->colour, "vary contrast and brightness")->group(method);
  sub->add_flag("--qat", options.quantized,
                "round weights and activations as int8 inference does (quantization-aware "
                "training): for the last epochs, with --init and a tenth of the rate")
      ->group(method);
  sub->add_option("--device", options.device, "auto, cpu or cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str()
      ->group(method);
  sub->add_flag("--resume", command->resume, "go on after the last epoch of an interrupted run");
  sub->add_option("--seed", options.seed, "the same seed and -j give the same weights")
      ->capture_default_str();
  add_jobs(*sub, options.threads);
  add_progress(*sub, command->progress);
  add_json(*sub, command->json);
  sub->callback([command, epochs] {
    command->epochs_given = epochs->count() > 0;
    command->run();
  });
}

}  // namespace mcunet::app
