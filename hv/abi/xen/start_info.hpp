// What a PV guest finds at boot: rsi points to a StartInfo; rsp is the end of a stack. The initial mapping holds, in
// this order, kernel, initrd, phys-to-machine list, start info, store and console pages (not in Dom0), page tables,
// stack, and at least 512 KiB of padding; all writable except the page tables.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::xen {

inline constexpr std::size_t kMaxGuestCmdline = 1024;

// StartInfo::flags
inline constexpr std::uint32_t kSifPrivileged = 1u << 0;
inline constexpr std::uint32_t kSifInitdomain = 1u << 1;
inline constexpr std::uint32_t kSifMultibootMod = 1u << 2;   // mod_start is a list of MultibootModule
inline constexpr std::uint32_t kSifModStartPfn = 1u << 3;    // mod_start is a frame number and not mapped
inline constexpr std::uint32_t kSifVirtP2m4Tools = 1u << 4;  // the tools understand a linear phys-to-machine list
inline constexpr std::uint32_t kSifPmMask = 0xffu << 8;

struct StartInfo {
    char magic[32];              // +0    "xen-<version>-x86_64"
    std::uint64_t nr_pages;      // +32
    std::uint64_t shared_info;   // +40   machine address
    std::uint32_t flags;         // +48   kSif*
    std::uint32_t pad0;          // +52
    std::uint64_t store_mfn;     // +56
    std::uint32_t store_evtchn;  // +64
    std::uint32_t pad1;          // +68
    union {
        struct {
            std::uint64_t mfn;     // +72
            std::uint32_t evtchn;  // +80
            std::uint32_t pad;     // +84
        } domu;
        struct {
            std::uint32_t info_offset;  // +72  of a Dom0VgaConsoleInfo, from the start of this structure
            std::uint32_t info_size;    // +76
        } dom0;
    } console;                        // +72
    std::uint64_t pt_base;            // +88   virtual address of the top page table
    std::uint64_t nr_pt_frames;       // +96
    std::uint64_t mfn_list;           // +104  virtual address of the phys-to-machine list
    std::uint64_t mod_start;          // +112  virtual address of the initrd, see kSifModStartPfn
    std::uint64_t mod_len;            // +120  bytes
    char cmd_line[kMaxGuestCmdline];  // +128
    std::uint64_t first_p2m_pfn;      // +1152 frames that hold a phys-to-machine list outside the initial mapping
    std::uint64_t nr_p2m_frames;      // +1160
};
static_assert(sizeof(StartInfo) == 1168 && offsetof(StartInfo, console) == 72 && offsetof(StartInfo, cmd_line) == 128 &&
              offsetof(StartInfo, first_p2m_pfn) == 1152);

// A list of these with addresses relative to the list, ended by mod_start 0.
struct MultibootModule {
    std::uint32_t mod_start;  // +0
    std::uint32_t mod_end;    // +4   last byte
    std::uint32_t cmdline;    // +8
    std::uint32_t pad;        // +12  0
};
static_assert(sizeof(MultibootModule) == 16);

enum class VgaType : std::uint8_t { TextMode3 = 0x03, VesaLfb = 0x23, EfiLfb = 0x70 };

struct Dom0VgaConsoleInfo {
    std::uint8_t video_type;  // +0   VgaType
    std::uint8_t pad0[3];     // +1
    union {
        struct {
            std::uint16_t font_height;         // +4
            std::uint16_t cursor_x, cursor_y;  // +6 +8
            std::uint16_t rows, columns;       // +10 +12
        } text_mode_3;
        struct {
            std::uint16_t width, height;         // +4 +6
            std::uint16_t bytes_per_line;        // +8
            std::uint16_t bits_per_pixel;        // +10
            std::uint32_t lfb_base;              // +12
            std::uint32_t lfb_size;              // +16  in 64 KiB
            std::uint8_t red_pos, red_size;      // +20
            std::uint8_t green_pos, green_size;  // +22
            std::uint8_t blue_pos, blue_size;    // +24
            std::uint8_t rsvd_pos, rsvd_size;    // +26
            std::uint32_t gbl_caps;              // +28
            std::uint16_t mode_attrs;            // +32
            std::uint16_t pad;                   // +34
            std::uint32_t ext_lfb_base;          // +36
        } vesa_lfb;
    } u;  // +4
};
static_assert(sizeof(Dom0VgaConsoleInfo) == 40 && offsetof(Dom0VgaConsoleInfo, u) == 4);

}  // namespace hv::abi::xen
