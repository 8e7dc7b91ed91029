// From cycles of the core, as the emulator and the cycle model count them, to cycles on a board:
// what flash, caches and buses add.
#pragma once

#include <cstdint>
#include <string>

#include "libmcunet/board/board.h"
#include "profiler/calibration_file.h"
#include "profiler/engines.h"

namespace mcunet {

struct BoardFactor {
  std::string id;      // names the calibration: "published/stm32f746", "user/stm32f746", "none"
  double factor = 1;   // board cycles per core cycle
  int64_t points = 0;  // networks of which both are known
  double mape = 0;     // mean error of the factor on them, per cent
  RelativeBar bar;     // around core cycles times factor
  std::string note;    // where it is from, for the report
};

// The geometric mean over the networks that were both counted and measured on the board: the user's
// own if there are any (`own`), else the published ones. Those are two, so the bar is taken from
// elsewhere: from how much the ratio of an STM32F746 to an STM32H743 differs among the engines and
// networks that were measured on both. A board without points takes the factor of the nearest of
// its core, and what two boards can differ by comes on top; a core without any takes 1. `estimated`
// cycles, those of the cycle model, add that model's own error.
BoardFactor board_factor(const Board& board, bool estimated, const Calibration& own);

}  // namespace mcunet
