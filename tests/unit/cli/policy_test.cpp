#include "cli/policy.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "cli/trusted_file.h"
#include "tests/support/temporary_directory.h"

using namespace jobward;
using namespace jobward::cli;
using Catch::Contains;
using jobward::launcher::Policy;
using jobward::test::TemporaryDirectory;

namespace {

Policy parsed(const std::string& text) {
  const auto policy = parse_policy(text, "p.toml");
  INFO(text);
  REQUIRE(policy);
  return policy->limits;
}

std::string refusal(const std::string& text) {
  const auto policy = parse_policy(text, "p.toml");
  INFO(text);
  REQUIRE(!policy);
  return policy.error().message();
}

Result<LoadedPolicy> load(const std::string& system, const std::string& named = {}) {
  return load_policy(
      [&](const char* name) -> std::optional<std::string> {
        return std::string(name) == "JOBWARD_POLICY" && !named.empty() ? std::optional(named)
                                                                       : std::nullopt;
      },
      {system, {}, ::geteuid()});
}

OpenedFile owned(mode_t mode, uid_t owner, mode_t directory_mode = 0755,
                 uid_t directory_owner = 0) {
  OpenedFile opened;
  opened.path = "/etc/jobward/policy.toml";
  opened.directory = "/etc/jobward";
  opened.file.st_mode = S_IFREG | mode;
  opened.file.st_uid = owner;
  opened.in.st_mode = S_IFDIR | directory_mode;
  opened.in.st_uid = directory_owner;
  return opened;
}

std::string objection(const OpenedFile& opened) { return policy_objection(opened).value_or(""); }

constexpr const char* kCap = "[caps]\nmem = \"8G\"\n";

// Whoever tests as another user than root cannot make a file that is root's: then it is not in
// force, whatever else is right about it.
void check_in_force(const Result<LoadedPolicy>& policy, const std::string& file) {
  REQUIRE(policy);
  if (::geteuid() == 0) {
    CHECK(policy->file == file);
    CHECK(policy->policy.caps.contains(Resource::memory));
  } else {
    CHECK(policy->file.empty());
    CHECK_THAT(policy->warning, Contains("chown root"));
  }
}

}  // namespace

TEST_CASE("policy: Caps have the keys of the limits, with file and line") {
  const auto policy = parsed(
      "[caps]\nmem = \"8G\"\ntime = \"24h\"\npids = 4096\ncpus = 2.5\ncpuset = \"0-3\"\n"
      "io_read = \"100M/s@/data\"\nswap = 0\n");
  const auto* memory = policy.caps.find(Resource::memory);
  REQUIRE(memory != nullptr);
  CHECK(memory->value == 8.0 * (1U << 30U));
  CHECK(memory->source == "p.toml:2");
  CHECK(memory->origin == LimitOrigin::policy);
  CHECK(policy.caps.find(Resource::cpuset)->detail == "0-3");
  CHECK(policy.caps.find(Resource::io_read_rate)->detail == "/data");
  CHECK(policy.caps.contains(Resource::swap));
  CHECK(policy.blocks.above.empty());
  CHECK(!policy.blocks.no_limit);
}

TEST_CASE("policy: Blocks are predicted uses, and runs without a memory limit") {
  const auto policy = parsed(
      "[blocks]\nno_limit = true\nmem = \"64G\"\ntime = \"48h\"\ncpu_time = \"200h\"\n"
      "io_read_bytes = \"1T\"\nio_write_bytes = \"1T\"\ndisk_growth = \"500G\"\npids = 4096\n");
  CHECK(policy.blocks.no_limit == "p.toml:2");
  for (const auto resource :
       {Resource::memory, Resource::wall, Resource::cpu_time, Resource::io_read, Resource::io_write,
        Resource::disk_growth, Resource::processes}) {
    const auto* block = policy.blocks.above.find(resource);
    INFO(info(resource).name);
    REQUIRE(block != nullptr);
    CHECK(block->origin == LimitOrigin::policy);
    CHECK_THAT(block->source, Catch::StartsWith("p.toml:"));
  }
  CHECK(policy.blocks.above.find(Resource::wall)->value == 48 * 3600);
  CHECK(!parsed("[blocks]\nno_limit = false\n").blocks.no_limit);
  CHECK(parsed("").caps.empty());
  const auto free = parsed("[blocks]\ndisk_growth = \"free\"\n").blocks;
  CHECK(free.beyond_free_disk == "p.toml:2");
  CHECK(free.above.empty());
}

