// Intel's updates (SDM volume 3, "Microcode Update Facilities"): one after the other, each a header, data, and perhaps
// a table of more processors that it is for. Every part adds up to 0, as a sum of 32-bit words.
#include "hv/x86/microcode/microcode.hpp"

namespace hv::x86 {
namespace {

constexpr std::size_t kHeaderBytes = 48, kTableHeaderBytes = 20, kTableEntryBytes = 12, kGranularity = 1024;
constexpr std::uint32_t kHeaderVersion = 1, kLoaderRevision = 1;
// What sizes of 0 mean: updates of before there were sizes.
constexpr std::uint32_t kFirstDataBytes = 2000, kFirstTotalBytes = 2048;

struct Header {
    std::uint32_t version, revision, date, signature, checksum, loader, flags, data_bytes, total_bytes;
};

Header header_of(Bytes update) {
    const auto word = [update](std::size_t index) { return number_at<std::uint32_t>(update, index * 4); };
    Header header{word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7), word(8)};
    if (header.data_bytes == 0) {
        header.data_bytes = kFirstDataBytes;
        header.total_bytes = kFirstTotalBytes;
    }
    return header;
}

std::uint32_t sum_of(Bytes bytes) {
    std::uint32_t sum = 0;
    for (std::size_t offset = 0; offset < bytes.size(); offset += 4) sum += number_at<std::uint32_t>(bytes, offset);
    return sum;
}

bool is_for(const MicrocodeTarget& target, std::uint32_t signature, std::uint32_t flags) {
    return signature == target.signature && (flags == 0 || (flags & target.platform_flags) != 0);
}

// The table after the data. An entry's signature, flags and checksum could replace those of the header, which would
// still add up.
Result<bool> table_names(const MicrocodeTarget& target, const Header& header, Bytes table) {
    if (table.size() < kTableHeaderBytes) return fail(Error::BadArgument);
    const auto count = number_at<std::uint32_t>(table, 0);
    if (count > (table.size() - kTableHeaderBytes) / kTableEntryBytes) return fail(Error::BadArgument);
    const Bytes used = table.first(kTableHeaderBytes + count * kTableEntryBytes);
    if (sum_of(used) != 0) return fail(Error::BadArgument);
    const std::uint32_t own = header.signature + header.flags + header.checksum;
    bool named = false;
    for (std::size_t offset = kTableHeaderBytes; offset < used.size(); offset += kTableEntryBytes) {
        const auto signature = number_at<std::uint32_t>(used, offset),
                   flags = number_at<std::uint32_t>(used, offset + 4);
        if (signature + flags + number_at<std::uint32_t>(used, offset + 8) != own) return fail(Error::BadArgument);
        named = named || is_for(target, signature, flags);
    }
    return named;
}

}  // namespace

Result<> for_each_intel_update(Bytes file, const MicrocodeTarget& target, UseMicrocode use, void* argument) {
    if (file.empty()) return fail(Error::BadArgument);
    while (!file.empty()) {
        if (!holds(file, 0, kHeaderBytes)) return fail(Error::BadArgument);
        const Header header = header_of(file);
        if (header.version != kHeaderVersion || header.loader != kLoaderRevision) return fail(Error::BadArgument);
        if (header.data_bytes % 4 != 0 || header.total_bytes % kGranularity != 0) return fail(Error::BadArgument);
        if (header.total_bytes < kHeaderBytes || header.data_bytes > header.total_bytes - kHeaderBytes ||
            !holds(file, 0, header.total_bytes))
            return fail(Error::BadArgument);
        const std::size_t table_at = kHeaderBytes + header.data_bytes;
        const Bytes patch = file.first(table_at), table = file.subspan(table_at, header.total_bytes - table_at);
        if (sum_of(patch) != 0) return fail(Error::BadArgument);
        const bool listed = !table.empty() && TRY(table_names(target, header, table));
        if (listed || is_for(target, header.signature, header.flags))
            use(argument, {.patch = patch, .revision = header.revision, .date = header.date});
        file = file.subspan(header.total_bytes);
    }
    return {};
}

}  // namespace hv::x86
