#include "profiles/secrets.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using jobward::profiles::mask_secrets;
using Words = std::vector<std::string>;

namespace {

std::string masked(const std::string& word) { return mask_secrets({"cmd", word}).at(1); }
std::string in_shell(const std::string& text) { return mask_secrets({"bash", "-lc", text}).at(2); }
void check_kept(const Words& argv) { CHECK(mask_secrets(argv) == argv); }

}  // namespace

TEST_CASE("secrets: The value behind a flag that names a secret") {
  CHECK(mask_secrets({"x", "--password", "hunter2", "y"}) == Words{"x", "--password", "***", "y"});
  for (const std::string flag :
       {"--api-key", "--apiKey", "--hf_token", "-token", "--client-secret", "--passwd",
        "--credential", "--credentials", "--db.password", "--access-key", "--pass"})
    CHECK(mask_secrets({"x", flag, "v4lue"}) == Words{"x", flag, "***"});
}

TEST_CASE("secrets: A flag that took no value hides no other") {
  check_kept({"x", "--password", "--verbose", "file"});
  check_kept({"x", "--password", "-v", "file"});
  check_kept({"docker", "login", "--password-stdin", "registry"});
  check_kept({"x", "--password"});
  CHECK(mask_secrets({"x", "--token", "-a1B2c3"}).at(2) == "***");
}

TEST_CASE("secrets: KEY=value") {
  CHECK(masked("--api-key=X") == "--api-key=***");
  CHECK(masked("--password=a b = c&d") == "--password=***");
  CHECK(masked("AWS_SECRET_ACCESS_KEY=X") == "AWS_SECRET_ACCESS_KEY=***");
  CHECK(masked("PGPASSWORD=x") == "PGPASSWORD=***");
  CHECK(masked("MYSQL_PWD=x") == "MYSQL_PWD=***");
  CHECK(masked("-Dspring.datasource.password=x") == "-Dspring.datasource.password=***");
  CHECK(masked("--env=GITHUB_TOKEN=x y") == "--env=GITHUB_TOKEN=***");
  CHECK(masked("Server=h;Password=p;Database=d") == "Server=h;Password=***;Database=d");
  CHECK(masked("https://h/p?a=1&token=abc&b=2") == "https://h/p?a=1&token=***&b=2");
  CHECK(masked("opt='x' password=\"a b\" z") == "opt='x' password=*** z");
}

TEST_CASE("secrets: Names that only sound like secrets") {
  check_kept(
      {"x", "--max-tokens", "4096", "--tokenizer", "bpe", "--num_tokens=5", "--no-password", "y"});
  check_kept({"x", "--password-file", "/run/secret", "--token-env", "GH", "--secret-name=db"});
  check_kept({"PWD=/home/u", "--keyboard=de", "--key", "v", "--compass=n", "-pass", "1"});
  check_kept(
      {"the password is kept", "a = b", "token", "secret", "=", "x=", "--password=", "TOKEN="});
  check_kept({"sk-learn-random-forest-v2", "sk-", "ghp_", "AKIA", "AKIAlower", "eyJ.eyJ", "xoxb-",
              "hf_hub"});
}

TEST_CASE("secrets: Passwords in URLs") {
  CHECK(masked("postgres://u:p@ss@host:5432/db") == "postgres://u:***@host:5432/db");
  CHECK(masked("--url=https://u:p@h/x") == "--url=https://u:***@h/x");
  CHECK(masked("redis://:p@h") == "redis://:***@h");
  CHECK(masked("a://u:p@h,b://v:q@i/") == "a://u:***@h,b://v:***@i/");
  CHECK(masked("a://u:p@h/,b://v:q@i/") == "a://u:***@h/,b://v:***@i/");
  check_kept({"http://host:8080/a@b", "git@host:repo", "ssh://git@host/r", "http://[::1]:80/",
              "u://a:@h"});
}

