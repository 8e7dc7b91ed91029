#pragma once

#include <string>

namespace mcunet::testing {

// What is not well-formed XML without comments, entities declared in it or processing instructions;
// empty if all is.
std::string xml_problem(const std::string& text);

}  // namespace mcunet::testing
