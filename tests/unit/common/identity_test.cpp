#include "common/identity.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>

using namespace jobward;

TEST_CASE("identity: A run id is ten characters of Crockford's alphabet") {
  const auto id = new_run_id();
  REQUIRE(id);
  CHECK(id->size() == 10);
  CHECK(id->find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz") == std::string::npos);
}

TEST_CASE("identity: Run ids differ and use the whole alphabet from the first character on") {
  std::set<std::string> ids;
  std::set<char> firsts;
  for (int i = 0; i < 2000; ++i) {
    const auto id = new_run_id().value();
    ids.insert(id);
    firsts.insert(id.front());
  }
  CHECK(ids.size() == 2000);
  CHECK(firsts.size() == 32);  // that one is missing by chance: once in 10^26
}

TEST_CASE("identity: SHA-256 gives the digests of FIPS 180-4") {
  CHECK(sha256_hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(sha256_hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(sha256_hex(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("identity: A digest in pieces is that of the whole") {
  Sha256 hash;
  hash.add("ab");
  hash.add("");
  hash.add("c");
  CHECK(hash.hex() == sha256_hex("abc"));
  Sha256 bytes;
  bytes.add("abc");
  CHECK(bytes.bytes().substr(0, 2) == "\xba\x78");
  CHECK(Sha256().hex() == sha256_hex(""));
}
