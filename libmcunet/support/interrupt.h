// Ctrl-C in long work: noted, so that the work can stop at the next good moment and save itself.
#pragma once

namespace mcunet {

// While one lives, SIGINT and SIGTERM only set interrupted(); a second one ends the program at
// once. One at a time.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  bool interrupted() const;
};

}  // namespace mcunet
