#include "hvctl/core_file.hpp"

#include <elf.h>

#include <array>
#include <cstring>
#include <span>
#include <string_view>

#include "core_format.hpp"
#include "hv/abi/xen/vcpu_state.hpp"

namespace hvctl {

namespace xen = hv::abi::xen;

static_assert(sizeof(OwnedFrame) == 16 && offsetof(OwnedFrame, pfn) == 0 && offsetof(OwnedFrame, mfn) == 8,
              "frames are written as .xen_p2m has them");

namespace {

enum Section : std::size_t { kNull, kNames, kXenNotes, kGdbNotes, kStatus, kSharedInfo, kFrames, kPages, kSections };
constexpr std::array<std::string_view, kSections> kSectionNames{
    "", ".shstrtab", ".note.Xen", ".note.gdb", ".xen_prstatus", ".xen_shared_info", ".xen_p2m", ".xen_pages"};

using Bytes = std::vector<std::byte>;

template <class T>
void append(Bytes& bytes, const T& value) {
    const auto raw = std::as_bytes(std::span{&value, 1});
    bytes.insert(bytes.end(), raw.begin(), raw.end());
}

void append_text(Bytes& bytes, std::string_view text) {
    const auto raw = std::as_bytes(std::span{text});
    bytes.insert(bytes.end(), raw.begin(), raw.end());
    bytes.push_back(std::byte{0});
}

void align(Bytes& bytes, std::size_t to) {
    bytes.resize((bytes.size() + to - 1) / to * to);
}

void append_note(Bytes& notes, std::string_view name, std::uint32_t type, std::span<const std::byte> contents) {
    constexpr std::size_t kAlignment = 4;
    append(notes,
           Elf64_Nhdr{static_cast<std::uint32_t>(name.size() + 1), static_cast<std::uint32_t>(contents.size()), type});
    append_text(notes, name);
    align(notes, kAlignment);
    notes.insert(notes.end(), contents.begin(), contents.end());
    align(notes, kAlignment);
}

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
    return std::as_bytes(std::span{&value, 1});
}

std::vector<xen::VcpuGuestContext> contexts_of(const CoreContents& contents) {
    std::vector<xen::VcpuGuestContext> contexts(contents.contexts.size() / sizeof(xen::VcpuGuestContext));
    if (!contexts.empty()) std::memcpy(contexts.data(), contents.contexts.data(), contexts.size() * sizeof contexts[0]);
    return contexts;
}

core::ThreadStatus status_of(const xen::VcpuGuestContext& context, std::uint32_t thread) {
    const xen::CpuUserRegs& from = context.user_regs;
    core::ThreadStatus to{};
    to.thread = thread;
    to.has_fpu = 1;
    to.r15 = from.r15, to.r14 = from.r14, to.r13 = from.r13, to.r12 = from.r12;
    to.r11 = from.r11, to.r10 = from.r10, to.r9 = from.r9, to.r8 = from.r8;
    to.rbp = from.rbp, to.rbx = from.rbx, to.rax = from.rax, to.rcx = from.rcx;
    to.rdx = from.rdx, to.rsi = from.rsi, to.rdi = from.rdi;
    to.orig_rax = ~std::uint64_t{0};  // in no system call that could be begun again
    to.rip = from.rip, to.cs = from.cs, to.rflags = from.rflags, to.rsp = from.rsp, to.ss = from.ss;
    to.fs_base = context.fs_base;
    to.gs_base = (context.flags & xen::kVgcfInKernel) != 0 ? context.gs_base_kernel : context.gs_base_user;
    to.ds = from.ds, to.es = from.es, to.fs = from.fs, to.gs = from.gs;
    return to;
}

Bytes xen_notes(const CoreContents& contents, std::size_t vcpus) {
    constexpr std::string_view kName = "Xen";
    Bytes notes;
    append_note(notes, kName, core::kNoteNone, {});
    append_note(notes, kName, core::kNoteHeader,
                bytes_of(core::Header{core::kMagicPv, vcpus, contents.frames.size(), kPageSize}));
    append_note(notes, kName, core::kNoteXenVersion, contents.hypervisor);
    append_note(notes, kName, core::kNoteFormatVersion, bytes_of(core::kFormatVersion));
    return notes;
}

// `pages_at`, where the pages begin, is only known when the length of these notes is. The length does not depend on it,
// so the first call may pass anything.
Bytes gdb_notes(const CoreContents& contents, std::span<const xen::VcpuGuestContext> contexts, std::uint64_t pages_at) {
    constexpr std::string_view kName = "CORE";
    Bytes notes;
    for (std::uint32_t vcpu = 0; vcpu < contexts.size(); ++vcpu) {
        append_note(notes, kName, NT_PRSTATUS, bytes_of(status_of(contexts[vcpu], vcpu + 1)));
        append_note(notes, kName, NT_PRFPREG, bytes_of(contexts[vcpu].fpu_context));
    }
    Bytes files;
    append(files, std::uint64_t{contents.mappings.size()});
    append(files, kPageSize);
    for (const CoreMapping& mapping : contents.mappings) {
        append(files, core::MappedFile{mapping.address, mapping.address + mapping.pages * kPageSize,
                                       pages_at / kPageSize + mapping.first});
    }
    for (std::size_t i = 0; i < contents.mappings.size(); ++i) append_text(files, contents.file_name);
    append_note(notes, kName, NT_FILE, files);
    return notes;
}

class Sections {
  public:
    Sections() {
        for (std::size_t i = 0; i < kSections; ++i) {
            headers_[i].sh_name = static_cast<std::uint32_t>(names_.size());
            append_text(names_, kSectionNames[i]);
        }
    }

