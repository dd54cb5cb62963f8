#include "hv/x86/acpi/tables.hpp"

#include <algorithm>

namespace hv::x86 {
namespace {

constexpr std::size_t kLargestTable = 16u << 20;

bool sums_to_zero(TableBytes bytes) {
    std::uint8_t sum = 0;
    for (const std::uint8_t byte : bytes) sum = static_cast<std::uint8_t>(sum + byte);
    return sum == 0;
}

bool has_signature(TableBytes bytes, std::string_view signature) {
    return bytes.size() >= signature.size() && std::memcmp(bytes.data(), signature.data(), signature.size()) == 0;
}

TableBytes view(const PhysicalView& memory, std::uint64_t address, std::size_t size) {
    const void* bytes = memory.at(address, size);
    return bytes ? TableBytes{static_cast<const std::uint8_t*>(bytes), size} : TableBytes{};
}

// "Root System Description Pointer": 20 bytes in revision 0, 36 from revision 2 on.
bool valid_pointer(TableBytes pointer) {
    return pointer.size() >= 20 && has_signature(pointer, "RSD PTR ") && sums_to_zero(pointer.first(20));
}

AcpiRoot root_of(TableBytes pointer) {
    const std::uint64_t wide =
        field<std::uint8_t>(pointer, 15) >= 2 && pointer.size() >= 36 ? field<std::uint64_t>(pointer, 24) : 0;
    if (wide != 0) return {wide, true};
    return {field<std::uint32_t>(pointer, 16), false};
}

Result<AcpiRoot> search(const PhysicalView& memory, std::uint64_t start, std::uint64_t size) {
    for (std::uint64_t address = start; address + 36 <= start + size; address += 16) {
        const TableBytes pointer = view(memory, address, 36);
        if (valid_pointer(pointer)) return root_of(pointer);
    }
    return fail(Error::NoEntry);
}

Result<TableBytes> table_at(const PhysicalView& memory, std::uint64_t address) {
    const TableBytes header = view(memory, address, kAcpiHeaderSize);
    const auto length = field<std::uint32_t>(header, 4);
    if (header.empty() || length < kAcpiHeaderSize || length > kLargestTable) return fail(Error::BadArgument);
    const TableBytes table = view(memory, address, length);
    if (table.empty() || !sums_to_zero(table)) return fail(Error::BadArgument);
    return table;
}

}  // namespace

Result<AcpiRoot> find_acpi_root(const PhysicalView& memory, TableBytes copy) {
    if (!copy.empty() && valid_pointer(copy)) return root_of(copy);
    const std::uint64_t ebda = std::uint64_t{field<std::uint16_t>(view(memory, 0x40e, 2), 0)} << 4;
    if (ebda >= 0x400 && ebda < 0xa'0000) {
        if (const auto found = search(memory, ebda, 1024)) return found;
    }
    return search(memory, 0xe'0000, 0x2'0000);
}

Result<TableBytes> find_acpi_table(const PhysicalView& memory, const AcpiRoot& root, std::string_view signature,
                                   unsigned index) {
    const TableBytes list = TRY(table_at(memory, root.address));
    const std::size_t width = root.wide ? 8 : 4;
    for (std::size_t offset = kAcpiHeaderSize; offset + width <= list.size(); offset += width) {
        const std::uint64_t address =
            root.wide ? field<std::uint64_t>(list, offset) : field<std::uint32_t>(list, offset);
        if (!has_signature(view(memory, address, kAcpiHeaderSize), signature)) continue;
        if (index-- == 0) return table_at(memory, address);
    }
    return fail(Error::NoEntry);
}

GenericAddress generic_address(TableBytes table, std::size_t offset) {
    if (offset + 12 > table.size()) return {};
    return {static_cast<GenericAddress::Space>(field<std::uint8_t>(table, offset)),
            field<std::uint8_t>(table, offset + 1), field<std::uint64_t>(table, offset + 4)};
}

}  // namespace hv::x86
