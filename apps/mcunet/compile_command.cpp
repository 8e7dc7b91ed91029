#include <iostream>
#include <memory>

#include "apps/mcunet/command.h"
#include "compiler/codegen/sources.h"
#include "libmcunet/graph/operators.h"
#include "libmcunet/support/files.h"
#include "libmcunet/support/log.h"
#include "libmcunet/support/table.h"
#include "profiler/verify.h"

namespace mcunet::app {
namespace {

using nlohmann::ordered_json;

struct CompileCommand {
  std::string model, output, name, shared_kernels, schedule = "auto";
  bool firmware = false, no_verify = false, verify = false, dry_run = false, json = false;
  TargetOptions target;
  InterfaceOptions interface;
  Gates gates;

  void run() const;
};

ordered_json comparison_json(const std::optional<Comparison>& comparison) {
  if (!comparison) return nullptr;
  return {{"inputs", comparison->inputs}, {"mismatches", comparison->mismatches}};
}

void require_match(const Verification& verification) {
  std::vector<std::string> problems;
  const auto check = [&](const char* where, const std::optional<Comparison>& comparison) {
    if (comparison && comparison->mismatches > 0) {
      problems.push_back(std::string("verification ") + where + ": " +
                         std::to_string(comparison->mismatches) +
                         " bytes differ from the interpreter, first " + comparison->first +
                         "; this is a defect of mcunet, nothing was written");
    }
  };
  check("on the host", verification.host);
  check("on the emulated core", verification.firmware);
  if (!problems.empty()) throw Error(ErrorKind::Mismatch, std::move(problems));
}

std::string comparison_text(const std::optional<Comparison>& comparison) {
  if (!comparison) return "not run";
  return std::to_string(comparison->inputs) + " inputs, " + std::to_string(comparison->mismatches) +
         " bytes differ";
}

void CompileCommand::run() const {
  if (firmware && target.board().is_host())
    throw Error(ErrorKind::Usage, "--firmware needs a board; --target host has none");
  if (output.empty()) throw Error(ErrorKind::Usage, "--output needs the name of a directory");
  const Model source = load_model(model);
  compiler::CompileOptions options{name.empty() ? source.stem : name, target.board(),
                                   interface.passes()};
  compiler::CompiledModel compiled = compiler::compile(source.graph, source.sha256, options);
  compiler::require_fit(compiled);

  Verification verification;
  if (!no_verify) {
    verification = mcunet::verify(compiled);
    require_match(verification);
    if (verification.sizes) compiled.flash = compiler::linked_flash(compiled, *verification.sizes);
    compiler::require_fit(compiled);
  }
  gates.check(compiled.sram.total(), compiled.flash.total(), 0);

  OutputDirectory directory(output);
  for (const compiler::SourceFile& file :
       compiler::emit_sources(compiled, {firmware, shared_kernels}))
    directory.add(file.path, file.text);
  if (!dry_run) directory.commit();

  const Log log;
  for (const std::string& note : verification.notes) log.warning(note);
  if (json) {
    ordered_json out = document("compile");
    out["name"] = compiled.name;
    out["output"] = output;
    out["dry_run"] = dry_run;
    out["files"] = directory.files();
    out["target"] = target_json(options.board);
    out["sram"] = sram_json(compiled);
    out["flash"] = flash_json(compiled.flash);
    out["schedule"] = compiled.schedule.kind;
    out["verify"] = {{"host", comparison_json(verification.host)},
                     {"firmware", comparison_json(verification.firmware)}};
    return print_json(out);
  }
  std::cout << target_line(options.board) << "model:  " << source.stem << ", "
            << compiled.graph.ops.size() << " layers, " << group_digits(total_macs(compiled.graph))
            << " MACs\n\n"
            << memory_table(compiled, compiled.flash) << "\n";
  if (!no_verify) {
    std::cout << "verified on the host:          " << comparison_text(verification.host) << "\n"
              << "verified on the emulated core: " << comparison_text(verification.firmware)
              << (verification.exceeds_board ? " (with more memory than the board has)" : "")
              << "\n";
  }
  std::cout << (dry_run ? "would write " : "wrote ") << directory.files().size() << " files to "
            << output << "\n";
}

}  // namespace

void add_compile(CLI::App& app) {
  auto command = std::make_shared<CompileCommand>();
  CLI::App* sub = app.add_subcommand("compile",
                                     "Compiles an int8 .tflite model to C for a microcontroller "
                                     "and verifies it against the reference interpreter");
  sub->footer(examples({"mcunet compile model.tflite -o out",
                        "mcunet compile model.tflite --target stm32f746 --firmware -o out && "
                        "make -C out firmware",
                        "mcunet compile model.tflite --sram 128k --dry-run --json -o out"}));
  sub->add_option("model", command->model, ".tflite file")->required();
  sub->add_option("-o,--output", command->output, "directory for the generated files")->required();
  sub->add_option("--name", command->name, "prefix of all symbols (default: the file's stem)");
  sub->add_option("--schedule", command->schedule, "order of execution")
      ->check(CLI::IsMember({"auto", "layer"}))
      ->capture_default_str();
  command->interface.add_to(*sub);
  sub->add_option("--kernels", command->shared_kernels,
                  "shared=PREFIX: kernels with this prefix, which several models can share")
      ->transform(CLI::Validator(
          [](std::string& text) {
            const std::string start = "shared=";
            if (text.compare(0, start.size(), start) != 0 || text.size() == start.size())
              return std::string("must be shared=PREFIX");
            text = compiler::c_identifier(text.substr(start.size()));
            return std::string();
          },
          "shared=PREFIX"));
  sub->add_flag("--firmware", command->firmware,
                "add a bare-metal project for the target (make firmware, make qemu)");
  sub->add_flag("--no-verify", command->no_verify, "skip the verification");
  sub->add_flag("--verify", command->verify,
                "verify on the host and on the emulated core (the default)");
  sub->add_flag("--dry-run", command->dry_run, "do everything but write");
  sub->add_flag("--json", command->json, "one JSON document on standard output");
  command->target.add_to(*sub);
  command->gates.add_to(*sub, false);
  sub->callback([command] { command->run(); });
}

}  // namespace mcunet::app
