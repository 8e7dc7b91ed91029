#include "profiler/execution.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <set>

#include "compiler/codegen/context.h"
#include "compiler/test_input.h"
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

// Exit codes with which templates/host_runner.c says that it left its arena: a signal from memory
// that cannot be touched (128 + SIGSEGV, SIGBUS), or bytes beside it that changed.
bool left_arena(int exit_code) {
  return exit_code == 128 + SIGSEGV || exit_code == 128 + SIGBUS || exit_code == 7;
}

}  // namespace

void append(Measurement& sum, const Measurement& call) {
  sum.instructions += call.instructions;
  sum.cycles += call.cycles;
  sum.stack = std::max(sum.stack, call.stack);
  sum.steps.insert(sum.steps.end(), call.steps.begin(), call.steps.end());
  for (const FunctionCount& count : call.functions) {
    const auto known = std::find_if(sum.functions.begin(), sum.functions.end(),
                                    [&](const FunctionCount& f) { return f.name == count.name; });
    if (known == sum.functions.end()) {
      sum.functions.push_back(count);
    } else {
      known->instructions += count.instructions;
      known->calls += count.calls;
      known->cycles += count.cycles;
    }
  }
}

CallCount& operator+=(CallCount& sum, const CallCount& count) {
  sum.instructions += count.instructions;
  sum.cycles += count.cycles;
  sum.memory_cycles += count.memory_cycles;
  return sum;
}

struct HostProgram::State {
  TemporaryDirectory directory;
  std::string program;
  std::vector<size_t> output_bytes;
};

HostProgram::HostProgram(const compiler::CompiledModel& model,
                         const std::vector<compiler::SourceFile>& network, compiler::HostCode code)
    : state_(std::make_unique<State>()) {
  state_->program =
      compiler::build_host_runner(model, state_->directory.path() / "host", network, code).string();
  for (const TensorId id : model.graph.outputs)
    state_->output_bytes.push_back(model.graph.tensor(id).byte_size());
  if (model.detection) state_->output_bytes.push_back(compiler::boxes_to_bytes({}).size());
}
HostProgram::~HostProgram() = default;
HostProgram::HostProgram(HostProgram&&) noexcept = default;

std::vector<Buffers> HostProgram::run(const std::vector<Buffers>& inputs, Guard guard) const {
  std::vector<Buffers> results;
  for (size_t first = 0; first < inputs.size(); first += kBatch) {
    const size_t last = std::min(inputs.size(), first + kBatch);
    ProcessOptions options;
    options.input = joined(inputs, first, last);
    const ProcessResult process =
        run_process({state_->program, guard == Guard::End ? "end-guard" : "begin-guard"}, options);
    if (left_arena(process.exit_code)) {
      throw Error(ErrorKind::Mismatch,
                  "the generated C, compiled for the host, left its arena at the " +
                      std::string(guard == Guard::End ? "end" : "beginning") + " (exit code " +
                      std::to_string(process.exit_code) + ")");
    }
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
  uint32_t arena = 0, context = 0;  // addresses
  uint32_t inferences = 0;

  void boot();
  void fill_arena();
  void write(TensorId id, const std::vector<uint8_t>& bytes, int64_t offset = 0) {
    emulator.write(arena + static_cast<uint32_t>(model.offset(id) + offset), bytes);
  }
  Measurement call(const std::string& function);
  Measurement infer(const Buffers& inputs);
  std::vector<uint8_t> detect();
  Measurement infer_rows(const std::vector<uint8_t>& image);
};

// Runs the firmware to its end: start-up, self-test, two inferences.
void FirmwareProgram::State::boot() {
  RunOptions options;
  if (!model.schedule.input_rows) {
    options.measure = model.name + "_invoke";
    options.occurrence = 3;  // the self-test's, then two on its input: the second of those
  }
  const RunResult result = emulator.run(options);
  if (result.exit_code != 0)
    throw Error(ErrorKind::Mismatch, "the firmware on the emulated core ended with exit code " +
                                         std::to_string(result.exit_code) + ": " + result.output);
  if (!options.measure.empty() && !result.measured)
    throw Error(ErrorKind::External, "the firmware never called " + options.measure);
  arena = emulator.symbol(model.name + "_firmware_arena").address;
  context = emulator.symbol(model.name + "_firmware_context").address;
  measurement = result.measured ? *result.measured : infer(compiler::stream_inputs(model, 1));
}

// Results must not depend on what the arena held before.
void FirmwareProgram::State::fill_arena() {
  uint32_t state = ++inferences * 2654435761U;
  std::vector<uint8_t> garbage(static_cast<size_t>(model.sram.arena));
  for (uint8_t& byte : garbage) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<uint8_t>(state >> 24);
  }
  emulator.write(arena, garbage);
}

Measurement FirmwareProgram::State::call(const std::string& function) {
  const CallResult result = emulator.call(model.name + function, {context});
  if (result.r0 != 0) {
    throw Error(ErrorKind::Internal,
                model.name + function + " returned " + std::to_string(result.r0));
  }
  return result.measured;
}

