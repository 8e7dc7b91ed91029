// mcunet: from the memory budget of a microcontroller to verified firmware.
#include <algorithm>
#include <iostream>
#include <memory>

#include "apps/mcunet/command.h"
#include "apps/mcunet/torch_door.h"
#include "libmcunet/support/suggest.h"

namespace {

// A command's help begins with its examples, which are its footer.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_description(const CLI::App* app) const override {
    const bool command = app->get_parent() != nullptr;
    return (command ? app->get_footer() + "\n" : "") + CLI::Formatter::make_description(app);
  }
  std::string make_footer(const CLI::App* app) const override {
    return app->get_parent() != nullptr ? "" : CLI::Formatter::make_footer(app);
  }
};

constexpr int kUsageError = static_cast<int>(mcunet::ErrorKind::Usage);

void print_problems(const mcunet::Error& error) {
  for (const std::string& problem : error.problems()) std::cerr << "error: " << problem << "\n";
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// A mistyped word explains every error that follows from it, so it is looked for first.
std::string mistyped(const CLI::App& app, int argc, char** argv) {
  const std::vector<std::string> commands = command_names(app);
  if (argc < 2 || argv[1][0] == '-') return "";
  if (std::find(commands.begin(), commands.end(), argv[1]) == commands.end()) {
    return std::string("there is no command '") + argv[1] + "'" +
           mcunet::did_you_mean(argv[1], commands);
  }
  const CLI::App* command = app.get_subcommand(argv[1]);
  for (int i = 2; i < argc; ++i) {  // "board list --json"
    const std::vector<std::string> nested = command_names(*command);
    if (std::find(nested.begin(), nested.end(), argv[i]) != nested.end()) {
      command = command->get_subcommand(argv[i]);
    } else if (!nested.empty() && argv[i][0] != '-') {
      return "there is no command '" + command->get_name() + " " + argv[i] + "'" +
             mcunet::did_you_mean(argv[i], nested);
    }
  }
  const std::vector<std::string> options = option_names(*command);
  for (int i = 2; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::string word = argument.substr(0, argument.find('='));
    if (word == "--") break;
    const bool known = std::find(options.begin(), options.end(), word) != options.end();
    if (word.compare(0, 2, "--") == 0 && !known) {
      return "unknown option " + word + mcunet::did_you_mean(word, options);
    }
  }
  return "";
}

int usage_error(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
  const std::string typo = mistyped(app, argc, argv);
  std::cerr << "error: " << (typo.empty() ? error.what() : typo)
            << "\n  mcunet --help lists the commands, mcunet COMMAND --help their options\n";
  return kUsageError;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "mcunet: neural networks on microcontrollers, from a memory budget to verified firmware",
      "mcunet"};
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", std::string("mcunet ") + MCUNET_VERSION);
  // Apart from --version, because loading LibTorch takes a second.
  app.add_flag_callback(
      "--torch", [] { throw CLI::CallForVersion(mcunet::app::torch_line(), 0); },
      "say which LibTorch the module for search and training has, and exit");
  app.require_subcommand(1);
  app.footer(
      "Exit codes: 0 done, 1 internal error, 2 usage, 3 input missing or corrupt, 4 unsupported "
      "model, 5 does not fit,\n"
      "6 mismatch or limit exceeded, 7 another program failed, 130 interrupted. Manual: docs/");
  mcunet::app::add_search(app);
  mcunet::app::add_train(app);
  mcunet::app::add_quantize(app);
  mcunet::app::add_compile(app);
  mcunet::app::add_profile(app);
  mcunet::app::add_eval(app);
  mcunet::app::add_run(app);
  mcunet::app::add_zoo(app);
  mcunet::app::add_inspect(app);
  mcunet::app::add_board(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error, argc, argv);
  } catch (const mcunet::Error& error) {
    print_problems(error);
    return error.exit_code();
  } catch (const std::exception& error) {
    std::cerr << "error: internal: " << error.what()
              << "\n  this is a defect of mcunet; please report it with the command line\n";
    return static_cast<int>(mcunet::ErrorKind::Internal);
  }
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "error: cannot write to standard output\n";
    return static_cast<int>(mcunet::ErrorKind::Input);
  }
  return 0;
}
