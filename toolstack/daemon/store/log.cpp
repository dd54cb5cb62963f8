#include "store/log.hpp"

#include <utility>

namespace hvctld::store {

bool Log::admit(DomainId domain, std::uint64_t& left_out) {
    if (!monotonic_ms_) return true;
    Window& window = windows_[domain];
    const std::uint64_t now = monotonic_ms_();
    if (window.lines == 0 || now - window.start >= kWindowMs) {
        left_out = std::exchange(window.left_out, 0);
        window.start = now;
        window.lines = 0;
    }
    if (window.lines == kBurst) {
        ++window.left_out;
        return false;
    }
    ++window.lines;
    return true;
}

}  // namespace hvctld::store
