// boot_image HV.DEBUG HV.FLAT OUT: wraps the flat image into an ELF32 file with one segment. Boot loaders enter us in
// 32-bit protected mode, and QEMU's -kernel refuses the ELF64 file that the linker makes.
#include <elf.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

std::vector<char> read_file(const char* path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
}

int complain(const char* what) {
    std::fprintf(stderr, "boot_image: %s\n", what);
    return 1;
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 4) return complain("usage: boot_image HV.DEBUG HV.FLAT OUT");
    const std::vector<char> linked = read_file(arguments[1]);
    const std::vector<char> flat = read_file(arguments[2]);
    Elf64_Ehdr header;
    if (linked.size() < sizeof header) return complain("the linked image is no ELF file");
    std::memcpy(&header, linked.data(), sizeof header);
    Elf64_Phdr segment{};
    for (unsigned i = 0; i < header.e_phnum; ++i) {
        Elf64_Phdr candidate;
        std::memcpy(&candidate, linked.data() + header.e_phoff + i * sizeof candidate, sizeof candidate);
        if (candidate.p_type == PT_LOAD) segment = candidate;
    }
    if (segment.p_memsz < flat.size()) return complain("the flat image is larger than its segment");

    struct {
        Elf32_Ehdr file;
        Elf32_Phdr load;
        char padding[4096 - sizeof(Elf32_Ehdr) - sizeof(Elf32_Phdr)];
    } out{};
    static_assert(sizeof out == 4096);
    std::memcpy(out.file.e_ident, ELFMAG, SELFMAG);
    out.file.e_ident[EI_CLASS] = ELFCLASS32;
    out.file.e_ident[EI_DATA] = ELFDATA2LSB;
    out.file.e_ident[EI_VERSION] = EV_CURRENT;
    out.file.e_type = ET_EXEC;
    out.file.e_machine = EM_386;
    out.file.e_version = EV_CURRENT;
    out.file.e_entry = static_cast<Elf32_Addr>(header.e_entry);
    out.file.e_phoff = sizeof(Elf32_Ehdr);
    out.file.e_ehsize = sizeof(Elf32_Ehdr);
    out.file.e_phentsize = sizeof(Elf32_Phdr);
    out.file.e_phnum = 1;
    out.load.p_type = PT_LOAD;
    out.load.p_flags = PF_R | PF_W | PF_X;
    // Multiboot headers must lie within the first 8 KiB of the file, so the flat image follows the headers closely.
    out.load.p_offset = sizeof out;
    out.load.p_vaddr = out.load.p_paddr = static_cast<Elf32_Addr>(segment.p_paddr);
    out.load.p_filesz = static_cast<Elf32_Word>(flat.size());
    out.load.p_memsz = static_cast<Elf32_Word>(segment.p_memsz);
    out.load.p_align = 4096;

    std::ofstream file{arguments[3], std::ios::binary};
    file.write(reinterpret_cast<const char*>(&out), sizeof out);
    file.write(flat.data(), static_cast<std::streamsize>(flat.size()));
    return file ? 0 : complain("cannot write the image");
}
