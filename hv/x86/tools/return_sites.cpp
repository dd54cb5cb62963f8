// return_sites PASS1 OUT.S: where hv's functions jump to their return, for cpu/returns.cpp: offsets from the image's
// start, sorted. Taken from the relocations of a link that keeps them (ld --emit-relocs), which know every such jump.
#include <elf.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr const char* kThunk = "__x86_return_thunk";
constexpr std::uint64_t kDisplacementBytes = 4;
constexpr std::uint8_t kJump = 0xe9;

class Linked {
  public:
    explicit Linked(const char* path) {
        std::ifstream file{path, std::ios::binary};
        bytes_.assign(std::istreambuf_iterator<char>{file}, {});
        const auto header = at<Elf64_Ehdr>(0);
        if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) throw std::runtime_error{"no ELF file"};
        sections_ = table<Elf64_Shdr>(header.e_shoff, header.e_shnum);
        for (const Elf64_Shdr& section : sections_) {
            if (section.sh_type != SHT_SYMTAB) continue;
            symbols_ = table<Elf64_Sym>(section.sh_offset, section.sh_size / sizeof(Elf64_Sym));
            names_ = sections_.at(section.sh_link).sh_offset;
        }
    }

    std::uint64_t address_of(const std::string& name) const {
        for (const Elf64_Sym& symbol : symbols_) {
            const std::uint64_t start = names_ + symbol.st_name;
            if (start + name.size() < bytes_.size() && name.c_str() == std::string{&bytes_[start]})
                return symbol.st_value;
        }
        throw std::runtime_error{"no symbol " + name};
    }

    // Of each relative reference to `target` in code: the address of its displacement.
    std::vector<std::uint64_t> references_to(std::uint64_t target) const {
        std::vector<std::uint64_t> found;
        bool any = false;
        for (const Elf64_Shdr& section : sections_) {
            if (section.sh_type != SHT_RELA || !(sections_.at(section.sh_info).sh_flags & SHF_EXECINSTR)) continue;
            any = true;
            for (const auto& relocation : table<Elf64_Rela>(section.sh_offset, section.sh_size / sizeof(Elf64_Rela))) {
                const std::uint64_t type = ELF64_R_TYPE(relocation.r_info);
                if (type != R_X86_64_PC32 && type != R_X86_64_PLT32) continue;
                const std::uint64_t value = symbols_.at(ELF64_R_SYM(relocation.r_info)).st_value;
                if (value + static_cast<std::uint64_t>(relocation.r_addend) + kDisplacementBytes == target)
                    found.push_back(relocation.r_offset);
            }
        }
        if (!any) throw std::runtime_error{"the relocations of its code are not kept"};
        return found;
    }

    template <class Value>
    Value value_at(std::uint64_t address) const {
        for (const Elf64_Shdr& section : sections_)
            if ((section.sh_flags & SHF_EXECINSTR) && address >= section.sh_addr &&
                address + sizeof(Value) <= section.sh_addr + section.sh_size)
                return at<Value>(section.sh_offset + (address - section.sh_addr));
        throw std::runtime_error{"a relocation is not of its code"};
    }

  private:
    template <class Value>
    Value at(std::uint64_t offset) const {
        if (offset + sizeof(Value) > bytes_.size()) throw std::runtime_error{"it is cut short"};
        Value value;
        std::memcpy(&value, &bytes_[offset], sizeof value);
        return value;
    }
    template <class Value>
    std::vector<Value> table(std::uint64_t offset, std::uint64_t count) const {
        std::vector<Value> all;
        for (std::uint64_t i = 0; i < count; ++i) all.push_back(at<Value>(offset + i * sizeof(Value)));
        return all;
    }

    std::vector<char> bytes_;
    std::vector<Elf64_Shdr> sections_;
    std::vector<Elf64_Sym> symbols_;
    std::uint64_t names_ = 0;
};

// Only what can become a return: no conditional jump, no call, and no place where the thunk's address is taken.
std::uint64_t site_of(const Linked& linked, std::uint64_t displacement, std::uint64_t thunk) {
    const std::uint64_t after = displacement + kDisplacementBytes;
    const auto distance = linked.value_at<std::int32_t>(displacement);
    if (linked.value_at<std::uint8_t>(displacement - 1) != kJump ||
        after + static_cast<std::uint64_t>(std::int64_t{distance}) != thunk) {
        char text[96];
        std::snprintf(text, sizeof text, "%s is used by other than a jump at %llx", kThunk,
                      static_cast<unsigned long long>(displacement - 1));
        throw std::runtime_error{text};
    }
    return displacement - 1;
}

void write_table(const Linked& linked, const char* path) {
    const std::uint64_t base = linked.address_of("image_start"), thunk = linked.address_of(kThunk);
    std::vector<std::uint64_t> sites;
    for (const std::uint64_t displacement : linked.references_to(thunk))
        sites.push_back(site_of(linked, displacement, thunk) - base);
    if (sites.empty()) throw std::runtime_error{"nothing returns"};
    std::sort(sites.begin(), sites.end());
    std::ofstream out{path};
    out << ".section .return_sites, \"a\"\n.balign 4\n";
    for (const std::uint64_t site : sites) out << ".long " << site << "\n";
    out << ".section .note.GNU-stack,\"\",@progbits\n";
    if (!out.flush()) throw std::runtime_error{"the table cannot be written"};
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 3) {
        std::fprintf(stderr, "usage: return_sites PASS1 OUT.S\n");
        return 1;
    }
    try {
        write_table(Linked{arguments[1]}, arguments[2]);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "return_sites: %s: %s\n", arguments[1], error.what());
        return 1;
    }
    return 0;
}
