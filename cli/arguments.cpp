#include "cli/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "common/text.h"

namespace jobward::cli {
namespace {

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// The library's text, with the nearest option that exists.
std::string explain(const CLI::App& app, const CLI::ParseError& failure, const std::vector<std::string>& given) {
  std::string text = printable(failure.what());
  if (failure.get_name() != "ExtrasError") return text;
  const auto known = option_names(app);
  for (const auto& word : given) {
    const std::string name = word.substr(0, word.find('='));
    if (name.size() < 2 || name[0] != '-' || std::find(known.begin(), known.end(), name) != known.end()) continue;
    text = "unknown option " + printable(name);
    if (const auto nearest = nearest_word(name, known)) text += "; did you mean " + *nearest + "?";
    return text;
  }
  return text;
}

class UsageFormatter final : public CLI::Formatter {
 public:
  explicit UsageFormatter(std::string usage) : usage_(std::move(usage)) {}
  std::string make_usage(const CLI::App*, std::string) const override { return "usage: " + usage_ + "\n"; }

 private:
  std::string usage_;
};

}  // namespace

void set_usage(CLI::App& app, const std::string& usage) {
  app.formatter(std::make_shared<UsageFormatter>(usage));
  app.get_formatter()->column_width(34);
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

std::optional<int> parse_options(CLI::App& app, std::vector<std::string> options, int usage_status) {
  const auto given = options;
  std::reverse(options.begin(), options.end());  // CLI11 takes them from the back
  try {
    app.parse(options);
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return 0;
  } catch (const CLI::ParseError& failure) {
    return usage_error(app.get_name(), explain(app, failure, given), usage_status);
  }
}

int usage_error(const std::string& command, const std::string& message, int status) {
  std::fprintf(stderr, "jobward: %s: %s\njobward: see `jobward %s --help`\n", command.c_str(), message.c_str(),
               command.c_str());
  return status;
}

}  // namespace jobward::cli
