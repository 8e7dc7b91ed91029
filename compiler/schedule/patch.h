// Patch-based inference: the first operators of a network are executed once per patch of their last
// output, each for as much as the patch needs, so that what lies between them is never there as a
// whole. Where patches need the same pixels (halos) these are computed again.
//
//   4 x 4 patches of an 8 x 8 output:   conv 3x3 --> conv 3x3 --> output
//                                        6 x 6       4 x 4        2 x 2 pixels, at most
//
// Lin et al., "MCUNetV2: Memory-Efficient Patch-based Inference for Tiny Deep Learning" (2021).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/memory/planner.h"
#include "compiler/schedule/schedule.h"
#include "compiler/schedule/storage.h"
#include "libmcunet/graph/graph.h"

namespace mcunet::compiler {

// rows x columns patches of the output of operator ops - 1. A member that is 0 is to be chosen.
struct PatchGrid {
  int ops = 0;
  int32_t rows = 0, columns = 0;
};

struct PatchInput {
  TensorId tensor = -1;
  int producer = -1;  // operator; -1: the tensor is whole
  RowInput rows;
  RowInput columns;          // the same across: its rows.height is the tensor's width
  int64_t column_bytes = 0;  // from one column to the next
};

// An operator as part of a patch.
struct PatchOp {
  std::vector<PatchInput> inputs;  // tensors in the arena only; each once
  int32_t height = 0, width = 0;   // of the output
  int64_t column_bytes = 0;        // of the output
  int last_use = 0;                // the last operator that reads the output
  int64_t scratch = 0;             // bytes
  int32_t calls = 1;               // of kernels per row of a patch; 0: it only renames its input
};

// The operators at the beginning of a network that can work patch by patch.
struct PatchHead {
  std::vector<PatchOp> ops;
  std::string stopped;    // why the operator behind them cannot; empty if there is none
  std::vector<int> cuts;  // numbers of operators after which nothing but the last output goes on
  std::vector<std::string>
      uncut;  // per number of operators less one: what else goes on, or nothing
};

PatchHead patch_head(const Graph& graph, const RowGraph& rows);

// Rows (or columns, for `axis` = &PatchInput::columns) of its output that each of the first `count`
// operators makes for each of `parts` even parts of the last one's: [operator * parts + part].
// Nothing if somewhere a part would be empty, since all it reads is padding.
std::vector<RowRange> patch_ranges(const PatchHead& head, int count, int32_t parts,
                                   RowInput PatchInput::*axis);

// Where the output of an operator lies while a patch is made: row y of the image in row y % height,
// beginning with the patch's first column.
struct PatchTile {
  int32_t height = 0;  // of the tallest patch
  int64_t pitch = 0;   // of the widest patch, in bytes
  int64_t offset = 0;  // from the beginning of the tiles
};

// A grid with all that follows from it.
struct PatchPart {
  PatchGrid grid;
  std::vector<PatchOp> ops;
  std::vector<RowRange> rows, columns;  // as from patch_ranges()
  std::vector<PatchTile> tiles;         // per operator; the last one's output is whole
  std::vector<int64_t> scratch;         // per operator: from the beginning of the tiles
  int64_t tile_bytes = 0;               // of all tiles and scratch

  // Columns of the output of operator `op` that column `column` of the grid makes, and those of its
  // input that it reads for them.
  RowRange made(int op, int32_t column) const;
  RowRange read(int op, const PatchInput& input, int32_t column) const;
};

// Throws Error(Usage) when the operators or the output do not allow the grid, as far as it is
// given: why, and what they do allow.
void require_patches(const Graph& graph, const PatchHead& head, const PatchGrid& grid);

// Throws as require_patches() does. `grid` is given in full.
PatchPart patch_part(const Graph& graph, const RowGraph& rows, const PatchGrid& grid);

// Multiply-accumulates and cycles that the patches cost more than the same operators at once;
// cycles are estimated.
int64_t recomputed_macs(const Graph& graph, const PatchPart& part);
int64_t patch_overhead(const Graph& graph, const PatchPart& part);

// The patches as the first run, then every other operator by itself. As frame() for a partition.
Schedule frame_patches(const Graph& graph, const RowGraph& rows, const PatchPart& part);

// "4x4@12"; what is 0 is left out.
std::string grid_text(const PatchGrid& grid);
// Reads that. Throws Error(Usage).
PatchGrid parse_patch_grid(const std::string& text);

}  // namespace mcunet::compiler
