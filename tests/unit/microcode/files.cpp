#include "tests/unit/microcode/files.hpp"

#include <cstdio>

namespace hv::x86 {

void append(File& file, std::uint32_t word) {
    for (unsigned shift = 0; shift < 32; shift += 8) file.push_back(static_cast<std::byte>(word >> shift));
}

void append(File& file, const File& more) {
    file.insert(file.end(), more.begin(), more.end());
}

void set_word(File& file, std::size_t offset, std::uint32_t word) {
    for (unsigned i = 0; i < 4; ++i) file.at(offset + i) = static_cast<std::byte>(word >> (8 * i));
}

void make_sum_zero(File& file, std::size_t first, std::size_t last, std::size_t at) {
    set_word(file, at, 0);
    std::uint32_t sum = 0;
    for (std::size_t offset = first; offset < last; offset += 4) sum += number_at<std::uint32_t>(file, offset);
    set_word(file, at, 0u - sum);
}

File intel_file(const IntelUpdate& update) {
    const std::size_t table_bytes = update.others.empty() ? 0 : 20 + 12 * update.others.size();
    const std::size_t used = 48 + update.data_bytes + table_bytes, total = (used + 1023) / 1024 * 1024;
    File file;
    for (std::uint32_t word :
         {1u, update.revision, 0x0710'2024u, update.processor.signature, 0u, 1u, update.processor.flags,
          update.data_bytes, static_cast<std::uint32_t>(total), 0u, 0u, 0u})
        append(file, word);
    for (std::uint32_t i = 0; i < update.data_bytes / 4; ++i) append(file, i * 0x9e37'79b9);
    make_sum_zero(file, 0, file.size(), 16);
    if (!update.others.empty()) {
        const std::size_t table = file.size();
        const std::uint32_t own =
            update.processor.signature + update.processor.flags + number_at<std::uint32_t>(file, 16);
        append(file, static_cast<std::uint32_t>(update.others.size()));
        for (int i = 0; i < 4; ++i) append(file, 0u);
        for (const IntelProcessor& other : update.others) {
            append(file, other.signature);
            append(file, other.flags);
            append(file, own - other.signature - other.flags);
        }
        make_sum_zero(file, table, file.size(), table + 4);
    }
    file.resize(total);
    return file;
}

File amd_file(const std::vector<std::pair<std::uint32_t, std::uint16_t>>& table, const std::vector<AmdPatch>& patches) {
    File file;
    append(file, 0x0041'4d44u);
    append(file, 0u);
    append(file, static_cast<std::uint32_t>(16 * (table.size() + 1)));
    for (const auto& [signature, number] : table)
        for (std::uint32_t word : {signature, 0u, 0u, std::uint32_t{number}}) append(file, word);
    for (int i = 0; i < 4; ++i) append(file, 0u);
    for (const AmdPatch& patch : patches) {
        constexpr std::uint32_t kWords = 80;
        append(file, 1u);
        append(file, kWords * 4);
        const std::size_t start = file.size();
        for (std::uint32_t i = 0; i < kWords; ++i) append(file, i < 16 ? 0u : i);
        set_word(file, start, 0x0423'2025);
        set_word(file, start + 4, patch.revision);
        set_word(file, start + 16, patch.chipset);
        set_word(file, start + 24, patch.processor);
    }
    return file;
}

File cpio_file(const std::vector<std::pair<std::string, File>>& members) {
    File file;
    const auto fill = [&file] {
        while (file.size() % 4 != 0) file.push_back(std::byte{0});
    };
    const auto member = [&](const std::string& name, const File& contents) {
        char header[111];
        std::snprintf(header, sizeof header, "070701%08x%08x%08x%08x%08x%08x%08X%08x%08x%08x%08x%08X%08x", 1u, 0100644u,
                      0u, 0u, 1u, 0u, static_cast<unsigned>(contents.size()), 0u, 0u, 0u, 0u,
                      static_cast<unsigned>(name.size() + 1), 0u);
        for (char character : std::string{header} + name + '\0') file.push_back(static_cast<std::byte>(character));
        fill();
        append(file, contents);
        fill();
    };
    for (const auto& [name, contents] : members) member(name, contents);
    member("TRAILER!!!", {});
    return file;
}

}  // namespace hv::x86
