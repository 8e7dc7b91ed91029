// ImageNet top-1 of networks that nobody has trained, predicted from published ones
// (configs/measurements/imagenet.json): a ridge regression of the accuracy's log-odds on a few
// figures of the architecture. docs/search.md says how good it is, and how that was found.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "libmcunet/netspec/description.h"

namespace mcunet::search {

// What the prediction looks at.
struct Architecture {
  double macs = 0, params = 0;
  double classifier_inputs = 0;  // of 1000 classes; its weights say little about accuracy
  double resolution = 0;
  double layers = 0;  // convolutions, without those of squeeze-and-excite and the classifier
  double squeeze_excite = 0;  // share of the blocks that have it; for published networks 0 or 1
};
// With the classifier of ImageNet, whatever the description's is. `macs` and `params` are the
// network's own.
Architecture architecture(const netspec::NetworkDescription& network, int64_t macs, int64_t params);

struct PublishedAccuracy {
  std::string name, family;
  Architecture architecture;
  double top1 = 0;  // per cent
};
std::vector<PublishedAccuracy> published_accuracies();

struct Prediction {
  double top1 = 0;   // per cent
  double error = 0;  // percentage points: one standard deviation, wider far from the known networks
  // Something of the network is beyond what was published; it is judged by the nearest that was.
  bool extrapolated = false;
};

class AccuracyPredictor {
 public:
  // At least 8 networks.
  explicit AccuracyPredictor(const std::vector<PublishedAccuracy>& known);
  // Fitted to all of published_accuracies().
  static AccuracyPredictor imagenet();

  Prediction predict(const Architecture& network) const;

 private:
  static constexpr size_t kFeatures = 4;
  using Features = std::array<double, kFeatures>;
  static Features features(const Architecture& network);
  std::array<double, kFeatures + 1> standardized(const Features& values) const;

  Features mean_{}, deviation_{}, least_{}, most_{};
  std::array<double, kFeatures + 1> weights_{};
  // Inverse of the regularized normal matrix: how far the data determines a prediction.
  std::array<std::array<double, kFeatures + 1>, kFeatures + 1> inverse_{};
  double most_macs_per_param_ = 0;
  double error_ = 0;  // root mean square of predictions for families that were left out
};

// How well networks are predicted by a fit that has not seen them: one by one, or none of their
// family.
struct LeftOut {
  double mean_error = 0, worst_error = 0;  // percentage points
  double kendall_tau = 0;
  std::vector<double> predictions;  // in the order of `known`
};
enum class LeaveOut { Network, Family };
LeftOut leave_out(const std::vector<PublishedAccuracy>& known, LeaveOut which);

// Kendall's rank correlation: concordant minus discordant pairs, over all pairs.
double kendall_tau(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace mcunet::search
