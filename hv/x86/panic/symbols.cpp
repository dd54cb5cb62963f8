// Reads the table that tools/symbol_table.cpp made: a count, pairs of (offset from the image's start, offset of the
// name) sorted by address, then the names, each with its NUL. The first of the two links has no table yet.
#include "hv/x86/panic/panic.hpp"

namespace hv::x86 {
namespace {

struct Entry {
    std::uint32_t address, name;
};
struct Table {
    std::uint32_t count;
    Entry entries[1];
};
extern "C" {
extern const char symbol_table_start[], symbol_table_end[];
extern const char image_start[], text_end[];
}

}  // namespace

Symbol find_symbol(std::uint64_t address) {
    const auto start = reinterpret_cast<std::uint64_t>(image_start);
    const auto* table = reinterpret_cast<const Table*>(symbol_table_start);
    if (+symbol_table_start == +symbol_table_end || address < start ||
        address >= reinterpret_cast<std::uint64_t>(text_end))
        return {nullptr, 0};
    const std::uint64_t offset = address - start;
    std::uint32_t low = 0, high = table->count;
    while (high - low > 1) {
        const std::uint32_t middle = (low + high) / 2;
        (table->entries[middle].address <= offset ? low : high) = middle;
    }
    if (high == 0 || table->entries[low].address > offset) return {nullptr, 0};
    const char* names = reinterpret_cast<const char*>(&table->entries[table->count]);
    return {names + table->entries[low].name, offset - table->entries[low].address};
}

}  // namespace hv::x86