TEST_CASE("secrets: Tokens of known shapes") {
  for (const std::string token :
       {"ghp_abcdefghijklmnopqrstuvwxyz0123456789", "github_pat_11ABCDEFG0abcdefghij",
        "sk-abcdefghij0123456789ABCDEFGHIJ", "sk-ant-api03-abcDEF123", "sk-proj-abc_DEF-123",
        "AKIAIOSFODNN7EXAMPLE", "xoxb-123456789012-abcdef", "xoxp-1234567890",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_1", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."}) {
    CAPTURE(token);
    CHECK(masked(token) == "***");
    CHECK(masked("--x=" + token) == "--x=***");
    CHECK(masked("https://" + token + "@h/r") == "https://***@h/r");
  }
  CHECK(masked("keyghp_abcdefghijklmnop") == "keyghp_abcdefghijklmnop");
}

TEST_CASE("secrets: Headers") {
  CHECK(masked("Authorization: Bearer abc def") == "Authorization: ***");
  CHECK(masked("X-Api-Key: abc") == "X-Api-Key: ***");
  check_kept({"x", "Content-Type: text/plain", "note: the token"});
}

TEST_CASE("secrets: Options of single programs") {
  CHECK(mask_secrets({"curl", "-u", "me:pw", "h"}) == Words{"curl", "-u", "me:***", "h"});
  CHECK(mask_secrets({"/usr/bin/curl", "-ume:pw"}).at(1) == "-ume:***");
  CHECK(mask_secrets({"sshpass", "-p", "pw", "ssh", "h"}) ==
        Words{"sshpass", "-p", "***", "ssh", "h"});
  CHECK(mask_secrets({"mysql", "-ppw", "db"}) == Words{"mysql", "-p***", "db"});
  check_kept({"mysql", "-p", "db"});
  check_kept({"docker", "run", "-u", "1000:1000", "-p", "80:80"});
  check_kept({"curl", "-u", "me", "h"});
}

TEST_CASE("secrets: Inside the text of sh -c, all else byte for byte") {
  CHECK(in_shell("TOKEN=x  python t.py --password 'a b' >l 2>&1;y\n") ==
        "TOKEN=***  python t.py --password *** >l 2>&1;y\n");
  CHECK(in_shell("export A_TOKEN=\"a b\" && z") == "export A_TOKEN=*** && z");
  CHECK(in_shell("curl -H \"Authorization: Bearer abc\" -u 'me:pw' h") ==
        "curl -H \"Authorization: ***\" -u 'me:***' h");
  CHECK(in_shell("a $(b --token x) | c") == "a $(b --token ***) | c");
  CHECK(in_shell("TOKEN=x;b") == "TOKEN=***;b");
  CHECK(in_shell("sh -c \"b --token x\"") == "sh -c \"b --token ***\"");
  CHECK(in_shell("psql postgres://u:p@h/d") == "psql postgres://u:***@h/d");
  CHECK(in_shell("a 'unclosed --token x") == "a 'unclosed --token ***");
  CHECK(in_shell("echo don't use --token x") == "echo don't use --token ***");
  CHECK(in_shell("ssh h x\"run --token y\"z") == "ssh h x\"run --token ***");
  const std::string plain = "for i in 1 2; do echo \"$i\" | tee -a 'x y'; done  # done\t\n";
  CHECK(in_shell(plain) == plain);
  CHECK(mask_secrets({"ssh", "h", "run --token x"}).at(2) == "run --token ***");
}

TEST_CASE("secrets: Bytes that are no text stay") {
  check_kept({"\xff\xfe\n", "a\nb", "", " "});
  check_kept({});
  CHECK(masked("TOKEN=\xff") == "TOKEN=***");
}

TEST_CASE("secrets: Long hostile arguments are masked in reasonable time") {
  for (const std::string unit :
       {"a=", "'", "\"", "eyJ-", "sk-", "sk-1-", "://", "ghp_", "token=", "a '", "\\"}) {
    std::string argument;
    while (argument.size() < 130000)
      argument += unit;
    CHECK(mask_secrets({"sh", "-c", argument, argument}).size() == 4);
  }
}
