#include "hv/domain/domain_frames.hpp"

#include <algorithm>
#include <cstring>

#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/domain_table.hpp"
#include "hv/domain/frame_list.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/memory/frame.hpp"
#include "hv/memory/frame_release.hpp"

namespace hv {
namespace {

std::uint32_t& head_of(Domain& domain, const FrameInfo& info) {
    return info.count.load(std::memory_order_relaxed) & FrameInfo::kRelinquished ? domain.first_relinquished
                                                                                 : domain.first_frame;
}

void link_frame(Domain& domain, FrameInfo& info) {
    const auto number = static_cast<std::uint32_t>(frame_number(info).raw);
    std::uint32_t& head = head_of(domain, info);
    info.previous = 0;
    info.next = head;
    if (head) frame_info(Mfn{head}).previous = number;
    head = number;
}

void unlink_frame(Domain& domain, FrameInfo& info) {
    if (info.previous) {
        frame_info(Mfn{info.previous}).next = info.next;
    } else {
        head_of(domain, info) = info.next;
    }
    if (info.next) frame_info(Mfn{info.next}).previous = info.previous;
    info.next = info.previous = 0;
}

// One more reference on a frame that its owner's list names, also when the guest has as many as it
// may. False: the last one is going right now.
bool hold(FrameInfo& info) {
    std::uint64_t word = info.count.load(std::memory_order_relaxed);
    do {
        if ((word & FrameInfo::kReferenceMask) == 0) return false;
    } while (!info.count.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel));
    return true;
}

}  // namespace

Mfn mfn_of(const Domain&, Gfn frame) {
    return Mfn{frame.raw};
}

Gfn gfn_of(const Domain&, Mfn frame) {
    return Gfn{frame.raw};
}

Result<FrameInfo*> get_guest_frame(const Domain& domain, Gfn frame) {
    return get_frame(mfn_of(domain, frame), domain.id);
}

Result<FrameInfo*> get_guest_frame_and_type(const Domain& domain, Gfn frame, FrameType type) {
    return get_frame_and_type(mfn_of(domain, frame), domain.id, type);
}

Result<> set_claim(Domain& domain, std::uint64_t frames) {
    Guard guard{domain.frames_lock};
    if (frames > domain.max_frames) return fail(Error::BadArgument);
    // Its end drops what it was promised, once: no later call may promise it anything.
    if (frames != 0 && domain.dying.load() != Dying::Alive) return fail(Error::NoDomain);
    return change_claim(domain.claimed_frames, frames > domain.frames ? frames - domain.frames : 0);
}

FrameSwap::FrameSwap(Domain& domain) : domain_{domain} {
    Guard guard{domain_.frames_lock};
    if (domain_.swaps++ == 0) domain_.swap_frames = domain_.frames;
}

FrameSwap::~FrameSwap() {
    Guard guard{domain_.frames_lock};
    if (--domain_.swaps == 0) domain_.swap_frames = 0;
}

Result<> assign_frames(Domain& domain, Mfn first, std::uint64_t count) {
    Guard guard{domain.frames_lock};
    if (domain.dying.load() != Dying::Alive) return fail(Error::BadArgument);
    const std::uint64_t most = std::max(domain.max_frames, domain.swap_frames);
    if (count > most || domain.frames > most - count) return fail(Error::NoSpace);
    domain.frames += count;
    for (std::uint64_t i = 0; i < count; ++i) {
        FrameInfo& info = frame_info(first + i);
        info.type.store(0, std::memory_order_relaxed);
        info.count.store(FrameInfo::owner_bits(domain.id) | FrameInfo::kAllocated | FrameInfo::kListed | 1,
                         std::memory_order_release);
        link_frame(domain, info);
    }
    return {};
}

Result<Mfn> allocate_domain_frames(Domain& domain, unsigned order, unsigned address_bits, bool clear) {
    if (order > kMaxOrder) return fail(Error::NoMemory);
    {
        Guard guard{domain.frames_lock};
        if (domain.frames + (std::uint64_t{1} << order) > domain.max_frames) return fail(Error::NoSpace);
    }
    const Mfn first = TRY(allocate_frames(
        {.order = order, .address_bits = address_bits, .claim = &domain.claimed_frames, .clear = clear}));
    if (Result<> assigned = assign_frames(domain, first, std::uint64_t{1} << order); !assigned) {
        free_frames(first, order);
        return fail(assigned.error());
    }
    return first;
}

bool release_frame(FrameInfo& info) {
    if (!(info.count.fetch_and(~FrameInfo::kAllocated, std::memory_order_acq_rel) & FrameInfo::kAllocated))
        return false;
    put_frame(info);
    return true;
}

void last_reference_gone(FrameInfo& info, std::uint64_t before) {
    const Mfn frame = frame_number(info);
    if (before & FrameInfo::kListed) {
        Domain* domain = domain_in_table(info.owner());
        HV_ASSERT(domain != nullptr);
        Guard guard{domain->frames_lock};
        unlink_frame(*domain, info);
        --domain->frames;
    }
    set_m2p(frame, kInvalidM2pEntry);
    free_frames(frame, 0);
}

FrameInfo* take_for_relinquishing(Domain& domain) {
    Guard guard{domain.frames_lock};
    while (domain.first_frame) {
        FrameInfo& info = frame_info(Mfn{domain.first_frame});
        // If its last reference is going right now, that other CPU waits for the list.
        const bool held = hold(info);
        unlink_frame(domain, info);
        info.count.fetch_or(FrameInfo::kRelinquished, std::memory_order_relaxed);
        link_frame(domain, info);
        if (held) return &info;
    }
    return nullptr;
}

void put_back_for_relinquishing(Domain& domain, FrameInfo& info) {
    Guard guard{domain.frames_lock};
    unlink_frame(domain, info);
    info.count.fetch_and(~FrameInfo::kRelinquished, std::memory_order_relaxed);
    link_frame(domain, info);
}

}  // namespace hv
