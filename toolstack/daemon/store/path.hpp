// Paths of the store: checked once, then carried as canonical absolute strings ("/", "/a/b" or "@special").
#pragma once

#include <string>
#include <string_view>

#include "store/error.hpp"
#include "store/types.hpp"

namespace hvctld::store {

// "/local/domain/<domain>": where relative paths of a domain start.
std::string home_path(DomainId domain);

struct ParsedPath {
    std::string absolute;
    std::size_t relative_prefix = 0;  // bytes of `absolute` that the client did not write: "/local/domain/5/"
    bool special = false;             // starts with '@'
};

enum class SpecialPaths : bool { Refused, Allowed };

// Error::BadArgument: a forbidden character, an empty component, a slash at the end, or too long.
Result<ParsedPath> parse_path(std::string_view text, DomainId home, SpecialPaths special);

inline bool is_root(std::string_view path) {
    return path == "/";
}

// Parent of a canonical path that is not the root.
std::string_view parent_path(std::string_view path);

// Takes the first component off `rest` ("/a/b" gives "a", leaving "/b"). `rest` must not be empty or "/".
std::string_view next_component(std::string_view& rest);

}  // namespace hvctld::store
