// mmuext_op: everything about page tables that is no write of an entry: pins, base pointers, flushes, LDTs, whole
// pages.
#include <cstring>

#include "hv/abi/xen/mmu.hpp"
#include "hv/domain/domain.hpp"
#include "hv/x86/pv/descriptors/descriptors.hpp"
#include "hv/x86/pv/mmu/base_pointers.hpp"
#include "hv/x86/pv/mmu/entry_update.hpp"
#include "hv/x86/pv/mmu/mmu_hypercalls.hpp"
#include "hv/x86/pv/mmu/request_batch.hpp"
#include "hv/x86/pv/mmu/tlb.hpp"
#include "hv/x86/vcpu/vcpu_mask.hpp"

namespace hv::x86 {
namespace {

using abi::xen::MmuextCommand;
using abi::xen::MmuextOp;

Result<> pin(Mfn frame, FrameType type, DomainId owner) {
    FrameInfo* info = TRY(get_frame_and_type(frame, owner, type, Preemption::Allowed));
    if (info->type.fetch_or(FrameInfo::kPinned, std::memory_order_acq_rel) & FrameInfo::kPinned) {
        put_table(current_vcpu(), *info);  // all of it, should another vCPU have unpinned it meanwhile
        return fail(Error::BadArgument);
    }
    return {};
}

Result<> unpin(Mfn frame, DomainId owner) {
    FrameInfo* info = TRY(get_frame(frame, owner));
    if (!(info->type.fetch_and(~FrameInfo::kPinned, std::memory_order_acq_rel) & FrameInfo::kPinned)) {
        put_frame(*info);
        return fail(Error::BadArgument);
    }
    put_frame(*info);
    put_table(current_vcpu(), *info);  // the pin's own reference
    return {};
}

Result<> clear_or_copy(const MmuextOp& op, DomainId owner) {
    FrameInfo* target = TRY(get_frame_and_type(Mfn{op.arg1.mfn}, owner, FrameType::Writable, Preemption::Allowed));
    Result<> done;
    if (static_cast<MmuextCommand>(op.command) == MmuextCommand::ClearPage) {
        std::memset(frame_pointer(Mfn{op.arg1.mfn}), 0, kPageSize);
    } else if (Result<FrameInfo*> source = get_frame(Mfn{op.arg2.src_mfn}, owner)) {
        std::memcpy(frame_pointer(Mfn{op.arg1.mfn}), frame_pointer(Mfn{op.arg2.src_mfn}), kPageSize);
        put_frame(**source);
    } else {
        done = fail(source.error());
    }
    put_frame_and_type(*target);
    return done;
}

Result<> apply(const MmuextOp& op, DomainId owner) {
    Vcpu& vcpu = current_vcpu();
    Domain& domain = vcpu.domain;
    const bool own = owner == domain.id;
    switch (static_cast<MmuextCommand>(op.command)) {
        case MmuextCommand::PinL1Table: return pin(Mfn{op.arg1.mfn}, FrameType::L1, owner);
        case MmuextCommand::PinL2Table: return pin(Mfn{op.arg1.mfn}, FrameType::L2, owner);
        case MmuextCommand::PinL3Table: return pin(Mfn{op.arg1.mfn}, FrameType::L3, owner);
        case MmuextCommand::PinL4Table: return pin(Mfn{op.arg1.mfn}, FrameType::L4, owner);
        case MmuextCommand::UnpinTable: return unpin(Mfn{op.arg1.mfn}, owner);
        case MmuextCommand::NewBaseptr:
            return own ? set_kernel_table(vcpu, Mfn{op.arg1.mfn}) : fail(Error::NotPermitted);
        case MmuextCommand::NewUserBaseptr:
            return own ? set_user_table(vcpu, Mfn{op.arg1.mfn}) : fail(Error::NotPermitted);
        case MmuextCommand::TlbFlushLocal: flush_local(); return {};
        case MmuextCommand::InvlpgLocal: flush_local_page(GuestVirtual{op.arg1.linear_addr}); return {};
        case MmuextCommand::TlbFlushMulti:
            flush_cpus(cpus_of(domain, TRY(fetch_vcpu_mask(GuestVirtual{op.arg2.vcpu_mask}))));
            return {};
        case MmuextCommand::InvlpgMulti:
            flush_cpus_page(cpus_of(domain, TRY(fetch_vcpu_mask(GuestVirtual{op.arg2.vcpu_mask}))),
                            GuestVirtual{op.arg1.linear_addr});
            return {};
        case MmuextCommand::TlbFlushAll: flush_cpus(cpus_of(domain)); return {};
        case MmuextCommand::InvlpgAll: flush_cpus_page(cpus_of(domain), GuestVirtual{op.arg1.linear_addr}); return {};
        case MmuextCommand::FlushCache:
        case MmuextCommand::FlushCacheGlobal:
            if (!domain.privileged) return fail(Error::Access);
            flush_caches();
            return {};
        case MmuextCommand::SetLdt: return set_ldt(vcpu, GuestVirtual{op.arg1.linear_addr}, op.arg2.nr_ents);
        case MmuextCommand::ClearPage:
        case MmuextCommand::CopyPage: return clear_or_copy(op, owner);
        case MmuextCommand::MarkSuper:
        case MmuextCommand::UnmarkSuper: return fail(Error::NotSupported);
    }
    return fail(Error::NotImplemented);
}

}  // namespace

HypercallResult do_mmuext_op(HypercallArguments& arguments) {
    RequestBatch batch = TRY(RequestBatch::begin(arguments));
    const DomainId owner = TRY(frame_owner_for(static_cast<std::uint16_t>(arguments.value[3])));
    const Result<> done = batch.run<MmuextOp>([owner](const MmuextOp& op, std::uint32_t) { return apply(op, owner); });
    return batch.end<MmuextOp>(arguments, done);
}

}  // namespace hv::x86
