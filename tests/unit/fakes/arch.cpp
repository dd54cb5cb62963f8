// What x86/ does for domains: nothing, but remembered.
#include <map>
#include <mutex>

#include "hv/domain/domain_seams.hpp"
#include "hv/domain/grant/seams.hpp"
#include "hv/memory/audit.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace fake {
namespace {

std::mutex g_lock;
std::map<std::uint64_t, Mapping> g_mappings;
bool g_refuse_mappings = false;
std::uint64_t g_flushes = 0;

void drop(const Mapping& mapping) {
    hv::FrameInfo& info = hv::frame_info(mapping.frame);
    if (!mapping.readonly) hv::put_frame_type(info);
    hv::put_frame(info);
}

}  // namespace

const Mapping* mapping_at(std::uint64_t address) {
    const std::lock_guard guard{g_lock};
    const auto found = g_mappings.find(address);
    return found == g_mappings.end() ? nullptr : &found->second;
}

void guest_overwrites(std::uint64_t address) {
    const std::lock_guard guard{g_lock};
    drop(g_mappings.at(address));
    g_mappings.erase(address);
}

void drop_mappings(hv::Domain& domain) {
    const std::lock_guard guard{g_lock};
    std::erase_if(g_mappings, [&domain](const auto& entry) {
        if (entry.second.domain != domain.id) return false;
        drop(entry.second);
        return true;
    });
}

void release_mappings(hv::Domain& domain) {
    using namespace hv::abi::xen;
    drop_mappings(domain);
    for (hv::GrantHandle handle = 0; handle < domain.grants.maptrack.capacity(); ++handle) {
        hv::GrantMapping& mapping = *domain.grants.maptrack.find(handle);
        const std::uint16_t flags = mapping.flags.load();
        if (flags == 0) continue;
        const bool readonly = flags & kGntmapReadonly;
        if (const auto granter = hv::find_domain(mapping.domain)) {
            hv::GrantTable& table = (*granter)->grants;
            const auto frame = table.mapped_frame(mapping.ref, domain.id);
            if (frame && (flags & kGntmapDeviceMap)) drop({*frame, readonly, domain.id});
            if (flags & kGntmapDeviceMap)
                table.unpin(mapping.ref, domain.id, readonly ? hv::GrantUse::DeviceRead : hv::GrantUse::DeviceWrite);
            if (flags & kGntmapHostMap)
                table.unpin(mapping.ref, domain.id, readonly ? hv::GrantUse::HostRead : hv::GrantUse::HostWrite);
        }
        domain.grants.maptrack.give_back(0, handle);
    }
}

void refuse_mappings(bool refuse) {
    g_refuse_mappings = refuse;
}
std::uint64_t grant_flushes() {
    return g_flushes;
}

}  // namespace fake

namespace hv {

using namespace fake;

Result<> arch_create_domain(Domain&) {
    return {};
}
void arch_destroy_domain(Domain&) {}
Result<> arch_create_vcpu(Vcpu&) {
    return {};
}
void arch_destroy_vcpu(Vcpu&) {}
void arch_leave_domain(Domain&) {}
Result<> arch_set_vcpu_context(Vcpu& vcpu, const abi::xen::VcpuGuestContext&) {
    vcpu.flags.fetch_or(kVcpuInitialised);
    return {};
}
void arch_get_vcpu_context(Vcpu&, abi::xen::VcpuGuestContext&) {}
void arch_audit_domain(FrameAudit& audit, const Domain& domain) {
    const std::lock_guard guard{g_lock};
    for (const auto& [address, mapping] : g_mappings) {
        if (mapping.domain != domain.id) continue;
        mapping.readonly ? audit.reference(mapping.frame) : audit.use(mapping.frame, FrameType::Writable);
    }
}

// The vCPU's registered info, and (for all vCPUs at once) the page-table entries that the domain still has.
Result<> arch_relinquish_vcpu(Vcpu& vcpu) {
    vcpu.flags.fetch_and(~std::uint32_t{kVcpuInitialised});
    vcpu.info = &vcpu.domain.spare_vcpu_info;
    if (vcpu.info_frame) put_frame_and_type(*vcpu.info_frame);
    vcpu.info_frame = nullptr;
    drop_mappings(vcpu.domain);
    return {};
}

Result<> map_grant(Vcpu& vcpu, GrantPlace where, Mfn frame) {
    const std::lock_guard guard{g_lock};
    if (g_refuse_mappings) return fail(Error::BadArgument);
    const auto [at, fresh] = g_mappings.try_emplace(where.address);
    if (!fresh) drop(at->second);
    at->second = {frame, (where.flags & abi::xen::kGntmapReadonly) != 0, vcpu.domain.id};
    return {};
}

Result<> unmap_grant(Vcpu& vcpu, GrantPlace where, Mfn frame) {
    return replace_grant(vcpu, where, frame, GuestVirtual{0});
}

Result<> replace_grant(Vcpu& vcpu, GrantPlace where, Mfn frame, GuestVirtual other) {
    const std::lock_guard guard{g_lock};
    const auto at = g_mappings.find(where.address);
    const bool readonly = (where.flags & abi::xen::kGntmapReadonly) != 0;
    if (at == g_mappings.end() || at->second.frame != frame || at->second.readonly != readonly ||
        at->second.domain != vcpu.domain.id)
        return fail(Error::BadArgument);
    g_mappings.erase(at);
    const auto source = g_mappings.find(other.raw);
    if (source == g_mappings.end() || source->second.domain != vcpu.domain.id) return {};
    if (auto moved = g_mappings.extract(source)) {
        moved.key() = where.address;
        g_mappings.insert(std::move(moved));
    }
    return {};
}

void flush_grant_mappings(Domain&) {
    ++g_flushes;
}

}  // namespace hv
