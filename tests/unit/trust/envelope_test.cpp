#include "trust/envelope.h"

#include <catch2/catch.hpp>

#include "trust/encoding.h"

using namespace jobward;
using namespace jobward::trust;
using Catch::Contains;

namespace {

TrustedKey trusted(const SecretKey& key, const std::string& name = "anna") {
  return {key.key(), name, "operator", false, "policy.toml:1"};
}

std::string why_not(const Envelope& envelope, std::string_view type, const TrustedKeys& keys,
                    int threshold) {
  const auto payload = opened(envelope, type, keys, threshold);
  return payload ? "" : payload.error().message();
}

}  // namespace

TEST_CASE("envelope: The bytes that are signed are those of DSSE's own test vector") {
  CHECK(pre_authentication("http://example.com/HelloWorld", "hello world") ==
        "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

TEST_CASE("envelope: What a trusted key has signed comes out as it went in") {
  const auto key = SecretKey::generate();
  const auto envelope = seal(payload_type::kOverride, "{\"a\":1}", key).value();
  const auto again = read_envelope(to_json(envelope)).value();
  CHECK(opened(again, payload_type::kOverride, {trusted(key)}, 1).value() == "{\"a\":1}");
}

TEST_CASE("envelope: A signature for one purpose is none for another") {
  const auto key = SecretKey::generate();
  auto envelope = seal(payload_type::kReview, "{}", key).value();
  CHECK_THAT(why_not(envelope, payload_type::kOverride, {trusted(key)}, 1),
             Contains("it is signed for"));
  envelope.payload_type = payload_type::kOverride;  // relabelled: the signature covers the type
  CHECK_THAT(why_not(envelope, payload_type::kOverride, {trusted(key)}, 1), Contains("0 of the 1"));
}

TEST_CASE("envelope: One bit flipped anywhere is refused") {
  const auto key = SecretKey::generate();
  const auto envelope = seal(payload_type::kOverride, "{\"max_uses\":1}", key).value();
  for (std::size_t at = 0; at < envelope.payload.size(); ++at) {
    auto other = envelope;
    other.payload[at] = static_cast<char>(other.payload[at] ^ 1);
    CHECK(why_not(other, payload_type::kOverride, {trusted(key)}, 1) != "");
  }
  for (std::size_t at = 0; at < 64; ++at) {
    auto other = envelope;
    other.signatures[0].bytes[at] = static_cast<char>(other.signatures[0].bytes[at] ^ 0x10);
    CHECK(why_not(other, payload_type::kOverride, {trusted(key)}, 1) != "");
  }
}

TEST_CASE("envelope: An unknown key counts for nothing, whatever it calls itself") {
  const auto known = SecretKey::generate();
  const auto stranger = SecretKey::generate();
  auto envelope = seal(payload_type::kOverride, "{}", stranger).value();
  envelope.signatures[0].keyid = key_id(known.key());
  CHECK_THAT(why_not(envelope, payload_type::kOverride, {trusted(known)}, 1),
             Contains("0 of the 1"));
}

TEST_CASE("envelope: Two of three are two different keys") {
  const auto anna = SecretKey::generate();
  const auto ben = SecretKey::generate();
  const auto cleo = SecretKey::generate();
  const TrustedKeys keys{trusted(anna, "anna"), trusted(ben, "ben"), trusted(cleo, "cleo"),
                         trusted(anna, "anna again")};
  auto envelope = seal(payload_type::kReview, "{}", anna).value();
  REQUIRE(add_signature(envelope, anna));
  CHECK_THAT(why_not(envelope, payload_type::kReview, keys, 2), Contains("1 of the 2"));
  REQUIRE(add_signature(envelope, cleo));
  CHECK(opened(envelope, payload_type::kReview, keys, 2));
  CHECK(why_not(envelope, payload_type::kReview, keys, 3) != "");
}

TEST_CASE("envelope: No threshold is met by nobody") {
  const auto key = SecretKey::generate();
  const Envelope bare{"{}", std::string(payload_type::kReview), {}};
  CHECK(why_not(bare, payload_type::kReview, {trusted(key)}, 0) != "");
}

TEST_CASE("envelope: What is not exactly one is an error that says why") {
  const auto problem = [](const std::string& text) {
    const auto envelope = read_envelope(text);
    return envelope ? std::string() : envelope.error().message();
  };
  const std::string sig = R"([{"keyid":"","sig":"AAAA"}])";
  CHECK(read_envelope(R"({"payload":"e30=","payloadType":"x","signatures":)" + sig + "}"));
  CHECK_THAT(problem("{"), Contains("no JSON"));
  CHECK_THAT(problem("[]"), Contains("nothing else"));
  CHECK_THAT(problem(R"({"payload":"e30=","payloadType":"x"})"), Contains("nothing else"));
  CHECK_THAT(problem(R"({"payload":"e30=","payloadType":"x","signatures":[],"more":1})"),
             Contains("nothing else"));
  CHECK_THAT(problem(R"({"payload":"e30","payloadType":"x","signatures":[]})"),
             Contains("no base64"));
  CHECK_THAT(problem(R"({"payload":"e30=","payloadType":"x","signatures":[{"sig":"AAAA"}]})"),
             Contains("keyid and sig"));
  CHECK_THAT(problem(std::string(2U << 20U, ' ')), Contains("1 MiB"));
}

TEST_CASE("envelope: Ed25519 and SHA-256 are those of the standards") {
  // RFC 8032, 7.1, test 2.
  const auto key =
      SecretKey::from_seed(
          from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb").value())
          .value();
  CHECK(hex(key.key().point) == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  CHECK(hex(key.sign("\x72").value()) ==
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  // FIPS 180-4, "abc".
  CHECK(hex(sha256("ab", "c")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
