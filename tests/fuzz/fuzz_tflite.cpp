// mcunet_fuzz_tflite [MUTANTS [FIRST_SEED]]: damaged .tflite files through reader, compiler and
// emitter. Each must end in success or in an Error that blames the file or the board; crashes,
// other exceptions, more than two seconds or much memory are failures, printed with their seed.
// Deterministic: a seed is a mutant. Worth running with sanitizers (the preset asan).
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "compiler/codegen/sources.h"
#include "compiler/compile.h"
#include "compiler/fit.h"
#include "libmcunet/support/error.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/random.h"
#include "libmcunet/tflite/reader.h"
#include "libmcunet/tflite/writer.h"
#include "tests/fuzz/children.h"
#include "tests/support/demo_models.h"
#include "tests/support/random_graph.h"

using namespace mcunet;
using Bytes = std::vector<uint8_t>;

namespace {

constexpr uint64_t kDefaultMutants = 10'000;
constexpr uint64_t kRandomGraphs = 40;
constexpr size_t kMaxBase = 400'000;       // bytes of a file that is mutated
constexpr double kMaxSeconds = 2;          // for one mutant
constexpr unsigned kHangSeconds = 30;      // after which a child is killed
constexpr long kMaxGrowth = 512 * 1024;    // of resident memory, KiB
constexpr int64_t kMaxEmitted = 64 << 20;  // arena and weights for which C is emitted

// ---- files to damage
// -----------------------------------------------------------------------------

struct Base {
  std::string name;
  Bytes bytes;
  std::vector<size_t> tables;  // where flatbuffer tables seem to begin
  std::vector<size_t> shapes;  // where the vectors of the tensors' shapes lie (their lengths)
};

uint32_t word_at(const Bytes& bytes, size_t at) {
  uint32_t word;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}
uint16_t half_at(const Bytes& bytes, size_t at) {
  uint16_t half;
  std::memcpy(&half, bytes.data() + at, sizeof half);
  return half;
}
void put_word(Bytes& bytes, size_t at, uint32_t word) {
  if (at + 4 <= bytes.size()) std::memcpy(bytes.data() + at, &word, sizeof word);
}
void put_half(Bytes& bytes, size_t at, uint16_t half) {
  if (at + 2 <= bytes.size()) std::memcpy(bytes.data() + at, &half, sizeof half);
}

// A table begins with the distance to its vtable, which begins with its own size and the table's.
std::vector<size_t> find_tables(const Bytes& bytes) {
  std::vector<size_t> tables;
  for (size_t at = 4; at + 4 <= bytes.size(); at += 4) {
    const int64_t vtable = static_cast<int64_t>(at) - static_cast<int32_t>(word_at(bytes, at));
    if (vtable < 4 || vtable + 4 > static_cast<int64_t>(bytes.size()) || vtable % 2 != 0) continue;
    const uint16_t vtable_size = half_at(bytes, static_cast<size_t>(vtable));
    const uint16_t table_size = half_at(bytes, static_cast<size_t>(vtable) + 2);
    if (vtable_size >= 4 && vtable_size <= 64 && vtable_size % 2 == 0 && table_size >= 4 &&
        table_size <= 256) {
      tables.push_back(at);
    }
  }
  return tables;
}

std::vector<size_t> find_shapes(const Bytes& bytes, const Graph& graph) {
  std::set<Bytes> patterns;
  for (const Tensor& tensor : graph.tensors) {
    if (tensor.shape.empty()) continue;
    Bytes pattern(4 * (tensor.shape.size() + 1));
    put_word(pattern, 0, static_cast<uint32_t>(tensor.shape.size()));
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
      put_word(pattern, 4 * (i + 1), static_cast<uint32_t>(tensor.shape[i]));
    }
    patterns.insert(std::move(pattern));
  }
  std::vector<size_t> shapes;
  for (const Bytes& pattern : patterns) {
    auto from = bytes.begin();
    while (true) {
      from = std::search(from, bytes.end(), pattern.begin(), pattern.end());
      if (from == bytes.end()) break;
      shapes.push_back(static_cast<size_t>(from - bytes.begin()));
      ++from;
    }
  }
  return shapes;
}

std::vector<Base> collect_bases() {
  std::vector<Base> bases;
  const auto add = [&](const std::string& name, Bytes bytes) {
    Base base{name, std::move(bytes), {}, {}};
    base.tables = find_tables(base.bytes);
    try {
      base.shapes = find_shapes(base.bytes, read_tflite(base.bytes, name));
    } catch (const Error&) {  // refused even undamaged: shapes stay unknown
    }
    bases.push_back(std::move(base));
  };
  for (const std::string& name : testing::demo_model_names()) {
    add(name, write_tflite(testing::demo_model(name)));
  }
  for (uint64_t seed = 1; seed <= kRandomGraphs; ++seed) {
    add("random_" + std::to_string(seed), write_tflite(testing::random_graph(seed)));
  }
  const auto shared = std::filesystem::path(MCUNET_SOURCE_DIR) / ".." / "shared" / "models";
  std::set<std::filesystem::path> files;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(shared, ignored)) {
    if (entry.path().extension() == ".tflite" && entry.file_size() < kMaxBase) {
      files.insert(entry.path());
    }
  }
  for (const auto& file : files) add(file.filename().string(), read_file(file));
  return bases;
}

