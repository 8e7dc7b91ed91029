// Sizes and frequencies as users type them.
#pragma once

#include <cstdint>
#include <string_view>

namespace mcunet {

// Bytes. "327680", "320k", "320K", "320KiB", "320Ki" (all 1024), "320kB" (1000); likewise m, M,
// MiB, MB and g, G, GiB, GB; decimals such as "1.5m" where they give whole bytes. Throws
// Error(Usage) naming `option` ("--sram") and examples.
int64_t parse_size(std::string_view text, std::string_view option);

// Hertz. "216MHz", "216M", "480m", "32.768kHz", "1GHz", "216000000". A plain number below 10,000 is
// refused: whether it means megahertz cannot be known. Throws Error(Usage).
int64_t parse_clock(std::string_view text, std::string_view option);

}  // namespace mcunet