TEST_CASE("policy: What it does not know is an error with file, line and the nearest key") {
  CHECK_THAT(refusal("[caps]\nmemory = \"8G\"\n"), Contains("p.toml:2") && Contains("caps.memory"));
  CHECK_THAT(refusal("[caps]\npid = 5\n"), Contains("did you mean caps.pids?"));
  CHECK_THAT(refusal("[block]\nno_limit = true\n"), Contains("did you mean blocks.no_limit?"));
  CHECK_THAT(refusal("[blocks]\nno_limits = true\n"), Contains("did you mean blocks.no_limit?"));
  CHECK_THAT(refusal("[caps]\noom_score = 5\n"), Contains("caps.oom_score"));
  CHECK_THAT(refusal("[defaults]\n"), Contains("p.toml:1") && Contains("defaults"));
  CHECK_THAT(refusal("[caps.mem.x]\n"), Contains("caps.mem"));
  CHECK_THAT(refusal("mem = \"8G\"\n"), Contains("p.toml:1"));
  CHECK_THAT(refusal("[caps\n"), Contains("p.toml:1"));
}

TEST_CASE("policy: A bad value is an error with file, line and key") {
  for (const std::string value : {"\"auto\"", "\"0\"", "8", "true", "[]", "\"8X\""})
    CHECK_THAT(refusal("[caps]\nmem = " + value + "\n"), Contains("p.toml:2: caps.mem"));
  for (const std::string value : {"1", "\"true\"", "[]"})
    CHECK_THAT(refusal("[blocks]\nno_limit = " + value + "\n"),
               Contains("p.toml:2: blocks.no_limit"));
  CHECK_THAT(refusal("[blocks]\ntime = 5\n"), Contains("p.toml:2: blocks.time"));
}

TEST_CASE("policy: It has to be root's own, and its directory too") {
  CHECK(objection(owned(0644, 0)).empty());
  CHECK(objection(owned(0600, 0)).empty());
  CHECK_THAT(objection(owned(0644, 1000)),
             Contains("uid 1000") && Contains("`chown root /etc/jobward/policy.toml`"));
  for (const mode_t mode : {0664U, 0646U, 0666U})
    CHECK_THAT(objection(owned(mode, 0)), Contains("`chmod go-w /etc/jobward/policy.toml`"));
  CHECK_THAT(objection(owned(0644, 0, 0777)), Contains("`chmod go-w /etc/jobward`"));
  CHECK_THAT(objection(owned(0644, 0, 01777)), Contains("mode 1777"));
  CHECK_THAT(objection(owned(0644, 0, 0755, 7)), Contains("`chown root /etc/jobward`"));
  auto fifo = owned(0644, 0);
  fifo.file.st_mode = S_IFIFO | 0644;
  CHECK_THAT(objection(fifo), Contains("no regular file"));
}

TEST_CASE("policy: Without a file there is none") {
  const TemporaryDirectory directory;
  for (const auto* name : {"policy.toml", "none/policy.toml"}) {
    const auto policy = load(directory.path(name));
    REQUIRE(policy);
    CHECK(policy->file.empty());
    CHECK(policy->warning.empty());
    CHECK(policy->policy.caps.empty());
  }
}

TEST_CASE("policy: Root's own file is in force") {
  const TemporaryDirectory directory;
  const auto file = directory.write("etc/policy.toml", kCap);
  check_in_force(load(file), file);
}

