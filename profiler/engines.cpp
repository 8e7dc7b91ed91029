#include "profiler/engines.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>

#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"
#include "profiler/least_squares.h"
#include "profiler/measurements.h"

namespace mcunet {
namespace {

bool is_renaming(const Op& op) { return op.kind == OpKind::Pad || op.kind == OpKind::Reshape; }

// ---- fits -----------------------------------------------------------------------------------

double term(const NetworkShape& shape, const std::string& name) {
  if (name == "macs") return static_cast<double>(shape.conv_macs + shape.depthwise_macs);
  if (name == "conv_macs") return static_cast<double>(shape.conv_macs);
  if (name == "depthwise_macs") return static_cast<double>(shape.depthwise_macs);
  if (name == "outputs") return static_cast<double>(shape.outputs);
  if (name == "operators") return static_cast<double>(shape.operators);
  if (name == "parameters") return static_cast<double>(shape.parameters);
  if (name == "live") return static_cast<double>(shape.live);
  if (name == "live_in_place") return static_cast<double>(shape.live_in_place);
  if (name == "one") return 1;
  throw Error(ErrorKind::Internal, "configs/measurements/published.json: unknown term " + name);
}

struct Sample {
  std::string network;
  std::vector<double> terms;
  double target = 0;
};

std::vector<double> coefficients(const std::vector<Sample>& samples) {
  std::vector<std::vector<double>> rows;
  std::vector<double> targets;
  for (const Sample& sample : samples) {
    rows.push_back(sample.terms);
    targets.push_back(sample.target);
  }
  return fit_relative(rows, targets);
}

double evaluate(const std::vector<double>& coefficients, const std::vector<double>& terms) {
  double sum = 0;
  for (size_t i = 0; i < terms.size(); ++i) sum += coefficients[i] * terms[i];
  return sum;
}

std::vector<Sample> without(const std::vector<Sample>& samples, const std::string& network) {
  std::vector<Sample> rest;
  std::copy_if(samples.begin(), samples.end(), std::back_inserter(rest),
               [&](const Sample& sample) { return sample.network != network; });
  return rest;
}

// Estimates of the samples, each by the fit to the networks other than its own.
std::vector<double> held_out_estimates(const std::vector<Sample>& samples) {
  std::vector<double> estimates;
  for (const Sample& sample : samples) {
    const std::vector<Sample> rest = without(samples, sample.network);
    estimates.push_back(rest.empty() ? 0 : evaluate(coefficients(rest), sample.terms));
  }
  return estimates;
}

FitError error_of(const std::vector<Sample>& samples, const std::vector<double>& estimates) {
  FitError error;
  error.points = static_cast<int64_t>(samples.size());
  for (size_t i = 0; i < samples.size(); ++i) {
    const double pct = 100 * std::abs(estimates[i] / samples[i].target - 1);
    error.mean_pct += pct / static_cast<double>(samples.size());
    error.worst_pct = std::max(error.worst_pct, pct);
  }
  return error;
}

// Two-sided percentile of Student's t distribution, by degrees of freedom from 1.
double student_t(size_t freedom, Coverage coverage) {
  static const double of_95[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                 2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                                 2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064};
  static const double of_90[] = {6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860,
                                 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753, 1.746,
                                 1.740, 1.734, 1.729, 1.725, 1.721, 1.717, 1.714, 1.711};
  static_assert(std::size(of_95) == std::size(of_90), "one row per degree of freedom");
  const bool wide = coverage == Coverage::Nominal95;
  if (freedom > std::size(of_95)) return wide ? 2.06 : 1.71;
  const size_t row = std::max<size_t>(freedom, 1) - 1;
  return wide ? of_95[row] : of_90[row];
}

// Prediction interval of the logarithms of measured over held-out estimate. They need not be
// centred: the bar is asymmetric. They are not quite normal either: of the networks held out, an
// interval of 90 % holds fewer (docs/calibration.md counts them), which is why it is one of 95 %.
RelativeBar bar_of(const std::vector<Sample>& samples, const std::vector<double>& estimates,
                   Coverage coverage) {
  std::vector<double> logs;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (estimates[i] > 0) logs.push_back(std::log(samples[i].target / estimates[i]));
  }
  if (logs.size() < 2) return {0.5, 2};
  const auto n = static_cast<double>(logs.size());
  double mean = 0, square = 0;
  for (const double value : logs) mean += value / n;
  for (const double value : logs) square += std::pow(value - mean, 2);
  const double half =
      student_t(logs.size() - 1, coverage) * std::sqrt(square / (n - 1)) * std::sqrt(1 + 1 / n);
  return {std::exp(mean - half), std::exp(mean + half)};
}

// ---- what is fitted for an engine -----------------------------------------------------------

// TinyEngine's arena is a rule; what others add to the live tensors (interpreter, copies, padded
// inputs) is fitted.
const std::vector<std::string>& sram_terms(const std::string& engine) {
  static const std::vector<std::string> rule = {"live_in_place"},
                                        fitted = {"live", "operators", "one"};
  return engine == "tinyengine" ? rule : fitted;
}
const std::vector<std::string> kFlashTerms = {"parameters", "operators", "one"};

std::vector<Sample> samples_of(const Measurements& all, const MeasuredFit& fit,
                               const std::vector<std::string>& terms,
                               const std::function<double(const MeasuredPoint&)>& target) {
  std::vector<Sample> samples;
  for (const MeasuredPoint& point : fit.points) {
    if (target(point) <= 0) continue;
    Sample sample{point.network, {}, target(point)};
    for (const std::string& name : terms)
      sample.terms.push_back(term(all.networks.at(point.network), name));
    samples.push_back(std::move(sample));
  }
  return samples;
}

std::vector<Sample> time_samples(const Measurements& all, const MeasuredFit& fit) {
  return samples_of(all, fit, fit.terms, [](const MeasuredPoint& p) { return p.cycles(); });
}
std::vector<Sample> sram_samples(const Measurements& all, const MeasuredFit& fit) {
  return samples_of(all, fit, sram_terms(fit.engine),
                    [](const MeasuredPoint& p) { return static_cast<double>(p.sram); });
}
std::vector<Sample> flash_samples(const Measurements& all, const MeasuredFit& fit) {
  return samples_of(all, fit, kFlashTerms,
                    [](const MeasuredPoint& p) { return static_cast<double>(p.flash); });
}

std::vector<double> terms_of(const NetworkShape& shape, const std::vector<std::string>& names) {
  std::vector<double> terms;
  for (const std::string& name : names) terms.push_back(term(shape, name));
  return terms;
}

// The bytes that a rule gives are not fitted: error of the rule itself.
std::vector<double> sram_estimates(const std::string& engine, const std::vector<Sample>& samples) {
  if (engine != "tinyengine") return held_out_estimates(samples);
  std::vector<double> estimates;
  estimates.reserve(samples.size());
  for (const Sample& sample : samples) estimates.push_back(sample.terms[0]);
  return estimates;
}

// How near measurements on one board are to another: 0 the same, 1 the same family.
int distance(const std::string& measured, const Board& board) {
  if (measured == board.name) return 0;
  const size_t family = std::string("stm32f7").size();
  if (measured.substr(0, family) == board.name.substr(0, family)) return 1;
  return find_board(measured).core == board.core ? 2 : 3;
}

std::string list(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  return all;
}

}  // namespace