// What NAME_detect finds, as compiler::boxes_to_bytes() writes it.
std::vector<uint8_t> FirmwareProgram::State::detect() {
  const CallResult result = emulator.call(model.name + "_detect", {context});
  if (result.measured.stack > static_cast<uint32_t>(model.sram.stack)) {
    throw Error(ErrorKind::Internal, model.name + "_detect took " +
                                         std::to_string(result.measured.stack) +
                                         " bytes of stack, more than its bound");
  }
  std::vector<uint8_t> bytes = compiler::boxes_to_bytes({});
  const size_t used =
      std::min<size_t>(result.r0, kDetectionCandidates) * static_cast<size_t>(compiler::kBoxBytes);
  const std::vector<uint8_t> boxes =
      emulator.read(arena + static_cast<uint32_t>(model.detection->boxes_offset), used);
  std::memcpy(bytes.data(), &result.r0, sizeof result.r0);
  std::copy(boxes.begin(), boxes.end(), bytes.begin() + sizeof result.r0);
  return bytes;
}

Measurement FirmwareProgram::State::infer(const Buffers& inputs) {
  fill_arena();
  if (model.schedule.input_rows) return infer_rows(inputs.at(0));
  for (size_t i = 0; i < inputs.size(); ++i) write(model.graph.inputs[i], inputs[i]);
  return call("_invoke");
}

// Rows are written where NAME_next_row would say.
Measurement FirmwareProgram::State::infer_rows(const std::vector<uint8_t>& image) {
  const TensorId id = model.graph.inputs.at(0);
  const compiler::Placement& place = model.schedule.placements[static_cast<size_t>(id)];
  const size_t rows = compiler::input_row_count(model.schedule);
  const size_t row_bytes = image.size() / rows;
  const auto pitch = place.pitch != 0 ? place.pitch : static_cast<int64_t>(row_bytes);
  call("_restart");
  Measurement sum;
  for (size_t row = 0; row < rows; ++row) {
    const auto slot =
        static_cast<int64_t>(place.ring != 0 ? row % static_cast<size_t>(place.ring) : row);
    const auto begin = image.begin() + static_cast<std::ptrdiff_t>(row * row_bytes);
    write(id, {begin, begin + static_cast<std::ptrdiff_t>(row_bytes)}, slot * pitch);
    append(sum, call("_row_done"));
  }
  append(sum, call("_invoke"));
  std::stable_sort(sum.functions.begin(), sum.functions.end(),
                   [](const FunctionCount& a, const FunctionCount& b) {
                     return a.instructions > b.instructions;
                   });
  return sum;
}

FirmwareProgram::FirmwareProgram(const compiler::CompiledModel& model,
                                 const std::vector<compiler::SourceFile>& network,
                                 const TimingOptions& timing)
    : state_(std::make_unique<State>(model)) {
  const std::filesystem::path elf =
      compiler::build_firmware(model, state_->directory.path() / "firmware", network);
  std::filesystem::path map = elf;
  map.replace_extension(".map");
  state_->sizes = compiler::read_map(map, model);
  state_->emulator.load(
      elf.string(),
      model.options.board.core == "cortex-m4" ? EmulatedCore::CortexM4 : EmulatedCore::CortexM7,
      emulated_memory(compiler::roomy_board(model)), timing);
  state_->boot();
}
FirmwareProgram::~FirmwareProgram() = default;
FirmwareProgram::FirmwareProgram(FirmwareProgram&&) noexcept = default;

Buffers FirmwareProgram::run(const Buffers& inputs) {
  state_->infer(inputs);
  const compiler::CompiledModel& model = state_->model;
  Buffers outputs;
  for (const TensorId id : model.graph.outputs) {
    outputs.push_back(state_->emulator.read(state_->arena + static_cast<uint32_t>(model.offset(id)),
                                            model.graph.tensor(id).byte_size()));
  }
  if (model.detection) outputs.push_back(state_->detect());
  return outputs;
}

const Measurement& FirmwareProgram::measurement() const { return state_->measurement; }
const compiler::LinkedSizes& FirmwareProgram::sizes() const { return state_->sizes; }

std::vector<CallCount> FirmwareProgram::counts_per_call() const {
  const compiler::CompiledModel& model = state_->model;
  const compiler::Schedule& schedule = model.schedule;
  std::set<std::string> kernels;
  for (const compiler::KernelCall& call : schedule.calls)
    kernels.insert(model.name + "_" + call.kernel);
  std::vector<const MeasuredStep*> steps;  // without what else is called, such as memset
  for (const MeasuredStep& step : state_->measurement.steps) {
    if (kernels.count(step.function) != 0) steps.push_back(&step);
  }
  std::vector<int> executed = compiler::executed_calls(schedule);
  executed.erase(std::remove(executed.begin(), executed.end(), -1), executed.end());
  if (steps.size() != executed.size()) {
    throw Error(ErrorKind::Internal, std::to_string(steps.size()) + " calls were counted, " +
                                         std::to_string(executed.size()) + " scheduled");
  }
  std::vector<CallCount> calls(schedule.calls.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    calls[static_cast<size_t>(executed[i])] +=
        {static_cast<int64_t>(steps[i]->instructions), static_cast<int64_t>(steps[i]->cycles),
         static_cast<int64_t>(steps[i]->memory_cycles)};
  }
  return calls;
}

std::vector<CallCount> FirmwareProgram::counts_per_layer() const {
  const compiler::CompiledModel& model = state_->model;
  const std::vector<CallCount> calls = counts_per_call();
  std::vector<CallCount> layers(model.graph.ops.size());
  for (size_t i = 0; i < calls.size(); ++i) layers[model.schedule.calls[i].op] += calls[i];
  return layers;
}

bool FirmwareProgram::exceeds_board() const {
  const Board& board = state_->model.options.board;
  return !board.is_host() && (state_->model.sram.total() > board.sram_bytes ||
                              state_->model.flash.total() > board.flash_bytes);
}

}  // namespace mcunet
