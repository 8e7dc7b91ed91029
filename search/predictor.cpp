#include "search/predictor.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "libmcunet/support/embedded.h"
#include "libmcunet/support/error.h"

namespace mcunet::search {
namespace {

constexpr double kRidge = 1;
constexpr double kImageNetClasses = 1000;

double logit(double per_cent) { return std::log(per_cent / (100 - per_cent)); }
double per_cent(double logit) { return 100 / (1 + std::exp(-logit)); }

// Parameters without the classifier's.
double body(const Architecture& network) {
  const double classifier = (network.classifier_inputs + 1) * kImageNetClasses;
  return std::max(network.params - classifier, 0.02 * network.params);
}

// Gauss-Jordan elimination with pivots; the matrix is symmetric and positive definite.
template <size_t N>
std::array<std::array<double, N>, N> inverse(std::array<std::array<double, N>, N> a) {
  std::array<std::array<double, N>, N> result{};
  for (size_t i = 0; i < N; ++i) result[i][i] = 1;
  for (size_t column = 0; column < N; ++column) {
    size_t pivot = column;
    for (size_t row = column + 1; row < N; ++row) {
      if (std::abs(a[row][column]) > std::abs(a[pivot][column])) pivot = row;
    }
    std::swap(a[pivot], a[column]);
    std::swap(result[pivot], result[column]);
    const double scale = 1 / a[column][column];
    for (size_t k = 0; k < N; ++k) {
      a[column][k] *= scale;
      result[column][k] *= scale;
    }
    for (size_t row = 0; row < N; ++row) {
      if (row == column) continue;
      const double factor = a[row][column];
      for (size_t k = 0; k < N; ++k) {
        a[row][k] -= factor * a[column][k];
        result[row][k] -= factor * result[column][k];
      }
    }
  }
  return result;
}

}  // namespace

Architecture architecture(const netspec::NetworkDescription& network, int64_t macs,
                          int64_t params) {
  Architecture result;
  const double inputs = network.classifier.in_features;
  const double missing = kImageNetClasses - network.classifier.out_features;
  result.macs = static_cast<double>(macs) + missing * inputs;
  result.params = static_cast<double>(params) + missing * (inputs + 1);
  result.classifier_inputs = inputs;
  result.resolution = network.resolution.value_or(224);
  result.layers = network.feature_mix_layer ? 2 : 1;
  double blocks = 0, squeezing = 0;
  for (const netspec::MobileInvertedResidualBlock& block : network.blocks) {
    if (!block.mobile_inverted_conv) continue;
    result.layers += block.mobile_inverted_conv->expands() ? 3 : 2;
    blocks += 1;
    squeezing += block.mobile_inverted_conv->use_se ? 1 : 0;
  }
  result.squeeze_excite = blocks > 0 ? squeezing / blocks : 0;
  return result;
}

std::vector<PublishedAccuracy> published_accuracies() {
  std::vector<PublishedAccuracy> result;
  for (const EmbeddedFile& file : embedded::accuracies()) {
    const nlohmann::json document = nlohmann::json::parse(file.text);
    for (const auto& entry : document.at("networks")) {
      const auto number = [&](const char* key) { return entry.at(key).get<double>(); };
      result.push_back({entry.at("name"),
                        entry.at("family"),
                        {number("macs"), number("params"), number("classifier_inputs"),
                         number("resolution"), number("layers"), number("squeeze_excite")},
                        number("top1")});
    }
  }
  return result;
}

AccuracyPredictor::Features AccuracyPredictor::features(const Architecture& network) {
  return {std::log(network.macs) + 2 * std::log(body(network)), std::log(network.resolution),
          std::log(network.layers), network.squeeze_excite};
}

std::array<double, AccuracyPredictor::kFeatures + 1> AccuracyPredictor::standardized(
    const Features& values) const {
  std::array<double, kFeatures + 1> result{1};
  for (size_t k = 0; k < kFeatures; ++k) result[k + 1] = (values[k] - mean_[k]) / deviation_[k];
  return result;
}

AccuracyPredictor::AccuracyPredictor(const std::vector<PublishedAccuracy>& known) {
  assert(known.size() >= 8);
  const auto count = static_cast<double>(known.size());
  std::vector<Features> all;
  for (const PublishedAccuracy& network : known) {
    all.push_back(features(network.architecture));
    most_macs_per_param_ =
        std::max(most_macs_per_param_, network.architecture.macs / body(network.architecture));
  }
  least_ = most_ = all.front();
  for (const Features& row : all) {
    for (size_t k = 0; k < kFeatures; ++k) {
      mean_[k] += row[k] / count;
      least_[k] = std::min(least_[k], row[k]);
      most_[k] = std::max(most_[k], row[k]);
    }
  }
  for (size_t k = 0; k < kFeatures; ++k) {
    double square = 0;
    for (const Features& row : all) square += (row[k] - mean_[k]) * (row[k] - mean_[k]);
    deviation_[k] = std::sqrt(square / count) + 1e-9;
  }
  std::array<std::array<double, kFeatures + 1>, kFeatures + 1> normal{};
  std::array<double, kFeatures + 1> right{};
  for (size_t i = 0; i < known.size(); ++i) {
    const auto x = standardized(all[i]);
    for (size_t a = 0; a <= kFeatures; ++a) {
      right[a] += x[a] * logit(known[i].top1);
      for (size_t b = 0; b <= kFeatures; ++b) normal[a][b] += x[a] * x[b];
    }
  }
  for (size_t k = 1; k <= kFeatures; ++k) normal[k][k] += kRidge;  // not the constant
  inverse_ = inverse(normal);
  for (size_t a = 0; a <= kFeatures; ++a) {
    for (size_t b = 0; b <= kFeatures; ++b) weights_[a] += inverse_[a][b] * right[b];
  }
}

AccuracyPredictor AccuracyPredictor::imagenet() {
  const std::vector<PublishedAccuracy> known = published_accuracies();
  AccuracyPredictor predictor(known);
  const LeftOut families = leave_out(known, LeaveOut::Family);
  double square = 0;
  for (size_t i = 0; i < known.size(); ++i)
    square += std::pow(families.predictions[i] - known[i].top1, 2);
  predictor.error_ = std::sqrt(square / static_cast<double>(known.size()));
  return predictor;
}

Prediction AccuracyPredictor::predict(const Architecture& network) const {
  Prediction result;
  Architecture judged = network;
  // More computation for the same parameters than anyone has published is credited only as far as
  // it was: the network counts as one at a lower resolution.
  const double surplus = network.macs / (body(network) * most_macs_per_param_);
  if (surplus > 1) {
    judged.macs /= surplus;
    judged.resolution /= std::sqrt(surplus);
    result.extrapolated = true;
  }
  Features values = features(judged);
  const auto exact = standardized(features(network));
  for (size_t k = 0; k < kFeatures; ++k) {
    const double inside = std::clamp(values[k], least_[k], most_[k]);
    result.extrapolated = result.extrapolated || inside != values[k];
    values[k] = inside;
  }
  const auto x = standardized(values);
  double sum = 0, leverage = 0;
  for (size_t a = 0; a <= kFeatures; ++a) {
    sum += weights_[a] * x[a];
    for (size_t b = 0; b <= kFeatures; ++b) leverage += exact[a] * inverse_[a][b] * exact[b];
  }
  result.top1 = per_cent(sum);
  // The variance of a regression's prediction; what lies beyond the data counts as a stranger.
  result.error = error_ * std::sqrt(1 + leverage) * (result.extrapolated ? 2 : 1);
  return result;
}

LeftOut leave_out(const std::vector<PublishedAccuracy>& known, LeaveOut which) {
  LeftOut result;
  result.predictions.resize(known.size());
  const auto group = [&](size_t i) {
    return which == LeaveOut::Family ? known[i].family : known[i].name;
  };
  std::set<std::string> groups;
  for (size_t i = 0; i < known.size(); ++i) groups.insert(group(i));
  std::vector<double> truth;
  for (const PublishedAccuracy& network : known) truth.push_back(network.top1);
  for (const std::string& left : groups) {
    std::vector<PublishedAccuracy> others;
    for (size_t i = 0; i < known.size(); ++i) {
      if (group(i) != left) others.push_back(known[i]);
    }
    const AccuracyPredictor predictor(others);
    for (size_t i = 0; i < known.size(); ++i) {
      if (group(i) == left) result.predictions[i] = predictor.predict(known[i].architecture).top1;
    }
  }
  for (size_t i = 0; i < known.size(); ++i) {
    const double error = std::abs(result.predictions[i] - truth[i]);
    result.mean_error += error / static_cast<double>(known.size());
    result.worst_error = std::max(result.worst_error, error);
  }
  result.kendall_tau = kendall_tau(result.predictions, truth);
  return result;
}

double kendall_tau(const std::vector<double>& a, const std::vector<double>& b) {
  assert(a.size() == b.size() && a.size() > 1);
  int64_t balance = 0, pairs = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      const double product = (a[i] - a[k]) * (b[i] - b[k]);
      balance += product > 0 ? 1 : product < 0 ? -1 : 0;
      ++pairs;
    }
  }
  return static_cast<double>(balance) / static_cast<double>(pairs);
}

}  // namespace mcunet::search
