// Names of the format's builtin operators, so that a refused one is called by its name.
#pragma once

#include <cstdint>
#include <string>

namespace mcunet {

// "LSTM" for 16; "builtin 999" for a number that is not known.
std::string tflite_operator_name(int32_t builtin_code);

}  // namespace mcunet
