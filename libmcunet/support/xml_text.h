// Text inside XML and HTML.
#pragma once

#include <string>

namespace mcunet {

// For text and attribute values of XML 1.0 and HTML: what they cannot hold (control characters,
// bytes that are not UTF-8) becomes U+FFFD.
std::string escape_xml(const std::string& text);

}  // namespace mcunet
