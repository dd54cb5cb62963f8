// The kinds of guests that this hv has: outside of their own rooms, they are named here alone.
#include "hv/memory/guest_access.hpp"
#include "hv/x86/pv/pv_guest.hpp"
#include "hv/x86/vcpu/guest_kind.hpp"

namespace hv {
namespace x86 {
namespace {

constexpr const GuestKind* kKinds[] = {&kPvGuest};

// For what guests' calls ask for most. PV's is called directly, without a look at memory that the call does not need
// otherwise: each page that is touched costs a TLB miss there.
template <class Ask>
auto ask_kind_of_current(Ask ask) {
    const Vcpu& vcpu = current_vcpu();
    if (vcpu.type == abi::control::DomainType::Pv) [[likely]]
        return ask(kPvGuest);
    return ask(kind_of(vcpu.domain));
}

}  // namespace

std::span<const GuestKind* const> guest_kinds() {
    return kKinds;
}

}  // namespace x86

const GuestKind* guest_kind(abi::control::DomainType type) {
    switch (type) {
        case abi::control::DomainType::Pv: return &x86::kPvGuest;
        case abi::control::DomainType::Pvh:
        case abi::control::DomainType::Hvm: break;
    }
    return nullptr;
}

[[gnu::hot]] Result<> copy_from_guest(void* to, GuestVirtual from, std::size_t bytes) {
    return x86::ask_kind_of_current([&](const auto& kind) { return kind.copy_from(to, from, bytes); });
}

[[gnu::hot]] Result<> copy_to_guest(GuestVirtual to, const void* from, std::size_t bytes) {
    return x86::ask_kind_of_current([&](const auto& kind) { return kind.copy_to(to, from, bytes); });
}

Result<> clear_guest(GuestVirtual to, std::size_t bytes) {
    return x86::ask_kind_of_current([&](const auto& kind) { return kind.clear(to, bytes); });
}

}  // namespace hv