// ---- damage
// --------------------------------------------------------------------------------------

class Mutator {
 public:
  Mutator(const Base& base, SplitMix64& random)
      : base_(base), random_(random), bytes_(base.bytes) {}

  Bytes mutate() {
    const int64_t times = random_.between(1, 4);
    for (int64_t i = 0; i < times && bytes_.size() > 8; ++i) mutate_once();
    return std::move(bytes_);
  }

 private:
  size_t below(size_t count) { return static_cast<size_t>(random_.below(count)); }
  size_t anywhere() { return below(bytes_.size()); }
  // Most of a file is weights; what is not stands near its tables.
  size_t structural() {
    if (base_.tables.empty() || random_.chance(0.3)) return anywhere();
    const size_t table = base_.tables[below(base_.tables.size())];
    return std::min(bytes_.size() - 1, table + below(48));
  }

  uint32_t hostile() {
    switch (random_.below(8)) {
      case 0:
        return static_cast<uint32_t>(random_.next());
      case 1:
        return 0;
      case 2:
        return 0xffffffffU;
      case 3:
        return 0x7fffffffU;
      case 4:
        return 0x80000000U;
      case 5:
        return uint32_t{1} << random_.below(32);
      case 6: {  // as floats: infinity, the largest, the smallest, not a number
        constexpr uint32_t kFloats[] = {0x7f800000U, 0x7f7fffffU, 0x00000001U, 0x7fc00000U};
        return kFloats[random_.below(4)];
      }
      default:
        return static_cast<uint32_t>(random_.between(1, 70'000));
    }
  }

  void mutate_once() {
    switch (random_.below(12)) {
      case 0:
        bytes_.resize(random_.chance(0.5) ? anywhere() : structural());
        break;
      case 1:
        bytes_[structural()] ^= static_cast<uint8_t>(1U << random_.below(8));
        break;
      case 2:
        bytes_[structural()] = static_cast<uint8_t>(random_.next());
        break;
      case 3:
        put_word(bytes_, structural() & ~size_t{3}, hostile());
        break;
      case 4:
        put_word(bytes_, anywhere() & ~size_t{3}, hostile());
        break;
      case 5:
        copy_chunk();
        break;
      case 6:
        damage_vtable();
        break;
      case 7:
        damage_field();
        break;
      case 8:
      case 9:
        damage_shape();
        break;
      case 10:
        swap_fields();
        break;
      default:
        nudge();
        break;
    }
  }

  void copy_chunk() {
    const size_t length = 1 + below(std::min<size_t>(64, bytes_.size() / 2));
    const size_t from = below(bytes_.size() - length + 1), to = below(bytes_.size() - length + 1);
    std::memmove(bytes_.data() + to, bytes_.data() + from, length);
  }

  // The start of a table that lies wholly inside what is left of the file.
  bool choose_table(size_t& table, size_t& vtable, size_t& fields) {
    if (base_.tables.empty()) return false;
    table = base_.tables[below(base_.tables.size())];
    if (table + 4 > bytes_.size()) return false;
    const int64_t at = static_cast<int64_t>(table) - static_cast<int32_t>(word_at(bytes_, table));
    if (at < 0 || at + 4 > static_cast<int64_t>(bytes_.size())) return false;
    vtable = static_cast<size_t>(at);
    const size_t size = half_at(bytes_, vtable);
    fields = size < 4 || vtable + size > bytes_.size() ? 0 : (size - 4) / 2;
    return true;
  }

  void damage_vtable() {
    size_t table = 0, vtable = 0, fields = 0;
    if (!choose_table(table, vtable, fields)) return;
    switch (random_.below(4)) {
      case 0:
        put_word(bytes_, table, hostile());
        break;
      case 1:
        put_half(bytes_, vtable, static_cast<uint16_t>(hostile()));
        break;
      case 2:
        put_half(bytes_, vtable + 2, static_cast<uint16_t>(hostile()));
        break;
      default:
        if (fields == 0) return;
        put_half(bytes_, vtable + 4 + 2 * below(fields),
                 random_.chance(0.5) ? uint16_t{0} : static_cast<uint16_t>(random_.below(64)));
    }
  }

  void damage_field() {
    size_t table = 0, vtable = 0, fields = 0;
    if (!choose_table(table, vtable, fields) || fields == 0) return;
    const size_t offset = half_at(bytes_, vtable + 4 + 2 * below(fields));
    if (offset == 0 || table + offset + 4 > bytes_.size()) return;
    if (random_.chance(0.3)) {  // a vector's length, if the field is one
      const size_t target = table + offset + word_at(bytes_, table + offset);
      if (target + 8 < bytes_.size())
        put_word(bytes_, target + (random_.chance(0.5) ? 4 : 0), hostile());
    } else {
      put_word(bytes_, table + offset, hostile());
    }
  }

  void swap_fields() {
    size_t table = 0, vtable = 0, fields = 0;
    if (!choose_table(table, vtable, fields) || fields < 2) return;
    const size_t a = vtable + 4 + 2 * below(fields), b = vtable + 4 + 2 * below(fields);
    const uint16_t first = half_at(bytes_, a), second = half_at(bytes_, b);
    put_half(bytes_, a, second);
    put_half(bytes_, b, first);
  }

  void damage_shape() {
    if (base_.shapes.empty()) return;
    const size_t at = base_.shapes[below(base_.shapes.size())];
    if (at + 4 > bytes_.size()) return;
    const uint32_t rank = word_at(base_.bytes, at);
    const size_t slot = below(rank + 1);  // 0: the length itself
    if (slot == 0 && random_.chance(0.7)) return;
    put_word(bytes_, at + 4 * slot, hostile());
  }

  // Small changes keep files plausible for longer.
  void nudge() {
    const size_t at = structural() & ~size_t{3};
    if (at + 4 > bytes_.size()) return;
    put_word(bytes_, at, word_at(bytes_, at) + static_cast<uint32_t>(random_.between(-3, 3)));
  }

  const Base& base_;
  SplitMix64& random_;
  Bytes bytes_;
};

// ---- one mutant
// ----------------------------------------------------------------------------------

// Counts over all children.
struct Counts {
  uint64_t compiled, input, unsupported, does_not_fit;
};

void compile_and_emit(const Bytes& bytes, const std::string& name) {
  compiler::CompileOptions options;
  options.name = "mutant";
  options.board = find_board("stm32f746");
  const Graph graph = read_tflite(bytes, name);
  const compiler::CompiledModel model = compiler::compile(graph, std::string(64, '0'), options);
  if (model.sram.arena + model.flash.total() > kMaxEmitted) return;
  compiler::emit_header(model);
  compiler::emit_model(model, model.name);
  compiler::emit_manifest(model, {});
  compiler::require_fit(model);
}

long resident_peak() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

// Empty when the mutant ended as it should.
std::string run_mutant(const Bytes& bytes, const std::string& name, Counts& counts) {
  const long before = resident_peak();
  const auto start = std::chrono::steady_clock::now();
  try {
    compile_and_emit(bytes, name);
    ++counts.compiled;
  } catch (const Error& error) {
    switch (error.kind()) {
      case ErrorKind::Input:
        ++counts.input;
        break;
      case ErrorKind::Unsupported:
        ++counts.unsupported;
        break;
      case ErrorKind::DoesNotFit:
        ++counts.does_not_fit;
        break;
      default:
        return "error of kind " + std::to_string(error.exit_code()) + ": " + error.what();
    }
    if (error.problems().empty() || error.problems().front().empty())
      return "an error without text";
  } catch (const std::exception& exception) {
    return std::string("exception: ") + exception.what();
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (elapsed.count() > kMaxSeconds) return std::to_string(elapsed.count()) + " s";
  if (resident_peak() - before > kMaxGrowth) {
    return std::to_string((resident_peak() - before) / 1024) + " MiB more memory";
  }
  return "";
}

struct Mutant {
  const Base& base;
  Bytes bytes;
};

Mutant make_mutant(const std::vector<Base>& bases, uint64_t seed) {
  SplitMix64 random(seed);
  const Base& base = bases[static_cast<size_t>(random.below(bases.size()))];
  return {base, Mutator(base, random).mutate()};
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t mutants = argc > 1 ? std::stoull(argv[1]) : kDefaultMutants;
  const uint64_t first = argc > 2 ? std::stoull(argv[2]) : 1;
  auto& counts = testing::shared_by_children<Counts>();
  const std::vector<Base> bases = collect_bases();
  const auto run = [&](uint64_t seed) {
    const Mutant mutant = make_mutant(bases, seed);
    return run_mutant(mutant.bytes, mutant.base.name, counts);
  };
  const auto label = [&](uint64_t seed) {
    return "seed " + std::to_string(seed) + " (" + make_mutant(bases, seed).base.name + ")";
  };
  const uint64_t failures =
      testing::run_in_children(first, first + mutants, kHangSeconds, run, label);
  std::cout << mutants << " mutants of " << bases.size() << " files from seed " << first << ": "
            << counts.compiled << " compiled, " << counts.input << " corrupt, "
            << counts.unsupported << " unsupported, " << counts.does_not_fit << " too large, "
            << failures << " failures\n";
  return failures == 0 ? 0 : 1;
}
