// The emulated core's timing against LLVM's model of the Cortex-M7 (llvm-mca), on straight-line
// code. They have a source in common; what is deliberately different is left out here and listed in
// docs/timing.md.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <iostream>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "libmcunet/support/files.h"
#include "libmcunet/support/process.h"
#include "libmcunet/support/random.h"
#include "tests/firmware/assembly.h"

namespace {

using mcunet::Emulator;
using mcunet::testing::Assembly;
using Lines = std::vector<std::string>;

constexpr int kFew = 100, kMany = 200;  // repetitions

std::optional<std::string> tool(const std::string& name) {
  const auto found = mcunet::find_program(name);
  return found ? found : mcunet::find_program(name + "-14");
}

bool skip(const char* test) {
  if (mcunet::testing::assembler_available() && tool("llvm-mca") && tool("llvm-objdump"))
    return false;
  std::cout << "skipped: " << test
            << " needs llvm-mca and llvm-objdump (Debian package llvm), mcunet-emu and "
               "arm-none-eabi binutils\n";
  return true;
}

std::string joined(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

// Cycles of each run of instructions, repeated that often.
std::vector<int64_t> mca_cycles(const std::vector<Lines>& runs, int repeat) {
  const mcunet::TemporaryDirectory directory;
  std::string text = ".syntax unified\n.thumb\n";
  for (const Lines& run : runs) text += "@ LLVM-MCA-BEGIN\n" + joined(run) + "@ LLVM-MCA-END\n";
  const std::string file = directory.path() / "runs.s";
  mcunet::write_file_atomically(file, text);
  const mcunet::ProcessResult result =
      mcunet::run_process({*tool("llvm-mca"), "-mtriple=thumbv7em-none-eabi", "-mcpu=cortex-m7",
                           "-iterations=" + std::to_string(repeat), "-instruction-info=0",
                           "-resource-pressure=0", file});
  INFO(result.errors);
  REQUIRE(result.ok());
  std::vector<int64_t> cycles;
  const std::regex pattern("Total Cycles: +([0-9]+)");
  for (std::sregex_iterator i(result.output.begin(), result.output.end(), pattern), end; i != end;
       ++i)
    cycles.push_back(std::stoll((*i)[1]));
  REQUIRE(cycles.size() == runs.size());
  return cycles;
}

std::vector<int64_t> emulated_cycles(const std::vector<Lines>& runs, int repeat) {
  Assembly assembly;
  for (size_t i = 0; i < runs.size(); ++i)
    assembly.add_raw("run" + std::to_string(i), joined(runs[i]));
  Emulator emulator = assembly.load();
  std::vector<int64_t> cycles;
  for (size_t i = 0; i < runs.size(); ++i) {
    const mcunet::EmulatedSymbol run = emulator.symbol("run" + std::to_string(i));
    cycles.push_back(static_cast<int64_t>(
        emulator.straight_cycles(run.address, run.size, static_cast<uint32_t>(repeat))));
  }
  return cycles;
}

struct Comparison {
  int64_t mca = 0, emulated = 0;  // cycles of kMany - kFew repetitions
};

std::vector<Comparison> compare(const std::vector<Lines>& runs) {
  const auto mca_few = mca_cycles(runs, kFew), mca_many = mca_cycles(runs, kMany);
  const auto emu_few = emulated_cycles(runs, kFew), emu_many = emulated_cycles(runs, kMany);
  std::vector<Comparison> result;
  for (size_t i = 0; i < runs.size(); ++i)
    result.push_back({mca_many[i] - mca_few[i], emu_many[i] - emu_few[i]});
  return result;
}

// D: destination, R: any of r0 to r7; F, S: likewise of s0 to s7. r8 and r9 are never written.
// In each list all results have the same latency, because LLVM's simulator makes a result wait for
// slower ones before it. Loads have an index, so that their banks are not known.
const Lines kLatency1 = {"add.w D, R, #3",         "sub.w D, R, R",     "eor.w D, R, R, lsl #3",
                         "lsl.w D, R, #2",         "mov.w D, R",        "movw D, #1234",
                         "sxtb16 D, R, ror #8",    "sadd16 D, R, R",    "pkhbt D, R, R, lsl #16",
                         "sbfx D, R, #3, #4",      "bfi D, R, #3, #4",  "clz D, R",
                         "ldr.w D, [r8, r9]",      "ldr.w D, [R, R]",   "lsr.w D, R, R",
                         "sxtab D, R, R",          "uxtb.w D, R",       "mvn.w D, R, lsl #1",
                         "uxtah D, R, R, ror #16", "orr.w D, R, #0x80", "and.w D, R, R",
                         "rsb.w D, R, R, asr #5",  "ubfx D, R, #1, #9"};
const Lines kLatency2 = {"mul D, R, R",        "smlad D, R, R, R",   "mla D, R, R, R",
                         "ldrb.w D, [r8, r9]", "ldrsh.w D, [R, r9]", "str.w R, [r8, r9]",
                         "strb.w R, [R, r9]",  "qadd D, R, R",       "usad8 D, R, R",
                         "smmla D, R, R, R",   "smulbb D, R, R",     "qdadd D, R, R",
                         "smlabt D, R, R, R",  "uqadd8 D, R, R",     "smuad D, R, R"};
const Lines kFp = {"vadd.f32 F, S, S",  "vmul.f32 F, S, S", "vcvt.f32.s32 F, S", "vmov F, R",
                   "vmov.f32 F, S",     "vabs.f32 F, S",    "vmov D, S",         "vsub.f32 F, S, S",
                   "vcvt.s32.f32 F, S", "vnmul.f32 F, S, S"};

// Neighbours have different destinations: LLVM pairs instructions that write the same register.
Lines random_run(const Lines& forms, mcunet::SplitMix64& random) {
  constexpr size_t kLength = 12;
  Lines run;
  std::vector<uint64_t> destinations;
  while (run.size() < kLength) {
    const uint64_t destination = random.next() % 8;
    const bool last = run.size() + 1 == kLength;
    if (!run.empty() && destination == destinations.back()) continue;
    if (last && destination == destinations.front()) continue;
    destinations.push_back(destination);
    std::string text;
    const std::string& form = forms[random.next() % forms.size()];
    for (const char c : form) {
      switch (c) {
        case 'D':
          text += "r" + std::to_string(destination);
          break;
        case 'F':
          text += "s" + std::to_string(destination);
          break;
        case 'R':
          text += "r" + std::to_string(random.next() % 8);
          break;
        case 'S':
          text += "s" + std::to_string(random.next() % 8);
          break;
        default:
          text += c;
      }
    }
    run.push_back(text);
  }
  return run;
}

// Narrow instructions that set flags as wide ones that do not: the rules make no difference, while
// LLVM's simulator orders the writes of flags.
std::string without_flags(const std::string& mnemonic, const std::string& operands) {
  static const std::regex sets_flags(
      "(add|sub|mov|and|orr|eor|bic|lsl|lsr|asr|ror|rsb|mvn|adc|sbc)s(\\.w)?");
  std::smatch match;
  if (mnemonic == "muls") return "mul " + operands;
  if (!std::regex_match(mnemonic, match, sets_flags)) return mnemonic + " " + operands;
  const std::string name = match[1];
  const bool two = std::count(operands.begin(), operands.end(), ',') == 1;
  const bool unary = name == "mov" || name == "mvn";
  const std::string first = operands.substr(0, operands.find(','));
  return name + ".w " + (two && !unary ? first + ", " + operands : operands);
}

// Runs of at least three instructions between branches, and between instructions about which we
// differ from LLVM or which llvm-mca refuses.
std::vector<Lines> straight_runs(const std::string& disassembly) {
  static const std::regex instruction("^\\s*[0-9a-f]+:\\s+([a-z][a-z0-9.]+)\\s+(.*)$");
  static const std::regex ends(
      "b|bl|bx|blx|cbn?z|b(lo|hs|eq|ne|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)|tb[bh]|udf|bkpt|svc|nop|[su]"
      "div|"
      "ldm.*|stm.*|push|pop|vldm.*|vstm.*|vpush|vpop|[su]sat.*|vcmp.*|vmrs|vmsr");
  std::vector<Lines> runs;
  Lines run;
  const auto finish = [&] {
    if (run.size() >= 3) runs.push_back(run);
    run.clear();
  };
  int predicated = 0;
  std::istringstream stream(disassembly);
  for (std::string line; std::getline(stream, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, instruction)) {
      finish();
      continue;
    }
    std::string mnemonic = match[1], operands = match[2];
    operands = operands.substr(0, operands.find_first_of("@<"));
    operands.erase(operands.find_last_not_of(" \t") + 1);
    const std::string bare = std::regex_replace(mnemonic, std::regex("\\.[nw]$"), "");
    const bool writes_base =
        operands.find('!') != std::string::npos || operands.find("], #") != std::string::npos;
    if (predicated > 0) {
      predicated--;
      finish();
    } else if (std::regex_match(bare, std::regex("it[te]*"))) {
      predicated = static_cast<int>(bare.size()) - 1;
      finish();
    } else if (std::regex_match(bare, ends) || writes_base ||
               operands.find("pc") != std::string::npos) {
      finish();
    } else {
      run.push_back(without_flags(mnemonic, operands));
    }
  }
  finish();
  return runs;
}

// How many cycles LLVM may be short of: two neighbours that it pairs and we do not.
int pairs_of_llvm_only(const Lines& run) {
  static const std::regex load("ldr.* r[0-9]+, \\[(\\w+)(, #-?[0-9]+)?\\]");
  static const std::regex destination("\\S+ (\\w+),.*");
  int count = 0;
  for (size_t i = 0; i < run.size(); ++i) {
    const std::string &a = run[i], &b = run[(i + 1) % run.size()];
    std::smatch x, y;
    const bool same_base =
        std::regex_match(a, x, load) && std::regex_match(b, y, load) && x[1] == y[1];
    const bool same_destination =
        std::regex_match(a, x, destination) && std::regex_match(b, y, destination) && x[1] == y[1];
    if (same_base || same_destination) count++;
  }
  return count;
}

}  // namespace

