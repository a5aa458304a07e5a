#include "agent/hooks/wrap.h"

#include <algorithm>

#include "agent/hooks/event.h"

namespace jobward::hooks {

std::string quoted_word(std::string_view bytes) {
  std::string out = "'";
  for (const char c : bytes) {
    if (c == '\'')
      out += "'\\''";
    else
      out += c;
  }
  return out + "'";
}

std::string claims_text(const std::map<std::string, std::string>& claims) {
  std::string out;
  auto object = Json::object();
  bool plain = true;
  for (const auto& [name, value] : claims) {
    if (value.empty()) continue;
    plain = plain && std::none_of(value.begin(), value.end(), [](char c) {
              return static_cast<unsigned char>(c) <= ' ' || c == ',' || c == 0x7f;
            });
    out += (out.empty() ? "" : ",") + name + "=" + value;
    object[name] = value;
  }
  return plain ? out : object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string wrapped(std::string_view command, const std::string& jobward,
                    const std::map<std::string, std::string>& claims) {
  std::string out = jobward + " run --no-wait";
  if (const auto text = claims_text(claims); !text.empty()) out += " --actor " + quoted_word(text);
  return out + " -- bash -c " + quoted_word(command);
}

}  // namespace jobward::hooks
