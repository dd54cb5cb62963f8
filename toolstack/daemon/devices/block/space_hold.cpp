#include "devices/block/space_hold.hpp"

#include <fmt/format.h>

#include <charconv>
#include <string_view>
#include <utility>

#include "base/log.hpp"
#include "domain/domain.hpp"
#include "domain/store_writer.hpp"

namespace hvctld {
namespace {

constexpr std::string_view kHeldAndPaused = "paused";
constexpr std::string_view kHeldAlone = "held";

std::string mib_text(std::uint64_t bytes) {
    constexpr std::uint64_t kMebibyteBytes = 1 << 20;
    return fmt::format("{} MiB", bytes / kMebibyteBytes);
}

// The number before the next blank, which is taken off with it.
bool take_number(std::string_view& text, std::uint64_t& number) {
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc{} || end == text.data() + text.size() || *end != ' ') return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
    return true;
}

// "held 12582912 100663296 /srv"
std::optional<SpaceHold::Wait> parse_wait(std::string_view text) {
    SpaceHold::Wait wait;
    const std::string_view word = text.substr(0, text.find(' '));
    wait.paused = word == kHeldAndPaused;
    if ((!wait.paused && word != kHeldAlone) || word.size() == text.size()) return std::nullopt;
    text.remove_prefix(word.size() + 1);
    if (!take_number(text, wait.free) || !take_number(text, wait.enough)) return std::nullopt;
    wait.file_system = text;
    return wait;
}

}  // namespace

std::string SpaceHold::Wait::text() const {
    return fmt::format("{} has {} left, and {} are needed", file_system, mib_text(free), mib_text(enough));
}

std::string SpaceHold::path() const {
    return fmt::format("/vm/{}/disk-full", domain_.record.uuid);
}

void SpaceHold::write() {
    const store::Permissions own{{store::kDom0, store::Access::None}};
    const std::string text = fmt::format("{} {} {} {}", wait_->paused ? kHeldAndPaused : kHeldAlone, wait_->free,
                                         wait_->enough, wait_->file_system);
    const auto written = write_together(store_, [&](StoreWriter& writer) { writer.write(path(), text, own); });
    // This process lets it go on all the same; the next one would take the pause for an administrator's.
    if (!written) log::error("{}: {}", domain_.record.name, written.error().text());
}

void SpaceHold::begin(Wait wait) {
    wait_ = std::move(wait);
    write();
}

void SpaceHold::update(const Wait& wait) {
    if (!wait_) return;
    const bool paused = wait_->paused;
    wait_ = wait;
    wait_->paused = paused;
}

void SpaceHold::set_paused(bool paused) {
    if (!wait_ || wait_->paused == paused) return;
    wait_->paused = paused;
    write();
}

void SpaceHold::end() {
    wait_.reset();
    (void)store_.remove(path());
}

void SpaceHold::recover() {
    const auto text = store_.read(path());
    if (text) wait_ = parse_wait(*text);
}

}  // namespace hvctld
