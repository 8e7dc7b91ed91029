// Compilers for generated code: the host's and the cross compiler, run as processes; and what the
// linker's map says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "compiler/codegen/sources.h"
#include "compiler/compile.h"

namespace mcunet::compiler {

std::string cpu_flags(const std::string& core);  // "-mcpu=cortex-m7 -mthumb …"

bool host_compiler_available();   // cc
bool cross_compiler_available();  // arm-none-eabi-gcc and make

// The board (stm32f746 for the host) with memories enlarged to what the model and the example
// around it need: an emulated core has as much as it takes.
Board roomy_board(const CompiledModel& model);

// `network` is emit_network(model, {}) in both, where the caller has it already.
//
// The project of `model` with --firmware is built in `directory`, which it is written to first:
// `make firmware`. If the board's memories are too small for it they are enlarged, since an
// emulated core has what it needs. Returns the path of the ELF; the map lies beside it. Throws
// Error(External) with the compiler's first messages.
std::filesystem::path build_firmware(const CompiledModel& model,
                                     const std::filesystem::path& directory,
                                     const std::vector<SourceFile>& network = {});

// What the host's compiler makes of the generated C.
enum class HostCode : uint8_t {
  Plain,    // what runs on cores without SIMD
  Vectors,  // the inner loops four words at a time (SSE2) where the machine can: the same bits in
            // less time, for many inferences
};
// `make firmware` in a folder that has been written. Throws likewise.
void make_firmware(const std::filesystem::path& directory);

// The same for the host runner (template host_runner.c).
std::filesystem::path build_host_runner(const CompiledModel& model,
                                        const std::filesystem::path& directory,
                                        const std::vector<SourceFile>& network = {},
                                        HostCode code = HostCode::Plain);

// Flash of the model's own objects (NAME.o, NAME_weights.o, KERNELS_kernels.o) as the linker placed
// them, and the .bss and .data they have (0 in sound code). Throws Error(External) when the map
// cannot be understood.
struct LinkedSizes {
  int64_t code = 0, weights = 0, constants = 0, writable = 0;
  int64_t arena = 0;  // NAME_firmware_arena
};
LinkedSizes read_map(const std::filesystem::path& map, const CompiledModel& model);

// `model` with code and constants as linked.
FlashAccount linked_flash(const CompiledModel& model, const LinkedSizes& sizes);

}  // namespace mcunet::compiler