    void set(Section section, std::uint32_t type, std::uint64_t offset, std::uint64_t size, std::uint64_t entry = 0) {
        Elf64_Shdr& header = headers_[section];
        header.sh_type = type;
        header.sh_offset = offset;
        header.sh_size = size;
        header.sh_entsize = entry;
        header.sh_addralign = type == SHT_STRTAB ? 1 : section == kPages ? kPageSize : sizeof(std::uint64_t);
    }

    [[nodiscard]] const Bytes& names() const { return names_; }
    [[nodiscard]] const std::array<Elf64_Shdr, kSections>& headers() const { return headers_; }

  private:
    std::array<Elf64_Shdr, kSections> headers_{};
    Bytes names_;
};

Elf64_Ehdr elf_header() {
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_CORE;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_ehsize = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    header.e_phnum = 1;
    header.e_phoff = sizeof(Elf64_Ehdr);
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = kSections;
    header.e_shoff = header.e_phoff + sizeof(Elf64_Phdr);
    header.e_shstrndx = kNames;
    return header;
}

constexpr std::uint64_t aligned(std::uint64_t at, std::uint64_t to) {
    return (at + to - 1) / to * to;
}

}  // namespace

CoreLayout plan_core(const CoreContents& contents) {
    constexpr std::uint64_t kWord = sizeof(std::uint64_t);
    const auto contexts = contexts_of(contents);
    const Elf64_Ehdr header = elf_header();
    Sections sections;
    std::uint64_t at = header.e_shoff + sizeof(sections.headers());
    const auto place = [&](Section section, std::uint32_t type, std::uint64_t size, std::uint64_t entry = 0) {
        at = aligned(at, section == kPages ? kPageSize : kWord);
        sections.set(section, type, at, size, entry);
        const std::uint64_t here = at;
        at += size;
        return here;
    };
    const Bytes notes = xen_notes(contents, contexts.size());
    const std::uint64_t names_at = place(kNames, SHT_STRTAB, sections.names().size());
    const std::uint64_t notes_at = place(kXenNotes, SHT_NOTE, notes.size());
    const std::uint64_t gdb_size = gdb_notes(contents, contexts, 0).size();
    const std::uint64_t gdb_at = place(kGdbNotes, SHT_NOTE, gdb_size);
    const std::uint64_t status_at =
        place(kStatus, SHT_PROGBITS, contents.contexts.size(), sizeof(xen::VcpuGuestContext));
    const std::uint64_t shared_at = place(kSharedInfo, SHT_PROGBITS, contents.shared_info.size(), kPageSize);
    CoreLayout layout;
    layout.frames_at = place(kFrames, SHT_PROGBITS, contents.frames.size() * sizeof(OwnedFrame), sizeof(OwnedFrame));
    layout.pages_at = place(kPages, SHT_PROGBITS, contents.frames.size() * kPageSize, kPageSize);
    layout.size = at;

    Elf64_Phdr program{};
    program.p_type = PT_NOTE;
    program.p_offset = gdb_at;
    program.p_filesz = gdb_size;
    program.p_align = 4;
    Bytes& head = layout.head;
    head.reserve(layout.frames_at);
    append(head, header);
    append(head, program);
    append(head, sections.headers());
    const auto put = [&head](std::uint64_t where, std::span<const std::byte> bytes) {
        head.resize(where);
        head.insert(head.end(), bytes.begin(), bytes.end());
    };
    put(names_at, sections.names());
    put(notes_at, notes);
    put(gdb_at, gdb_notes(contents, contexts, layout.pages_at));
    put(status_at, contents.contexts);
    put(shared_at, contents.shared_info);
    head.resize(layout.frames_at);
    return layout;
}

}  // namespace hvctl
