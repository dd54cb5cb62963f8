#include "hv/x86/leaks/leaks.hpp"

#include <array>

#include "hv/x86/leaks/amd_microcode.hpp"
#include "hv/x86/leaks/designs.hpp"

namespace hv::x86 {
namespace {

using enum Leak;

constexpr Leaks kBranches = {SpectreV1, SpectreV2};
constexpr Leaks kSpeculates = kBranches | Leaks{StoreBypass};
// What Intel's designs have until they say that they have not; Sandy Bridge and its successors let guests steer others.
constexpr Leaks kFirstIntel = kSpeculates | Leaks{Meltdown, L1tf, Mds};
constexpr Leaks kIntel = kFirstIntel | Leaks{Vmscape};
constexpr Leaks kSkylake = kIntel | Leaks{MmioStaleData, Retbleed, Gds};
constexpr Leaks kZen = kSpeculates | Leaks{Srso, Vmscape};
// What an unknown processor is taken to have: no list says that it has not, but the processor itself may.
constexpr Leaks kUnknownIntel = kIntel | Leaks{MmioStaleData, Rfds, Gds, Its};
constexpr Leaks kUnknownAmd = kZen | Leaks{Retbleed, Tsa};

struct DesignLeaks {
    Design design;
    Leaks leaks;
};
constexpr DesignLeaks kDesignLeaks[] = {
    {Design::InOrder, {}},
    {Design::Nehalem, kFirstIntel},
    {Design::SandyBridge, kIntel},
    {Design::IvyBridge, kIntel | Leaks{Srbds}},
    {Design::HaswellServer, kIntel | Leaks{MmioStaleData}},
    {Design::Skylake, kSkylake | Leaks{Srbds}},
    {Design::SkylakeServer, kSkylake},
    {Design::CascadeLake, kSkylake | Leaks{Its}},
    {Design::CoffeeLake, kSkylake | Leaks{Srbds, Its}},
    {Design::CometLake, kSkylake | Leaks{Srbds, Its}},
    {Design::CometLakeFirst, (kSkylake | Leaks{Its}) - Leaks{Gds}},
    {Design::CannonLake, kIntel | Leaks{Retbleed}},
    {Design::IceLake, kFirstIntel | Leaks{MmioStaleData, Srbds, Retbleed, Gds, Its}},
    {Design::IceLakeServer, kFirstIntel | Leaks{MmioStaleData, Gds, Its}},
    {Design::TigerLake, kFirstIntel | Leaks{Gds, Its}},
    {Design::RocketLake, kFirstIntel | Leaks{MmioStaleData, Retbleed, Gds, Its}},
    {Design::Lakefield, kFirstIntel | Leaks{MmioStaleData, Srbds, Retbleed}},
    {Design::AlderLake, kIntel | Leaks{Rfds}},
    {Design::SapphireRapids, kIntel},
    {Design::Silvermont, kBranches | Leaks{Meltdown, Mds, MdsOfStoresOnly}},
    {Design::Airmont, kSpeculates | Leaks{Meltdown, Mds, MdsOfStoresOnly}},
    {Design::Lightning, kSpeculates | Leaks{Meltdown, Mds}},
    {Design::Goldmont, kSpeculates | Leaks{Meltdown, Rfds}},
    {Design::GoldmontPlus, kSpeculates | Leaks{Meltdown, Rfds}},
    {Design::Tremont, kFirstIntel | Leaks{MmioStaleData, Srbds, Rfds}},
    {Design::TremontServer, kFirstIntel | Leaks{MmioStaleData, Rfds}},
    {Design::Crestmont, kIntel},
    {Design::KnightsLanding, kBranches | Leaks{Meltdown, Mds, MdsOfStoresOnly}},
    {Design::K8, kBranches},
    {Design::Bobcat, kSpeculates},
    {Design::Bulldozer, kSpeculates | Leaks{Retbleed}},
    {Design::Zen1, kZen | Leaks{Retbleed, SiblingReturns, Divider, FpDivider}},
    {Design::Zen2, kZen | Leaks{Retbleed, SiblingReturns, Zenbleed}},
    {Design::Zen3, kZen | Leaks{Tsa}},
    {Design::Zen5, kZen},
    {Design::Zhaoxin, (kFirstIntel - Leaks{SpectreV2})},
};

Leaks of_silicon(Design design, const Identification& id) {
    for (const DesignLeaks& row : kDesignLeaks)
        if (row.design == design) return row.leaks;
    if (id.is_amd()) return kUnknownAmd;
    return id.vendor == Vendor::Intel ? kUnknownIntel : kFirstIntel;
}

// What the processor says that it has not.
Leaks denied(const Identification& id) {
    using Can = ArchCapability;
    using Has = CpuidBit;
    Leaks none;
    if (id.can(Can::RdclNo)) none.add(Meltdown).add(L1tf);
    if (id.can(Can::SsbNo) || id.has(Has::AmdSsbNo)) none.add(StoreBypass);
    if (id.can(Can::MdsNo)) none.add(Mds).add(MdsOfStoresOnly);
    if (id.can(Can::FbsdpNo) && id.can(Can::PsdpNo) && id.can(Can::SbdrSsdpNo)) none.add(MmioStaleData);
    if (!id.has(Has::Rdrand) && !id.has(Has::Rdseed)) none.add(Srbds);
    if (id.can(Can::RfdsNo)) none.add(Rfds);
    if (id.can(Can::GdsNo) || !id.has(Has::Avx)) none.add(Gds);  // no gathering without AVX
    if (id.can(Can::ItsNo) || id.has(Has::BhiCtrl)) none.add(Its);
    if (id.has(Has::AmdBtcNo)) none.add(Retbleed);
    if (id.has(Has::SrsoNo)) none.add(Srso);
    if (id.has(Has::TsaSqNo) && id.has(Has::TsaL1No)) none.add(Tsa);
    return none;
}

// What it says that it has, or has by what it is able to do.
Leaks admitted(const Identification& id, Design design) {
    using Can = ArchCapability;
    using Has = CpuidBit;
    Leaks found;
    if (id.is_amd()) {
        if (id.has(Has::AmdIbpb) && !id.has(Has::AmdIbpbReturns)) found.add(BarrierLeavesReturns);
        return found;
    }
    if (id.vendor != Vendor::Intel) return found;
    const bool hypervisor = id.has(Has::Hypervisor);  // it may move hv to another processor, and hide what this one has
    if (!id.can(Can::TaaNo) && (id.has(Has::Rtm) || id.can(Can::TsxCtrl))) found.add(Taa);
    if (!id.can(Can::BhiNo) && (id.can(Can::IbrsAll) || hypervisor)) found.add(Bhi);
    if (id.can(Can::Rsba)) found.add(Retbleed);
    if (id.can(Can::RfdsClear)) found.add(Rfds);
    if (hypervisor) found.add(Its);
    const bool safe = design == Design::GoldmontPlus || design == Design::Tremont || design == Design::TremontServer;
    if (id.can(Can::IbrsAll) && !id.can(Can::PbrsbNo) && !safe) found.add(PostBarrierReturns);
    return found;
}

}  // namespace

Leaks leaks_of(const Identification& id) {
    const Design design = design_of(id.vendor, id.signature);
    if (id.interpreted || design == Design::InOrder) return {};
    Leaks leaks = (of_silicon(design, id) | admitted(id, design)) - denied(id);
    const bool hypervisor = id.has(CpuidBit::Hypervisor);
    if (hypervisor) leaks.remove(Vmscape);  // a hypervisor below hv keeps its own device models apart
    // Hidden switches and microcode are the business of a hypervisor below hv.
    if (hypervisor) leaks.remove(FpDivider);
    if (hypervisor || !id.has(CpuidBit::Avx) || microcode_mends_zenbleed(id)) leaks.remove(Zenbleed);
    if (!id.siblings) {
        leaks.remove(SiblingReturns);
        if (design == Design::Zen1 || design == Design::Zen2) leaks.remove(Srso);
    }
    return leaks;
}

std::string_view name_of(Leak leak) {
    static constexpr std::array<std::string_view, kLeakCount> kNames = {"Meltdown",
                                                                        "L1TF",
                                                                        "Spectre v1",
                                                                        "Spectre v2",
                                                                        "Retbleed",
                                                                        "BHI",
                                                                        "ITS",
                                                                        "SRSO",
                                                                        "SSB",
                                                                        "MDS",
                                                                        "MDS of the store buffer alone",
                                                                        "TAA",
                                                                        "MMIO stale data",
                                                                        "SRBDS",
                                                                        "RFDS",
                                                                        "GDS",
                                                                        "TSA",
                                                                        "Zenbleed",
                                                                        "divider state",
                                                                        "FP divider state",
                                                                        "VMSCAPE",
                                                                        "returns of siblings",
                                                                        "IBPB without returns",
                                                                        "PBRSB"};
    return kNames[static_cast<unsigned>(leak)];
}

}  // namespace hv::x86
