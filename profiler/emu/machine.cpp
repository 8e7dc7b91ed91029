// SPDX-License-Identifier: GPL-2.0-or-later
#include "profiler/emu/machine.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "profiler/emu/cortex_m4.h"
#include "profiler/emu/cortex_m7.h"

namespace mcunet::emu {
namespace {

constexpr uint32_t kPeripherals = 0x40000000, kPeripheralsSize = 0x20000000;
constexpr uint32_t kSystem = 0xe0000000, kSystemSize = 0x00100000;
// Functions that we call return here: an address that may hold code (from 0xa0000000 on nothing can
// be executed).
constexpr uint32_t kStopPage = 0x9ffff000;
constexpr uint16_t kBreakpoint = 0xbe00, kSemihosting = 0xbeab;
constexpr uint32_t kUntilNever = 0xfffffffe;
constexpr uint32_t kDhcsrDebugEnabled = 1, kDwtNoCycleCounter = 1u << 25;

void check(uc_err error, const char* what) {
  if (error != UC_ERR_OK) throw std::runtime_error(std::string(what) + ": " + uc_strerror(error));
}

std::unique_ptr<Pipeline> make_pipeline(Core core) {
  if (core == Core::CortexM7) return std::make_unique<CortexM7>();
  return std::make_unique<CortexM4>();
}

// QEMU's numbers of the exceptions that a bare-metal program can cause.
std::string interrupt_reason(uint32_t number) {
  switch (number) {
    case 1:
      return "undefined instruction";
    case 2:
      return "SVC, but no exceptions are emulated";
    case 3:
      return "instruction fetch failed";
    case 4:
      return "data access failed";
    case 7:
      return "breakpoint";
    case 8:
      return "exception return, but no exceptions are emulated";
    case 17:
      return "coprocessor or FPU instruction while the unit is disabled or missing";
    case 18:
      return "jump to an address without the Thumb bit";
    default:
      return "processor exception " + std::to_string(number);
  }
}

}  // namespace

Machine::Machine(const std::string& elf_path, Core core, const std::vector<MemoryRange>& memory,
                 bool timing, const std::optional<MemorySystem>& system)
    : image_(ElfImage::read(elf_path)), core_(core) {
  for (const MemoryRange& range : memory) memory_.add(range.origin, range.size);
  load();
  vectors_ = find_vector_table();

  uc_engine* engine = nullptr;
  // Not UC_MODE_MCLASS: Unicorn would then choose a Cortex-M33 whatever model is asked for.
  check(uc_open(UC_ARCH_ARM, UC_MODE_THUMB, &engine), "cannot start Unicorn");
  engine_.reset(engine);
  const int model = core == Core::CortexM7 ? UC_CPU_ARM_CORTEX_M7 : UC_CPU_ARM_CORTEX_M4;
  check(uc_ctl_set_cpu_model(engine, model), "cannot set the core");

  uint32_t code_begin = UINT32_MAX, code_end = 0;
  bool constant = true;
  for (const Memory::Region& region : memory_.regions()) {
    const auto inside = [&](uint32_t address) {
      return address >= region.origin && address - region.origin < region.size;
    };
    bool code = false;
    for (const Segment& segment : image_.segments()) {
      if (!segment.executable || !inside(segment.address)) continue;
      code = true;
      if (!inside(vectors_)) continue;
      code_begin = std::min(code_begin, segment.address & ~1u);
      code_end = std::max(code_end, segment.address + static_cast<uint32_t>(segment.bytes.size()));
    }
    // Only memory that may hold code is executable, because Unicorn's stores into executable memory
    // are slow. Code lies in flash, where a store is the mistake it would be on the board, or is
    // copied into memory below 0x20000000.
    const bool ram = region.origin >= 0x20000000;
    uint32_t permissions = UC_PROT_READ | UC_PROT_WRITE | (code || !ram ? UC_PROT_EXEC : 0);
    if (inside(vectors_) && !ram) permissions = UC_PROT_READ | UC_PROT_EXEC;
    if (inside(vectors_) && ram) constant = false;
    map(region, permissions);
  }
  code_begin = std::min(code_begin, code_end);
  map_system();

  if (timing) {
    timer_ = std::make_unique<BlockTimer>(
        make_pipeline(core), system ? std::make_unique<MemoryTiming>(*system) : nullptr);
  }
  counter_ = std::make_unique<BlockCounter>(
      image_, memory_, code_begin, code_end, constant,
      [this] {
        return BlockCounter::CallState{get(UC_ARM_REG_SP), get(UC_ARM_REG_LR)};
      },
      timer_.get());
  // Unicorn takes every kind of callback as a void pointer.
  uc_hook hook;
  check(uc_hook_add(engine, &hook, UC_HOOK_BLOCK, reinterpret_cast<void*>(&Machine::on_block), this,
                    1, 0),
        "cannot watch blocks");
  check(uc_hook_add(engine, &hook, UC_HOOK_INTR, reinterpret_cast<void*>(&Machine::on_interrupt),
                    this, 1, 0),
        "cannot watch exceptions");
  if (timing && system) {
    check(uc_hook_add(engine, &hook, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE,
                      reinterpret_cast<void*>(&Machine::on_access), this, 1, 0),
          "cannot watch loads and stores");
  }
  check(uc_hook_add(engine, &hook, UC_HOOK_MEM_INVALID,
                    reinterpret_cast<void*>(&Machine::on_bad_access), this, 1, 0),
        "cannot watch accesses");
}

void Machine::load() {
  for (const Segment& segment : image_.segments()) {
    uint8_t* to = memory_.find(segment.address, segment.bytes.size());
    if (!to) {
      throw std::runtime_error("the firmware has " + std::to_string(segment.bytes.size()) +
                               " bytes at " + hex(segment.address) +
                               ", where the emulated core has no memory");
    }
    std::memcpy(to, segment.bytes.data(), segment.bytes.size());
  }
}

void Machine::map(const Memory::Region& region, uint32_t permissions) {
  check(uc_mem_map_ptr(engine_.get(), region.origin, region.size, permissions, region.bytes),
        "cannot map memory");
}

// Registers are plain memory: they keep what is written to them. The few that firmware decides by
// have values.
void Machine::map_system() {
  const auto free_range = [&](uint32_t origin, uint64_t size) {
    return std::none_of(
        memory_.regions().begin(), memory_.regions().end(), [&](const Memory::Region& region) {
          return region.origin < origin + size && origin < region.origin + region.size;
        });
  };
  for (const auto& [origin, size] :
       {std::pair(kPeripherals, kPeripheralsSize), std::pair(kSystem, kSystemSize),
        std::pair(kStopPage, 4096u)}) {
    if (!free_range(origin, size))
      throw std::runtime_error("memory at " + hex(origin) + " is taken by the core");
    const bool stop = origin == kStopPage;
    map(memory_.add(origin, size),
        stop ? UC_PROT_READ | UC_PROT_EXEC : UC_PROT_READ | UC_PROT_WRITE);
  }
  const auto store = [&](uint32_t address, uint32_t value) {
    std::memcpy(memory_.at(address, 4), &value, 4);
  };
  const bool m7 = core_ == Core::CortexM7;
  store(0xe000ed00, m7 ? 0x411fc271 : 0x410fc241);  // CPUID
  store(0xe000edf0, kDhcsrDebugEnabled);            // DHCSR: semihosting is answered
  store(0xe0001000, kDwtNoCycleCounter);  // DWT_CTRL: instructions are counted here, cycles are not
  store(0xe000ef40, m7 ? 0x10110221 : 0x10110021);  // MVFR0
  store(0xe000ef44, m7 ? 0x12000011 : 0x11000011);  // MVFR1
  const uint16_t stop = kBreakpoint;
  std::memcpy(memory_.at(kStopPage, 2), &stop, 2);
}

uint32_t Machine::find_vector_table() const {
  std::optional<uint32_t> found;
  for (const uint32_t start : image_.section_starts()) {
    if (start % 4 != 0 || !memory_.find(start, 8)) continue;
    const uint32_t stack = memory_.word(start), reset = memory_.word(start + 4);
    const bool stack_ok = stack >= 4 && stack % 4 == 0 && memory_.find(stack - 4, 4);
    if (!stack_ok || reset % 2 == 0 || !image_.function_at(reset & ~1u)) continue;
    if ((reset | 1) == (image_.entry() | 1)) return start;
    if (!found) found = start;
  }
  if (!found) {
    throw std::runtime_error(
        "no vector table: no section of the firmware begins with a stack pointer in memory and the "
        "address of a "
        "reset function");
  }
  return *found;
}

uint32_t Machine::get(int reg) const {
  uint32_t value = 0;
  check(uc_reg_read(engine_.get(), reg, &value), "cannot read a register");
  return value;
}

void Machine::set(int reg, uint32_t value) {
  check(uc_reg_write(engine_.get(), reg, &value), "cannot write a register");
}

void Machine::reset_registers() {
  for (int reg = UC_ARM_REG_R0; reg <= UC_ARM_REG_R12; reg++) set(reg, 0);
  set(UC_ARM_REG_LR, 0xffffffff);
  set(UC_ARM_REG_CONTROL, 0);
  set(UC_ARM_REG_SP, memory_.word(vectors_) & ~3u);
  // The memory at CPACR is plain memory, so that the firmware's own enabling of the FPU does not
  // reach the core.
  set(UC_ARM_REG_C1_C0_2, 0x00f00000);
}

void Machine::on_block(uc_engine* engine, uint64_t address, uint32_t size, void* self) {
  Machine& machine = *static_cast<Machine*>(self);
  try {
    const BlockCounter::Event event =
        machine.counter_->on_block(static_cast<uint32_t>(address), size);
    if (event == BlockCounter::Event::None) return;
    machine.event_ = event;
  } catch (...) {
    machine.error_ = std::current_exception();
  }
  uc_emu_stop(engine);
}

void Machine::on_interrupt(uc_engine* engine, uint32_t number, void* self) {
  static_cast<Machine*>(self)->interrupt_ = number;
  uc_emu_stop(engine);
}

void Machine::on_access(uc_engine*, uc_mem_type type, uint64_t address, int size, int64_t,
                        void* self) {
  static_cast<Machine*>(self)->timer_->access(static_cast<uint32_t>(address),
                                              static_cast<uint32_t>(size), type == UC_MEM_WRITE);
}

bool Machine::on_bad_access(uc_engine*, uc_mem_type type, uint64_t address, int size, int64_t,
                            void* self) {
  Machine& machine = *static_cast<Machine*>(self);
  const std::string at = hex(static_cast<uint32_t>(address));
  switch (type) {
    case UC_MEM_WRITE_PROT:
      machine.bad_access_ = "write of " + std::to_string(size) + " bytes to flash at " + at;
      break;
    case UC_MEM_WRITE_UNMAPPED:
      machine.bad_access_ =
          "write of " + std::to_string(size) + " bytes to " + at + ", where no memory is";
      break;
    case UC_MEM_FETCH_PROT:
    case UC_MEM_FETCH_UNMAPPED:
      machine.bad_access_ = "jump to " + at + ", where no code is";
      break;
    default:
      machine.bad_access_ =
          "read of " + std::to_string(size) + " bytes from " + at + ", where no memory is";
  }
  return false;
}

void Machine::fail(const std::string& reason) {
  const uint32_t pc = get(UC_ARM_REG_PC) & ~1u, lr = get(UC_ARM_REG_LR) & ~1u;
  throw std::runtime_error("fault at PC " + hex(pc) + " (" + image_.describe(pc) +
                           ", called from " + image_.describe(lr) + "): " + reason);
}

Machine::End Machine::execute(uint32_t address) {
  for (;;) {
    event_ = BlockCounter::Event::None;
    interrupt_.reset();
    bad_access_.clear();
    error_ = nullptr;
    const uc_err error = uc_emu_start(engine_.get(), address | 1, kUntilNever, 0, 0);
    if (error_) std::rethrow_exception(error_);
    switch (event_) {
      case BlockCounter::Event::None:
        break;
      case BlockCounter::Event::Reached:
        return End::Reached;
      case BlockCounter::Event::EndlessLoop:
        fail("endless loop (a branch to itself, as in an unhandled exception)");
      case BlockCounter::Event::Limit:
        fail("the limit of instructions was reached");
    }
    if (!bad_access_.empty()) fail(bad_access_);
    const uint32_t pc = get(UC_ARM_REG_PC) & ~1u;
    if (!interrupt_) {
      if (error == UC_ERR_INSN_INVALID) fail(interrupt_reason(1));
      fail(error == UC_ERR_OK ? "the core sleeps (WFI or WFE) and nothing will wake it"
                              : uc_strerror(error));
    }
    const uint8_t* code = memory_.find(pc, 2);
    const uint16_t instruction = code ? static_cast<uint16_t>(code[0] | code[1] << 8) : uint16_t{0};
    if (pc == kStopPage && instruction == kBreakpoint) return End::Returned;
    if (instruction != kSemihosting) fail(interrupt_reason(*interrupt_));
    uint32_t result = 0;
    try {
      result = semihosting_.call(memory_, get(UC_ARM_REG_R0), get(UC_ARM_REG_R1));
    } catch (const std::runtime_error& problem) {
      fail(problem.what());
    }
    set(UC_ARM_REG_R0, result);
    if (semihosting_.exit_code()) return End::Exited;
    address = pc + 2;
  }
}

RunResult Machine::run(const std::string& measure, uint64_t occurrence, uint64_t max_instructions) {
  counter_->begin(max_instructions, true);
  if (!measure.empty()) {
    const uint32_t address = symbol(measure).address;
    const Function* function = image_.function_at(address);
    if (!function || function->address != address)
      throw std::runtime_error(measure + " is not a function");
    counter_->measure(*function, occurrence);
  }
  semihosting_ = Semihosting();
  reset_registers();
  execute(memory_.word(vectors_ + 4));
  started_ = true;
  RunResult result;
  result.exit_code = *semihosting_.exit_code();
  result.output = semihosting_.output();
  result.instructions = counter_->instructions();
  if (timer_) {
    timer_->end();
    result.cycles = timer_->cycles();
    result.memory_cycles = timer_->memory_cycles();
  }
  if (!measure.empty()) {
    if (!counter_->finished()) {
      throw std::runtime_error("the firmware exited after " +
                               std::to_string(counter_->occurrences()) + " calls of " + measure +
                               ", before call " + std::to_string(occurrence) +
                               " had returned; its output: " + result.output);
    }
    result.measured = counter_->measurement();
  }
  return result;
}

CallResult Machine::call(uint32_t address, const std::vector<uint32_t>& arguments,
                         uint64_t max_instructions) {
  if (arguments.size() > 4) throw std::runtime_error("a call takes at most four arguments");
  address &= ~1u;
  if (!started_) {
    counter_->begin(max_instructions, true);
    counter_->stop_at(symbol("main").address & ~1u);
    semihosting_ = Semihosting();
    reset_registers();
    if (execute(memory_.word(vectors_ + 4)) != End::Reached) {
      throw std::runtime_error("the firmware exited before main: " + semihosting_.output());
    }
    started_ = true;
  }
  const Function* found = image_.function_at(address);
  counter_->begin(max_instructions, false);
  counter_->measure(
      found && found->address == address ? *found : Function{address, 4096, hex(address)}, 1);
  semihosting_ = Semihosting();
  reset_registers();
  set(UC_ARM_REG_SP, memory_.word(vectors_) & ~7u);
  for (size_t i = 0; i < arguments.size(); i++)
    set(UC_ARM_REG_R0 + static_cast<int>(i), arguments[i]);
  set(UC_ARM_REG_LR, kStopPage | 1);
  if (execute(address) != End::Returned || !counter_->finished()) {
    throw std::runtime_error("the firmware exited while " + image_.describe(address) +
                             " was running; its output: " + semihosting_.output());
  }
  return {get(UC_ARM_REG_R0), *counter_->measurement()};
}

const Symbol& Machine::symbol(const std::string& name) const {
  const Symbol* found = image_.symbol(name);
  if (!found) throw std::runtime_error("the firmware has no symbol " + name);
  return *found;
}

uint64_t Machine::straight_cycles(uint32_t address, uint32_t size, uint32_t repeat) {
  if (!timer_) throw std::runtime_error("the firmware was loaded without timing");
  address &= ~1u;
  return timer_->straight(address, memory_.at(address, size), size, repeat);
}

std::vector<uint8_t> Machine::read(uint32_t address, uint64_t size) const {
  const uint8_t* bytes = memory_.at(address, size);
  return std::vector<uint8_t>(bytes, bytes + size);
}

void Machine::write(uint32_t address, const std::vector<uint8_t>& bytes) {
  if (bytes.empty()) return;
  std::memcpy(memory_.at(address, bytes.size()), bytes.data(), bytes.size());
  // What was translated from the old bytes is stale if they were code.
  check(uc_ctl_remove_cache(engine_.get(), address, uint64_t{address} + bytes.size()),
        "cannot drop translated code");
  counter_->forget_code();
}

}  // namespace mcunet::emu
