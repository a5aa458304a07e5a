#include "trust/sshsig.h"

#include <catch2/catch.hpp>

#include "trust/encoding.h"
#include "trust/envelope.h"
#include "trust/ssh_wire.h"

using namespace jobward;
using namespace jobward::trust;

namespace {

// Made with OpenSSH: printf hello > m; ssh-keygen -Y sign -n jobward -f k m
constexpr const char* kKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOzGF0wx3LNL9jumPiTdpEIyAG0GN5Nw28AltCh8Zf9G ";
constexpr const char* kSignature =
    "-----BEGIN SSH SIGNATURE-----\n"
    "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg7MYXTDHcs0v2O6Y+JN2kQjIAbQ\n"
    "Y3k3DbwCW0KHxl/0YAAAAHam9id2FyZAAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQy\n"
    "NTUxOQAAAEBqJPQPpMAwS5j2PwR1fSvXqb4c3b3WNuZ5VXquVdK18JpX2k04jl5CF02Ha+\n"
    "3LBUp3qzKHJljM82mtVWbpqh0L\n"
    "-----END SSH SIGNATURE-----\n";
// The same with -n file.
constexpr const char* kForFiles =
    "-----BEGIN SSH SIGNATURE-----\n"
    "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAg7MYXTDHcs0v2O6Y+JN2kQjIAbQ\n"
    "Y3k3DbwCW0KHxl/0YAAAAEZmlsZQAAAAAAAAAGc2hhNTEyAAAAUwAAAAtzc2gtZWQyNTUx\n"
    "OQAAAEAxgoT1+gzSJG6q0j1BLHa9HKZX5JjINkS5hE0V7PN7NjViUUHiwUgoKYAYxXveIU\n"
    "S2IqGNM4XBREcqgjgejGkB\n"
    "-----END SSH SIGNATURE-----\n";

// What a FIDO token answers (PROTOCOL.u2f), made by hand.
std::string by_token(const SecretKey& secret, const PublicKey& key, std::string_view message,
                     std::uint8_t flags) {
  SshWriter text;
  text.raw(sha256(key.application)).byte(flags).number(7);
  text.raw(sha256(sshsig_message("sha512", message)));
  SshWriter answer;
  answer.string("sk-ssh-ed25519@openssh.com").string(secret.sign(text.text()).value());
  answer.byte(flags).number(7);
  return sshsig_blob(key, "sha512", answer.text()).value();
}

}  // namespace

TEST_CASE("sshsig: What ssh-keygen signs is accepted, with and without armour") {
  const auto key = read_key_line(kKey).value();
  CHECK(key_id(key) == "SHA256:" + key_id(key).substr(7));
  CHECK(is_signed_by(key, "hello", kSignature));
  CHECK_FALSE(is_signed_by(key, "hellO", kSignature));
  CHECK(key_line(key) + " " == kKey);
}

TEST_CASE("sshsig: A signature for another namespace is none of ours") {
  const auto key = read_key_line(kKey).value();
  REQUIRE(read_sshsig(kForFiles));
  CHECK_FALSE(is_signed_by(key, "hello", kForFiles));
}

TEST_CASE("sshsig: A flipped bit, or another key, is refused") {
  const auto key = read_key_line(kKey).value();
  auto other = key;
  other.point[3] = static_cast<char>(other.point[3] ^ 1);
  CHECK_FALSE(is_signed_by(other, "hello", kSignature));
  std::string body;
  for (const char c : std::string(kSignature).substr(30, 294 - 30))
    if (c != '\n') body += c;
  const auto cut = body.substr(0, body.find("-----"));
  auto blob = from_base64(cut).value();
  REQUIRE(is_signed_by(key, "hello", blob));
  for (std::size_t at = 0; at < blob.size(); ++at) {
    auto changed = blob;
    changed[at] = static_cast<char>(changed[at] ^ 4);
    INFO(at);
    CHECK_FALSE(is_signed_by(key, "hello", changed));
  }
}

TEST_CASE("sshsig: A raw Ed25519 signature does not pass for one of SSH, nor the other way") {
  const auto secret = SecretKey::generate();
  PublicKey as_ssh = secret.key();
  as_ssh.kind = KeyKind::ssh_ed25519;
  const auto raw = secret.sign("hello").value();
  CHECK(is_signed_by(secret.key(), "hello", raw));
  CHECK_FALSE(is_signed_by(as_ssh, "hello", raw));
  auto own = read_key_line(kKey).value();
  own.kind = KeyKind::ed25519;
  CHECK_FALSE(is_signed_by(own, "hello", kSignature));
}

TEST_CASE("sshsig: A token's signature counts if somebody was there") {
  const auto secret = SecretKey::generate();
  PublicKey key{KeyKind::sk_ssh_ed25519, secret.key().point, "ssh:"};
  CHECK(read_key_line(key_line(key)).value() == key);
  CHECK(is_signed_by(key, "hello", by_token(secret, key, "hello", 1)));
  CHECK(is_signed_by(key, "hello", by_token(secret, key, "hello", 5)));
  CHECK_FALSE(is_signed_by(key, "hello", by_token(secret, key, "hello", 0)));
  auto elsewhere = key;
  elsewhere.application = "ssh:other";
  CHECK_FALSE(is_signed_by(elsewhere, "hello", by_token(secret, key, "hello", 1)));
}

TEST_CASE("sshsig: An envelope signed by an SSH agent's key opens") {
  const auto secret = SecretKey::generate();
  const PublicKey key{KeyKind::sk_ssh_ed25519, secret.key().point, "ssh:"};
  Envelope envelope{"{}", std::string(payload_type::kOverride), {}};
  envelope.signatures.push_back(
      {"", by_token(secret, key, pre_authentication(envelope.payload_type, "{}"), 1)});
  CHECK(opened(envelope, payload_type::kOverride, {{key, "anna", "operator", false, ""}}, 1));
}