NetworkShape network_shape(const Graph& graph) {
  NetworkShape shape;
  shape.parameters = total_parameters(graph);
  // A padded or reshaped tensor counts as the tensor it was made from.
  std::vector<TensorId> origin(graph.tensors.size());
  for (size_t t = 0; t < origin.size(); ++t) origin[t] = static_cast<TensorId>(t);
  const auto of = [&](TensorId id) -> TensorId& { return origin[static_cast<size_t>(id)]; };
  std::vector<int64_t> last_use(graph.tensors.size(), -1);
  const auto count = static_cast<int64_t>(graph.ops.size());
  for (int64_t i = 0; i < count; ++i) {
    const Op& op = graph.ops[static_cast<size_t>(i)];
    if (is_renaming(op)) of(op.outputs[0]) = of(op.inputs[0]);
    for (const TensorId id : op.inputs) {
      if (id >= 0) last_use[static_cast<size_t>(of(id))] = i;
    }
  }
  for (const TensorId id : graph.outputs) last_use[static_cast<size_t>(of(id))] = count;

  std::vector<TensorId> alive;
  for (const TensorId id : graph.inputs) alive.push_back(id);
  for (int64_t i = 0; i < count; ++i) {
    const Op& op = graph.ops[static_cast<size_t>(i)];
    if (is_renaming(op)) continue;
    ++shape.operators;
    const int64_t elements = graph.output(op).elements();
    const bool depthwise = op.kind == OpKind::DepthwiseConv2D;
    const bool multiplies =
        op.kind == OpKind::Conv2D || depthwise || op.kind == OpKind::FullyConnected;
    if (multiplies) (depthwise ? shape.depthwise_macs : shape.conv_macs) += macs(graph, op);
    if (multiplies || op.kind == OpKind::Add) shape.outputs += elements;
    for (const TensorId id : op.outputs) alive.push_back(id);
    alive.erase(std::remove_if(alive.begin(), alive.end(),
                               [&](TensorId id) { return last_use[static_cast<size_t>(id)] < i; }),
                alive.end());
    int64_t live = 0;
    for (const TensorId id : alive) live += graph.tensor(id).elements();
    shape.live = std::max(shape.live, live);
    if (depthwise) live -= std::min(elements, graph.tensor(of(op.inputs[0])).elements());
    shape.live_in_place = std::max(shape.live_in_place, live);
  }
  return shape;
}

