// A replay reads what hundreds of thousands of runs taught: event by event, without a tree of JSON
// values, which would cost more than all the rest of it.
#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "profiles/run_codec.h"

namespace jobward::profiles {
namespace {

using Json = nlohmann::json;

// {"features": {NAME: number}, "used": {RESOURCE: {"value": …, "censored": …, "ended_early": …}}}
class ObservationReader final : public nlohmann::json_sax<Json> {
 public:
  Observation take() { return std::move(out_); }
  [[nodiscard]] bool complete() const { return features_ && used_; }
  [[nodiscard]] const std::string& problem() const { return problem_; }

  bool key(std::string& name) override {
    if (depth_ >= 1 && depth_ <= kDeepest) path_.at(depth_ - 1) = std::move(name);
    return true;
  }
  bool start_object(std::size_t) override {
    if (++depth_ > kDeepest) return refuse("an object too deep");
    if (depth_ == 2) (section() == "features" ? features_ : used_) = true;
    value_.reset();
    censored_.reset();
    ended_early_ = false;
    return true;
  }
  bool end_object() override {
    const bool complete = depth_ != kDeepest || section() != "used" || keep_used();
    --depth_;
    return complete;
  }
  bool number_float(double value, const std::string&) override { return keep_number(value); }
  bool number_integer(std::int64_t value) override {
    return keep_number(static_cast<double>(value));
  }
  bool number_unsigned(std::uint64_t value) override {
    return keep_number(static_cast<double>(value));
  }
  bool boolean(bool value) override {
    if (depth_ != kDeepest) return refuse("a truth value");
    if (field() == "censored") censored_ = value;
    if (field() == "ended_early") ended_early_ = value;
    return true;
  }
  bool null() override { return refuse("null"); }
  bool string(std::string&) override { return refuse("a text"); }
  bool binary(binary_t&) override { return refuse("bytes"); }
  bool start_array(std::size_t) override { return refuse("a list"); }
  bool end_array() override { return true; }
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& broken) override {
    return refuse(broken.what());
  }

 private:
  static constexpr std::size_t kDeepest = 3;

  [[nodiscard]] const std::string& section() const { return path_[0]; }
  [[nodiscard]] const std::string& name() const { return path_[1]; }
  [[nodiscard]] const std::string& field() const { return path_[2]; }

  bool refuse(const std::string& what) {
    problem_ = what + (depth_ > 0 ? " in " + section() : "");
    return false;
  }
  bool keep_number(double value) {
    if (!std::isfinite(value)) return refuse("a number that is not finite");
    if (depth_ == 2 && section() == "features")
      out_.features[name()] = value;
    else if (depth_ == kDeepest && field() == "value")
      value_ = value;
    else
      return refuse("a number");
    return true;
  }
  bool keep_used() {
    if (!value_ || !censored_) return refuse("no value of " + name());
    const auto resource = resource_from(name());  // else one that a newer version knows
    // Earlier versions wrote what a disk had shrunk by; it took nothing.
    if (resource == Resource::disk_growth) value_ = std::max(*value_, 0.0);
    if (*value_ < 0) return refuse("a negative value of " + name());
    if (resource) out_.used.set(*resource, {*value_, *censored_, ended_early_});
    return true;
  }

  Observation out_;
  bool features_ = false;  // these parts were there
  bool used_ = false;
  std::string problem_;
  std::array<std::string, kDeepest> path_;
  std::size_t depth_ = 0;
  std::optional<double> value_;
  std::optional<bool> censored_;
  bool ended_early_ = false;
};

}  // namespace

Result<Observation> decode_observation(std::string_view text) {
  ObservationReader reader;
  if (!Json::sax_parse(text, &reader)) return error("read", "what a run taught", reader.problem());
  if (!reader.complete()) return error("read", "what a run taught", "a part of it is missing");
  return reader.take();
}

}  // namespace jobward::profiles
