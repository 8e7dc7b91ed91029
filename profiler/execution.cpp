#include "profiler/execution.h"

#include <algorithm>

#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/process.h"

namespace mcunet {
namespace {

// The host program gets this many inferences at once, so that its input and output stay small.
constexpr size_t kBatch = 16;

// The memories the firmware is linked for, in whole pages.
std::vector<EmulatedMemory> emulated_memory(const Board& board) {
  constexpr int64_t kPage = 4096;
  std::vector<EmulatedMemory> memory;
  for (const MemoryRegion& region : {flash_memory(board), data_memory(board)}) {
    memory.push_back(
        {region.origin, static_cast<uint64_t>((region.size + kPage - 1) / kPage * kPage)});
  }
  return memory;
}

std::string joined(const std::vector<Buffers>& inputs, size_t first, size_t last) {
  std::string bytes;
  for (size_t i = first; i < last; ++i) {
    for (const auto& buffer : inputs[i]) bytes.append(buffer.begin(), buffer.end());
  }
  return bytes;
}

}  // namespace

struct HostProgram::State {
  TemporaryDirectory directory;
  std::string program;
  std::vector<size_t> output_bytes;
};

HostProgram::HostProgram(const compiler::CompiledModel& model) : state_(std::make_unique<State>()) {
  state_->program = compiler::build_host_runner(model, state_->directory.path() / "host").string();
  for (const TensorId id : model.graph.outputs)
    state_->output_bytes.push_back(model.graph.tensor(id).byte_size());
}
HostProgram::~HostProgram() = default;
HostProgram::HostProgram(HostProgram&&) noexcept = default;

std::vector<Buffers> HostProgram::run(const std::vector<Buffers>& inputs) const {
  std::vector<Buffers> results;
  for (size_t first = 0; first < inputs.size(); first += kBatch) {
    const size_t last = std::min(inputs.size(), first + kBatch);
    ProcessOptions options;
    options.input = joined(inputs, first, last);
    const ProcessResult process = run_process({state_->program}, options);
    size_t expected = 0;
    for (const size_t bytes : state_->output_bytes) expected += bytes;
    if (!process.ok() || process.output.size() != expected * (last - first)) {
      throw Error(ErrorKind::External,
                  "the generated C, compiled for the host, failed with exit code " +
                      std::to_string(process.exit_code) + " " + process.errors);
    }
    auto at = process.output.begin();
    for (size_t i = first; i < last; ++i) {
      Buffers outputs;
      for (const size_t bytes : state_->output_bytes) {
        outputs.emplace_back(at, at + static_cast<std::ptrdiff_t>(bytes));
        at += static_cast<std::ptrdiff_t>(bytes);
      }
      results.push_back(std::move(outputs));
    }
  }
  return results;
}

struct FirmwareProgram::State {
  explicit State(const compiler::CompiledModel& compiled) : model(compiled) {}
  compiler::CompiledModel model;
  TemporaryDirectory directory;
  Emulator emulator;
  Measurement measurement;
  compiler::LinkedSizes sizes;
  std::string prefix() const { return model.name + "_firmware_"; }
};

FirmwareProgram::FirmwareProgram(const compiler::CompiledModel& model)
    : state_(std::make_unique<State>(model)) {
  const std::filesystem::path elf =
      compiler::build_firmware(model, state_->directory.path() / "firmware");
  std::filesystem::path map = elf;
  map.replace_extension(".map");
  state_->sizes = compiler::read_map(map, model);
  const Board& board = model.options.board;
  state_->emulator.load(elf.string(),
                        board.core == "cortex-m4" ? EmulatedCore::CortexM4 : EmulatedCore::CortexM7,
                        emulated_memory(compiler::roomy_board(model)));
  RunOptions options;
  options.measure = model.name + "_invoke";
  options.occurrence = 3;  // the self-test's, then two on its input: the second of those
  const RunResult result = state_->emulator.run(options);
  if (result.exit_code != 0)
    throw Error(ErrorKind::Mismatch, "the firmware on the emulated core ended with exit code " +
                                         std::to_string(result.exit_code) + ": " + result.output);
  if (!result.measured)
    throw Error(ErrorKind::External, "the firmware never called " + options.measure);
  state_->measurement = *result.measured;
}
FirmwareProgram::~FirmwareProgram() = default;
FirmwareProgram::FirmwareProgram(FirmwareProgram&&) noexcept = default;

Buffers FirmwareProgram::run(const Buffers& inputs) {
  const compiler::CompiledModel& model = state_->model;
  const std::string arena = state_->prefix() + "arena";
  for (size_t i = 0; i < inputs.size(); ++i) {
    state_->emulator.write(arena, inputs[i],
                           static_cast<uint32_t>(model.offset(model.graph.inputs[i])));
  }
  const EmulatedSymbol context = state_->emulator.symbol(state_->prefix() + "context");
  const CallResult call = state_->emulator.call(model.name + "_invoke", {context.address});
  if (call.r0 != 0)
    throw Error(ErrorKind::Internal, model.name + "_invoke returned " + std::to_string(call.r0));
  Buffers outputs;
  for (const TensorId id : model.graph.outputs) {
    outputs.push_back(state_->emulator.read(arena, model.graph.tensor(id).byte_size(),
                                            static_cast<uint32_t>(model.offset(id))));
  }
  return outputs;
}

const Measurement& FirmwareProgram::measurement() const { return state_->measurement; }
const compiler::LinkedSizes& FirmwareProgram::sizes() const { return state_->sizes; }

std::vector<int64_t> FirmwareProgram::instructions_per_layer() const {
  const compiler::Schedule& schedule = state_->model.schedule;
  std::vector<int64_t> layers(state_->model.graph.ops.size(), 0);
  const auto& steps = state_->measurement.steps;
  if (steps.size() != schedule.calls.size()) {
    throw Error(ErrorKind::Internal, std::to_string(steps.size()) + " calls were counted, " +
                                         std::to_string(schedule.calls.size()) + " generated");
  }
  for (size_t i = 0; i < steps.size(); ++i)
    layers[schedule.calls[i].op] += static_cast<int64_t>(steps[i].instructions);
  return layers;
}

bool FirmwareProgram::exceeds_board() const {
  const Board& board = state_->model.options.board;
  return !board.is_host() && (state_->model.sram.total() > board.sram_bytes ||
                              state_->model.flash.total() > board.flash_bytes);
}

}  // namespace mcunet
