#include "tests/support/networks.h"

#include "libmcunet/netspec/build.h"
#include "libmcunet/netspec/read.h"
#include "libmcunet/support/files.h"
#include "libmcunet/tflite/reader.h"

namespace mcunet::testing {

Graph read_network(const std::filesystem::path& shared, const std::string& file) {
  const std::filesystem::path path = shared / "models" / file;
  if (path.extension() != ".json") return read_tflite(read_file(path), path.stem().string());
  netspec::BuildOptions options;
  options.name = path.stem().string();
  options.weights = netspec::Weights::None{};
  return netspec::build_graph(netspec::read_description(read_text_file(path), file), options);
}

}  // namespace mcunet::testing
