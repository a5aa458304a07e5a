#include "estimator/kind_state.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

namespace jobward::estimator {
namespace {

using profiles::Observation;
using profiles::Observed;

constexpr std::uint8_t kVersion = 2;
constexpr std::size_t kLongestName = 255;
constexpr float kAbsent = std::numeric_limits<float>::quiet_NaN();
constexpr std::size_t kHeader = 1 + 8 + 1 + 2 + 1;  // version, total, features, runs, resources

Told told_by(const Observed& used) {
  if (!used.censored) return Told::measured;
  return used.ended_early ? Told::at_least : Told::more_than;
}

// Layout: version u8, total u64, features u8, runs u16, resources u8; a feature: length u8, name,
// runs × f32 (NaN: absent); a resource: its number u8, runs × u8, runs × f32; the calibration.
template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <class T>
void put_column(std::string& out, const std::vector<T>& column) {
  out.append(reinterpret_cast<const char*>(column.data()), column.size() * sizeof(T));
}

// Reads past the end give zeroes and set failed().
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  template <class T>
  T take() {
    T value{};
    copy(&value, sizeof value);
    return value;
  }
  template <class T>
  void column(std::vector<T>& out, std::size_t count) {
    out.resize(count);
    copy(out.data(), count * sizeof(T));
  }
  std::string_view text(std::size_t size) {
    const auto out = bytes_.substr(0, size);
    if (bytes_.size() < size) failed_ = true;
    bytes_.remove_prefix(out.size());
    return out;
  }
  std::string_view rest() { return text(bytes_.size()); }
  [[nodiscard]] bool failed() const { return failed_; }
  void fail() { failed_ = true; }

 private:
  void copy(void* to, std::size_t size) {
    if (size == 0) return;
    if (bytes_.size() < size) {
      failed_ = true;
      return;
    }
    std::memcpy(to, bytes_.data(), size);
    bytes_.remove_prefix(size);
  }

  std::string_view bytes_;
  bool failed_ = false;
};

bool is_sound(const KindState::ResourceColumn& column) {
  for (std::size_t i = 0; i < column.told.size(); ++i) {
    if (column.told[i] > Told::at_least) return false;
    if (!std::isfinite(column.values[i]) || column.values[i] < 0) return false;
  }
  return true;
}

}  // namespace

float kept(double value) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(value, -kLargest, kLargest));
}

const KindState::FeatureColumn* KindState::feature(std::string_view name) const {
  const auto at = std::lower_bound(
      features_.begin(), features_.end(), name,
      [](const FeatureColumn& column, std::string_view wanted) { return column.name < wanted; });
  return at != features_.end() && at->name == name ? &*at : nullptr;
}

Observation KindState::observation(std::size_t run) const {
  Observation out;
  for (const auto& column : features_)
    if (!std::isnan(column.values[run]))
      out.features[column.name] = static_cast<double>(column.values[run]);
  for (const auto& entry : kResources) {
    const auto& column = resource(entry.resource);
    if (column.told.empty() || column.told[run] == Told::nothing) continue;
    const auto told = column.told[run];
    out.used.set(entry.resource, {static_cast<double>(column.values[run]), told != Told::measured,
                                  told == Told::at_least});
  }
  return out;
}

void KindState::learn(const Observation& observation) {
  ++total_;
  if (size_ == kWindow) forget(dispensable());
  for (auto& column : features_)
    column.values.push_back(kAbsent);
  for (const auto& [name, value] : observation.features) {
    // A name too long or one too many only costs a predictor.
    if (name.size() > kLongestName || !std::isfinite(value)) continue;
    auto at = std::lower_bound(features_.begin(), features_.end(), name,
                               [](const FeatureColumn& column, const std::string& wanted) {
                                 return column.name < wanted;
                               });
    if (at == features_.end() || at->name != name) {
      if (features_.size() == kMaxFeatures) continue;
      const std::size_t names = std::accumulate(
          features_.begin(), features_.end(), name.size(),
          [](std::size_t sum, const FeatureColumn& column) { return sum + column.name.size(); });
      if (names > kMaxNameBytes) continue;
      at = features_.insert(at, {name, std::vector<float>(size_ + 1, kAbsent)});
    }
    at->values.back() = kept(value);
  }
  for (const auto& entry : kResources) {
    auto& column = resources_[static_cast<std::size_t>(entry.resource)];
    const auto* used = observation.used.find(entry.resource);
    const bool tells = used != nullptr && std::isfinite(used->value) && used->value >= 0;
    if (!tells && column.told.empty()) continue;
    column.told.resize(size_, Told::nothing);
    column.values.resize(size_, 0);
    column.told.push_back(tells ? told_by(*used) : Told::nothing);
    column.values.push_back(tells ? kept(used->value) : 0);
  }
  ++size_;
  while (size_ > 1 && encoded_size() > kMaxBytes)
    forget(dispensable());
}

