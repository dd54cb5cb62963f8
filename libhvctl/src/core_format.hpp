// Records of core files: of Xen's format, and of the notes by which gdb knows a Linux process.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hv/abi/xen/version.hpp"

namespace hvctl::core {

// Types of the notes in .note.Xen, whose name is "Xen".
inline constexpr std::uint32_t kNoteNone = 0x2000000;
inline constexpr std::uint32_t kNoteHeader = 0x2000001;
inline constexpr std::uint32_t kNoteXenVersion = 0x2000002;
inline constexpr std::uint32_t kNoteFormatVersion = 0x2000003;

inline constexpr std::uint64_t kMagicPv = 0xf00febed;
inline constexpr std::uint64_t kFormatVersion = 1;  // 0.1

struct Header {
    std::uint64_t magic;      // +0
    std::uint64_t vcpus;      // +8
    std::uint64_t pages;      // +16
    std::uint64_t page_size;  // +24
};
static_assert(sizeof(Header) == 32);

struct XenVersion {
    std::uint64_t major, minor;                            // +0 +8
    char extraversion[hv::abi::xen::kExtraversionLength];  // +16
    hv::abi::xen::CompileInfo compile_info;                // +32
    char capabilities[hv::abi::xen::kCapabilitiesLength];  // +176
    char changeset[hv::abi::xen::kChangesetLength];        // +1200
    hv::abi::xen::PlatformParameters platform_parameters;  // +1264
    std::uint64_t page_size;                               // +1272
};
static_assert(sizeof(XenVersion) == 1280 && offsetof(XenVersion, changeset) == 1200);

// elf_prstatus of Linux on x86-64.
struct ThreadStatus {
    std::uint32_t signal_info[3];                                                                     // +0
    std::uint16_t signal, pad0;                                                                       // +12
    std::uint64_t pending, held;                                                                      // +16
    std::uint32_t thread;                                                                             // +32
    std::uint32_t parents[3];                                                                         // +36
    std::uint64_t times[8];                                                                           // +48
    std::uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, orig_rax;  // +112
    std::uint64_t rip, cs, rflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;                         // +240
    std::uint32_t has_fpu, pad1;                                                                      // +328
};
static_assert(sizeof(ThreadStatus) == 336 && offsetof(ThreadStatus, thread) == 32 &&
              offsetof(ThreadStatus, r15) == 112 && offsetof(ThreadStatus, rip) == 240);

// An entry of NT_FILE. Two words come before the entries (their count, the page size), and their names after them.
struct MappedFile {
    std::uint64_t start, end;  // +0 +8
    std::uint64_t page;        // +16  of the file
};
static_assert(sizeof(MappedFile) == 24);

}  // namespace hvctl::core
