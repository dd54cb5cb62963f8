// Where everything of hv lies: the hole that the 64-bit PV ABI reserves, 0xffff800000000000 to 0xffff880000000000,
// which is slots 256 to 271 of every level 4 table.
//
//   slot  from                  what
//   256   0xffff800000000000    machine-to-phys table, read-only, visible to guests' kernels
//   257   0xffff808000000000    the same table, writable, for hv
//   260   0xffff820000000000    each CPU's GDT and LDT windows (pv/descriptors/descriptors.cpp)
//   261   0xffff828000000000    frame table
//         0xffff82c000000000    device registers and firmware tables (map_device)
//         0xffff82d000000000    hv's image, then the stacks
//   262+  0xffff830000000000    direct map of all RAM: virtual = physical + kDirectMapBase
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::x86 {

// Bits 63 to 47 are alike, as the processor demands of addresses.
constexpr bool canonical(std::uint64_t address) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(address << 16) >> 16) == address;
}

inline constexpr std::uint64_t kM2pReadOnlyBase = 0xffff'8000'0000'0000;
inline constexpr std::uint64_t kM2pBase = 0xffff'8080'0000'0000;
inline constexpr std::uint64_t kWindowsBase = 0xffff'8200'0000'0000;
inline constexpr std::uint64_t kFrameTableBase = 0xffff'8280'0000'0000;
inline constexpr std::uint64_t kDeviceBase = 0xffff'82c0'0000'0000;
inline constexpr std::uint64_t kDeviceEnd = 0xffff'82c0'4000'0000;
inline constexpr std::uint64_t kImageBase = 0xffff'82d0'0000'0000;
inline constexpr std::uint64_t kImagePhysical = 0x20'0000;
inline constexpr std::uint64_t kStacksBase = 0xffff'82e0'0000'0000;
inline constexpr std::uint64_t kDirectMapBase = 0xffff'8300'0000'0000;
inline constexpr std::uint64_t kDirectMapEnd = 0xffff'8800'0000'0000;

inline constexpr unsigned kFirstHvSlot = 256;
inline constexpr unsigned kM2pReadOnlySlot = 256;
inline constexpr unsigned kWindowsSlot = 260;
inline constexpr unsigned kLastHvSlot = 271;

// One block per CPU, aligned to its size: pages 0 to 3 are the stacks of #DF, NMI, #MC and #DB, page 4 is not
// mapped, pages 5 to 7 are the stack. The CPU's PerCpu is at the top: the stack pointer alone finds it, and it
// shares a page, and so a TLB entry, with the trap frame.
inline constexpr std::size_t kStackSize = 32 * 1024;
inline constexpr unsigned kStackGuardPage = 4;
inline constexpr std::size_t kStackReserved = 1024;  // above the trap frame: PerCpu

}  // namespace hv::x86
