#include "libmcunet/board/size.h"

#include <array>
#include <cctype>
#include <cstddef>
#include <optional>
#include <string>

#include "libmcunet/support/error.h"

namespace mcunet {
namespace {

// Far beyond any memory, and small enough that sums do not overflow.
constexpr int64_t kLargest = int64_t{1} << 50;

// number · scale where that is a whole number in [0, kLargest]. Exact: decimals are digits over a
// power of ten, not floating point.
std::optional<int64_t> scaled(std::string_view number, int64_t scale) {
  int64_t digits = 0;
  int64_t power = 1;
  bool point = false;
  bool any = false;
  for (const char c : number) {
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    any = true;
    digits = digits * 10 + (c - '0');
    if (point) power *= 10;
    if (digits > kLargest || power > kLargest) return std::nullopt;
  }
  const int64_t whole = digits / power;
  const int64_t rest = digits % power;
  if (!any || whole > kLargest / scale || rest > INT64_MAX / scale) return std::nullopt;
  if (rest * scale % power != 0) return std::nullopt;
  return whole * scale + rest * scale / power;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

struct Quantity {
  std::string_view number;
  std::string_view unit;
};

Quantity split(std::string_view text) {
  const size_t end = text.find_first_not_of("0123456789.");
  if (end == std::string_view::npos) return {text, {}};
  std::string_view unit = text.substr(end);
  while (!unit.empty() && unit[0] == ' ') unit.remove_prefix(1);
  return {text.substr(0, end), unit};
}

std::optional<int64_t> size_unit(std::string_view unit) {
  const std::string name = lower(unit);
  if (name.empty() || name == "b") return 1;
  constexpr std::array<char, 3> prefixes = {'k', 'm', 'g'};
  int64_t binary = 1;
  int64_t decimal = 1;
  for (const char prefix : prefixes) {
    binary *= 1024;
    decimal *= 1000;
    if (name[0] != prefix) continue;
    const std::string rest = name.substr(1);
    if (rest.empty() || rest == "i" || rest == "ib") return binary;
    if (rest == "b") return decimal;
  }
  return std::nullopt;
}

std::optional<int64_t> clock_unit(std::string_view unit) {
  std::string name = lower(unit);
  if (name.empty() || name == "hz") return 1;
  if (name.size() > 2 && name.substr(name.size() - 2) == "hz") name.resize(name.size() - 2);
  if (name == "k") return 1'000;
  if (name == "m") return 1'000'000;
  if (name == "g") return 1'000'000'000;
  return std::nullopt;
}

[[noreturn]] void refuse(std::string_view text, std::string_view option, const std::string& why) {
  throw Error(ErrorKind::Usage,
              std::string(option) + ": \"" + std::string(text) + "\" is not " + why);
}

}  // namespace

int64_t parse_size(std::string_view text, std::string_view option) {
  const Quantity quantity = split(text);
  const std::optional<int64_t> unit = size_unit(quantity.unit);
  const std::optional<int64_t> bytes = unit ? scaled(quantity.number, *unit) : std::nullopt;
  if (!bytes) {
    refuse(text, option,
           "a size; write 320k, 320KiB or 1.5m (k = 1024), 320kB (1000), or bytes: 327680");
  }
  return *bytes;
}

int64_t parse_clock(std::string_view text, std::string_view option) {
  const Quantity quantity = split(text);
  const std::optional<int64_t> unit = clock_unit(quantity.unit);
  const int64_t hertz = unit ? scaled(quantity.number, *unit).value_or(0) : 0;
  const bool ambiguous = quantity.unit.empty() && hertz < 10'000;
  if (hertz == 0 || ambiguous) {
    refuse(text, option, "a frequency; write 216MHz, 216M or 216000000");
  }
  return hertz;
}

}  // namespace mcunet
