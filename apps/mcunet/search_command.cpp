#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "apps/mcunet/command.h"
#include "apps/mcunet/supernet_search.h"
#include "compiler/fit.h"
#include "compiler/targets/toolchain.h"
#include "libmcunet/board/size.h"
#include "libmcunet/netspec/build.h"
#include "libmcunet/netspec/write.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/interrupt.h"
#include "libmcunet/support/log.h"
#include "libmcunet/support/progress.h"
#include "libmcunet/support/table.h"
#include "profiler/board_factor.h"
#include "profiler/calibration_file.h"
#include "search/evolution.h"
#include "search/predictor.h"
#include "search/space.h"
#include "search/space_selection.h"

namespace mcunet::app {
namespace {

using nlohmann::ordered_json;
using search::Individual;

constexpr const char* kCheckpoint = "checkpoint.json";

// Without a limit on latency, twice the time must be worth this many points of accuracy: less than
// the prediction can tell, and enough to keep networks from being slow for nothing.
constexpr double kPointsPerDoubling = 0.25;

struct SearchCommand {
  std::string output = "mcunet-search", space, space_score;
  std::string score;  // predictor or supernet
  std::string latency, budget, progress = "auto";
  size_t population = 100, generations = 30, top = 5, subspaces = 0;  // 0: by kind of score
  uint64_t seed = 0;
  int threads = 0;
  bool pareto = false, resume = false, json = false;
  TargetOptions target;
  ScheduleOptions schedule;
  SupernetOptions supernet;

  bool uses_supernet() const { return score == "supernet"; }
  void settle();  // what depends on other options
  void run() const;
};

// A network that was compiled and linked, with what came of it.
struct Winner {
  Individual network;
  search::Prediction prediction;
  compiler::FlashAccount flash;
  compiler::SramAccount sram;
  std::string file;
};

struct Outcome {
  std::vector<search::SubSpaceSurvey> surveys;
  std::vector<Winner> winners;
  std::vector<Individual> front;
  size_t evaluated = 0, generations = 0;
  bool linked = false;
};

// How good a network is held to be: predicted, or measured with the weights it inherits.
class Judge {
 public:
  Judge(const search::Space& space, const SupernetSearch* supernet)
      : space_(space), supernet_(supernet) {}

  std::vector<search::Prediction> operator()(const std::vector<Individual>& networks) const {
    std::vector<search::Prediction> all;
    if (supernet_ != nullptr) {
      for (const double accuracy : supernet_->accuracies(networks))
        all.push_back({accuracy, supernet_->error(accuracy), false});
      return all;
    }
    for (const Individual& one : networks)
      all.push_back(predictor_.predict(search::architecture(search::describe(space_, one.genome),
                                                            one.cost.macs, one.cost.params)));
    return all;
  }
  search::Prediction operator()(const Individual& one) const {
    return (*this)(std::vector<Individual>{one}).front();
  }
  const char* kind() const {
    return supernet_ != nullptr ? "top-1 with inherited weights" : "predicted ImageNet top-1";
  }
  const search::AccuracyPredictor& predictor() const { return predictor_; }

