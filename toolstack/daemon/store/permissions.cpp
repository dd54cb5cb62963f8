#include "store/permissions.hpp"

#include <charconv>

namespace hvctld::store {

std::optional<PermissionEntry> parse_permission(std::string_view text) {
    if (text.size() < 2) return std::nullopt;
    PermissionEntry entry;
    switch (text.front()) {
        case 'n': entry.access = Access::None; break;
        case 'r': entry.access = Access::Read; break;
        case 'w': entry.access = Access::Write; break;
        case 'b': entry.access = Access::Both; break;
        default: return std::nullopt;
    }
    const char* const end = text.data() + text.size();
    const auto [rest, problem] = std::from_chars(text.data() + 1, end, entry.domain.raw);
    if (problem != std::errc{} || rest != end) return std::nullopt;
    return entry;
}

std::string format_permission(const PermissionEntry& entry) {
    constexpr char kLetters[] = {'n', 'r', 'w', 'b'};
    return kLetters[static_cast<std::size_t>(entry.access)] + std::to_string(entry.domain.raw);
}

}  // namespace hvctld::store
