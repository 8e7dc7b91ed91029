#include "libmcunet/support/interrupt.h"

#include <csignal>

namespace mcunet {
namespace {

// A signal handler reaches nothing else.
volatile std::sig_atomic_t signals = 0;

void note(int signal) {
  signals = signals + 1;
  if (signals > 1) std::signal(signal, SIG_DFL);
}

}  // namespace

InterruptScope::InterruptScope() {
  signals = 0;
  std::signal(SIGINT, note);
  std::signal(SIGTERM, note);
}

InterruptScope::~InterruptScope() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

bool InterruptScope::interrupted() const { return signals > 0; }

}  // namespace mcunet
