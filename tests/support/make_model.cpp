// mcunet_make_model NAME OUT.tflite [PREPROCESS]: writes one of the project's own models, with that
// preprocessing stored in it; --list names them.
#include <iostream>
#include <string>

#include "libmcunet/data/preprocess.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/tflite/writer.h"
#include "tests/support/demo_models.h"

int main(int argc, char** argv) {
  using namespace mcunet;
  const std::string first = argc > 1 ? argv[1] : "";
  if (argc == 2 && first == "--list") {
    for (const std::string& name : testing::demo_model_names()) std::cout << name << '\n';
    return 0;
  }
  if (argc != 3 && argc != 4) {
    std::cerr << "usage: mcunet_make_model NAME OUT.tflite [PREPROCESS]\n       mcunet_make_model "
                 "--list\n";
    return static_cast<int>(ErrorKind::Usage);
  }
  try {
    Graph graph = testing::demo_model(first);
    if (argc == 4) store_preprocess(graph, find_preprocess(argv[3]));
    write_file_atomically(argv[2], write_tflite(graph));
  } catch (const Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return error.exit_code();
  }
  return 0;
}
