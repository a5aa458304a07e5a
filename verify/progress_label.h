// What a check is at, for the thread that shows it.
#pragma once

#include <mutex>
#include <string>
#include <utility>

namespace jobward::verify {

// What the progress line names.
class ProgressLabel {
 public:
  void set(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
  }
  std::string get() {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

}  // namespace jobward::verify
