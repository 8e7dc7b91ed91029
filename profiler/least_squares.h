// Fits of figures to measurements.
#pragma once

#include <vector>

namespace mcunet {

// Coefficients c >= 0, one per column, for which the sum over all rows of
// ((rows[i] · c - targets[i]) / targets[i])² is least: errors count in proportion to what was
// measured. Columns that are zero everywhere get 0. Rows have equally many columns; targets are
// positive. Source: coordinate descent on the normal equations (Franc, Hlaváč, Navara: Sequential
// coordinate-wise algorithm for the non-negative least squares problem, 2005).
std::vector<double> fit_relative(const std::vector<std::vector<double>>& rows,
                                 const std::vector<double>& targets);

}  // namespace mcunet
