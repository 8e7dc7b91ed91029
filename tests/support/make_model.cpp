// mcunet_make_model NAME OUT.tflite: writes one of the project's own models; --list names them.
#include <iostream>
#include <string>

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
  if (argc != 3) {
    std::cerr << "usage: mcunet_make_model NAME OUT.tflite\n       mcunet_make_model --list\n";
    return static_cast<int>(ErrorKind::Usage);
  }
  try {
    write_file_atomically(argv[2], write_tflite(testing::demo_model(first)));
  } catch (const Error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return error.exit_code();
  }
  return 0;
}
