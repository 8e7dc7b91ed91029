#include <chrono>
#include <cmath>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "apps/mcunet/command.h"
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
  std::string output = "mcunet-search", space = "mcunet", space_score = "accuracy";
  std::string latency, budget, progress = "auto";
  size_t population = 100, generations = 30, top = 5, subspaces = 4;
  uint64_t seed = 0;
  int threads = 0;
  bool pareto = false, resume = false, json = false;
  TargetOptions target;
  ScheduleOptions schedule;
  void run() const;
};

// "778", "778ms" or "0.8s" in milliseconds; "10m", "90s" or "1h" in seconds.
double parse_duration(const std::string& text, const std::string& option,
                      const std::vector<std::pair<std::string, double>>& units) {
  size_t end = 0;
  double value = 0;
  try {
    value = std::stod(text, &end);
  } catch (const std::exception&) {
    end = 0;
  }
  const std::string unit = text.substr(std::min(end, text.size()));
  for (const auto& [name, factor] : units) {
    if (end > 0 && unit == name && value > 0) return value * factor;
  }
  throw Error(ErrorKind::Usage, option + ": '" + text + "' is no time above 0 (such as 10" +
                                    units.front().first + ")");
}

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

search::Prediction predict(const search::Space& space, const search::AccuracyPredictor& predictor,
                           const Individual& one) {
  return predictor.predict(
      search::architecture(search::describe(space, one.genome), one.cost.macs, one.cost.params));
}

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
                             const search::Prediction& prediction) {
  return {{"network", search::encode(space, one.genome)},
          {"score", prediction.top1},
          {"score_kind", "predicted ImageNet top-1"},
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

void print_surveys(const search::Space& space, const Outcome& outcome, size_t chosen) {
  constexpr size_t kShown = 10;
  Table table({{"width", Align::Right},
               {"resolution", Align::Right},
               {"fit", Align::Right},
               {"mean MACs", Align::Right},
               {"a fifth reach", Align::Right},
               {"mean top-1", Align::Right},
               {"a fifth reach", Align::Right},
               {""}});
  for (size_t i = 0; i < std::min(kShown, outcome.surveys.size()); ++i) {
    const search::SubSpaceSurvey& survey = outcome.surveys[i];
    table.add_row({format_fixed(space.widths[survey.where.width], 2),
                   std::to_string(space.resolutions[survey.where.resolution]),
                   std::to_string(survey.feasible) + " of " + std::to_string(survey.sampled),
                   format_fixed(survey.mean_macs / 1e6, 1) + " M",
                   format_fixed(survey.upper_macs / 1e6, 1) + " M",
                   format_fixed(survey.mean_top1, 1), format_fixed(survey.upper_top1, 1),
                   i < chosen ? "chosen" : ""});
  }
  std::cout << "sub-spaces (random networks that fit; top-1 predicted):\n"
            << table.to_string() << "\n";
}

void print_networks(const search::Space& space, const std::vector<Winner>& networks,
                    bool with_files) {
  std::vector<Table::Column> columns = {{"top-1 (predicted)", Align::Right},
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
  Run(const SearchCommand& command, const search::Space& space)
      : command_(command), space_(space), board_(command.target.board()) {
    options_ = command.target.compile_options("network", {});
    command.schedule.apply(Graph{}, options_);
    if (board_.is_host())
      throw Error(ErrorKind::Usage, "--target host has no limits to search for; name a board");
    limits_ = {board_.sram_bytes, board_.flash_bytes, 0};
    if (!command.latency.empty()) {
      limits_.latency_ms =
          parse_duration(command.latency, "--latency", {{"ms", 1}, {"", 1}, {"s", 1000}});
    }
    if (!command.budget.empty()) {
      budget_s_ = parse_duration(command.budget, "--budget",
                                 {{"m", 60}, {"s", 1}, {"min", 60}, {"h", 3600}});
    }
  }

  Outcome execute() {
    const InterruptScope signals;
    Outcome outcome;
    const Calibration own = load_calibration(calibration_path(board_.name), board_.name);
    const search::CostModel costs(options_, limits_, board_factor(board_, true, own).factor);
    const search::AccuracyPredictor predictor = search::AccuracyPredictor::imagenet();
    const ProgressMode mode = progress_mode(command_.progress);
    outcome.surveys = survey_spaces(costs, predictor, mode);
    std::vector<search::SubSpace> places;
    for (size_t i = 0; i < std::min(command_.subspaces, outcome.surveys.size()); ++i)
      places.push_back(outcome.surveys[i].where);

    search::EvolutionOptions evolution;
    evolution.population = command_.population;
    evolution.generations = command_.generations;
    evolution.pareto = command_.pareto;
    evolution.seed = command_.seed;
    evolution.threads = command_.threads;
    const search::Scorer scorer = [&](const std::vector<Individual>& all) {
      std::vector<double> scores;
      for (const Individual& one : all) {
        const double top1 = predict(space_, predictor, one).top1;
        const bool free = limits_.latency_ms <= 0 && !command_.pareto;
        scores.push_back(free ? top1 - kPointsPerDoubling * std::log2(one.cost.ms) : top1);
      }
      return scores;
    };
    search::Evolution search(space_, places, costs, scorer, evolution);
    const std::filesystem::path checkpoint = directory() / kCheckpoint;
    if (command_.resume) {
      search.restore(parse(checkpoint), checkpoint.string());
    }
    evolve(search, predictor, checkpoint, mode, signals);
    outcome.generations = search.generation();
    outcome.evaluated = costs.evaluated();
    if (command_.pareto) outcome.front = search.front();
    outcome.linked = compiler::cross_compiler_available();
    outcome.winners = winners(search.ranked(), predictor, outcome.linked, mode, signals);
    return outcome;
  }

  std::filesystem::path directory() const { return command_.output; }

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
    options.seed = command_.seed;
    options.threads = command_.threads;
    Progress bar("sampling", "sub-spaces",
                 static_cast<int64_t>(space_.widths.size() * space_.resolutions.size()), mode);
    options.progress = [&bar](int64_t, int64_t) { bar.advance(); };
    return search::survey(space_, costs, predictor, options);
  }

  void evolve(search::Evolution& search, const search::AccuracyPredictor& predictor,
              const std::filesystem::path& checkpoint, ProgressMode mode,
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
      bar.note("best " + format_fixed(predict(space_, predictor, best).top1, 2) + " %, " +
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
  std::vector<Winner> winners(const std::vector<Individual>& ranked,
                              const search::AccuracyPredictor& predictor, bool link,
                              ProgressMode mode, const InterruptScope& signals) const {
    std::vector<Winner> result;
    Progress bar(link ? "linking" : "compiling", "networks", static_cast<int64_t>(command_.top),
                 mode);
    for (const Individual& one : ranked) {
      if (result.size() == command_.top || signals.interrupted()) break;
      std::optional<Winner> winner = built(space_, one, options_, link);
      if (!winner) continue;
      winner->prediction = predict(space_, predictor, one);
      winner->file = result.empty() ? "best.json" : std::to_string(result.size() + 1) + ".json";
      result.push_back(std::move(*winner));
      bar.advance();
    }
    return result;
  }

  const SearchCommand& command_;
  const search::Space& space_;
  Board board_;
  compiler::CompileOptions options_;
  search::Limits limits_;
  double budget_s_ = 0;
};

ordered_json search_json(const SearchCommand& command, const search::Space& space,
                         const Outcome& outcome) {
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
    ordered_json entry = individual_json(space, winner.network, winner.prediction);
    entry["file"] = winner.file;
    entry["sram"] = winner.sram.total();
    entry["flash"] = winner.flash.total();
    out["best"].push_back(entry);
  }
  return out;
}

void SearchCommand::run() const {
  const search::Space chosen = search::find_space(space);
  Run run(*this, chosen);
  if (!json) std::cout << target_line(target.board()) << std::flush;
  const Outcome outcome = run.execute();
  if (outcome.winners.empty()) {
    throw Error(ErrorKind::DoesNotFit,
                "the networks that were found do not fit once they are linked; give more flash");
  }
  OutputDirectory directory(output);
  for (const Winner& winner : outcome.winners) {
    directory.add(winner.file,
                  netspec::write_description(search::describe(chosen, winner.network.genome)));
  }
  ordered_json report = search_json(*this, chosen, outcome);
  const search::AccuracyPredictor predictor = search::AccuracyPredictor::imagenet();
  if (pareto) {
    report["front"] = ordered_json::array();
    for (const Individual& one : outcome.front)
      report["front"].push_back(individual_json(chosen, one, predict(chosen, predictor, one)));
  }
  directory.add("search.json", report.dump(2) + "\n");
  directory.commit();
  if (json) return print_json(report);

  print_surveys(chosen, outcome, subspaces);
  if (pareto) {
    std::cout << "not surpassed in accuracy, latency, SRAM and flash at once (at most 20 shown):\n";
    std::vector<Winner> shown;
    const size_t step = std::max<size_t>(1, outcome.front.size() / 20);
    for (size_t i = 0; i < outcome.front.size() && shown.size() < 20; i += step) {
      const Individual& one = outcome.front[i];
      Winner row{one, predict(chosen, predictor, one), {}, {}, ""};
      row.sram.arena = one.cost.sram;
      row.flash.weights = one.cost.flash;
      shown.push_back(row);
    }
    print_networks(chosen, shown, false);
    std::cout << "\n";
  }
  std::cout << (outcome.linked ? "best networks, compiled and linked:\n"
                               : "best networks, compiled (no cross compiler: code estimated):\n");
  print_networks(chosen, outcome.winners, true);
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
  sub->footer(examples({"mcunet search --sram 320k",
                        "mcunet search --target stm32f412 --latency 500ms -o f412",
                        "mcunet search --target stm32h743 --pareto --budget 10m"}));
  sub->add_option("-o,--output", command->output, "directory for the descriptions found")
      ->capture_default_str();
  sub->add_option("--latency", command->latency, "most time for one inference, such as 500ms");
  const char* method = "Search";
  sub->add_option("--space", command->space, "search space: mcunet, small, or a .json file")
      ->capture_default_str()
      ->group(method);
  sub->add_option("--space-score", command->space_score,
                  "what sub-spaces of one width and resolution are compared by: the predicted "
                  "accuracy, or the MACs of networks that fit")
      ->check(CLI::IsMember({"accuracy", "macs"}))
      ->capture_default_str()
      ->group(method);
  sub->add_option("--sub-spaces", command->subspaces, "how many of them are searched")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
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
  sub->add_option("--budget", command->budget, "most time for the search, such as 10m")
      ->group(method);
  sub->add_flag("--resume", command->resume, "go on from the last generation of an earlier run")
      ->group(method);
  sub->add_option("--top", command->top, "networks to compile, link and write")
      ->check(CLI::Range(1, 100))
      ->capture_default_str()
      ->group(method);
  sub->add_option("--seed", command->seed, "the same seed gives the same networks")
      ->capture_default_str();
  sub->add_option("-j,--jobs", command->threads, "threads; 0: one per processor")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  sub->add_option("--progress", command->progress, "auto, bar, plain or none")
      ->check(CLI::IsMember({"auto", "bar", "plain", "none"}))
      ->capture_default_str();
  sub->add_flag("--json", command->json, "one JSON document on standard output");
  command->schedule.add_to(*sub);
  command->target.add_to(*sub);
  sub->callback([command] { command->run(); });
}

}  // namespace mcunet::app
