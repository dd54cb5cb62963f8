// Designs of processors: what Intel and AMD mean when they say which of theirs have a leak.
#pragma once

#include "hv/x86/leaks/identification.hpp"

namespace hv::x86 {

enum class Design : std::uint8_t {
    Unknown,  // newer than these lists, or in none of them: only what it says of itself counts
    InOrder,  // does nothing ahead of time that could leak
    // Intel
    Nehalem,        // and what came before it, Netburst too: no list names that any more; and Westmere
    SandyBridge,    // and the servers' Ivy Bridge
    IvyBridge,      // and Haswell, Broadwell, but for the servers'
    HaswellServer,  // and Broadwell's
    Skylake,        // and Kaby Lake, early Coffee Lake
    SkylakeServer,
    CascadeLake,  // and Cooper Lake
    CoffeeLake,   // the late ones, Whiskey Lake
    CometLake,
    CometLakeFirst,
    CannonLake,
    IceLake,
    IceLakeServer,
    TigerLake,
    RocketLake,
    Lakefield,
    AlderLake,       // and Raptor Lake: large cores and small ones
    SapphireRapids,  // and what came after it, of large cores
    Silvermont,
    Airmont,
    Lightning,
    Goldmont,
    GoldmontPlus,
    Tremont,
    TremontServer,
    Crestmont,
    KnightsLanding,
    // AMD, Hygon
    K8,  // and K10, and what came before
    Bobcat,
    Bulldozer,  // and its successors, and Jaguar
    Zen1,
    Zen2,
    Zen3,  // and 4
    Zen5,
    // Zhaoxin, Centaur
    Zhaoxin,
};

Design design_of(Vendor vendor, const Signature& signature);

}  // namespace hv::x86