TEST_CASE("policy: A file that others can write is ignored, and the way to mend it is told") {
  const TemporaryDirectory directory;
  const auto file = directory.write("etc/policy.toml", kCap);
  REQUIRE(::chmod(file.c_str(), 0666) == 0);
  const auto policy = load(file);
  REQUIRE(policy);
  CHECK(policy->file.empty());
  CHECK(policy->policy.caps.empty());
  CHECK_THAT(policy->warning, Contains(file) && Contains("is ignored") && Contains("`ch"));
  REQUIRE(::chmod(file.c_str(), 0644) == 0);
  REQUIRE(::chmod(directory.path("etc").c_str(), 0777) == 0);
  CHECK_THAT(load(file)->warning, Contains("is ignored"));
}

TEST_CASE("policy: A file of somebody else's is ignored") {
  const TemporaryDirectory directory;
  const auto file = directory.write("etc/policy.toml", kCap);
  // Root gives it away; for others it is their own already.
  if (::geteuid() == 0) REQUIRE(::chown(file.c_str(), 1000, 1000) == 0);
  CHECK_THAT(load(file)->warning, Contains("chown root"));
}

TEST_CASE("policy: A symbolic link is ignored, and said") {
  const TemporaryDirectory directory;
  const auto real = directory.write("real.toml", kCap);
  const auto link = directory.path("policy.toml");
  REQUIRE(::symlink(real.c_str(), link.c_str()) == 0);
  CHECK_THAT(load(link)->warning, Contains("symbolic link"));
}

TEST_CASE("policy: A broken one is an error, never none") {
  const TemporaryDirectory directory;
  const auto file = directory.write("etc/policy.toml", "[caps]\nmem = \"lots\"\n");
  const auto policy = load(file);
  if (::geteuid() == 0) {
    REQUIRE(!policy);
    CHECK_THAT(policy.error().message(), Contains(file + ":2") && Contains("caps.mem"));
  } else {
    CHECK_THAT(policy->warning, Contains("chown root"));
  }
}

TEST_CASE("policy: JOBWARD_POLICY counts only where the system has none") {
  const TemporaryDirectory directory;
  const auto mine = directory.write("mine/policy.toml", kCap);
  const auto system = directory.path("etc/policy.toml");
  check_in_force(load(system, mine), mine);
  directory.write("etc/policy.toml", "");
  const auto policy = load(system, mine);
  REQUIRE(policy);
  CHECK(policy->policy.caps.empty());
  if (::geteuid() == 0) {
    CHECK(policy->file == system);
    CHECK_THAT(policy->warning, Contains("JOBWARD_POLICY is ignored"));
  }
  // Also where the system's own is not obeyed.
  REQUIRE(::chmod(system.c_str(), 0666) == 0);
  CHECK(load(system, mine)->policy.caps.empty());
  CHECK(load(system, mine)->file.empty());
}

TEST_CASE("policy: JOBWARD_POLICY must name a file that is there") {
  const TemporaryDirectory directory;
  const auto policy = load(directory.path("policy.toml"), directory.path("mine.toml"));
  REQUIRE(!policy);
  CHECK_THAT(policy.error().message(), Contains("JOBWARD_POLICY") && Contains("mine.toml"));
}

TEST_CASE("policy: The cap on all jobs together can be set, and only there is a bad value said") {
  const auto policy = jobward::cli::parse_policy("[aggregate]\nmemory = \"48G\"\n", "policy.toml");
  REQUIRE(policy);
  REQUIRE(policy->limits.aggregate);
  CHECK(policy->limits.aggregate->bytes == 48.0 * 1024 * 1024 * 1024);
  CHECK(policy->limits.aggregate->source == "policy.toml:2");
  const auto broken = jobward::cli::parse_policy("[aggregate]\nmemory = \"0%\"\n", "policy.toml");
  REQUIRE(!broken);
  CHECK_THAT(broken.error().message(), Catch::Contains("policy.toml:2"));
  const auto unknown = jobward::cli::parse_policy("[aggregate]\nmemroy = \"9G\"\n", "policy.toml");
  REQUIRE(!unknown);
  CHECK_THAT(unknown.error().message(), Catch::Contains("aggregate.memory"));
}
