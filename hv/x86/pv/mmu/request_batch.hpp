// What mmu_update and mmuext_op have in common: a list of requests in the guest's memory that is worked on one after
// the other, as far as time allows. A call that is preempted goes on where it stopped: its arguments then name the rest
// of the list, and a mark in the count says that the number of requests that are done, which the guest may want to
// know, does not begin at 0.
#pragma once

#include <cstdint>

#include "hv/abi/xen/mmu.hpp"
#include "hv/domain/domain.hpp"
#include "hv/hypercall/hypercall.hpp"
#include "hv/machine/preemption.hpp"
#include "hv/memory/guest_access.hpp"
#include "hv/x86/pv/mmu/entry_update.hpp"

namespace hv::x86 {

class RequestBatch final {
  public:
    // Arguments 0 to 2: the list, how many, and where the count of what is done goes, or 0. By Xen's ABI it is no error
    // when there is no memory for the count. Undoing that an earlier call of the vCPU's left over comes first: Restart,
    // until there is none.
    static Result<RequestBatch> begin(const HypercallArguments& arguments) {
        TRY(finish_unfinished(current_vcpu()));
        RequestBatch batch;
        batch.list_ = GuestVirtual{arguments.value[0]};
        batch.count_ = static_cast<std::uint32_t>(arguments.value[1]);
        batch.done_address_ = GuestVirtual{arguments.value[2]};
        if (batch.count_ & abi::xen::kMmuUpdatePreempted) {
            batch.count_ &= ~abi::xen::kMmuUpdatePreempted;
            if (batch.done_address_.raw) batch.done_before_ = fetch<std::uint32_t>(batch.done_address_).value_or(0);
        }
        return batch;
    }

    // Runs `one(request, index)` on each until one fails or time is over: Restart. A request that leaves undoing to the
    // next call has been done all the same.
    template <class Request, class One>
    Result<> run(One one) {
        for (; index_ < count_; ++index_) {
            if (index_ != 0 && preemption_needed()) return fail(Error::Restart);
            const Request request = TRY(fetch_at<Request>(list_, index_));
            TRY(one(request, index_));
            if (has_unfinished(current_vcpu())) {
                ++index_;
                return fail(Error::Restart);
            }
        }
        return {};
    }

    // Tells the guest how many are done, and lets a call that is made again go on from there.
    template <class Request>
    HypercallResult end(HypercallArguments& arguments, const Result<>& outcome) const {
        if (done_address_.raw) (void)store(done_address_, done_before_ + index_);
        if (outcome) return 0;
        if (outcome.error() == Error::Restart) {
            arguments.value[0] = list_.raw + index_ * sizeof(Request);
            arguments.value[1] = (count_ - index_) | abi::xen::kMmuUpdatePreempted;
        }
        return fail(outcome.error());
    }

  private:
    RequestBatch() = default;

    GuestVirtual list_{0};
    GuestVirtual done_address_{0};
    std::uint32_t count_ = 0;
    std::uint32_t done_before_ = 0;
    std::uint32_t index_ = 0;
};

}  // namespace hv::x86
