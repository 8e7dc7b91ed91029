// Files that are compiled into the binary (kernels, templates, board descriptions).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mcunet {

struct EmbeddedFile {
  std::string name;       // without directories
  std::string_view text;  // lives as long as the program
};

// One function for each mcunet_embed() in a CMakeLists.txt.
namespace embedded {
const std::vector<EmbeddedFile>& boards();
const std::vector<EmbeddedFile>& zoo();
const std::vector<EmbeddedFile>& kernels();
const std::vector<EmbeddedFile>& firmware();
const std::vector<EmbeddedFile>& templates();
const std::vector<EmbeddedFile>& kernel_costs();
const std::vector<EmbeddedFile>& cycles();
const std::vector<EmbeddedFile>& spaces();
const std::vector<EmbeddedFile>& accuracies();
const std::vector<EmbeddedFile>& measurements();
}  // namespace embedded

}  // namespace mcunet
