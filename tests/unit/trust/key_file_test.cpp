#include "trust/key_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "common/files.h"
#include "tests/support/temporary_directory.h"
#include "trust/passphrase.h"
#include "trust/store_key.h"

using namespace jobward;
using namespace jobward::trust;
using Catch::Contains;
using jobward::test::TemporaryDirectory;

TEST_CASE("key files: A key opens with its passphrase and with no other") {
  const TemporaryDirectory directory;
  KeyFiles files(directory.path());
  const auto made = files.make({"anna", "operator", false, {}, 7}, "correct horse").value();
  const std::string path = directory.path("keys/anna.key.json");
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  CHECK((facts.st_mode & 0777U) == 0600);
  const auto listed = files.list().value();
  REQUIRE(listed.keys.size() == 1);
  CHECK(listed.keys[0].key == made.key);
  CHECK(listed.keys[0].role == "operator");
  const auto key = files.open(made, "correct horse").value();
  CHECK(is_signed_by(made.key, "x", key.sign("x").value()));
  CHECK_THAT(files.open(made, "wrong").error().message(), Contains("passphrase is wrong"));
  CHECK_FALSE(files.open(made, std::nullopt));
}

TEST_CASE("key files: Only an agent's key is without a passphrase, and a name is taken once") {
  const TemporaryDirectory directory;
  KeyFiles files(directory.path());
  CHECK_THAT(files.make({"anna", "operator", false, {}, 0}, std::nullopt).error().message(),
             Contains("only an agent's key"));
  const auto made = files.make({"bot", "reviewer", true, {}, 0}, std::nullopt).value();
  CHECK(files.open(made, std::nullopt));
  CHECK_THAT(files.make({"bot", "reviewer", true, {}, 0}, std::nullopt).error().message(),
             Contains("it was kept"));
  CHECK_FALSE(files.make({"../x", "reviewer", true, {}, 0}, std::nullopt));
  directory.write("keys/broken.key.json", "{");
  CHECK(files.list().value().problems.size() == 1);
}

TEST_CASE("key files: The store's key is made once") {
  const TemporaryDirectory directory;
  CHECK_FALSE(store_public_key(directory.path()).value());
  const auto first = store_key(directory.path()).value().key();
  CHECK(store_key(directory.path()).value().key() == first);
  CHECK(store_public_key(directory.path()).value() == first);
  directory.write("keys/store.key", "nonsense");
  CHECK_THAT(store_key(directory.path()).error().message(), Contains("it is damaged"));
}

TEST_CASE("key files: A passphrase comes from a descriptor, one line of it") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const Fd in(ends[0]);
  const Fd out(ends[1]);
  REQUIRE(write_all(out.get(), "correct horse\nrest", "pipe"));
  CHECK(ask_passphrase("?", true, std::to_string(in.get())).value() == "correct horse");
  CHECK_FALSE(ask_passphrase("?", true, "no-number"));
}
