// mcunet_make_model NAME OUT.tflite: writes one of the project's own models; --list names them.
// NAME_float is the same network in float32.
#include <iostream>
#include <string>

#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/tflite/writer.h"
#include "tests/support/demo_models.h"
#include "tests/support/float_graph.h"

namespace {

mcunet::Graph make(const std::string& name) {
  using namespace mcunet::testing;
  const std::string suffix = "_float";
  const bool is_float = name.size() > suffix.size() &&
                        name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
  if (!is_float) return demo_model(name);
  return to_float(demo_model(name.substr(0, name.size() - suffix.size())));
}

}  // namespace

int main(int argc, char** argv) {
  using namespace mcunet;
  const std::string first = argc > 1 ? argv[1] : "";
  if (argc == 2 && first == "--list") {
    for (const std::string& name : testing::demo_model_names()) std::cout << name << '\n';
    return 0;
  }
  if (argc != 3) {
    std::cerr << "usage: mcunet_make_model NAME OUT.tflite\n       mcunet_make_model --list\n";
    return static_cast<int>(ErrorKind::Usage);
  }
  try {
    write_file_atomically(argv[2], write_tflite(make(first)));
  } catch (const Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return error.exit_code();
  }
  return 0;
}
