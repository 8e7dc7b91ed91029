// The generated project: files by relative path.
#pragma once

#include <string>
#include <vector>

#include "compiler/compile.h"

namespace mcunet::compiler {

struct SourceFile {
  std::string path;  // relative to the output directory
  std::string text;
};

struct EmitOptions {
  bool firmware = false;
  std::string shared_kernels;  // prefix of kernels shared between models; empty: the model's own
  bool selftest = true;        // its hash takes a run of the interpreter
};

// The network itself: what is compiled for the host and for the target alike.
std::vector<SourceFile> emit_network(const CompiledModel& model, const EmitOptions& options);

// The network with build files, firmware if asked for, and manifest. Deterministic; no dates, no
// absolute paths. `network` may be given where emit_network(model, options) is there already.
std::vector<SourceFile> emit_sources(const CompiledModel& model, const EmitOptions& options,
                                     std::vector<SourceFile> network = {});

// Parts, each one file or group of files.
SourceFile emit_header(const CompiledModel& model);
std::vector<SourceFile> emit_detection(const CompiledModel& model);  // none without one
SourceFile emit_model(const CompiledModel& model, const std::string& kernels);
std::vector<SourceFile> emit_weights(const CompiledModel& model);
std::vector<SourceFile> emit_kernels(const CompiledModel& model, const EmitOptions& options);
std::vector<SourceFile> emit_selftest(const CompiledModel& model);
std::vector<SourceFile> emit_project(const CompiledModel& model, const EmitOptions& options);
SourceFile emit_manifest(const CompiledModel& model, const EmitOptions& options);
SourceFile emit_host_runner(const CompiledModel& model);  // not part of the project: mcunet runs it

}  // namespace mcunet::compiler
