// Fixed places of the 64-bit PV address space and the segment selectors that every GDT holds.
#pragma once

#include <cstdint>

namespace hv::abi::xen {

// The hypervisor's hole: 16 slots of the top-level table, 256 to 271. Guests may not map anything there.
inline constexpr std::uint64_t kHypervisorVirtStart = 0xffff'8000'0000'0000;
inline constexpr std::uint64_t kHypervisorVirtEnd = 0xffff'8800'0000'0000;
inline constexpr unsigned kFirstHypervisorSlot = 256;
inline constexpr unsigned kLastHypervisorSlot = 271;

// The machine-to-physical table, u64 per machine frame, readable by every PV guest.
inline constexpr std::uint64_t kMachineToPhysStart = 0xffff'8000'0000'0000;
inline constexpr std::uint64_t kMachineToPhysEnd = 0xffff'8040'0000'0000;
inline constexpr std::uint64_t kMachineToPhysEntries = (kMachineToPhysEnd - kMachineToPhysStart) / 8;

// What a selector's 13 bits can tell apart: 8192 descriptors, on 16 pages.
inline constexpr unsigned kMostLdtEntries = 8192;
inline constexpr unsigned kLdtPages = kMostLdtEntries * 8 / 4096;
inline constexpr unsigned kGdtPages = kLdtPages;

// A GDT's pages 14 and 15 belong to the hypervisor; a guest may fill the 7168 entries before them.
inline constexpr unsigned kFirstReservedGdtPage = 14;
inline constexpr unsigned kFirstReservedGdtByte = kFirstReservedGdtPage * 4096;
inline constexpr unsigned kFirstReservedGdtEntry = kFirstReservedGdtByte / 8;

// Flat segments in the hypervisor's part of the GDT. Kernel and user segments are the same: both run in ring 3.
inline constexpr std::uint16_t kFlatRing3Cs32 = 0xe023;
inline constexpr std::uint16_t kFlatRing3Cs64 = 0xe033;
inline constexpr std::uint16_t kFlatRing3Ds32 = 0xe02b;
inline constexpr std::uint16_t kFlatRing3Ds64 = 0x0000;
inline constexpr std::uint16_t kFlatRing3Ss32 = 0xe02b;
inline constexpr std::uint16_t kFlatRing3Ss64 = 0xe02b;
inline constexpr std::uint16_t kFlatKernelCs = kFlatRing3Cs64;
inline constexpr std::uint16_t kFlatKernelDs = kFlatRing3Ds64;
inline constexpr std::uint16_t kFlatKernelSs = kFlatRing3Ss64;
inline constexpr std::uint16_t kFlatUserCs = kFlatRing3Cs64;
inline constexpr std::uint16_t kFlatUserDs = kFlatRing3Ds64;
inline constexpr std::uint16_t kFlatUserSs = kFlatRing3Ss64;

// HypercallId::SetSegmentBase(which, value).
enum class SegmentBase : std::uint32_t {
    Fs = 0,
    GsUser = 1,
    GsKernel = 2,
    GsUserSelector = 3,  // loads the selector into %gs of user mode; a bad one becomes null
};

}  // namespace hv::abi::xen