 private:
  const search::Space& space_;
  const SupernetSearch* supernet_;
  search::AccuracyPredictor predictor_ = search::AccuracyPredictor::imagenet();
};

// The description, compiled as `mcunet compile` would, and linked where there is a cross compiler.
// Nothing when the linked code does not fit after all.
std::optional<Winner> built(const search::Space& space, const Individual& one,
                            compiler::CompileOptions options, bool link) {
  options.name = "network";
  const Graph graph = netspec::build_graph(search::describe(space, one.genome));
  compiler::CompiledModel model = compiler::compile(graph, "", options);
  if (link) {
    const TemporaryDirectory directory;
    const std::filesystem::path elf = compiler::build_firmware(model, directory.path());
    std::filesystem::path map = elf;
    map.replace_extension(".map");
    model.flash = compiler::linked_flash(model, compiler::read_map(map, model));
  }
  const Board& board = options.board;
  if (!board.is_host() &&
      (model.sram.total() > board.sram_bytes || model.flash.total() > board.flash_bytes))
    return std::nullopt;
  return Winner{one, {}, model.flash, model.sram, ""};
}

ordered_json survey_json(const search::Space& space, const search::SubSpaceSurvey& survey) {
  return {{"width", space.widths[survey.where.width]},
          {"resolution", space.resolutions[survey.where.resolution]},
          {"samples", survey.sampled},
          {"feasible", survey.feasible},
          {"mean_macs", survey.mean_macs},
          {"upper_macs", survey.upper_macs},
          {"mean_top1", survey.mean_top1},
          {"upper_top1", survey.upper_top1}};
}

ordered_json individual_json(const search::Space& space, const Individual& one,
                             const search::Prediction& prediction, const char* kind) {
  return {{"network", search::encode(space, one.genome)},
          {"score", prediction.top1},
          {"score_kind", kind},
          {"score_error", prediction.error},
          {"extrapolated", prediction.extrapolated},
          {"macs", one.cost.macs},
          {"params", one.cost.params},
          {"resolution", space.resolutions[one.genome.resolution]},
          {"width", space.widths[one.genome.width]},
          {"sram", one.cost.sram},
          {"flash", one.cost.flash},
          {"latency_ms", one.cost.ms},
          {"schedule", one.cost.schedule}};
}

std::string accuracy_text(const search::Prediction& prediction) {
  return format_fixed(prediction.top1, 1) + " ± " + format_fixed(prediction.error, 1) +
         (prediction.extrapolated ? " !" : "");
}

void print_surveys(const search::Space& space, const Outcome& outcome, size_t chosen,
                   bool predicted) {
  constexpr size_t kShown = 10;
  std::vector<Table::Column> columns = {{"width", Align::Right},
                                        {"resolution", Align::Right},
                                        {"fit", Align::Right},
                                        {"mean MACs", Align::Right},
                                        {"a fifth reach", Align::Right}};
  if (predicted) {
    columns.push_back({"mean top-1", Align::Right});
    columns.push_back({"a fifth reach", Align::Right});
  }
  columns.push_back({""});
  Table table(columns);
  for (size_t i = 0; i < std::min(kShown, outcome.surveys.size()); ++i) {
    const search::SubSpaceSurvey& survey = outcome.surveys[i];
    std::vector<std::string> row = {
        format_fixed(space.widths[survey.where.width], 2),
        std::to_string(space.resolutions[survey.where.resolution]),
        std::to_string(survey.feasible) + " of " + std::to_string(survey.sampled),
        format_fixed(survey.mean_macs / 1e6, 1) + " M",
        format_fixed(survey.upper_macs / 1e6, 1) + " M"};
    if (predicted) {
      row.push_back(format_fixed(survey.mean_top1, 1));
      row.push_back(format_fixed(survey.upper_top1, 1));
    }
    row.emplace_back(i < chosen ? "chosen" : "");
    table.add_row(row);
  }
  std::cout << "sub-spaces (random networks that fit" << (predicted ? "; top-1 predicted" : "")
            << "):\n"
            << table.to_string() << "\n";
}

void print_networks(const search::Space& space, const std::vector<Winner>& networks,
                    bool with_files, bool predicted) {
  std::vector<Table::Column> columns = {
      {predicted ? "top-1 (predicted)" : "top-1 (inherited)", Align::Right},
      {"ms", Align::Right},
      {"MACs", Align::Right},
      {"parameters", Align::Right},
      {"SRAM", Align::Right},
      {"flash", Align::Right},
      {"schedule"},
      {"width", Align::Right},
      {"resolution", Align::Right}};
  if (with_files) columns.push_back({"file"});
  Table table(columns);
  for (const Winner& one : networks) {
    const search::Cost& cost = one.network.cost;
    std::vector<std::string> row = {
        accuracy_text(one.prediction),
        format_fixed(cost.ms, 1),
        format_fixed(static_cast<double>(cost.macs) / 1e6, 1) + " M",
        group_digits(cost.params),
        group_digits(one.sram.total()),
        group_digits(one.flash.total()),
        cost.schedule,
        format_fixed(space.widths[one.network.genome.width], 2),
        std::to_string(space.resolutions[one.network.genome.resolution])};
    if (with_files) row.push_back(one.file);
    table.add_row(row);
  }
  std::cout << table.to_string();
}

// The present state of a search that goes on for long: what is done after each generation.
class Run {
 public:
  Run(const SearchCommand& command, const search::Space& space, SupernetSearch* supernet)
      : command_(command),
        space_(space),
        supernet_(supernet),
        judge_(space, supernet),
        board_(command.target.board()) {
    options_ = command.target.compile_options("network", {});
    command.schedule.apply(Graph{}, options_);
    if (board_.is_host())
      throw Error(ErrorKind::Usage, "--target host has no limits to search for; name a board");
    limits_ = {board_.sram_bytes, board_.flash_bytes, 0};
    if (!command.latency.empty()) {
      limits_.latency_ms = parse_milliseconds(command.latency, "--latency");
    }
    if (!command.budget.empty()) {
      budget_s_ = parse_seconds(command.budget, "--budget");
    }
  }

