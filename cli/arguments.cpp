#include "cli/arguments.h"

#include <algorithm>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>

#include "common/text.h"

namespace jobward::cli {
namespace {

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames())
      names.push_back("--" + name);
    for (const auto& name : option->get_snames())
      names.push_back("-" + name);
  }
  for (const auto* group : app.get_subcommands({}))
    for (auto& name : option_names(*group))
      names.push_back(std::move(name));
  return names;
}

// The library looks at what is missing before what is unknown; a typing error is the likelier cause
// of both.
std::optional<std::string> unknown_option(const CLI::App& app,
                                          const std::vector<std::string>& given) {
  const auto known = option_names(app);
  for (const auto& word : given) {
    if (word.size() < 3 || word.compare(0, 2, "--") != 0) continue;
    const std::string name = word.substr(0, word.find('='));
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string text = "unknown option " + printable(name);
    if (const auto nearest = nearest_word(name, known)) text += "; did you mean " + *nearest + "?";
    return text;
  }
  return std::nullopt;
}

class UsageFormatter final : public CLI::Formatter {
 public:
  explicit UsageFormatter(std::string usage) : usage_(std::move(usage)) {}
  std::string make_usage(const CLI::App*, std::string) const override {
    return "usage: " + usage_ + "\n";
  }
  // An option group as a heading.
  std::string make_expanded(const CLI::App* group) const override {
    return make_group(group->get_group(), false,
                      group->get_options([](const CLI::Option*) { return true; }));
  }
  // "[=DURATION]": what the value is when none is given is no matter for people.
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string type = option->get_type_name();
    return type.compare(0, 1, "[") == 0 ? type : CLI::Formatter::make_option_opts(option);
  }

 private:
  std::string usage_;
};

}  // namespace

void set_usage(CLI::App& app, const std::string& usage) {
  app.formatter(std::make_shared<UsageFormatter>(usage));
  app.get_formatter()->column_width(34);
}

CLI::App& add_group(CLI::App& app, const std::string& heading) {
  CLI::App& group = *app.add_option_group(heading);
  group.set_help_flag();  // that is the command's
  return group;
}

Arguments split_arguments(int argc, char** argv) {
  Arguments out;
  for (int i = 0; i < argc; ++i) {
    if (std::string_view(argv[i]) == "--") {
      out.command.emplace(argv + i + 1, argv + argc);
      return out;
    }
    out.options.emplace_back(argv[i]);
  }
  return out;
}

std::optional<int> parse_options(CLI::App& app, std::vector<std::string> options,
                                 int usage_status) {
  if (const auto unknown = unknown_option(app, options))
    return usage_error(app.get_name(), *unknown, usage_status);
  std::reverse(options.begin(), options.end());  // CLI11 takes them from the back
  try {
    app.parse(options);
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return 0;
  } catch (const CLI::ExtrasError&) {
    const auto extra = app.remaining();
    const bool takes_command = app.get_name() == "run" || app.get_name() == "estimate";
    return usage_error(
        app.get_name(),
        "unexpected \"" + printable(extra.empty() ? "" : extra.front()) + "\"" +
            (takes_command ? "; a job's command goes after \"--\", as in `jobward run -- ls -l`"
                           : ""),
        usage_status);
  } catch (const CLI::ParseError& failure) {
    return usage_error(app.get_name(), printable(failure.what()), usage_status);
  }
}

int failure(const std::string& command, const std::string& message, int status) {
  std::fprintf(stderr, "jobward: %s: %s\n", command.c_str(), printable(message).c_str());
  return status;
}

int usage_error(const std::string& command, const std::string& message, int status) {
  std::fprintf(stderr, "jobward: %s: %s\njobward: see `jobward %s --help`\n", command.c_str(),
               message.c_str(), command.c_str());
  return status;
}

}  // namespace jobward::cli
