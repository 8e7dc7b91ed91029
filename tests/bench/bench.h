// What benchmark programs of models share.
#pragma once

#include <algorithm>
#include <exception>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

namespace mcunet::bench {

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// main() of a program that gets models' paths.
inline int for_each_model(int argc, char** argv, const std::string& program,
                          const std::function<void(const std::string& path)>& measure) {
  try {
    for (int i = 1; i < argc; ++i) measure(argv[i]);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << program << ": " << error.what() << "\n";
    return 1;
  }
}

}  // namespace mcunet::bench
