#pragma once

namespace mcunet {

// --color auto|always|never
enum class ColorMode { Auto, Always, Never };

// Whether to colour what goes to the file descriptor (1: stdout, 2: stderr). Auto: a terminal, and
// neither NO_COLOR (https://no-color.org) nor TERM=dumb in the environment.
bool use_color(ColorMode mode, int descriptor);

bool is_terminal(int descriptor);

// Columns of the terminal, 80 when it is none.
int terminal_width(int descriptor);

}  // namespace mcunet
