// A kind of guest without a processor: grants are mapped in a list, every frame is what its owner says.
#include <cstring>
#include <map>
#include <mutex>

#include "hv/domain/guest_kind.hpp"
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
        if (const auto granter = hv::find_domain(mapping.domain.load())) {
            hv::GrantTable& table = (*granter)->grants;
            const auto frame = table.mapped_frame(mapping.ref(), domain.id);
            if (frame && (flags & kGntmapDeviceMap)) drop({*frame, readonly, domain.id});
            if (flags & kGntmapDeviceMap)
                table.unpin(mapping.ref(), domain.id, readonly ? hv::GrantUse::DeviceRead : hv::GrantUse::DeviceWrite);
            if (flags & kGntmapHostMap)
                table.unpin(mapping.ref(), domain.id, readonly ? hv::GrantUse::HostRead : hv::GrantUse::HostWrite);
        }
        domain.grants.maptrack.give_back(hv::VcpuId{0}, handle);
    }
}

void refuse_mappings(bool refuse) {
    g_refuse_mappings = refuse;
}
std::uint64_t grant_flushes() {
    return g_flushes;
}

namespace {

// With frames as guests on nested tables have them: none is a page table.
class FakeGuest : public hv::GuestKind {
  public:
    hv::Result<> create_domain(hv::Domain&) const override { return {}; }
    void destroy_domain(hv::Domain&) const override {}
    hv::Result<> create_vcpu(hv::Vcpu&) const override { return {}; }
    void destroy_vcpu(hv::Vcpu&) const override {}
    // For all vCPUs at once: the page-table entries that the domain still has.
    hv::Result<> relinquish_vcpu(hv::Vcpu& vcpu) const override {
        drop_mappings(vcpu.domain);
        return {};
    }
    void relinquish_domain(hv::Domain&) const override {}

    hv::Result<> set_context(hv::Vcpu& vcpu, const hv::abi::xen::VcpuGuestContext&) const override {
        vcpu.flags.fetch_or(hv::kVcpuInitialised);
        return {};
    }
    void get_context(hv::Vcpu&, hv::abi::xen::VcpuGuestContext&) const override {}
    hv::Result<> add_state_records(const hv::Vcpu&, hv::VcpuStateWriter&) const override { return {}; }
    void write_hypercall_page(void* page) const override { std::memset(page, 0xcc, hv::kPageSize); }

    hv::Result<> map_grant(hv::Vcpu& vcpu, hv::GrantPlace where, hv::Mfn frame) const override {
        const std::lock_guard guard{g_lock};
        if (g_refuse_mappings) return hv::fail(hv::Error::BadArgument);
        const auto [at, fresh] = g_mappings.try_emplace(where.address);
        if (!fresh) drop(at->second);
        at->second = {frame, (where.flags & hv::abi::xen::kGntmapReadonly) != 0, vcpu.domain.id};
        return {};
    }
    hv::Result<> unmap_grant(hv::Vcpu& vcpu, hv::GrantPlace where, hv::Mfn frame,
                             hv::GuestVirtual replacement) const override {
        const std::lock_guard guard{g_lock};
        const auto at = g_mappings.find(where.address);
        const bool readonly = (where.flags & hv::abi::xen::kGntmapReadonly) != 0;
        if (at == g_mappings.end() || at->second.frame != frame || at->second.readonly != readonly ||
            at->second.domain != vcpu.domain.id)
            return hv::fail(hv::Error::BadArgument);
        g_mappings.erase(at);
        const auto source = g_mappings.find(replacement.raw);
        if (source == g_mappings.end() || source->second.domain != vcpu.domain.id) return {};
        if (auto moved = g_mappings.extract(source)) {
            moved.key() = where.address;
            g_mappings.insert(std::move(moved));
        }
        return {};
    }
    void flush_grant_mappings(hv::Domain&) const override { ++g_flushes; }

    void audit_domain(hv::FrameAudit& audit, const hv::Domain& domain) const override {
        const std::lock_guard guard{g_lock};
        for (const auto& [address, mapping] : g_mappings) {
            if (mapping.domain != domain.id) continue;
            mapping.readonly ? audit.reference(mapping.frame) : audit.use(mapping.frame, hv::FrameType::Writable);
        }
    }
};

class FakePvGuest final : public FakeGuest {
  public:
    hv::Result<> validate_frame(hv::FrameInfo&, hv::FrameType) const override { return {}; }
    hv::Result<> invalidate_frame(hv::FrameInfo&, hv::FrameType, std::uint8_t) const override { return {}; }
    void audit_table(hv::FrameAudit&, hv::Mfn, hv::FrameType, unsigned) const override {}
};

constexpr FakePvGuest kPv;
constexpr FakeGuest kNested;

}  // namespace
}  // namespace fake

namespace hv {

const GuestKind* guest_kind(abi::control::DomainType type) {
    switch (type) {
        case abi::control::DomainType::Pv: return &fake::kPv;
        case abi::control::DomainType::Pvh:
        case abi::control::DomainType::Hvm: return &fake::kNested;
    }
    return nullptr;
}

}  // namespace hv
