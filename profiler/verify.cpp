#include "profiler/verify.h"

#include "compiler/test_input.h"
#include "libmcunet/emulator/emulator.h"
#include "libmcunet/reference/interpreter.h"

namespace mcunet {
namespace {

void compare(const Buffers& expected, const Buffers& found, int input, Comparison& result) {
  ++result.inputs;
  for (size_t i = 0; i < expected.size(); ++i) {
    for (size_t n = 0; n < expected[i].size(); ++n) {
      if (expected[i][n] == found[i][n]) continue;
      if (result.mismatches++ == 0) {
        result.first = "input " + std::to_string(input) + ", output " + std::to_string(i) +
                       ", byte " + std::to_string(n) + ": " + std::to_string(found[i][n]) +
                       " instead of " + std::to_string(expected[i][n]);
      }
    }
  }
}

}  // namespace

Verification verify(const compiler::CompiledModel& model, const VerifyOptions& options) {
  Verification result;
  const bool host = options.host && compiler::host_compiler_available();
  const bool cross = compiler::cross_compiler_available();
  const bool firmware =
      options.firmware && cross && Emulator::available() && !model.options.board.is_host();
  if (options.host && !host)
    result.notes.emplace_back("no C compiler (cc) here: not verified on the host");
  if (options.firmware && !firmware && !model.options.board.is_host()) {
    result.notes.emplace_back(
        cross ? "mcunet-emu not found: not verified on the emulated core"
              : "arm-none-eabi-gcc not found: not verified on the emulated core");
  }
  const reference::Interpreter interpreter(model.reference);
  std::vector<Buffers> inputs, expected;
  const int count =
      std::max(host ? options.host_inputs : 0, firmware ? options.firmware_inputs : 0);
  for (int seed = 1; seed <= count; ++seed) {
    inputs.push_back(compiler::stream_inputs(model, static_cast<uint32_t>(seed)));
    expected.push_back(interpreter.run(inputs.back()));
    if (model.detection) {
      expected.back().push_back(compiler::boxes_to_bytes(
          compiler::expected_boxes(*model.detection, model.graph, expected.back())));
    }
  }
  if (host || firmware) result.network = compiler::emit_network(model, {});
  if (host) {
    result.host.emplace();
    const HostProgram program(model, result.network);
    const auto half = inputs.begin() + (options.host_inputs + 1) / 2;
    const auto end = inputs.begin() + options.host_inputs;
    std::vector<Buffers> found = program.run({inputs.begin(), half}, HostProgram::Guard::End);
    for (Buffers& outputs : program.run({half, end}, HostProgram::Guard::Begin))
      found.push_back(std::move(outputs));
    for (size_t i = 0; i < found.size(); ++i)
      compare(expected[i], found[i], static_cast<int>(i) + 1, *result.host);
  }
  if (firmware) {
    result.firmware.emplace();
    FirmwareProgram program(model, result.network);
    for (int i = 0; i < options.firmware_inputs; ++i) {
      compare(expected[static_cast<size_t>(i)], program.run(inputs[static_cast<size_t>(i)]), i + 1,
              *result.firmware);
    }
    result.measurement = program.measurement();
    result.sizes = program.sizes();
    result.exceeds_board = program.exceeds_board();
    if (model.options.board.core == "cortex-m33") {
      result.notes.emplace_back("mcunet-emu has no Cortex-M33: the firmware ran on its Cortex-M7");
    }
  }
  return result;
}

}  // namespace mcunet
