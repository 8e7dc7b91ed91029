// Figures of merit of classifiers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mcunet {

// The 95 % confidence interval of a share of which `hits` of `total` samples are known, from 0 to
// 1; total > 0. Wilson, "Probable inference, the law of succession, and statistical inference",
// Journal of the American Statistical Association 22, 1927.
struct Interval {
  double low = 0, high = 1;
};
Interval wilson_interval(int64_t hits, int64_t total);

// The class with the highest score; of equals the lowest. NaN counts as lowest of all.
size_t top_class(const std::vector<float>& scores);
// How many classes come before `cls`, by score, of equals the lower first. 0: it is top_class().
size_t class_rank(const std::vector<float>& scores, size_t cls);

// Signal-to-noise ratio of values against their reference: Σref² / Σ(ref − x)², over all that was
// added.
class SignalToNoise {
 public:
  // As many values as reference values.
  void add(const std::vector<float>& reference, const std::vector<float>& values);
  void add(const SignalToNoise& other);
  // 10·log10 of the ratio; infinite when nothing differs.
  double decibels() const;

 private:
  double signal_ = 0, noise_ = 0;
};

}  // namespace mcunet