  Outcome execute() {
    const InterruptScope signals;
    Outcome outcome;
    const Calibration own = load_calibration(calibration_path(board_.name), board_.name);
    const search::CostModel costs(options_, limits_, board_factor(board_, true, own).factor);
    const ProgressMode mode = leads() ? progress_mode(command_.progress) : ProgressMode::None;
    outcome.surveys = survey_spaces(costs, judge_.predictor(), mode);
    std::vector<search::SubSpace> places;
    for (size_t i = 0; i < std::min(command_.subspaces, outcome.surveys.size()); ++i)
      places.push_back(outcome.surveys[i].where);
    if (supernet_ != nullptr)
      supernet_->train(space_, places, directory(), command_.resume, signals);
    if (!leads()) {
      supernet_->serve();
      return outcome;
    }

    search::EvolutionOptions evolution;
    evolution.population = command_.population;
    evolution.generations = command_.generations;
    evolution.pareto = command_.pareto;
    evolution.seed = command_.seed;
    evolution.threads = command_.threads;
    const search::Scorer scorer = [&](const std::vector<Individual>& all) {
      const bool free = limits_.latency_ms <= 0 && !command_.pareto;
      const std::vector<search::Prediction> judged = judge_(all);
      std::vector<double> scores;
      for (size_t i = 0; i < all.size(); ++i) {
        const double slow = free ? kPointsPerDoubling * std::log2(all[i].cost.ms) : 0;
        scores.push_back(judged[i].top1 - slow);
      }
      return scores;
    };
    search::Evolution search(space_, places, costs, scorer, evolution);
    const std::filesystem::path checkpoint = directory() / kCheckpoint;
    std::error_code error;  // a supernet may have been interrupted before there was a generation
    if (command_.resume && (supernet_ == nullptr || std::filesystem::exists(checkpoint, error)))
      search.restore(parse(checkpoint), checkpoint.string());
    evolve(search, checkpoint, mode, signals);
    if (supernet_ != nullptr) supernet_->dismiss_others();
    outcome.generations = search.generation();
    outcome.evaluated = costs.evaluated();
    if (command_.pareto) outcome.front = search.front();
    outcome.linked = compiler::cross_compiler_available();
    outcome.winners = winners(search.ranked(), outcome.linked, mode, signals);
    if (signals.interrupted())
      throw Error(ErrorKind::Interrupted,
                  "interrupted while networks were linked; the same command with --resume goes on");
    return outcome;
  }

  // False for a process that only trains and judges for another one.
  bool leads() const { return supernet_ == nullptr || supernet_->leads(); }
  std::filesystem::path directory() const { return command_.output; }
  const Judge& judge() const { return judge_; }

 private:
  static nlohmann::json parse(const std::filesystem::path& path) {
    try {
      return nlohmann::json::parse(read_text_file(path));
    } catch (const nlohmann::json::exception&) {
      throw Error(ErrorKind::Input,
                  path.string() + ": the checkpoint is damaged; start anew without --resume");
    }
  }