std::size_t KindState::dispensable() const {
  const auto& told = resource(Resource::memory).told;
  const auto is_ended = [](Told what) { return what == Told::more_than || what == Told::at_least; };
  const auto ended = static_cast<std::size_t>(std::count_if(told.begin(), told.end(), is_ended));
  if (2 * ended <= size_) return 0;
  return static_cast<std::size_t>(std::find_if(told.begin(), told.end(), is_ended) - told.begin());
}

void KindState::forget(std::size_t run) {
  const auto at = static_cast<std::ptrdiff_t>(run);
  for (auto& column : features_)
    column.values.erase(column.values.begin() + at);
  for (auto& column : resources_) {
    if (column.told.empty()) continue;
    column.told.erase(column.told.begin() + at);
    column.values.erase(column.values.begin() + at);
  }
  --size_;
  drop_unused_features();
}

void KindState::drop_unused_features() {
  std::erase_if(features_, [](const FeatureColumn& column) {
    return std::all_of(column.values.begin(), column.values.end(),
                       [](float value) { return std::isnan(value); });
  });
}

std::size_t KindState::encoded_size() const {
  std::size_t bytes = kHeader + calibration_.encoded_size();
  for (const auto& column : features_)
    bytes += 1 + column.name.size() + sizeof(float) * size_;
  for (const auto& column : resources_)
    if (!column.told.empty()) bytes += 1 + (1 + sizeof(float)) * size_;
  return bytes;
}

std::string KindState::encode() const {
  std::string out;
  out.reserve(encoded_size());
  put(out, kVersion);
  put(out, total_);
  put(out, static_cast<std::uint8_t>(features_.size()));
  put(out, static_cast<std::uint16_t>(size_));
  put(out, static_cast<std::uint8_t>(
               std::count_if(resources_.begin(), resources_.end(),
                             [](const ResourceColumn& column) { return !column.told.empty(); })));
  for (const auto& column : features_) {
    put(out, static_cast<std::uint8_t>(column.name.size()));
    out += column.name;
    put_column(out, column.values);
  }
  for (std::size_t i = 0; i < resources_.size(); ++i) {
    if (resources_[i].told.empty()) continue;
    put(out, static_cast<std::uint8_t>(i));
    put_column(out, resources_[i].told);
    put_column(out, resources_[i].values);
  }
  calibration_.encode(out);
  return out;
}

Result<KindState> KindState::decode(std::string_view bytes) {
  KindState state;
  if (bytes.empty()) return state;
  Reader in(bytes);
  if (const auto version = in.take<std::uint8_t>(); version != kVersion)
    return error("read", "learned state",
                 "version " + std::to_string(version) + " is not known here");
  state.total_ = in.take<std::uint64_t>();
  const std::size_t features = in.take<std::uint8_t>();
  state.size_ = in.take<std::uint16_t>();
  std::size_t resources = in.take<std::uint8_t>();
  if (state.size_ > kWindow || features > kMaxFeatures || resources > kResources.size()) in.fail();
  for (std::size_t i = 0; i < features && !in.failed(); ++i) {
    FeatureColumn column;
    column.name = in.text(in.take<std::uint8_t>());
    in.column(column.values, state.size_);
    if (!state.features_.empty() && state.features_.back().name >= column.name) in.fail();
    for (const float value : column.values)
      if (std::isinf(value)) in.fail();
    state.features_.push_back(std::move(column));
  }
  for (std::size_t last = 0; resources > 0 && !in.failed(); --resources) {
    const std::size_t number = in.take<std::uint8_t>();
    if (number >= kResources.size() || number + 1 <= last || state.size_ == 0) {
      in.fail();
      break;
    }
    last = number + 1;
    auto& column = state.resources_[number];
    in.column(column.told, state.size_);
    in.column(column.values, state.size_);
    if (!is_sound(column)) in.fail();
  }
  if (in.failed() || !state.calibration_.decode(in.rest()))
    return error("read", "learned state", "it is damaged");
  return state;
}

}  // namespace jobward::estimator