const std::vector<std::string>& peer_engines() {
  static const std::vector<std::string> names = {"tinyengine", "cmsis-nn", "tflm", "x-cube-ai"};
  return names;
}

EngineEstimate estimate_engine(const NetworkShape& shape, const std::string& engine,
                               const Board& board) {
  const std::vector<std::string>& known = peer_engines();
  if (std::find(known.begin(), known.end(), engine) == known.end())
    throw Error(ErrorKind::Usage, "--engine " + engine + ": known are " + list(known) + ", mcunet");
  const Measurements all = published_measurements();
  const MeasuredFit* nearest = nullptr;
  for (const MeasuredFit& fit : all.fits) {
    if (fit.engine == engine &&
        (nearest == nullptr || distance(fit.board, board) < distance(nearest->board, board)))
      nearest = &fit;
  }
  if (board.is_host() || nearest == nullptr || distance(nearest->board, board) > 2) {
    throw Error(ErrorKind::Unsupported, "--engine " + engine +
                                            ": no clean published measurements on a " + board.core +
                                            "; try --target stm32f746 or stm32h743");
  }

  EngineEstimate estimate;
  estimate.engine = engine;
  estimate.fitted_on = nearest->board;
  const std::vector<Sample> time = time_samples(all, *nearest), sram = sram_samples(all, *nearest),
                            flash = flash_samples(all, *nearest);
  const std::vector<double> held_out = held_out_estimates(time);
  estimate.bar = bar_of(time, held_out, Coverage::Nominal95);
  estimate.time_error = error_of(time, held_out);
  estimate.sram_error = error_of(sram, sram_estimates(engine, sram));
  estimate.flash_error = error_of(flash, held_out_estimates(flash));
  const double cycles = evaluate(coefficients(time), terms_of(shape, nearest->terms));
  estimate.cycles = std::llround(cycles);
  estimate.ms = cycles * 1e3 / static_cast<double>(board.clock_hz);
  estimate.sram =
      engine == "tinyengine"
          ? shape.live_in_place
          : std::llround(evaluate(coefficients(sram), terms_of(shape, sram_terms(engine))));
  estimate.flash = std::llround(evaluate(coefficients(flash), terms_of(shape, kFlashTerms)));
  if (engine == "tinyengine") estimate.notes.push_back("SRAM: arena alone");
  if (nearest->board != board.name) {
    double low = 1, high = 1;
    for (const BoardPair& pair : all.pairs) high = std::max(high, pair.ratio);
    low = 1 / high;
    estimate.bar = {estimate.bar.low * low, estimate.bar.high * high};
    estimate.notes.push_back("cycles of " + nearest->board);
  }
  return estimate;
}

std::vector<EngineFit> engine_fits(Coverage coverage) {
  const Measurements all = published_measurements();
  std::vector<EngineFit> fits;
  for (const MeasuredFit& measured : all.fits) {
    EngineFit fit{measured.engine, measured.board, measured.terms, {}, {}, {}, {}, {}};
    const std::vector<Sample> time = time_samples(all, measured),
                              sram = sram_samples(all, measured),
                              flash = flash_samples(all, measured);
    const std::vector<double> estimates = held_out_estimates(time);
    fit.cycles_per_term = coefficients(time);
    fit.time = error_of(time, estimates);
    fit.sram = error_of(sram, sram_estimates(measured.engine, sram));
    fit.flash = error_of(flash, held_out_estimates(flash));
    for (size_t i = 0; i < time.size(); ++i) {
      const std::vector<Sample> rest = without(time, time[i].network);
      const double cycles_to_ms = measured.points[i].ms / measured.points[i].cycles();
      fit.held_out.push_back({time[i].network, measured.points[i].ms, estimates[i] * cycles_to_ms,
                              bar_of(rest, held_out_estimates(rest), coverage)});
    }
    fits.push_back(std::move(fit));
  }
  return fits;
}

}  // namespace mcunet
