#include "cli/policy_edit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "common/files.h"
#include "common/identity.h"
#include "common/text.h"

namespace jobward::cli {
namespace {

Result<std::string> quoted(const std::string& text) {
  if (printable(text) != text || text.size() > 1000)
    return error("write", "\"" + printable(text) + "\"", "only printable characters, 1000 at most");
  std::string out = "\"";
  for (const char c : text)
    out += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return out + "\"";
}

// Readable for all, as the system's has to be; 0755 for its directory.
Status make_readable_directory(const std::string& file) {
  const std::string directory = file.substr(0, file.rfind('/'));
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST)
    return errno_error("create directory", printable(directory));
  return {};
}

}  // namespace

Result<std::string> trusted_key_text(const trust::KeyInfo& info) {
  auto name = quoted(info.name);
  auto role = quoted(info.role);
  if (!name) return name;
  if (!role) return role;
  return "\n[[keys]]\nname = " + *name + "\nrole = " + *role + "\nkey = \"" +
         trust::key_line(info.key) + "\"\n" + (info.agent ? "agent = true\n" : "");
}

Result<std::string> revoked_key_text(const std::string& id, const std::string& reason) {
  if (reason.empty()) return "\n[[revoked]]\nkey = \"" + id + "\"\n";
  auto why = quoted(reason);
  if (!why) return why;
  return "\n[[revoked]]\nkey = \"" + id + "\"\nreason = " + *why + "\n";
}

Result<std::string> append_to_policy(TrustDesk& desk, const std::string& addition, bool system) {
  const bool new_one = desk.policy.file.empty() || (system && desk.policy.from_project);
  const std::string file = !new_one ? desk.policy.file
                           : system ? std::string(kSystemPolicy)
                                    : desk.project.root + "/" + kProjectPolicy;
  std::string text;
  if (new_one && ::access(file.c_str(), F_OK) == 0)
    return error("change", "the policy " + printable(file), "it is not in force; mend it first");
  if (!new_one) {
    auto old = read_file(file, 1U << 20U);
    if (!old) return old;
    text = std::move(*old);
    if (sha256_hex(text) != desk.policy.sha256)
      return error("change", "the policy " + printable(file), "it is being changed; try again");
    if (!text.empty() && text.back() != '\n') text += '\n';
  }
  text += addition;
  auto parsed = parse_policy(text, file);
  if (!parsed) return rethrow(std::move(parsed).error(), "nothing was written");
  JOBWARD_RETURN_IF_ERROR(make_readable_directory(file));
  JOBWARD_RETURN_IF_ERROR(write_file_atomic(file, text));
  if (new_one && ::chmod(file.c_str(), 0644) != 0)
    return errno_error("set the mode of", printable(file));
  desk.policy.file = file;
  desk.policy.sha256 = sha256_hex(text);
  JOBWARD_RETURN_IF_ERROR(note_policy(desk));
  return file;
}

}  // namespace jobward::cli
