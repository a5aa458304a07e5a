// Lines of a watchdog's journal, as docs/watchdog.md has them.
#pragma once

#include <string>

namespace jobward::test {

inline const std::string kInstance = "0123456789abcdef";

inline std::string watchdog_line(int seq, const std::string& severity, const std::string& event,
                                 const std::string& more = "",
                                 const std::string& instance = kInstance) {
  return R"({"schema_version":1,"instance":")" + instance + R"(","seq":)" + std::to_string(seq) +
         R"(,"time_ms":)" + std::to_string(1'700'000'000'000 + seq * 1000LL) +
         R"(,"boot_id":"b","watchdog_pid":77,"severity":")" + severity + R"(","event":")" + event +
         R"(","message":"it is )" + event + "\"" + (more.empty() ? "" : "," + more) + "}";
}

inline std::string kill_line(int seq, const std::string& run, bool dry_run = false) {
  return watchdog_line(
      seq, "WARN", "kill",
      std::string(R"("level":"term","dry_run":)") + (dry_run ? "true" : "false") +
          R"(,"snapshot":{"memory_total_bytes":34359738368,"memory_available_bytes":1073741824,)"
          R"("swap_total_bytes":2147483648,"swap_free_bytes":0,"pressure_full_avg10":12.5,)"
          R"("threshold_bytes":2147483648},"victim":{"unit":"job","run":")" +
          run +
          R"(","pid":4242,"uid":1000,"name":"train.py","exe":"/usr/bin/python3",)"
          R"("size_bytes":10737418240},"candidates":[)"
          R"({"unit":"job","run":")" +
          run +
          R"(","size_bytes":10737418240,"chosen":true,"why":"largest"},)"
          R"({"unit":"process","pid":99,"uid":0,"name":"chrome","size_bytes":1073741824,)"
          R"("chosen":false,"why":"smaller"},)"
          R"({"unit":"process","pid":5,"uid":0,"name":"sshd","size_bytes":1048576,)"
          R"("chosen":false,"why":"protected by rule exe:*/sshd"}],)"
          R"("signals":[{"signal":"TERM","time_ms":1700000001000}])");
}

inline std::string outcome_line(int seq, int action, bool worked = true) {
  const std::string fields = R"("action":)" + std::to_string(action) +
                             R"(,"signals":[{"signal":"TERM","time_ms":1700000001000},)"
                             R"({"signal":"KILL","time_ms":1700000006000}],)";
  return watchdog_line(seq, worked ? "INFO" : "HARD_FAIL", "outcome",
                       fields + (worked ? R"("exited_after_ms":5300,"freed_bytes":10737418240,)"
                                          R"("available_after_bytes":11811160064,"verified":true)"
                                        : R"("freed_bytes":0,"verified":false)"));
}

}  // namespace jobward::test
