// Of all updates in a file that fit the processor, the newest, unless the processor has it already or cannot take it
// now.
#include "hv/x86/microcode/microcode.hpp"

namespace hv::x86 {
namespace {

struct Choice {
    MicrocodeUpdate best;
    bool any = false;
};

void keep_newest(void* argument, const MicrocodeUpdate& update) {
    auto& choice = *static_cast<Choice*>(argument);
    if (!choice.any || update.revision > choice.best.revision) choice.best = update;
    choice.any = true;
}

// Intel, Xeon E7 v4 specification update, BDF90: with what it was delivered with, an update while programs run may hang
// it.
bool only_takes_it_early(const MicrocodeTarget& target) {
    constexpr std::uint32_t kBroadwellServer = 0x0004'06f1, kFirstSafe = 0x0b00'0021;
    return target.vendor == Vendor::Intel && target.signature == kBroadwellServer && target.revision < kFirstSafe;
}

}  // namespace

Result<MicrocodeUpdate> choose_microcode(Bytes file, const MicrocodeTarget& target, bool late) {
    Choice choice;
    switch (target.vendor) {
        case Vendor::Intel: TRY(for_each_intel_update(file, target, keep_newest, &choice)); break;
        case Vendor::Amd:
        case Vendor::Hygon: TRY(for_each_amd_update(file, target, keep_newest, &choice)); break;
        case Vendor::Centaur:
        case Vendor::Other: return fail(Error::NotSupported);
    }
    if (!choice.any) return fail(Error::NoEntry);
    if (choice.best.revision <= target.revision) return fail(Error::Exists);
    if (late && only_takes_it_early(target)) return fail(Error::NotSupported);
    return choice.best;
}

}  // namespace hv::x86
