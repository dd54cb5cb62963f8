#include "domain/space_gauge.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hvctld {
namespace {

constexpr std::uint64_t kNearLookMs = 100;
constexpr std::uint64_t kFarLookMs = 1000;
// For so long there has been enough before guests go on: one that gives space back and takes it again would have the
// others stop and go with it.
constexpr std::uint64_t kCalmMs = 5000;
// What is written until a guest stands still: a look, the loop's longest wait for a disk, and some.
constexpr double kSecondsToStop = 0.5;
// Half of a file system's fastest minute is kept in mind for the next one: databases write in bursts.
constexpr double kHalvesInSeconds = 60;
// What no look has seen yet: a disk of a server may begin at any moment to be written to as fast as it goes.
constexpr double kQuickDisk = 1 << 30;

// A guest's requests that are on their way when it is stopped are some MiB.
constexpr std::uint64_t kUsualReserve = 64 << 20;
constexpr std::uint64_t kReservePart = 20;
// One large file that is made at once is no speed; it must not stop guests on a disk that has room.
constexpr std::uint64_t kMostReserve = 1 << 30;
constexpr std::uint64_t kMostReservePart = 8;

}  // namespace

void SpaceGauge::look(std::uint64_t now_ms, std::uint64_t bytes, std::uint64_t free) {
    if (looked_ && now_ms > at_ms_) {
        const double seconds = static_cast<double>(now_ms - at_ms_) / 1000;
        const double used = free < free_ ? static_cast<double>(free_ - free) / seconds : 0;
        fastest_ = std::max(fastest_ * std::exp2(-seconds / kHalvesInSeconds), used);
    }
    const bool first = !std::exchange(looked_, true);
    at_ms_ = now_ms;
    bytes_ = bytes;
    free_ = free;
    if (first || free <= enough()) enough_since_ms_ = now_ms;
    full_ = full_ ? now_ms - enough_since_ms_ < kCalmMs : free < least();
}

std::uint64_t SpaceGauge::least() const {
    const std::uint64_t reserve = std::min(kUsualReserve, bytes_ / kReservePart);
    const std::uint64_t most = std::max(reserve, std::min(kMostReserve, bytes_ / kMostReservePart));
    const double seen = std::min(fastest_ * kSecondsToStop, static_cast<double>(most));
    return std::clamp(static_cast<std::uint64_t>(seen), reserve, most);
}

std::uint64_t SpaceGauge::pause_ms() const {
    if (full_ || free_ <= least()) return kNearLookMs;
    const double seconds = static_cast<double>(free_ - least()) / std::max(fastest_, kQuickDisk);
    const double ms = std::min(seconds * 1000, static_cast<double>(kFarLookMs));
    return std::max(kNearLookMs, static_cast<std::uint64_t>(ms));
}

}  // namespace hvctld
