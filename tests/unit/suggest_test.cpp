#include "libmcunet/support/suggest.h"

#include <catch2/catch.hpp>

using namespace mcunet;

TEST_CASE("typing errors are understood") {
  const std::vector<std::string> boards = {"stm32f746", "stm32h743", "stm32f412", "host"};
  CHECK(suggestions("stm32f764", boards).front() == "stm32f746");
  CHECK(suggestions("STM32H734", boards).front() == "stm32h743");
  CHECK(suggestions("h743", boards).front() == "stm32h743");
  CHECK(suggestions("hots", boards) == std::vector<std::string>{"host"});
  CHECK(suggestions("arduino", boards).empty());
  CHECK(suggestions("", boards).empty());
  CHECK(suggestions("x", {"y"}).empty());
  CHECK(suggestions("stm32", boards).size() == 3);
}

TEST_CASE("the hint is ready to be appended") {
  CHECK(did_you_mean("strem", {"layer", "stream"}) == "; did you mean \"stream\"?");
  CHECK(did_you_mean("ab12", {"ab13", "ab14"}) == "; did you mean \"ab13\" or \"ab14\"?");
  CHECK(did_you_mean("nothing", {"layer", "stream"}).empty());
  CHECK(did_you_mean("x", {}).empty());
}
