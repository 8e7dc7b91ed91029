#include "compiler/schedule/patch_search.h"

#include <algorithm>
#include <tuple>

#include "compiler/schedule/run_shape.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/support/error.h"

namespace mcunet::compiler {
namespace {

constexpr int32_t kMostParts = 8;  // rows or columns of patches that are tried

// One axis of a grid: per operator, how much of its output the largest part makes, and all parts
// together.
struct Split {
  int32_t parts = 0;
  std::vector<int32_t> largest;
  std::vector<int64_t> sum;
};

Split split_of(const std::vector<RowRange>& ranges, int32_t parts) {
  Split split;
  split.parts = parts;
  for (size_t i = 0; i < ranges.size(); i += static_cast<size_t>(parts)) {
    int32_t largest = 0;
    int64_t sum = 0;
    for (size_t part = 0; part < static_cast<size_t>(parts); ++part) {
      const int32_t size = ranges[i + part].end - ranges[i + part].first;
      largest = std::max(largest, size);
      sum += size;
    }
    split.largest.push_back(largest);
    split.sum.push_back(sum);
  }
  return split;
}

class Chooser {
 public:
  Chooser(const Graph& graph, const RowGraph& rows, const PatchGrid& wanted)
      : head_(patch_head(graph, rows)), wanted_(wanted) {
    require_patches(graph, head_, wanted);
    find_layers(rows);
    for (size_t i = 0; i < head_.ops.size(); ++i) {
      const int64_t pixels = int64_t{head_.ops[i].height} * head_.ops[i].width;
      macs_per_pixel_.push_back(pixels > 0 ? macs(graph, graph.ops[i]) / pixels : 0);
    }
  }

  std::vector<PatchChoice> run() {
    for (const int ops : head_.cuts) {
      if (wanted_.ops != 0 && ops != wanted_.ops) continue;
      const PatchOp& last = head_.ops[static_cast<size_t>(ops) - 1];
      const std::vector<Split> rows = splits(ops, wanted_.rows, last.height, &PatchInput::rows);
      const std::vector<Split> columns =
          splits(ops, wanted_.columns, last.width, &PatchInput::columns);
      for (const Split& row : rows) {
        for (const Split& column : columns) choices_.push_back(choice(ops, row, column));
      }
    }
    // More patches than needed would only cost time where the others tie.
    const auto order = [](const PatchChoice& choice) {
      return std::make_tuple(choice.bytes, choice.macs, choice.grid.rows * choice.grid.columns,
                             choice.grid.ops);
    };
    std::stable_sort(
        choices_.begin(), choices_.end(),
        [&](const PatchChoice& a, const PatchChoice& b) { return order(a) < order(b); });
    return std::move(choices_);
  }

 private:
  // What the operators behind the patches need, layer by layer, and what lies beside the tiles.
  void find_layers(const RowGraph& rows) {
    RunSimulator simulator(rows);
    const Lifetimes lifetimes(rows);
    const int n = static_cast<int>(rows.ops.size());
    behind_.assign(rows.ops.size() + 1, simulator.least_bytes(n, n, false));
    for (int op = n - 1; op >= 0; --op) {
      RunSpec layer;
      layer.first = op;
      layer.end = op + 1;
      behind_[static_cast<size_t>(op)] =
          std::max(behind_[static_cast<size_t>(op) + 1], simulator.simulate(layer).bytes);
    }
    for (size_t op = 0; op < head_.ops.size(); ++op) {
      int64_t beside = lifetimes.bytes_before(0);
      for (const StorageId id : lifetimes.made_by(static_cast<int>(op)))
        beside += rows.storages[static_cast<size_t>(id)].bytes;
      beside_.push_back(beside);
    }
  }

  std::vector<Split> splits(int ops, int32_t wanted, int32_t extent,
                            RowInput PatchInput::*axis) const {
    std::vector<Split> all;
    const int32_t first = wanted > 0 ? wanted : 1;
    const int32_t last = wanted > 0 ? wanted : kMostParts;
    for (int32_t parts = first; parts <= std::min(last, extent); ++parts) {
      const std::vector<RowRange> ranges = patch_ranges(head_, ops, parts, axis);
      if (!ranges.empty()) all.push_back(split_of(ranges, parts));
    }
    return all;
  }

  PatchChoice choice(int ops, const Split& rows, const Split& columns) {
    PatchChoice out;
    out.grid = {ops, rows.parts, columns.parts};
    const auto count = static_cast<size_t>(ops);
    dying_.assign(count + 1, 0);
    int64_t alive = 0, most = 0;
    for (size_t i = 0; i < count; ++i) {
      const PatchOp& op = head_.ops[i];
      if (i + 1 < count) {
        const int64_t tile = aligned(rows.largest[i] * (columns.largest[i] * op.column_bytes));
        alive += tile;
        dying_[static_cast<size_t>(op.last_use)] += tile;
      }
      most = std::max(most, alive + aligned(op.scratch));
      alive -= dying_[i];
      const int64_t pixels = int64_t{op.height} * op.width;
      out.macs += macs_per_pixel_[i] * (rows.sum[i] * columns.sum[i] - pixels);
    }
    out.macs = std::max<int64_t>(out.macs, 0);
    out.bytes = std::max(beside_[count - 1] + most, behind_[count]);
    return out;
  }

  PatchHead head_;
  PatchGrid wanted_;
  std::vector<int64_t> macs_per_pixel_, behind_, beside_, dying_;
  std::vector<PatchChoice> choices_;
};

}  // namespace

std::vector<PatchChoice> patch_choices(const Graph& graph, const RowGraph& rows,
                                       const PatchGrid& wanted) {
  std::vector<PatchChoice> choices = Chooser(graph, rows, wanted).run();
  if (choices.empty()) {
    throw Error(ErrorKind::Usage,
                "--schedule patch=" + grid_text(wanted) +
                    ": in every such grid a patch would read nothing but padding");
  }
  return choices;
}

}  // namespace mcunet::compiler
