// What must not be written into a record.
#pragma once

#include <string>
#include <vector>

namespace jobward::profiles {

// argv with what looks like a secret replaced by "***": the value of a flag or KEY=value whose name
// speaks of a password, token, secret, credential or API key (--password X, --api-key=X,
// AWS_SECRET_ACCESS_KEY=X), the password in a URL (scheme://user:***@host), and words of well-known
// shapes (ghp_…, sk-…, AKIA…, xox.-…, JWTs). So is what a header says after such a name
// ("Authorization: …"), and the password that curl -u, sshpass -p and mysql -p take. Applies inside
// the text of `sh -c` as well. The rest stays byte for byte.
std::vector<std::string> mask_secrets(const std::vector<std::string>& argv);

}  // namespace jobward::profiles
