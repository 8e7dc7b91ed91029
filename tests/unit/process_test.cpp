#include "libmcunet/support/process.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <string>

#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"

using namespace mcunet;

namespace {

std::string external_error(const std::vector<std::string>& arguments,
                           const ProcessOptions& options = {}) {
  try {
    run_process(arguments, options);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::External);
    return error.what();
  }
  FAIL("no error");
  return "";
}

}  // namespace

TEST_CASE("both streams and the exit code are captured") {
  const ProcessResult result =
      run_process({"sh", "-c", "echo out; echo err >&2; echo \"$1\"; exit 3", "sh", "a b'\"$"});
  CHECK(result.exit_code == 3);
  CHECK_FALSE(result.ok());
  CHECK(result.output == "out\na b'\"$\n");
  CHECK(result.errors == "err\n");
}

TEST_CASE("a signal is reported as shells do") {
  CHECK(run_process({"sh", "-c", "kill -9 $$"}).exit_code == 128 + 9);
}

TEST_CASE("input of any size, read or not") {
  const std::string text(1'000'000, 'x');
  ProcessOptions options;
  options.input = text;
  CHECK(run_process({"cat"}, options).output == text);
  CHECK(run_process({"true"}, options).ok());
  CHECK(run_process({"cat"}).output.empty());
}

TEST_CASE("much output on both streams at once does not block") {
  const ProcessResult result = run_process(
      {"sh", "-c", "head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; head -c 9 /dev/zero"});
  CHECK(result.output.size() == 300'009);
  CHECK(result.errors.size() == 300'000);
}

TEST_CASE("a program runs in the directory that is asked for") {
  const TemporaryDirectory directory;
  ProcessOptions options;
  options.directory = directory.path().string();
  CHECK(run_process({"pwd"}, options).output == directory.path().string() + "\n");
  options.directory += "/missing";
  CHECK(external_error({"pwd"}, options).find("missing") != std::string::npos);
}

TEST_CASE("what cannot be started") {
  CHECK(external_error({"mcunet-no-such-program"}) ==
        "cannot start mcunet-no-such-program: no such program in PATH");
  CHECK(external_error({"/nonexistent/program"}).find("no such program") != std::string::npos);
  const TemporaryDirectory directory;
  write_file_atomically(directory.path() / "text", "not executable");
  external_error({(directory.path() / "text").string()});
}

TEST_CASE("the time limit ends the program and its children") {
  const auto start = std::chrono::steady_clock::now();
  ProcessOptions options;
  options.timeout_s = 0.2;
  // The sleeping child holds the pipe: only killing it too lets us go on at once.
  CHECK(external_error({"sh", "-c", "sleep 20; true"}, options).find("within 0.2 s") !=
        std::string::npos);
  CHECK(external_error({"sh", "-c", "exec >&- 2>&-; sleep 20; true"}, options).find("0.2 s") !=
        std::string::npos);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
  CHECK(run_process({"true"}, options).ok());
}

TEST_CASE("programs are found in PATH or by path") {
  REQUIRE(find_program("sh"));
  CHECK(find_program("sh")->front() == '/');
  CHECK(find_program("/bin/sh") == std::string("/bin/sh"));
  CHECK_FALSE(find_program("mcunet-no-such-program"));
  CHECK_FALSE(find_program("/bin"));
  CHECK_FALSE(find_program(""));
}
