#include "hv/x86/leaks/identification.hpp"

#include <initializer_list>

namespace hv::x86 {
namespace {

// Under a hypervisor, leaf 0x40000000 names it: QEMU's interpreter calls itself TCGTCGTCGTCG.
bool is_interpreted(const CpuidSource& cpuid) {
    constexpr std::uint32_t kFirst = 0x5447'4354, kSecond = 0x4354'4743, kThird = 0x4743'5447;
    const CpuidLeaf name = cpuid.leaf(0x4000'0000);
    return name.ebx == kFirst && name.ecx == kSecond && name.edx == kThird;
}

// Of the words that Identification keeps: what it is good to have.
using Words = std::array<std::uint32_t, kCpuidWords>;
constexpr Words words_of(std::initializer_list<CpuidBit> bits) {
    Words words{};
    for (const CpuidBit bit : bits) {
        const auto number = static_cast<unsigned>(bit);
        words[number / 32] |= std::uint32_t{1} << (number % 32);
    }
    return words;
}
using enum CpuidBit;
constexpr Words kHelp =
    words_of({Smep,     SrbdsCtrl,     MdClear,         IbrsIbpb,         Stibp,           L1dFlush,  ArchCapabilities,
              Ssbd,     Psfd,          RrsbaCtrl,       BhiCtrl,          McdtNo,          AmdIbpb,   AmdIbrs,
              AmdStibp, AmdIbrsAlways, AmdStibpAlways,  AmdIbrsPrefers,   AmdIbrsSameMode, AmdSsbd,   AmdVirtSsbd,
              AmdSsbNo, AmdPsfd,       AmdBtcNo,        AmdIbpbReturns,   LfenceWaits,     VerwClear, AutoIbrs,
              Sbpb,     SrsoNo,        IbpbBranchTypes, SrsoUserKernelNo, SrsoMsrFix,      TsaSqNo,   TsaL1No});
// These two admit something: it is good not to have them.
constexpr std::uint64_t kAdmissions = std::uint64_t{1} << static_cast<unsigned>(ArchCapability::Rsba) |
                                      std::uint64_t{1} << static_cast<unsigned>(ArchCapability::Rrsba);

void add(Identification& id, CpuidBit bit) {
    const auto number = static_cast<unsigned>(bit);
    id.words[number / 32] |= std::uint32_t{1} << (number % 32);
}

// IBPB that forgets the types of branches, too, has come with microcode that CPUID shows from Zen 5 on. Zen 1 and 2
// have it wherever they have IBPB; Zen 3 and 4 where a new command of the same register is taken (AMD's "Technical
// Update Regarding Speculative Return Stack Overflow").
void look_for_barrier(Identification& id, const ProcessorSource& processor) {
    constexpr unsigned kZen1And2 = 0x17, kZen3And4 = 0x19;
    if (!id.is_amd() || id.has(CpuidBit::Hypervisor) || !id.has(CpuidBit::AmdIbpb)) return;
    if (id.signature.family == kZen1And2) return add(id, CpuidBit::IbpbBranchTypes);
    if (id.signature.family != kZen3And4 || id.has(CpuidBit::IbpbBranchTypes)) return;
    if (!processor.takes_msr(kMsrPredCmd, kPredCmdSbpb)) return;
    add(id, CpuidBit::IbpbBranchTypes);
    add(id, CpuidBit::Sbpb);
}

}  // namespace

Identification identify(const ProcessorSource& processor) {
    constexpr std::uint32_t kOsXsave = 1u << 27;  // what hv has turned on, not what the processor is
    const CpuidLeaf one = processor.leaf(1), seven = processor.leaf(7), amd = processor.leaf(0x8000'0021);
    Identification id{.vendor = vendor_of(processor.leaf(0)),
                      .signature = signature_of(one.eax),
                      .words = {one.ecx & ~kOsXsave, seven.ebx, seven.edx, processor.features(2).edx,
                                processor.leaf(0x8000'0008).ebx, amd.eax, amd.ecx},
                      .siblings = topology_of(processor).threads_per_core > 1};
    if (id.has(CpuidBit::ArchCapabilities)) id.arch_capabilities = processor.read_msr(kMsrArchCapabilities);
    if (id.has(CpuidBit::Hypervisor)) {
        id.interpreted = is_interpreted(processor);
    } else if (id.is_amd()) {
        id.microcode = static_cast<std::uint32_t>(processor.read_msr(kMsrMicrocode));
    }
    look_for_barrier(id, processor);
    const bool has_control = id.can(ArchCapability::GdsCtrl) || id.has(CpuidBit::SrbdsCtrl);
    if (has_control && !id.has(CpuidBit::Hypervisor)) {
        const std::uint64_t control = processor.try_read_msr(kMsrMcuOptCtrl).value_or(0);
        id.srb_lock_off = control & kSrbLockOff;
        id.gds_off = control & kGdsOff;
        id.gds_off_locked = control & kGdsOffLocked;
    }
    return id;
}

bool as_safe_as(const Identification& boot_cpu, const Identification& other) {
    for (std::size_t word = 0; word < kCpuidWords; ++word)
        if (boot_cpu.words[word] & ~other.words[word] & kHelp[word]) return false;
    return other.microcode >= boot_cpu.microcode && other.gds_stays_open() <= boot_cpu.gds_stays_open() &&
           ((boot_cpu.arch_capabilities ^ kAdmissions) & ~(other.arch_capabilities ^ kAdmissions)) == 0;
}

}  // namespace hv::x86
