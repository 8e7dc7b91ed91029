#include "libmcunet/support/parallel.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "libmcunet/support/progress.h"

using namespace mcunet;

TEST_CASE("every index is called once, whatever the threads") {
  for (const int threads : {0, 1, 2, 3, 16}) {
    for (const size_t count : {size_t{0}, size_t{1}, size_t{7}, size_t{1000}}) {
      std::vector<std::atomic<int>> calls(count);
      parallel_for(count, threads, [&](size_t i) { ++calls[i]; });
      for (const auto& call : calls) REQUIRE(call == 1);
    }
  }
}

TEST_CASE("the lowest failing index decides the exception") {
  for (const int threads : {1, 2, 8}) {
    for (int repeat = 0; repeat < 50; ++repeat) {
      try {
        parallel_for(100, threads, [](size_t i) {
          if (i == 13 || i == 14 || i == 60) throw std::runtime_error(std::to_string(i));
        });
        FAIL("no exception");
      } catch (const std::runtime_error& error) {
        REQUIRE(std::string(error.what()) == "13");
      }
    }
  }
}

TEST_CASE("after a failure no further calls start") {
  std::atomic<int> calls{0};
  CHECK_THROWS(parallel_for(1'000'000, 2, [&](size_t) {
    ++calls;
    throw std::runtime_error("");
  }));
  CHECK(calls <= 2);
}

TEST_CASE("plain progress prints a line per tenth") {
  std::ostringstream stream;
  {
    Progress progress("evaluating", "images", 1000, ProgressMode::Auto, stream);
    parallel_for(1000, 2, [&](size_t) { progress.advance(); });
  }
  std::istringstream lines(stream.str());
  int count = 0;
  for (std::string line; std::getline(lines, line);) {
    ++count;
    INFO(line);
    CHECK(line.find("evaluating: " + std::to_string(10 * count) + " %, ") == 0);
  }
  CHECK(count == 10);
  CHECK(stream.str().find("1,000 of 1,000 images") != std::string::npos);
}

TEST_CASE("large steps print once, and none prints nothing") {
  std::ostringstream stream;
  {
    Progress progress("training", "epochs", 2, ProgressMode::Plain, stream);
    progress.note("loss 0.5");
    progress.advance();
    progress.advance(5);
    Progress silent("training", "epochs", 2, ProgressMode::None, stream);
    silent.advance(2);
  }
  CHECK(stream.str().find("training: 50 %, 1 of 2 epochs") == 0);
  CHECK(stream.str().find("training: 100 %, 2 of 2 epochs") != std::string::npos);
  CHECK(stream.str().find(", loss 0.5\n") != std::string::npos);
}

TEST_CASE("durations") {
  CHECK(format_duration(0.2) == "0 s");
  CHECK(format_duration(59.4) == "59 s");
  CHECK(format_duration(59.6) == "1 min 00 s");
  CHECK(format_duration(3700) == "1 h 01 min");
}
