#include "profiler/least_squares.h"

#include <catch2/catch.hpp>

#include "libmcunet/support/random.h"

namespace mcunet {
namespace {

TEST_CASE("a relative fit finds the coefficients that made the targets", "[least_squares]") {
  SplitMix64 random(7);
  const std::vector<double> truth = {120, 0.75, 0, 13.5};
  std::vector<std::vector<double>> rows;
  std::vector<double> targets;
  for (int i = 0; i < 60; ++i) {
    std::vector<double> row = {1};
    for (size_t j = 1; j < truth.size(); ++j)
      row.push_back(static_cast<double>(random.next() % 1000));
    double target = 0;
    for (size_t j = 0; j < truth.size(); ++j) target += truth[j] * row[j];
    rows.push_back(row);
    targets.push_back(target);
  }
  const std::vector<double> found = fit_relative(rows, targets);
  REQUIRE(found.size() == truth.size());
  for (size_t j = 0; j < truth.size(); ++j) CHECK(found[j] == Approx(truth[j]).margin(1e-3));
}

TEST_CASE("a fit has no negative coefficients and none for empty columns", "[least_squares]") {
  // y = 10 - x would fit best with a negative slope.
  const std::vector<double> found = fit_relative({{1, 1, 0}, {1, 5, 0}, {1, 9, 0}}, {9, 5, 1});
  CHECK(found[0] > 0);
  CHECK(found[1] == 0);
  CHECK(found[2] == 0);
}

}  // namespace
}  // namespace mcunet
