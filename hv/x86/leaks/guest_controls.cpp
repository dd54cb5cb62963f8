#include "hv/x86/leaks/guest_controls.hpp"

#include "hv/x86/leaks/amd_microcode.hpp"
#include "hv/x86/leaks/virtual_ssbd.hpp"

namespace hv::x86 {
namespace {

using enum Leak;

// Intel SDM volume 4, IA32_SPEC_CTRL, IA32_PRED_CMD, IA32_FLUSH_CMD; AMD's are the same, and SBPB.
constexpr std::uint64_t kIbrs = 1u << 0, kStibp = 1u << 1, kSsbd = 1u << 2, kPsfd = 1u << 7;
constexpr std::uint64_t kIbpb = 1u << 0, kSbpb = 1u << 7;
constexpr std::uint64_t kFlushL1d = 1u << 0;

using Words = std::array<std::uint32_t, kCpuidWords>;

void set_bit(Words& words, CpuidBit bit) {
    const auto number = static_cast<unsigned>(bit);
    words[number / 32] |= 1u << (number % 32);
}
std::uint32_t& word(Words& words, CpuidWord which) {
    return words[static_cast<unsigned>(which)];
}

// What the processor has, or does, whatever is in its registers.
constexpr CpuidBit kFacts[] = {CpuidBit::MdClear,        CpuidBit::McdtNo,      CpuidBit::AmdIbpb,
                               CpuidBit::AmdBtcNo,       CpuidBit::AmdSsbNo,    CpuidBit::AmdIbrsSameMode,
                               CpuidBit::AmdIbpbReturns, CpuidBit::LfenceWaits, CpuidBit::VerwClear,
                               CpuidBit::Sbpb,           CpuidBit::SrsoNo,      CpuidBit::IbpbBranchTypes,
                               CpuidBit::TsaSqNo,        CpuidBit::TsaL1No};
// What a guest controls through SPEC_CTRL, of which each vCPU has its own.
constexpr CpuidBit kControls[] = {CpuidBit::IbrsIbpb,      CpuidBit::Stibp,          CpuidBit::Ssbd,
                                  CpuidBit::Psfd,          CpuidBit::AmdIbrs,        CpuidBit::AmdStibp,
                                  CpuidBit::AmdIbrsAlways, CpuidBit::AmdStibpAlways, CpuidBit::AmdIbrsPrefers,
                                  CpuidBit::AmdSsbd,       CpuidBit::AmdPsfd};

// An interpreter ignores what is written to registers that it does not have: there guests can try all of it.
Identification with_everything(Identification id) {
    for (CpuidBit bit : {CpuidBit::MdClear, CpuidBit::L1dFlush}) set_bit(id.words, bit);
    if (!id.is_amd()) {
        for (CpuidBit bit : {CpuidBit::IbrsIbpb, CpuidBit::Stibp, CpuidBit::Ssbd, CpuidBit::Psfd})
            set_bit(id.words, bit);
        return id;
    }
    for (CpuidBit bit : {CpuidBit::AmdIbpb, CpuidBit::AmdIbrs, CpuidBit::AmdStibp, CpuidBit::Sbpb})
        set_bit(id.words, bit);
    if (virtual_ssbd_bit(id) == 0) set_bit(id.words, CpuidBit::AmdSsbd);
    return id;
}

struct Denial {
    ArchCapability bit;
    Leaks leaks;  // it says that the processor has none of them
};
constexpr Denial kDenials[] = {
    {ArchCapability::RdclNo, {Meltdown, L1tf}},
    {ArchCapability::SsbNo, {StoreBypass}},
    {ArchCapability::MdsNo, {Mds, MdsOfStoresOnly}},
    {ArchCapability::TaaNo, {Taa}},
    {ArchCapability::SbdrSsdpNo, {MmioStaleData}},
    {ArchCapability::FbsdpNo, {MmioStaleData}},
    {ArchCapability::PsdpNo, {MmioStaleData}},
    {ArchCapability::BhiNo, {Bhi}},
    {ArchCapability::PbrsbNo, {PostBarrierReturns}},
    {ArchCapability::GdsNo, {Gds}},
    {ArchCapability::RfdsNo, {Rfds}},
    {ArchCapability::ItsNo, {Its}},
};
constexpr ArchCapability kPassedOn[] = {
    ArchCapability::Rsba,       ArchCapability::SkipL1dFlush, ArchCapability::PageSizesNo,
    ArchCapability::SbdrSsdpNo, ArchCapability::FbsdpNo,      ArchCapability::PsdpNo,
    ArchCapability::FbClear,    ArchCapability::Rrsba,        ArchCapability::RfdsClear};

// What the guest may suffer from: not what hv, or the microcode, closes for all.
Leaks leaks_of_guest(const Mitigations& mitigations, Measures at_work) {
    Leaks leaks = mitigations.leaks;
    if (at_work.has(Measure::GdsMicrocode) || at_work.has(Measure::AvxOff)) leaks.remove(Gds);
    return leaks;
}

std::uint64_t capabilities_of(const GuestFilter& filter, const Identification& id, Leaks leaks) {
    const auto bit = [](ArchCapability which) { return std::uint64_t{1} << static_cast<unsigned>(which); };
    std::uint64_t result = 0;
    for (ArchCapability each : kPassedOn)
        if (id.can(each)) result |= bit(each);
    for (const Denial& each : kDenials)
        if ((leaks & each.leaks).empty()) result |= bit(each.bit);
    // A kernel that sees IBRS_ALL does without retpolines, and in ring 3 only those help it: so the bit is kept from
    // it. Not where returns are no better than branches: there nothing helps it, and all that it could do instead is
    // slow.
    const bool misleads = filter.kernel_is_user && !leaks.has(Retbleed);
    if (id.can(ArchCapability::IbrsAll) && !misleads) result |= bit(ArchCapability::IbrsAll);
    return result;
}

void deny(Words& words, const Identification& id, Leaks leaks) {
    if (!id.is_amd()) return;
    if (!leaks.has(StoreBypass)) set_bit(words, CpuidBit::AmdSsbNo);
    if (!leaks.has(Retbleed)) set_bit(words, CpuidBit::AmdBtcNo);
    if (!leaks.has(Srso)) set_bit(words, CpuidBit::SrsoNo);
    if (!leaks.has(Tsa)) {
        set_bit(words, CpuidBit::TsaSqNo);
        set_bit(words, CpuidBit::TsaL1No);
    }
    if (microcode_has_tsa_verw(id)) set_bit(words, CpuidBit::VerwClear);
}

template <std::size_t Count>
void pass_on(Words& words, const Identification& id, const CpuidBit (&bits)[Count]) {
    for (CpuidBit bit : bits)
        if (id.has(bit)) set_bit(words, bit);
}

void allow_registers(GuestControls& controls, const Identification& id) {
    using Has = CpuidBit;
    if (id.has(Has::IbrsIbpb) || id.has(Has::AmdIbrs)) controls.spec_ctrl |= kIbrs;
    if (id.has(Has::IbrsIbpb) || id.has(Has::Stibp) || id.has(Has::AmdStibp)) controls.spec_ctrl |= kStibp;
    if (id.has(Has::Ssbd) || id.has(Has::AmdSsbd)) controls.spec_ctrl |= kSsbd;
    if (id.has(Has::Psfd) || id.has(Has::AmdPsfd)) controls.spec_ctrl |= kPsfd;
}

}  // namespace

GuestControls controls_for(const GuestFilter& filter, const Identification& processor, const Mitigations& mitigations,
                           Measures at_work) {
    const bool switched = at_work.has(Measure::SpecCtrl);
    const Identification id = processor.interpreted && switched ? with_everything(processor) : processor;
    const Leaks leaks = leaks_of_guest(mitigations, at_work);
    GuestControls controls;
    Words words{};
    pass_on(words, id, kFacts);
    if (id.has(CpuidBit::AmdIbpb) || (id.has(CpuidBit::IbrsIbpb) && switched)) controls.pred_cmd |= kIbpb;
    if (id.has(CpuidBit::Sbpb)) controls.pred_cmd |= kSbpb;
    deny(words, id, leaks);
    if (!filter.kernel_is_user && id.has(CpuidBit::SrsoUserKernelNo)) set_bit(words, CpuidBit::SrsoUserKernelNo);
    if (switched) {
        pass_on(words, id, kControls);
        allow_registers(controls, id);
    }
    if (at_work.has(Measure::VirtualSsbd)) {
        set_bit(words, CpuidBit::AmdVirtSsbd);
        controls.virt_spec_ctrl = kVirtSpecCtrlSsbd;
        controls.ls_cfg_ssbd = virtual_ssbd_bit(id);
    }
    if (id.has(CpuidBit::L1dFlush)) {
        set_bit(words, CpuidBit::L1dFlush);
        controls.flush_cmd = kFlushL1d;
    }
    if (id.vendor == Vendor::Intel || id.has(CpuidBit::ArchCapabilities)) {
        set_bit(words, CpuidBit::ArchCapabilities);
        controls.arch_capabilities = capabilities_of(filter, id, leaks);
    }
    controls.seven_edx = word(words, CpuidWord::SevenEdx);
    controls.seven_two_edx = word(words, CpuidWord::SevenTwoEdx);
    controls.sizes_ebx = word(words, CpuidWord::AmdSizesEbx);
    controls.features_eax = word(words, CpuidWord::AmdFeaturesEax);
    controls.features_ecx = word(words, CpuidWord::AmdFeaturesEcx);
    return controls;
}

}  // namespace hv::x86
