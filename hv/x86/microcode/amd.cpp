// AMD's containers (as published with its patches; Hygon's are alike): a table that gives processors short numbers, and
// patches, each for one of these. Several containers may stand one after the other.
#include "hv/x86/microcode/microcode.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint32_t kMagic = 0x0041'4d44;  // "DMA"
constexpr std::uint32_t kTableSection = 0, kPatchSection = 1;
constexpr std::size_t kSectionHeaderBytes = 8, kTableEntryBytes = 16, kPatchHeaderBytes = 64;
// More than any of its processors takes.
constexpr std::size_t kMostPatchBytes = 32 * 1024;

struct Section {
    std::uint32_t kind;
    Bytes contents;
};

// Cuts a section off.
Result<Section> next_section(Bytes& file) {
    if (!holds(file, 0, kSectionHeaderBytes)) return fail(Error::BadArgument);
    const auto kind = number_at<std::uint32_t>(file, 0), size = number_at<std::uint32_t>(file, 4);
    if (!holds(file, kSectionHeaderBytes, size)) return fail(Error::BadArgument);
    const Section section{kind, file.subspan(kSectionHeaderBytes, size)};
    file = file.subspan(kSectionHeaderBytes + size);
    return section;
}

// The short number of the target; 0: it has none. The table ends with a processor 0, or where its section does.
Result<std::uint16_t> number_of(Bytes table, const MicrocodeTarget& target) {
    if (table.empty() || table.size() % kTableEntryBytes != 0) return fail(Error::BadArgument);
    for (std::size_t offset = 0; offset < table.size(); offset += kTableEntryBytes) {
        const auto signature = number_at<std::uint32_t>(table, offset);
        if (signature == 0) break;
        if (signature == target.signature) return number_at<std::uint16_t>(table, offset + 12);
    }
    return std::uint16_t{0};
}

struct PatchHeader {
    std::uint32_t date, revision, north_bridge, south_bridge;
    std::uint16_t processor;
};

PatchHeader header_of(Bytes patch) {
    return {.date = number_at<std::uint32_t>(patch, 0),
            .revision = number_at<std::uint32_t>(patch, 4),
            .north_bridge = number_at<std::uint32_t>(patch, 16),
            .south_bridge = number_at<std::uint32_t>(patch, 20),
            .processor = number_at<std::uint16_t>(patch, 24)};
}

bool starts_container(Bytes file) {
    return holds(file, 0, 4) && number_at<std::uint32_t>(file, 0) == kMagic;
}

Result<> use_container(Bytes& file, const MicrocodeTarget& target, UseMicrocode use, void* argument) {
    file = file.subspan(sizeof kMagic);
    const Section table = TRY(next_section(file));
    if (table.kind != kTableSection) return fail(Error::BadArgument);
    const std::uint16_t number = TRY(number_of(table.contents, target));
    while (!file.empty() && !starts_container(file)) {
        const Section section = TRY(next_section(file));
        const Bytes patch = section.contents;
        if (section.kind != kPatchSection || patch.size() < kPatchHeaderBytes || patch.size() > kMostPatchBytes)
            return fail(Error::BadArgument);
        const PatchHeader header = header_of(patch);
        // Some were once for one chipset alone.
        const bool any_chipset = header.north_bridge == 0 && header.south_bridge == 0;
        if (number != 0 && header.processor == number && any_chipset)
            use(argument, {.patch = patch, .revision = header.revision, .date = header.date});
    }
    return {};
}

}  // namespace

Result<> for_each_amd_update(Bytes file, const MicrocodeTarget& target, UseMicrocode use, void* argument) {
    do {
        if (!starts_container(file)) return fail(Error::BadArgument);
        TRY(use_container(file, target, use, argument));
    } while (!file.empty());
    return {};
}

}  // namespace hv::x86
