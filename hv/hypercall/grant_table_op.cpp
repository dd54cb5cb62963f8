// grant_table_op: which command is a batch and which is one operation, and what all of them share.
#include "hv/domain/domain.hpp"
#include "hv/hypercall/grant_operations.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/memory/frame.hpp"

namespace hv {

using abi::xen::GrantCommand;
using abi::xen::GrantResult;

void put_granted_frame(FrameInfo& frame, bool readonly) {
    if (!readonly) put_frame_type(frame);
    put_frame(frame);
}

GrantOutcome<FrameInfo*> get_granted_frame(Mfn frame, DomainId owner, bool readonly) {
    const Result<FrameInfo*> info = get_frame(frame, owner);
    if (!info) return std::unexpected{GrantResult::BadPage};
    if (!readonly && !get_frame_type(**info, FrameType::Writable)) {
        put_frame(**info);
        return std::unexpected{GrantResult::GeneralError};
    }
    return *info;
}

namespace {

using BatchOperation = Result<> (*)(GrantBatch&);
using SingleOperation = Result<> (*)(GuestVirtual);

struct Batched {
    BatchOperation run;
    std::size_t size;
};

Batched batched(GrantCommand command) {
    using namespace abi::xen;
    switch (command) {
        case GrantCommand::MapGrantRef: return {map_grants, sizeof(GnttabMapGrantRef)};
        case GrantCommand::UnmapGrantRef: return {unmap_grants, sizeof(GnttabUnmapGrantRef)};
        case GrantCommand::UnmapAndReplace: return {unmap_and_replace_grants, sizeof(GnttabUnmapAndReplace)};
        case GrantCommand::Copy: return {copy_grants, sizeof(GnttabCopy)};
        case GrantCommand::Transfer: return {transfer_grants, sizeof(GnttabTransfer)};
        case GrantCommand::SwapGrantRef: return {swap_grants, sizeof(GnttabSwapGrantRef)};
        default: return {nullptr, 0};
    }
}

SingleOperation single(GrantCommand command) {
    switch (command) {
        case GrantCommand::SetupTable: return grant_setup_table;
        case GrantCommand::QuerySize: return grant_query_size;
        case GrantCommand::SetVersion: return grant_set_version;
        case GrantCommand::GetVersion: return grant_get_version;
        case GrantCommand::GetStatusFrames: return grant_get_status_frames;
        default: return nullptr;
    }
}

}  // namespace

// grant_table_op(command, operations, count). A preempted batch goes on with what is left of it.
HypercallResult do_grant_table_op(HypercallArguments& arguments) {
    auto& [number, address, count, r10, r8, r9] = arguments.value;
    if (count > INT32_MAX) return fail(Error::BadArgument);
    if (number > UINT32_MAX) return fail(Error::NotImplemented);
    const auto command = static_cast<GrantCommand>(number);
    if (SingleOperation run = single(command)) {
        if (count != 1) return fail(Error::BadArgument);
        TRY(run(GuestVirtual{address}));
        return 0;
    }
    const Batched batch_operation = batched(command);
    if (!batch_operation.run) return fail(Error::NotImplemented);
    GrantBatch batch{.array = GuestVirtual{address}, .count = static_cast<std::uint32_t>(count)};
    const Result<> outcome = batch_operation.run(batch);
    if (!outcome && outcome.error() == Error::Restart) {
        address += batch.done * batch_operation.size;
        count -= batch.done;
    }
    if (!outcome) return fail(outcome.error());
    return 0;
}

}  // namespace hv
