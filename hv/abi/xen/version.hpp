// HypercallId::XenVersion(command, argument): what the hypervisor is and can do.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hv::abi::xen {

enum class VersionCommand : std::uint32_t {
    Version = 0,             // returns major << 16 | minor
    Extraversion = 1,        // char[16]
    CompileInfo = 2,         // CompileInfo
    Capabilities = 3,        // char[1024]
    Changeset = 4,           // char[64]
    PlatformParameters = 5,  // PlatformParameters
    GetFeatures = 6,         // FeatureInfo
    Pagesize = 7,            // returns 4096
    GuestHandle = 8,         // u8[16]: the domain's UUID
    Commandline = 9,         // char[1024]
    BuildId = 10,            // BuildIdHeader and bytes; returns the length
};

inline constexpr std::size_t kExtraversionLength = 16;
inline constexpr std::size_t kCapabilitiesLength = 1024;
inline constexpr std::size_t kChangesetLength = 64;
inline constexpr std::size_t kCommandlineLength = 1024;

struct CompileInfo {
    char compiler[64];        // +0
    char compile_by[16];      // +64
    char compile_domain[32];  // +80
    char compile_date[32];    // +112
};
static_assert(sizeof(CompileInfo) == 144);

struct PlatformParameters {
    std::uint64_t virt_start;  // +0
};
static_assert(sizeof(PlatformParameters) == 8);

struct FeatureInfo {
    std::uint32_t submap_index;  // +0   in
    std::uint32_t submap;        // +4   out: bit per Feature
};
static_assert(sizeof(FeatureInfo) == 8);

struct BuildIdHeader {
    std::uint32_t length;  // +0   in: bytes that follow
};
static_assert(sizeof(BuildIdHeader) == 4);

enum class Feature : std::uint32_t {
    WritablePageTables = 0,
    WritableDescriptorTables = 1,
    AutoTranslatedPhysmap = 2,
    SupervisorModeKernel = 3,
    PaePgdirAbove4gb = 4,
    MmuPtUpdatePreserveAd = 5,
    HighmemAssist = 6,
    GnttabMapAvailBits = 7,
    HvmCallbackVector = 8,
    HvmSafePvclock = 9,
    HvmPirqs = 10,
    Dom0 = 11,
    MemoryOpVnodeSupported = 13,
    ArmSmcccSupported = 14,
    LinuxRsdpUnrestricted = 15,
    NotDirectMapped = 16,
    DirectMapped = 17,
};
inline constexpr std::uint32_t kFeatureSubmaps = 1;

}  // namespace hv::abi::xen
