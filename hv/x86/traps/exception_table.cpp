#include "hv/x86/traps/exception_table.hpp"

namespace hv::x86 {
namespace {

struct Entry {
    std::int32_t faulting;  // relative to this field
    std::int32_t resume;
};

extern "C" const Entry ex_table_start[], ex_table_end[];

std::uint64_t target(const std::int32_t& offset) {
    return reinterpret_cast<std::uint64_t>(&offset) + static_cast<std::uint64_t>(std::int64_t{offset});
}

}  // namespace

std::uint64_t find_fixup(std::uint64_t rip) {
    for (const Entry* entry = ex_table_start; entry != ex_table_end; ++entry)
        if (target(entry->faulting) == rip) return target(entry->resume);
    return 0;
}

}  // namespace hv::x86
