#include "store/path.hpp"

#include <algorithm>

namespace hvctld::store {

namespace {

constexpr bool is_path_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '/' ||
           c == '_' || c == '@';
}

}  // namespace

std::string home_path(DomainId domain) {
    return "/local/domain/" + std::to_string(domain.raw);
}

Result<ParsedPath> parse_path(std::string_view text, DomainId home, SpecialPaths special) {
    const std::unexpected bad{Error::BadArgument};
    if (text.empty() || !std::ranges::all_of(text, is_path_character)) return bad;
    ParsedPath path;
    path.special = text.front() == '@';
    if (path.special && special == SpecialPaths::Refused) return bad;
    if (path.special || text.front() == '/') {
        if (text.size() > kMaxAbsolutePath) return bad;
        path.absolute = text;
    } else {
        if (text.size() > kMaxRelativePath) return bad;
        path.absolute = home_path(home) + '/';
        path.relative_prefix = path.absolute.size();
        path.absolute += text;
    }
    const bool slash_at_end = path.absolute.size() > 1 && path.absolute.back() == '/';
    if (slash_at_end || path.absolute.find("//") != std::string::npos) return bad;
    return path;
}

std::string_view parent_path(std::string_view path) {
    const std::size_t slash = path.rfind('/');
    return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string_view next_component(std::string_view& rest) {
    const std::size_t start = rest.front() == '/' ? 1 : 0;
    const std::size_t end = std::min(rest.find('/', start), rest.size());
    const std::string_view component = rest.substr(start, end - start);
    rest.remove_prefix(end);
    return component;
}

}  // namespace hvctld::store
