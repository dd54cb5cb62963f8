// The audit's part that only the processor's side knows: page tables, base pointers, descriptor tables.
#include "hv/memory/audit.hpp"

#include "hv/domain/domain.hpp"
#include "hv/domain/domain_table.hpp"
#include "hv/x86/paging/hv_tables.hpp"
#include "hv/x86/pv/mmu/entry_references.hpp"
#include "hv/x86/pv/mmu/hv_slots.hpp"
#include "hv/x86/pv/mmu/linear_tables.hpp"
#include "hv/x86/pv/mmu/page_table_entry.hpp"
#include "hv/x86/pv/pv_guest.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"

namespace hv::x86 {
namespace {

const Pte* table_at(Mfn frame) {
    return static_cast<const Pte*>(frame_pointer(frame));
}

void audit_mapping(FrameAudit& audit, const Domain& domain, Mfn table, unsigned index, Pte entry) {
    const Mfn frame = frame_in(entry);
    if (!l1_bits_allowed(entry, domain) || (entry & kPteGlobal) || !(entry & kPteUser))
        audit.complain("L1 0x{:x}: entry {} is 0x{:x}", table.raw, index, entry);
    if (!is_counted(frame)) {
        if (!domain.privileged)
            audit.complain("L1 0x{:x} of d{}: entry {} maps I/O memory: 0x{:x}", table.raw, domain.id, index, entry);
        return;
    }
    const FrameInfo& info = frame_info(frame);
    if (info.owner() != domain.id && !(info.count.load() & FrameInfo::kForeignMapped))
        audit.complain("frame 0x{:x}: mapped by d{}, which its marks deny", frame.raw, domain.id);
    if ((entry & kPteWritable) && (entry & kCacheBits) && !(info.type.load() & FrameInfo::kIncoherent))
        audit.complain("frame 0x{:x}: mapped past the caches by d{}, which its type word denies", frame.raw, domain.id);
    entry& kPteWritable ? audit.use(frame, FrameType::Writable) : audit.reference(frame);
}

void audit_link(FrameAudit& audit, const Domain& domain, Mfn table, unsigned level, unsigned index, Pte entry) {
    const Mfn below = frame_in(entry);
    if ((entry & ~kAllowedUpper) || !(entry & kPteUser) || !is_counted(below) ||
        frame_info(below).owner() != domain.id) {
        audit.complain("L{} 0x{:x}: entry {} is 0x{:x}", level, table.raw, index, entry);
        return;
    }
    if (domain.linear_tables && is_linear(entry, level)) {
        if (entry & kPteWritable)
            audit.complain("L{} 0x{:x}: entry {} makes tables writable: 0x{:x}", level, table.raw, index, entry);
        if (below == table) return;
        audit.use(below, page_table_type(level));
        audit.linear(table, below);
        return;
    }
    audit.use(below, page_table_type(level - 1));
}

void audit_vcpu(FrameAudit& audit, const Vcpu& vcpu) {
    if (!vcpu.arch) return;
    const PvVcpu& arch = pv(vcpu);
    const auto base = [&](const FrameInfo* table, std::uint64_t cr3) {
        audit.use(table, FrameType::L4);
        if (table && address_of(frame_number(*table)).raw != cr3)
            audit.complain("d{}v{}: CR3 0x{:x}, but table 0x{:x}", vcpu.domain.id, vcpu.id, cr3,
                           frame_number(*table).raw);
    };
    base(arch.kernel_table, arch.kernel_cr3);
    base(arch.user_table, arch.user_cr3);
    for (unsigned page = 0; page < arch.gdt_frames.size(); ++page) {
        if ((arch.gdt_frames[page] != nullptr) != (page < arch.gdt_frame_count))
            audit.complain("d{}v{}: {} GDT frames, frame {} is wrong", vcpu.domain.id, vcpu.id, arch.gdt_frame_count,
                           page);
        audit.use(arch.gdt_frames[page], FrameType::Descriptor);
    }
    for (const FrameInfo* info : arch.ldt_frames) audit.use(info, FrameType::Descriptor);
    for (const FrameInfo* info : arch.unfinished)
        if (info) audit.reference(frame_number(*info));
}

}  // namespace

void PvGuest::audit_table(FrameAudit& audit, Mfn frame, FrameType type, unsigned entries) const {
    const unsigned level = level_of(type);
    const Domain& domain = *domain_in_table(frame_info(frame).owner());
    const Pte* table = table_at(frame);
    for (unsigned index = 0; index < entries; ++index) {
        if (level == 4 && index >= kFirstHvSlot && index <= kLastHvSlot) {
            // They come last when a table is validated.
            const bool hidden = index == kM2pReadOnlySlot && table[index] == 0;
            if (entries == kEntriesPerTable && !hidden && table[index] != table_at(frame_of(hv_page_table()))[index])
                audit.complain("L4 0x{:x}: slot {} is not hv's: 0x{:x}", frame.raw, index, table[index]);
            continue;
        }
        if (!is_present(table[index])) continue;
        level == 1 ? audit_mapping(audit, domain, frame, index, table[index])
                   : audit_link(audit, domain, frame, level, index, table[index]);
    }
}

void PvGuest::audit_domain(FrameAudit& audit, const Domain& domain) const {
    for (VcpuId id : ids<VcpuId>(domain.max_vcpus))
        if (const Vcpu* vcpu = domain.vcpu(id)) audit_vcpu(audit, *vcpu);
    GuestKind::audit_domain(audit, domain);
}

}  // namespace hv::x86
