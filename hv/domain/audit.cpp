#include "hv/domain/audit.hpp"

#include "hv/domain/domain.hpp"
#include "hv/domain/domain_table.hpp"
#include "hv/domain/event/fifo.hpp"
#include "hv/domain/guest_kind.hpp"

namespace hv {
namespace {

// Returns how many frames are on the list.
std::uint64_t walk_list(FrameAudit& audit, const Domain& domain, std::uint32_t first, bool relinquished) {
    std::uint64_t length = 0;
    std::uint32_t previous = 0;
    for (std::uint32_t mfn = first; mfn; previous = mfn, mfn = frame_info(Mfn{mfn}).next) {
        const FrameInfo& info = frame_info(Mfn{mfn});
        const std::uint64_t count = info.count.load();
        if (info.owner() != domain.id || !info.references() || info.previous != previous ||
            ((count & FrameInfo::kRelinquished) != 0) != relinquished)
            audit.complain("frame 0x{:x}: on a list of d{}, count 0x{:x}, previous 0x{:x}", mfn, domain.id, count,
                           info.previous);
        if (!audit.list(Mfn{mfn})) {
            audit.complain("d{}: frame 0x{:x} is on its lists twice", domain.id, mfn);
            break;
        }
        ++length;
    }
    return length;
}

bool lies_in(const void* pointer, Mfn frame) {
    return frame_of_pointer(pointer) == frame;
}

void audit_vcpu(FrameAudit& audit, const Domain& domain, const Vcpu& vcpu) {
    audit.use(vcpu.info_frame, FrameType::Writable);
    const abi::xen::VcpuInfo* info = vcpu.info.load();
    const bool right = vcpu.info_frame ? lies_in(info, frame_number(*vcpu.info_frame))
                                       : info == &domain.spare_vcpu_info || lies_in(info, domain.shared_info.frame());
    if (!right) audit.complain("d{}v{}: its information is not where it was registered", domain.id, vcpu.id);
}

void audit_domain(FrameAudit& audit, Domain& domain) {
    const std::uint64_t listed =
        walk_list(audit, domain, domain.first_frame, false) + walk_list(audit, domain, domain.first_relinquished, true);
    if (listed != domain.frames)
        audit.complain("d{}: {} frames on its lists, {} counted", domain.id, listed, domain.frames);
    if (domain.shared_info) audit.show(domain.shared_info.frame(), domain.id);
    for (VcpuId id : ids<VcpuId>(domain.max_vcpus))
        if (const Vcpu* vcpu = domain.vcpu(id)) audit_vcpu(audit, domain, *vcpu);
    domain.events.audit(audit);
    domain.grants.audit(audit);
    domain.kind.audit_domain(audit, domain);
}

}  // namespace

void EventChannels::audit(FrameAudit& audit) const {
    const auto use = [&audit](const void* page) {
        if (page) audit.use(frame_of_pointer(page), FrameType::Writable);
    };
    const FifoEvents* fifo = fifo_.load();
    for (VcpuId id{0}; domain_ && id.raw < domain_->max_vcpus; ++id) {
        const Vcpu* vcpu = domain_->vcpu(id);
        if (!vcpu || !vcpu->fifo) continue;
        if (!fifo) audit.complain("d{}v{}: has FIFO queues, its domain has not", domain_->id, id);
        use(vcpu->fifo->control.load());
    }
    for (std::uint32_t page = 0; fifo && page < FifoEvents::kPages; ++page) {
        const std::uint32_t* words = fifo->pages[page].load();
        if ((words != nullptr) != (page < fifo->used))
            audit.complain("d{}: {} pages of event words, page {} is wrong", domain_->id, fifo->used, page);
        use(words);
    }
}

std::uint64_t audit_machine(std::span<FrameAccount> accounts, AuditReport report) {
    FrameAudit audit{accounts, report};
    std::uint64_t claims = 0;
    for (DomainId id : ids<DomainId>(kMaxDomains)) {
        Domain* domain = domain_in_table(id);
        if (!domain) continue;
        audit_domain(audit, *domain);
        claims += domain->claimed_frames;
    }
    audit_free_frames(audit, claims);
    audit.frames();
    return audit.complaints();
}

}  // namespace hv
