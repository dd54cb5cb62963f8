// The bits of CPUID and of IA32_ARCH_CAPABILITIES that tell of leaks, and of what helps against them.
// Intel: SDM volume 2, "CPUID", and volume 4, "IA32_ARCH_CAPABILITIES". AMD: APM volume 3, "Obtaining Processor
// Information".
#pragma once

#include <cstdint>

namespace hv::x86 {

// Registers that Identification keeps.
enum class CpuidWord : std::uint8_t {
    OneEcx,
    SevenEbx,
    SevenEdx,
    SevenTwoEdx,
    AmdSizesEbx,
    AmdFeaturesEax,
    AmdFeaturesEcx
};
inline constexpr unsigned kCpuidWords = 7;

// A bit's number in a set of registers that is kept as one row of bits. `Word` says which registers these are.
template <class Word>
constexpr std::uint16_t cpuid_bit(Word word, unsigned bit) {
    return static_cast<std::uint16_t>(static_cast<unsigned>(word) * 32 + bit);
}

enum class CpuidBit : std::uint16_t {
    // leaf 1 ecx
    Avx = cpuid_bit(CpuidWord::OneEcx, 28),
    Rdrand = cpuid_bit(CpuidWord::OneEcx, 30),
    Hypervisor = cpuid_bit(CpuidWord::OneEcx, 31),
    // leaf 7.0 ebx
    Smep = cpuid_bit(CpuidWord::SevenEbx, 7),
    Rtm = cpuid_bit(CpuidWord::SevenEbx, 11),
    Rdseed = cpuid_bit(CpuidWord::SevenEbx, 18),
    // leaf 7.0 edx
    SrbdsCtrl = cpuid_bit(CpuidWord::SevenEdx, 9),
    MdClear = cpuid_bit(CpuidWord::SevenEdx, 10),
    IbrsIbpb = cpuid_bit(CpuidWord::SevenEdx, 26),
    Stibp = cpuid_bit(CpuidWord::SevenEdx, 27),
    L1dFlush = cpuid_bit(CpuidWord::SevenEdx, 28),
    ArchCapabilities = cpuid_bit(CpuidWord::SevenEdx, 29),
    Ssbd = cpuid_bit(CpuidWord::SevenEdx, 31),
    // leaf 7.2 edx
    Psfd = cpuid_bit(CpuidWord::SevenTwoEdx, 0),
    RrsbaCtrl = cpuid_bit(CpuidWord::SevenTwoEdx, 2),
    BhiCtrl = cpuid_bit(CpuidWord::SevenTwoEdx, 4),
    McdtNo = cpuid_bit(CpuidWord::SevenTwoEdx, 5),
    // leaf 0x80000008 ebx
    AmdIbpb = cpuid_bit(CpuidWord::AmdSizesEbx, 12),
    AmdIbrs = cpuid_bit(CpuidWord::AmdSizesEbx, 14),
    AmdStibp = cpuid_bit(CpuidWord::AmdSizesEbx, 15),
    AmdIbrsAlways = cpuid_bit(CpuidWord::AmdSizesEbx, 16),
    AmdStibpAlways = cpuid_bit(CpuidWord::AmdSizesEbx, 17),
    AmdIbrsPrefers = cpuid_bit(CpuidWord::AmdSizesEbx, 18),
    AmdIbrsSameMode = cpuid_bit(CpuidWord::AmdSizesEbx, 19),
    AmdSsbd = cpuid_bit(CpuidWord::AmdSizesEbx, 24),
    AmdVirtSsbd = cpuid_bit(CpuidWord::AmdSizesEbx, 25),
    AmdSsbNo = cpuid_bit(CpuidWord::AmdSizesEbx, 26),
    AmdPsfd = cpuid_bit(CpuidWord::AmdSizesEbx, 28),
    AmdBtcNo = cpuid_bit(CpuidWord::AmdSizesEbx, 29),
    AmdIbpbReturns = cpuid_bit(CpuidWord::AmdSizesEbx, 30),
    // leaf 0x80000021 eax
    LfenceWaits = cpuid_bit(CpuidWord::AmdFeaturesEax, 2),
    VerwClear = cpuid_bit(CpuidWord::AmdFeaturesEax, 5),
    AutoIbrs = cpuid_bit(CpuidWord::AmdFeaturesEax, 8),
    Sbpb = cpuid_bit(CpuidWord::AmdFeaturesEax, 27),
    IbpbBranchTypes = cpuid_bit(CpuidWord::AmdFeaturesEax, 28),
    SrsoNo = cpuid_bit(CpuidWord::AmdFeaturesEax, 29),
    SrsoUserKernelNo = cpuid_bit(CpuidWord::AmdFeaturesEax, 30),
    SrsoMsrFix = cpuid_bit(CpuidWord::AmdFeaturesEax, 31),
    // leaf 0x80000021 ecx
    TsaSqNo = cpuid_bit(CpuidWord::AmdFeaturesEcx, 1),
    TsaL1No = cpuid_bit(CpuidWord::AmdFeaturesEcx, 2),
};

enum class ArchCapability : std::uint8_t {
    RdclNo = 0,
    IbrsAll = 1,
    Rsba = 2,
    SkipL1dFlush = 3,
    SsbNo = 4,
    MdsNo = 5,
    PageSizesNo = 6,  // no machine check when a page changes its size under an instruction fetch
    TsxCtrl = 7,
    TaaNo = 8,
    SbdrSsdpNo = 13,
    FbsdpNo = 14,
    PsdpNo = 15,
    FbClear = 17,
    Rrsba = 19,
    BhiNo = 20,
    PbrsbNo = 24,
    GdsCtrl = 25,
    GdsNo = 26,
    RfdsNo = 27,
    RfdsClear = 28,
    ItsNo = 62,  // never the processor's: a hypervisor below hv says so
};

inline constexpr std::uint32_t kMsrArchCapabilities = 0x10a, kMsrMicrocode = 0x8b, kMsrPredCmd = 0x49,
                               kMsrMcuOptCtrl = 0x123;
inline constexpr std::uint64_t kPredCmdSbpb = 1u << 7;
// MCU_OPT_CTRL: what the microcode does against SRBDS and GDS is off; the latter for good, until the next reset.
inline constexpr std::uint64_t kSrbLockOff = 1u << 0, kGdsOff = 1u << 4, kGdsOffLocked = 1u << 5;

}  // namespace hv::x86