  std::vector<search::SubSpaceSurvey> survey_spaces(const search::CostModel& costs,
                                                    const search::AccuracyPredictor& predictor,
                                                    ProgressMode mode) const {
    search::SurveyOptions options;
    options.score =
        command_.space_score == "macs" ? search::SpaceScore::Macs : search::SpaceScore::Accuracy;
    // One sub-space is chosen for good, by the mean of those that fit: a few would be chance.
    if (command_.uses_supernet()) options.samples = 100;
    options.seed = command_.seed;
    options.threads = command_.threads;
    Progress bar("sampling", "sub-spaces",
                 static_cast<int64_t>(space_.widths.size() * space_.resolutions.size()), mode);
    options.progress = [&bar](int64_t, int64_t) { bar.advance(); };
    return search::survey(space_, costs, predictor, options);
  }

  void evolve(search::Evolution& search, const std::filesystem::path& checkpoint, ProgressMode mode,
              const InterruptScope& signals) const {
    const auto begin = std::chrono::steady_clock::now();
    const auto save = [&] {
      std::filesystem::create_directories(directory());
      write_file_atomically(checkpoint, search.save().dump() + "\n");
    };
    Progress bar("evolving", "generations", static_cast<int64_t>(command_.generations) + 1, mode);
    bar.advance(static_cast<int64_t>(search.generation()));
    while (!search.finished()) {
      search.step();
      save();
      const Individual best = search.ranked().front();
      bar.note("best " + format_fixed(judge_(best).top1, 2) + " %, " +
               format_fixed(best.cost.ms, 0) + " ms, SRAM " + group_digits(best.cost.sram) +
               ", flash " + group_digits(best.cost.flash));
      bar.advance();
      if (signals.interrupted()) {
        throw Error(ErrorKind::Interrupted, "interrupted after generation " +
                                                std::to_string(search.generation() - 1) +
                                                "; the same command with --resume goes on");
      }
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      if (budget_s_ > 0 && took.count() >= budget_s_) return;
    }
  }

  // The best networks that are as promised: compiled, and linked where that is possible.
  std::vector<Winner> winners(const std::vector<Individual>& ranked, bool link, ProgressMode mode,
                              const InterruptScope& signals) const {
    std::vector<Winner> result;
    Progress bar(link ? "linking" : "compiling", "networks", static_cast<int64_t>(command_.top),
                 mode);
    for (const Individual& one : ranked) {
      if (result.size() == command_.top || signals.interrupted()) break;
      std::optional<Winner> winner = built(space_, one, options_, link);
      if (!winner) continue;
      winner->prediction = judge_(one);
      winner->file = result.empty() ? "best.json" : std::to_string(result.size() + 1) + ".json";
      result.push_back(std::move(*winner));
      bar.advance();
    }
    return result;
  }

