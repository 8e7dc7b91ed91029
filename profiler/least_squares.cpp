#include "profiler/least_squares.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace mcunet {
namespace {

constexpr int kMostRounds = 200000;
constexpr double kConverged = 1e-10;  // largest change of a round, of a coefficient's scale

}  // namespace

std::vector<double> fit_relative(const std::vector<std::vector<double>>& rows,
                                 const std::vector<double>& targets) {
  assert(rows.size() == targets.size());
  if (rows.empty()) return {};
  const size_t n = rows[0].size();
  // Columns are brought to length 1, so that one tolerance does for all.
  std::vector<double> length(n, 0);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t j = 0; j < n; ++j) length[j] += std::pow(rows[i][j] / targets[i], 2);
  }
  for (double& l : length) l = l > 0 ? std::sqrt(l) : 1;
  std::vector<std::vector<double>> products(n, std::vector<double>(n, 0));
  std::vector<double> gradient(n, 0);
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t j = 0; j < n; ++j) {
      const double a = rows[i][j] / targets[i] / length[j];
      gradient[j] -= a;
      for (size_t k = 0; k < n; ++k) products[j][k] += a * rows[i][k] / targets[i] / length[k];
    }
  }
  std::vector<double> solution(n, 0);
  for (int round = 0; round < kMostRounds; ++round) {
    double change = 0;
    for (size_t j = 0; j < n; ++j) {
      if (products[j][j] <= 0) continue;
      const double next = std::max(0.0, solution[j] - gradient[j] / products[j][j]);
      const double step = next - solution[j];
      if (step == 0) continue;
      for (size_t k = 0; k < n; ++k) gradient[k] += step * products[k][j];
      solution[j] = next;
      change = std::max(change, std::abs(step));
    }
    if (change < kConverged) break;
  }
  for (size_t j = 0; j < n; ++j) solution[j] /= length[j];
  return solution;
}

}  // namespace mcunet
