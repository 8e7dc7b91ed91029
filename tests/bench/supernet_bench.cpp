// Do the weights that networks inherit from a supernet rank them as training each by itself does?
// Prints a JSON document: both accuracies of random networks of a space, and Kendall's tau.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "libmcunet/support/error.h"
#include "libmcunet/support/parallel.h"
#include "search/predictor.h"
#include "search/torch/supernet.h"
#include "search/torch/train.h"

namespace {

using namespace mcunet;

struct Setting {
  std::string data, space;
  double widest = 1;  // of the space's widths
  double supernet_s = 0;
  size_t networks = 20, images = 20000;
  int64_t epochs = 3;
  uint64_t seed = 0;
};

// The space's networks for these images: no wider than asked for, no resolutions above theirs.
search::Space adapted(const Setting& setting, const Dataset& set) {
  search::Space space = search::find_space(setting.space);
  const SampleData first = set.load(0);
  const Image& image = std::get<Image>(first);
  space.in_channels = image.channels;
  space.classes = static_cast<int32_t>(set.classes().size());
  const auto drop = [](auto& choices, double most) {
    choices.erase(std::remove_if(choices.begin(), choices.end(),
                                 [most](double choice) { return choice > most; }),
                  choices.end());
    if (choices.empty()) throw Error(ErrorKind::Usage, "no such networks in the space");
  };
  drop(space.widths, setting.widest);
  drop(space.resolutions, std::min(image.width, image.height));
  return space;
}

int run(const Setting& setting) {
  const Dataset all = open_dataset(setting.data, Split::Train);
  const Dataset test = open_dataset(setting.data, Split::Test).choose(5000, setting.seed);
  const search::Space space = adapted(setting, all);
  const Preprocess preprocess = find_preprocess("zero-one");
  const auto load = [&](const Dataset& set, int32_t resolution) {
    return search::TrainingImages(set, resolution, space.in_channels, preprocess, 0);
  };
  const int32_t largest = *std::max_element(space.resolutions.begin(), space.resolutions.end());
  const search::TrainingImages train = load(all, largest), validation = load(test, largest);

  search::SupernetJob job;
  job.space = space;
  for (size_t w = 0; w < space.widths.size(); ++w) {
    for (size_t r = 0; r < space.resolutions.size(); ++r) job.places.push_back({w, r});
  }
  job.train = &train;
  job.validation = &validation;
  job.options.epochs = 0;
  job.options.budget_s = setting.supernet_s;
  job.options.batch = 64;
  job.options.seed = setting.seed;
  search::TrainHooks hooks;
  hooks.epoch = [](const search::EpochReport& report, const auto&, const auto*) {
    std::cerr << "supernet: epoch " << report.epoch << ", " << report.accuracy << " %\n";
  };
  const auto supernet = search::make_supernet_with_torch(job, hooks, {});

  std::vector<search::Genome> genomes;
  SplitMix64 random(setting.seed + 1);
  while (genomes.size() < setting.networks) genomes.push_back(sample(space, random));
  const std::vector<double> inherited = supernet->accuracies(genomes, 0);
  const Dataset part = all.choose(setting.images, setting.seed);
  std::map<int32_t, std::pair<search::TrainingImages, search::TrainingImages>> images;
  for (const int32_t resolution : space.resolutions)
    images.try_emplace(resolution, load(part, resolution), load(test, resolution));
  std::vector<double> alone(genomes.size());
  parallel_for(genomes.size(), 0, [&](size_t i) {
    search::TrainJob single;
    single.network = describe(space, genomes[i]);
    const auto& [own, judged] = images.at(*single.network.resolution);
    single.train = &own;
    single.validation = &judged;
    single.options.augmentation.crop = false;  // few epochs get further without
    single.options.epochs = setting.epochs;
    single.options.batch = 64;
    single.options.threads = 1;
    single.options.seed = setting.seed + i;
    alone[i] = search::train_with_torch(single, {}).accuracy;
    std::cerr << "network " << i << ": inherited " << inherited[i] << ", alone " << alone[i]
              << "\n";
  });
  nlohmann::ordered_json out;
  out["seed"] = setting.seed;
  out["supernet_seconds"] = setting.supernet_s;
  out["epochs_alone"] = setting.epochs;
  out["images_alone"] = part.size();
  out["networks"] = nlohmann::ordered_json::array();
  for (size_t i = 0; i < genomes.size(); ++i)
    out["networks"].push_back(
        {{"network", encode(space, genomes[i])}, {"inherited", inherited[i]}, {"alone", alone[i]}});
  out["kendall_tau"] = search::kendall_tau(inherited, alone);
  std::cout << out.dump(2) << "\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) {
    std::cerr << "usage: mcunet_supernet_bench DATA SPACE WIDEST SUPERNET_SECONDS NETWORKS IMAGES "
                 "EPOCHS\n";
    return 2;
  }
  try {
    return run({argv[1], argv[2], std::atof(argv[3]), std::atof(argv[4]),
                static_cast<size_t>(std::atol(argv[5])), static_cast<size_t>(std::atol(argv[6])),
                std::atol(argv[7])});
  } catch (const Error& error) {
    std::cerr << "error: " << error.what() << "\n";
    return error.exit_code();
  }
}
