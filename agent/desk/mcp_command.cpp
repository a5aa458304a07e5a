// jobward mcp: the tools, for one client on standard input and output, or for several over HTTP.
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <CLI/CLI.hpp>
#include <cstdlib>

#include "agent/desk/commands.h"
#include "agent/desk/desk.h"
#include "agent/desk/tools.h"
#include "agent/mcp/http_transport.h"
#include "agent/mcp/stdio_transport.h"
#include "cli/session.h"
#include "cli/version.h"
#include "common/exit_codes.h"
#include "common/files.h"
#include "common/identity.h"
#include "common/text.h"

namespace jobward::desk {
namespace {

constexpr const char* kTokenVariable = "JOBWARD_MCP_TOKEN";
constexpr std::size_t kShortestToken = 16;
// A job that is being started then, and was to end with its client.
constexpr std::chrono::milliseconds kPromisesMost{10000};

constexpr const char* kInstructions =
    "Heavy commands (training, builds, test suites, data builds, large files) go through Jobward, "
    "not through a plain shell. Before one, call preflight: it tells whether the command fits and "
    "how long it takes. Start it with run_job, which holds it to a memory limit, so that it cannot "
    "take the machine or this session with it. A job that takes long goes on without you: wait_job "
    "and job_status ask for it. When one has failed or was killed, explain_job names the cause and "
    "what to change. Check what was produced with verify_data before you build on it.";

struct Options {
  std::string http;
  std::string token_file;
  bool beyond_loopback = false;
};

int usage(const std::string& message) {
  return cli::usage_error("mcp", message, exit_code::kUsage);
}

Result<std::string> token_in(const std::string& file) {
  auto text = read_file(file, 4096);
  if (!text) return text;
  struct stat info {};
  if (::stat(file.c_str(), &info) != 0) return errno_error("look at", printable(file));
  if ((info.st_mode & 077) != 0)
    return error("use", printable(file), "others may read it: chmod 600 " + printable(file));
  return std::string(trim(*text));
}

// From the file, else the environment, else a new one, which is said.
Result<std::string> find_token(const Options& options) {
  std::string token;
  if (!options.token_file.empty()) {
    auto read = token_in(options.token_file);
    if (!read) return read;
    token = std::move(*read);
  } else if (const auto named = cli::environment_variable(kTokenVariable)) {
    token = *named;
    // No job's to know.
    ::unsetenv(kTokenVariable);
  } else {
    auto made = new_run_id();
    auto more = new_run_id();
    auto last = new_run_id();
    if (!made || !more || !last) return error("make", "a token", "there is no randomness");
    token = *made + *more + *last;
    cli::say(std::string("mcp: token ") + token + " (this time; --token-file or " + kTokenVariable +
             " keep one)");
  }
  if (token.size() < kShortestToken)
    return error("use", "the token", "it has to have 16 characters at least");
  return token;
}

int serve_over_http(boost::asio::io_context& context, const mcp::Service& service,
                    const Options& options) {
  auto place = mcp::parse_http_place(options.http);
  if (!place) return usage("--http: " + place.error().message());
  if (!mcp::is_loopback(*place) && !options.beyond_loopback)
    return usage("--http: " + printable(place->address) +
                 " can be reached from other machines, and what is sent there is not encrypted; "
                 "--beyond-loopback insists");
  auto token = find_token(options);
  if (!token) return usage(token.error().message());
  const mcp::HttpOptions http{std::move(*place), std::move(*token)};
  const auto served = mcp::serve_http(
      context, service, http, [](const std::string& url) { cli::say("mcp: listening on " + url); });
  if (!served) return cli::failure("mcp", served.error().message(), exit_code::kLauncherFailed);
  return 0;
}

void declare(CLI::App& app, Options& options) {
  cli::set_usage(app, "jobward mcp [--http ADDRESS [--token-file FILE] [--beyond-loopback]]");
  auto* http = app.add_option("--http", options.http,
                              "Serve over HTTP there, instead of on stdin and stdout: PORT or "
                              "ADDRESS:PORT (0: any free port)")
                   ->type_name("ADDRESS");
  app.add_option("--token-file", options.token_file,
                 "The token that callers have to send (Authorization: Bearer); else "
                 "JOBWARD_MCP_TOKEN, else a new one is made and said")
      ->type_name("FILE")
      ->needs(http);
  app.add_flag("--beyond-loopback", options.beyond_loopback,
               "Listen where other machines can reach it, too")
      ->needs(http);
  app.footer("docs/agents.md tells how to set up an agent.");
}

}  // namespace

int mcp_command(const cli::Arguments& arguments) {
  Options options;
  CLI::App app("Serves the tools to an agent (Model Context Protocol) on stdin and stdout.", "mcp");
  declare(app, options);
  if (const auto status = cli::parse_options(app, arguments.options, exit_code::kUsage))
    return *status;
  if (arguments.command) return usage("no command is expected here");
  // A client that closes its end ends this by an error, not by a signal.
  ::signal(SIGPIPE, SIG_IGN);
  boost::asio::io_context context(1);
  Desk desk(context);
  const auto tasks = make_task_source(desk);
  const mcp::Service service{"jobward",        "Jobward",   cli::kVersion,         kInstructions,
                             make_tools(desk), tasks.get(), context.get_executor()};
  if (!options.http.empty()) return serve_over_http(context, service, options);
  const auto served = mcp::serve_stdio(context, service, STDIN_FILENO, STDOUT_FILENO,
                                       [&desk] { desk.keep_promises(kPromisesMost); });
  if (!served) return cli::failure("mcp", served.error().message(), exit_code::kLauncherFailed);
  return 0;
}

}  // namespace jobward::desk