  const SearchCommand& command_;
  const search::Space& space_;
  SupernetSearch* supernet_;
  Judge judge_;
  Board board_;
  compiler::CompileOptions options_;
  search::Limits limits_;
  double budget_s_ = 0;
};

ordered_json search_json(const SearchCommand& command, const search::Space& space,
                         const Outcome& outcome, const Judge& judge) {
  const auto known = search::published_accuracies();
  const search::LeftOut one = search::leave_out(known, search::LeaveOut::Network);
  const search::LeftOut family = search::leave_out(known, search::LeaveOut::Family);
  ordered_json out = document("search");
  out["target"] = target_json(command.target.board());
  out["limits"] = {
      {"latency", command.latency.empty() ? ordered_json(nullptr) : ordered_json(command.latency)}};
  out["space"] = {{"name", space.name}, {"score", command.space_score}};
  out["space"]["samples"] = ordered_json::array();
  for (const auto& survey : outcome.surveys)
    out["space"]["samples"].push_back(survey_json(space, survey));
  out["predictor"] = {
      {"networks", known.size()},
      {"leave_one_out", {{"mae", one.mean_error}, {"tau", one.kendall_tau}}},
      {"leave_family_out", {{"mae", family.mean_error}, {"tau", family.kendall_tau}}}};
  out["seed"] = command.seed;
  out["generations"] = outcome.generations;
  out["evaluated"] = outcome.evaluated;
  out["linked"] = outcome.linked;
  out["best"] = ordered_json::array();
  for (const Winner& winner : outcome.winners) {
    ordered_json entry = individual_json(space, winner.network, winner.prediction, judge.kind());
    entry["file"] = winner.file;
    entry["sram"] = winner.sram.total();
    entry["flash"] = winner.flash.total();
    out["best"].push_back(entry);
  }
  return out;
}

void SearchCommand::settle() {
  if (score.empty()) score = supernet.data.empty() ? "predictor" : "supernet";
  if (uses_supernet() && supernet.data.empty())
    throw Error(ErrorKind::Usage, "--score supernet needs --data, the images to train it with");
  if (!uses_supernet() && !supernet.data.empty())
    throw Error(ErrorKind::Usage,
                "--data is for --score supernet; the predictor looks at no images");
  // The predictor knows ImageNet; for other images the paper's rule is the better one.
  if (space_score.empty()) space_score = uses_supernet() ? "macs" : "accuracy";
  if (subspaces == 0) subspaces = uses_supernet() ? 1 : 4;
  if (space.empty()) space = "mcunet";
  supernet.train.seed = seed;
  supernet.train.threads = threads;
}

void SearchCommand::run() const {
  std::unique_ptr<SupernetSearch> on_images;
  if (uses_supernet())
    on_images = std::make_unique<SupernetSearch>(supernet, progress_mode(progress));
  const search::Space found = search::find_space(space);
  const search::Space chosen = on_images ? on_images->adapted(found) : found;
  Run run(*this, chosen, on_images.get());
  if (!json && run.leads()) std::cout << target_line(target.board()) << std::flush;
  const Outcome outcome = run.execute();
  if (!run.leads()) return;
  if (outcome.winners.empty()) {
    throw Error(ErrorKind::DoesNotFit,
                "the networks that were found do not fit once they are linked; give more flash");
  }
  OutputDirectory directory(output);
  for (const Winner& winner : outcome.winners) {
    const search::Genome& genome = winner.network.genome;
    if (on_images) {
      directory.add(winner.file, on_images->description(genome));
      directory.add(std::filesystem::path(winner.file).replace_extension(".pth").string(),
                    on_images->weights(genome));
    } else {
      directory.add(winner.file, netspec::write_description(search::describe(chosen, genome)));
    }
  }
  const Judge& judge = run.judge();
  ordered_json report = search_json(*this, chosen, outcome, judge);
  if (pareto) {
    report["front"] = ordered_json::array();
    for (const Individual& one : outcome.front)
      report["front"].push_back(individual_json(chosen, one, judge(one), judge.kind()));
  }
  directory.add("search.json", report.dump(2) + "\n");
  directory.commit();
  if (json) return print_json(report);

  print_surveys(chosen, outcome, subspaces, !on_images);
  if (pareto) {
    std::cout << "not surpassed in accuracy, latency, SRAM and flash at once (at most 20 shown):\n";
    std::vector<Winner> shown;
    const size_t step = std::max<size_t>(1, outcome.front.size() / 20);
    for (size_t i = 0; i < outcome.front.size() && shown.size() < 20; i += step) {
      const Individual& one = outcome.front[i];
      Winner row{one, judge(one), {}, {}, ""};
      row.sram.arena = one.cost.sram;
      row.flash.weights = one.cost.flash;
      shown.push_back(row);
    }
    print_networks(chosen, shown, false, !on_images);
    std::cout << "\n";
  }
  std::cout << (outcome.linked ? "best networks, compiled and linked:\n"
                               : "best networks, compiled (no cross compiler: code estimated):\n");
  print_networks(chosen, outcome.winners, true, !on_images);
  if (on_images) {
    std::cout << "\naccuracies are those with the supernet's weights, on "
              << group_digits(static_cast<int64_t>(on_images->score_images()))
              << " images; training makes them better: mcunet train " << output
              << "/best.json --data " << supernet.data << " -o best.pth\n"
              << group_digits(static_cast<int64_t>(outcome.evaluated))
              << " networks compiled; wrote " << outcome.winners.size()
              << " descriptions with weights to " << output << "\n";
    return;
  }
  const auto& known = report["predictor"];
  std::cout << "\naccuracies are predicted for ImageNet, from " << known["networks"]
            << " published networks: mean error " << format_fixed(known["leave_one_out"]["mae"], 1)
            << " points for networks left out ("
            << format_fixed(known["leave_family_out"]["mae"], 1)
            << " for families), rank correlation " << format_fixed(known["leave_one_out"]["tau"], 2)
            << " (" << format_fixed(known["leave_family_out"]["tau"], 2)
            << ").\n'!': beyond what was published. Times are those that profile estimates.\n"
            << group_digits(static_cast<int64_t>(outcome.evaluated)) << " networks compiled; wrote "
            << outcome.winners.size() << " descriptions to " << output << "\n";
}

}  // namespace

void add_search(CLI::App& app) {
  auto command = std::make_shared<SearchCommand>();
  CLI::App* sub = app.add_subcommand(
      "search", "Finds networks that fit the SRAM, flash and latency of a board (TinyNAS)");
  sub->footer(examples(
      {"mcunet search --sram 320k", "mcunet search --target stm32f412 --latency 500ms -o f412",
       "mcunet search --target stm32h743 --pareto --budget 10m",
       "mcunet search --sram 64k --flash 256k --data photos --supernet-budget 2h"}));
  sub->add_option("-o,--output", command->output, "directory for the descriptions found")
      ->capture_default_str();
  sub->add_option("--latency", command->latency, "most time for one inference, such as 500ms");
  const char* method = "Search";
  sub->add_option("--space", command->space,
                  "search space: mcunet (the default), small, tiny, or a .json file")
      ->group(method);
  sub->add_option("--space-score", command->space_score,
                  "what sub-spaces of one width and resolution are compared by: the predicted "
                  "accuracy (the default), or the MACs of networks that fit (with --data)")
      ->check(CLI::IsMember({"accuracy", "macs"}))
      ->group(method);
  sub->add_option("--sub-spaces", command->subspaces,
                  "how many of them are searched: 4, with --data 1")
      ->check(CLI::PositiveNumber)
      ->group(method);
  sub->add_option("--population", command->population, "networks of a generation")
      ->check(CLI::Range(8, 100000))
      ->capture_default_str()
      ->group(method);
  sub->add_option("--generations", command->generations, "after the first, which is random")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->group(method);
  sub->add_flag("--pareto", command->pareto,
                "look for networks that no other surpasses in accuracy, latency, SRAM and flash at "
                "once, and list them")
      ->group(method);
  sub->add_option("--budget", command->budget, "most time for the evolution, such as 10m")
      ->group(method);
  sub->add_flag("--resume", command->resume, "go on from the last generation of an earlier run")
      ->group(method);
  sub->add_option("--top", command->top, "networks to compile, link and write")
      ->check(CLI::Range(1, 100))
      ->capture_default_str()
      ->group(method);
  const char* own = "On your own images";
  SupernetOptions& supernet = command->supernet;
  supernet.preprocess = "imagenet";
  sub->add_option("--data", supernet.data,
                  "images with classes: folders, labels.csv, IDX or CIFAR-10 files; a supernet "
                  "trained with them judges the networks")
      ->group(own);
  sub->add_option("--score", command->score, "predictor, or with --data: supernet")
      ->check(CLI::IsMember({"predictor", "supernet"}))
      ->group(own);
  sub->add_option("--val", supernet.validation,
                  "images to judge with; else a tenth of --data is kept for it")
      ->group(own);
  sub->add_option("--preprocess", supernet.preprocess,
                  "how images become inputs: imagenet, zero-one, minus-one-one or a .json file")
      ->capture_default_str()
      ->group(own);
  sub->add_option("--supernet-epochs", supernet.train.epochs, "how often it sees all images")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str()
      ->group(own);
  sub->add_option("--supernet-budget", supernet.budget, "time instead of epochs, such as 30m")
      ->group(own);
  sub->add_option("--score-images", supernet.score_images, "validation images for each network")
      ->check(CLI::Range(10, 10000000))
      ->capture_default_str()
      ->group(own);
  sub->add_flag("--no-flip{false}", supernet.train.augmentation.flip,
                "do not mirror images (digits, text)")
      ->group(own);
  sub->add_option("--seed", command->seed, "the same seed gives the same networks")
      ->capture_default_str();
  add_jobs(*sub, command->threads);
  add_progress(*sub, command->progress);
  add_json(*sub, command->json);
  command->schedule.add_to(*sub);
  command->target.add_to(*sub);
  sub->callback([command] {
    command->settle();
    command->run();
  });
}

}  // namespace mcunet::app