TEST_CASE("random straight-line code takes as long as LLVM's model says", "[timing]") {
  if (skip("comparison with LLVM's model")) return;
  constexpr uint64_t kSeed = 7;
  mcunet::SplitMix64 random(kSeed);
  for (const Lines* forms : {&kLatency1, &kLatency2, &kFp}) {
    std::vector<Lines> runs;
    for (int i = 0; i < 100; ++i) runs.push_back(random_run(*forms, random));
    const std::vector<Comparison> results = compare(runs);
    for (size_t i = 0; i < runs.size(); ++i) {
      INFO("seed " << kSeed << ", run " << i << ":\n" << joined(runs[i]));
      CHECK(results[i].emulated == results[i].mca);
    }
  }
}

TEST_CASE("straight-line code of our kernels takes as long as LLVM's model says", "[timing]") {
  if (skip("comparison of the kernels with LLVM's model")) return;
  namespace fs = std::filesystem;
  if (!mcunet::find_program("arm-none-eabi-gcc")) {
    std::cout << "skipped: comparison of the kernels with LLVM's model needs arm-none-eabi-gcc\n";
    return;
  }
  const mcunet::TemporaryDirectory directory;
  std::vector<Lines> runs;
  for (const auto& entry :
       fs::directory_iterator(fs::path(MCUNET_SOURCE_DIR) / "compiler/kernels")) {
    if (entry.path().extension() != ".c") continue;
    const std::string object = directory.path() / (entry.path().stem().string() + ".o");
    const mcunet::ProcessResult compiled = mcunet::run_process(
        {"arm-none-eabi-gcc", "-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard",
         "-O3", std::string("-I") + MCUNET_SOURCE_DIR, "-c", entry.path(), "-o", object});
    INFO(compiled.errors);
    REQUIRE(compiled.ok());
    const mcunet::ProcessResult listing =
        mcunet::run_process({*tool("llvm-objdump"), "-d", "--no-show-raw-insn",
                             "--triple=thumbv7em-none-eabi", "--mcpu=cortex-m7", object});
    REQUIRE(listing.ok());
    for (Lines& run : straight_runs(listing.output)) runs.push_back(std::move(run));
  }
  REQUIRE(runs.size() > 100);
  const std::vector<Comparison> results = compare(runs);
  int64_t mca = 0, emulated = 0;
  size_t equal = 0;
  for (size_t i = 0; i < runs.size(); ++i) {
    mca += results[i].mca;
    emulated += results[i].emulated;
    equal += results[i].mca == results[i].emulated;
    INFO("run " << i << ":\n" << joined(runs[i]));
    // Otherwise LLVM takes longer, where it makes results wait for slower ones before them.
    CHECK(results[i].emulated <=
          results[i].mca + int64_t{kMany - kFew} * pairs_of_llvm_only(runs[i]));
  }
  std::cout << "straight-line runs of the kernels: " << equal << " of " << runs.size()
            << " take as long as LLVM says; " << emulated << " cycles, LLVM " << mca << "\n";
  CHECK(2 * equal > runs.size());
  CHECK(static_cast<double>(emulated) == Approx(static_cast<double>(mca)).epsilon(0.15));
}
