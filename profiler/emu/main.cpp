// SPDX-License-Identifier: GPL-2.0-or-later
// mcunet-emu: reads requests from standard input and answers them on standard output (session.h).
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <iostream>
#include <string>
#include <thread>

#include "profiler/emu/session.h"

namespace {

// A run may take minutes, in which nobody reads standard input: ends the program when nobody is
// there any more to read the answer.
void watch_reader() {
  pollfd reader{STDOUT_FILENO, 0, 0};
  while (poll(&reader, 1, -1) < 0 && errno == EINTR) {
  }
  _exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    std::printf(
        "usage: %s\n\nEmulates a Cortex-M core for mcunet. Reads requests as JSON lines from "
        "standard input; they are\n"
        "described in profiler/emu/session.h.\n",
        argv[0]);
    return std::string(argv[1]) == "--help" ? 0 : 2;
  }
  std::thread(watch_reader).detach();
  mcunet::emu::Session session;
  std::string line;
  while (!session.ended() && std::getline(std::cin, line)) {
    if (!line.empty()) std::cout << session.answer(line) << std::endl;
  }
  // Not through static destructors: the watching thread is still there.
  _exit(0);
}
