#include "trust/ssh_agent.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "common/files.h"
#include "common/text.h"
#include "trust/ssh_wire.h"
#include "trust/sshsig.h"

namespace jobward::trust {
namespace {

// draft-miller-ssh-agent, section 6.1.
constexpr std::uint8_t kRequestIdentities = 11;
constexpr std::uint8_t kIdentitiesAnswer = 12;
constexpr std::uint8_t kSignRequest = 13;
constexpr std::uint8_t kSignResponse = 14;
constexpr std::uint32_t kLongestAnswer = 256U << 10U;  // OpenSSH's own bound
constexpr int kPatienceMs = 120000;

Result<std::string> read_exactly(int fd, std::size_t count) {
  std::string out;
  std::array<char, 4096> buffer{};
  while (out.size() < count) {
    pollfd entry{fd, POLLIN, 0};
    const int ready = ::poll(&entry, 1, kPatienceMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return error("read from", "the SSH agent", "nothing came within two minutes");
    const ssize_t got = ::read(fd, buffer.data(), std::min(buffer.size(), count - out.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read from", "the SSH agent");
    if (got == 0) return error("read from", "the SSH agent", "it hung up");
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return out;
}

}  // namespace

Result<std::shared_ptr<SshAgent>> SshAgent::connect(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.empty() || socket.size() >= sizeof address.sun_path)
    return error("connect to", "the SSH agent", "SSH_AUTH_SOCK does not name a socket");
  std::memcpy(address.sun_path, socket.data(), socket.size());
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error("open", "a socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return errno_error("connect to", "the SSH agent at " + printable(socket));
  return std::shared_ptr<SshAgent>(new SshAgent(std::move(fd)));
}

Result<std::string> SshAgent::ask(const std::string& request) {
  JOBWARD_RETURN_IF_ERROR(
      write_all(fd_.get(), SshWriter().string(request).text(), "the SSH agent"));
  auto head = read_exactly(fd_.get(), 4);
  if (!head) return head;
  const auto size = SshReader(*head).number().value_or(0);
  if (size == 0 || size > kLongestAnswer)
    return error("read from", "the SSH agent", "its answer has an impossible length");
  return read_exactly(fd_.get(), size);
}

Result<std::vector<AgentKey>> SshAgent::keys() {
  auto answer = ask(SshWriter().byte(kRequestIdentities).text());
  if (!answer) return tl::unexpected(std::move(answer).error());
  SshReader in(*answer);
  const auto broken = [] { return error("read from", "the SSH agent", "its list is broken"); };
  if (in.byte() != kIdentitiesAnswer) return broken();
  const auto count = in.number();
  if (!count) return broken();
  std::vector<AgentKey> out;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto blob = in.string();
    const auto comment = in.string();
    if (!blob || !comment) return broken();
    if (auto key = read_ssh_blob(*blob)) out.push_back({std::move(*key), printable(*comment)});
  }
  return out;
}

Result<std::string> SshAgent::sign(const PublicKey& key, std::string_view message) {
  static constexpr std::string_view kHash = "sha512";
  SshWriter request;
  request.byte(kSignRequest).string(ssh_blob(key)).string(sshsig_message(kHash, message)).number(0);
  auto answer = ask(request.text());
  if (!answer) return answer;
  SshReader in(*answer);
  const auto kind = in.byte();
  const auto signature = in.string();
  const auto blob =
      kind == kSignResponse && signature ? sshsig_blob(key, kHash, *signature) : std::nullopt;
  if (!blob)
    return error("sign with", "the SSH agent",
                 "it refused (not confirmed, locked, or the key is not there any more)");
  return *blob;
}

}  // namespace jobward::trust
