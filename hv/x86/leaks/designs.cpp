#include "hv/x86/leaks/designs.hpp"

namespace hv::x86 {
namespace {

// Intel's family 6, in the order of models; of one model, the lower steppings first.
struct IntelModel {
    std::uint8_t model, last_stepping;
    Design design;
};
constexpr std::uint8_t kAny = 0xf;
constexpr IntelModel kIntelModels[] = {
    {0x0f, kAny, Design::Nehalem},         // Merom
    {0x16, kAny, Design::Nehalem},         // Merom with one core
    {0x17, kAny, Design::Nehalem},         // Penryn
    {0x1a, kAny, Design::Nehalem},         // Nehalem-EP
    {0x1c, kAny, Design::InOrder},         // Bonnell
    {0x1d, kAny, Design::Nehalem},         // Dunnington
    {0x1e, kAny, Design::Nehalem},         // Lynnfield
    {0x1f, kAny, Design::Nehalem},         // Havendale
    {0x25, kAny, Design::Nehalem},         // Westmere
    {0x26, kAny, Design::InOrder},         // Silverthorne
    {0x27, kAny, Design::InOrder},         // Saltwell
    {0x2a, kAny, Design::SandyBridge},     // Sandy Bridge
    {0x2c, kAny, Design::Nehalem},         // Westmere-EP
    {0x2d, kAny, Design::SandyBridge},     // Sandy Bridge-E
    {0x2e, kAny, Design::Nehalem},         // Nehalem-EX
    {0x2f, kAny, Design::Nehalem},         // Westmere-EX
    {0x35, kAny, Design::InOrder},         // Cloverview
    {0x36, kAny, Design::InOrder},         // Cedarview
    {0x37, kAny, Design::Silvermont},      // Bay Trail
    {0x3a, kAny, Design::IvyBridge},       // Ivy Bridge
    {0x3c, kAny, Design::IvyBridge},       // Haswell
    {0x3d, kAny, Design::IvyBridge},       // Broadwell
    {0x3e, kAny, Design::SandyBridge},     // Ivy Bridge-E
    {0x3f, kAny, Design::HaswellServer},   // Haswell-E
    {0x45, kAny, Design::IvyBridge},       // Haswell of notebooks
    {0x46, kAny, Design::IvyBridge},       // Haswell with graphics
    {0x47, kAny, Design::IvyBridge},       // Broadwell with graphics
    {0x4a, kAny, Design::Silvermont},      // Merrifield
    {0x4c, kAny, Design::Silvermont},      // Airmont: Cherry Trail, Braswell
    {0x4d, kAny, Design::Silvermont},      // Avoton
    {0x4e, kAny, Design::Skylake},         // Skylake of notebooks
    {0x4f, kAny, Design::HaswellServer},   // Broadwell-E
    {0x55, 0x5, Design::SkylakeServer},    // Skylake-SP
    {0x55, kAny, Design::CascadeLake},     // Cascade Lake, Cooper Lake
    {0x56, kAny, Design::HaswellServer},   // Broadwell-D
    {0x57, kAny, Design::KnightsLanding},  // Knights Landing
    {0x5a, kAny, Design::Airmont},         // Moorefield
    {0x5c, kAny, Design::Goldmont},        // Apollo Lake
    {0x5e, kAny, Design::Skylake},         // Skylake
    {0x5f, kAny, Design::Goldmont},        // Denverton
    {0x66, kAny, Design::CannonLake},      // Cannon Lake
    {0x6a, kAny, Design::IceLakeServer},   // Ice Lake-SP
    {0x6c, kAny, Design::IceLakeServer},   // Ice Lake-D
    {0x75, kAny, Design::Lightning},       // Lightning Mountain
    {0x7a, kAny, Design::GoldmontPlus},    // Gemini Lake
    {0x7d, kAny, Design::IceLake},         // Ice Lake
    {0x7e, kAny, Design::IceLake},         // Ice Lake of notebooks
    {0x85, kAny, Design::KnightsLanding},  // Knights Mill
    {0x86, kAny, Design::TremontServer},   // Jacobsville, Snow Ridge
    {0x8a, kAny, Design::Lakefield},       // Lakefield
    {0x8c, kAny, Design::TigerLake},       // Tiger Lake of notebooks
    {0x8d, kAny, Design::TigerLake},       // Tiger Lake
    {0x8e, 0xb, Design::Skylake},          // Kaby Lake, Amber Lake, Coffee Lake of notebooks
    {0x8e, kAny, Design::CoffeeLake},      // Whiskey Lake
    {0x8f, kAny, Design::SapphireRapids},  // Sapphire Rapids
    {0x96, kAny, Design::Tremont},         // Elkhart Lake
    {0x97, kAny, Design::AlderLake},       // Alder Lake
    {0x9a, kAny, Design::AlderLake},       // Alder Lake of notebooks
    {0x9c, kAny, Design::Tremont},         // Jasper Lake
    {0x9e, 0xc, Design::Skylake},          // Kaby Lake, Coffee Lake
    {0x9e, kAny, Design::CoffeeLake},      // Coffee Lake Refresh
    {0xa5, kAny, Design::CometLake},       // Comet Lake
    {0xa6, 0x0, Design::CometLakeFirst},   // Comet Lake of notebooks
    {0xa6, kAny, Design::CometLake},       // Comet Lake of notebooks
    {0xa7, kAny, Design::RocketLake},      // Rocket Lake
    {0xaa, kAny, Design::SapphireRapids},  // Meteor Lake
    {0xac, kAny, Design::SapphireRapids},  // Meteor Lake
    {0xad, kAny, Design::SapphireRapids},  // Granite Rapids
    {0xae, kAny, Design::SapphireRapids},  // Granite Rapids-D
    {0xaf, kAny, Design::Crestmont},       // Sierra Forest
    {0xb6, kAny, Design::Crestmont},       // Grand Ridge
    {0xb7, kAny, Design::AlderLake},       // Raptor Lake
    {0xba, kAny, Design::AlderLake},       // Raptor Lake of notebooks
    {0xbd, kAny, Design::SapphireRapids},  // Lunar Lake
    {0xbe, kAny, Design::AlderLake},       // Alder Lake-N: small cores only
    {0xbf, kAny, Design::AlderLake},       // Raptor Lake
    {0xc5, kAny, Design::SapphireRapids},  // Arrow Lake
    {0xc6, kAny, Design::SapphireRapids},  // Arrow Lake
    {0xcf, kAny, Design::SapphireRapids},  // Emerald Rapids
};

// AMD's and Hygon's, by family and model.
struct AmdModels {
    std::uint8_t family, first_model, last_model;
    Design design;
};
constexpr AmdModels kAmdModels[] = {
    {0x0f, 0x00, 0xff, Design::K8},         // the first Opterons
    {0x10, 0x00, 0xff, Design::K8},         // K10: Barcelona, Magny-Cours
    {0x11, 0x00, 0xff, Design::K8},         // Griffin
    {0x12, 0x00, 0xff, Design::K8},         // Llano
    {0x14, 0x00, 0xff, Design::Bobcat},     // Zacate
    {0x15, 0x00, 0xff, Design::Bulldozer},  // Interlagos, Abu Dhabi, Excavator
    {0x16, 0x00, 0xff, Design::Bulldozer},  // Jaguar, Puma
    {0x17, 0x00, 0x2f, Design::Zen1},       // Naples, Raven Ridge
    {0x17, 0x30, 0x4f, Design::Zen2},       // Rome
    {0x17, 0x50, 0x5f, Design::Zen1},       // Fenghuang
    {0x17, 0x60, 0x7f, Design::Zen2},       // Renoir, Matisse
    {0x17, 0x90, 0x91, Design::Zen2},       // Van Gogh
    {0x17, 0xa0, 0xaf, Design::Zen2},       // Mendocino
    {0x18, 0x00, 0xff, Design::Zen1},       // Hygon's Dhyana
    {0x19, 0x00, 0xff, Design::Zen3},       // Milan, Genoa
    {0x1a, 0x00, 0xff, Design::Zen5},       // Turin
};

Design find_intel(const Signature& signature) {
    constexpr std::uint32_t kPentium = 5, kNetburst = 0xf, kCore = 6;
    if (signature.family <= kPentium) return Design::InOrder;
    if (signature.family == kNetburst) return Design::Nehalem;
    if (signature.family != kCore) return Design::Unknown;
    for (const IntelModel& row : kIntelModels)
        if (row.model == signature.model && signature.stepping <= row.last_stepping) return row.design;
    return Design::Unknown;
}

Design find_amd(const Signature& signature) {
    constexpr std::uint32_t kFirst = 0x0f;
    if (signature.family < kFirst) return Design::K8;
    for (const AmdModels& row : kAmdModels)
        if (row.family == signature.family && row.first_model <= signature.model && signature.model <= row.last_model)
            return row.design;
    return Design::Unknown;
}

}  // namespace

Design design_of(Vendor vendor, const Signature& signature) {
    constexpr std::uint32_t kZhaoxinFamily = 7;
    switch (vendor) {
        case Vendor::Intel: return find_intel(signature);
        case Vendor::Amd:
        case Vendor::Hygon: return find_amd(signature);
        case Vendor::Centaur: return signature.family == kZhaoxinFamily ? Design::Zhaoxin : Design::Unknown;
        case Vendor::Other: break;
    }
    return Design::Unknown;
}

}  // namespace hv::x86
