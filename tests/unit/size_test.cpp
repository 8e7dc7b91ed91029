#include "libmcunet/board/size.h"

#include <catch2/catch.hpp>
#include <string>

#include "libmcunet/support/error.h"

using namespace mcunet;

TEST_CASE("sizes with binary and decimal units") {
  const std::pair<const char*, int64_t> cases[] = {
      {"327680", 327680},
      {"320k", 327680},
      {"320K", 327680},
      {"320KiB", 327680},
      {"320Ki", 327680},
      {"320kib", 327680},
      {"320 KiB", 327680},
      {"320kB", 320000},
      {"320KB", 320000},
      {"1m", 1048576},
      {"1MiB", 1048576},
      {"1MB", 1000000},
      {"1.5m", 1572864},
      {"0.5k", 512},
      {".5k", 512},
      {"2g", 2147483648},
      {"2GB", 2000000000},
      {"0", 0},
      {"100B", 100},
      {"100b", 100},
      {"1.0000", 1},
      {"8.", 8},
      {"0.0009765625k", 1},
      {"999999999999", 999999999999},
      {"1000000g", 1073741824000000},
  };
  for (const auto& [text, bytes] : cases) {
    INFO(text);
    CHECK(parse_size(text, "--sram") == bytes);
  }
}

TEST_CASE("what is no size is refused with the option's name") {
  const char* cases[] = {"",        "k",   ".",    "-1",   "+1",  "1.2.3",
                         "1x",      "1kk", "1kbB", "0x10", "1e3", "1.5",
                         "0.3k",    "k1",  " 1",   "1k ",  "NaN", "9999999999999999999999",
                         "2000000g"};
  for (const char* text : cases) {
    INFO(text);
    try {
      parse_size(text, "--sram");
      FAIL("accepted");
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::Usage);
      CHECK(std::string(error.what()).find("--sram") == 0);
      CHECK(std::string(error.what()).find("320k") != std::string::npos);
    }
  }
}

TEST_CASE("frequencies") {
  CHECK(parse_clock("216MHz", "--clock") == 216'000'000);
  CHECK(parse_clock("216M", "--clock") == 216'000'000);
  CHECK(parse_clock("480m", "--clock") == 480'000'000);
  CHECK(parse_clock("480 mhz", "--clock") == 480'000'000);
  CHECK(parse_clock("1GHz", "--clock") == 1'000'000'000);
  CHECK(parse_clock("32.768kHz", "--clock") == 32'768);
  CHECK(parse_clock("216000000", "--clock") == 216'000'000);
  CHECK(parse_clock("500Hz", "--clock") == 500);
  for (const char* text : {"216", "0MHz", "", "MHz", "216MB", "fast", "0.5Hz", "-1MHz"}) {
    INFO(text);
    CHECK_THROWS_AS(parse_clock(text, "--clock"), Error);
  }
}
