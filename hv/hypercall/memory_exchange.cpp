// XENMEM_exchange: a domain swaps frames for others of a different size or place, e.g. for DMA.
#include "hv/domain/domain.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/hypercall/reservation.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv {
namespace {

using namespace abi::xen;

// Takes a frame that is neither mapped nor used away from its owner: only then can its contents matter to no domain.
Result<> steal_frame(Domain& domain, Gfn frame) {
    FrameInfo* info = TRY(get_guest_frame(domain, frame));
    // The owner's reference, and the one just taken; no type.
    const bool idle = info->references() == 2 && info->type_count() == 0;
    if (!idle || !release_frame(*info)) {
        put_frame(*info);
        return fail(idle ? Error::BadArgument : Error::Busy);
    }
    put_frame(*info);
    return {};
}

struct Shape {
    unsigned in_order, out_order;
    std::uint64_t in_per_chunk, out_per_chunk;  // extents
};

Result<Shape> check(const MemoryExchange& exchange) {
    const unsigned limit = max_extent_order(current_domain());
    const unsigned in = exchange.in.extent_order, out = exchange.out.extent_order;
    if (in > limit || out > limit) return fail(Error::NotPermitted);
    if ((exchange.in.mem_flags | exchange.out.mem_flags) & kMemfVnode) return fail(Error::BadArgument);
    if (exchange.in.domid != exchange.out.domid || exchange.nr_exchanged > exchange.in.nr_extents)
        return fail(Error::BadArgument);
    if (exchange.in.nr_extents >> (63 - in) || exchange.out.nr_extents >> (63 - out)) return fail(Error::BadArgument);
    if (exchange.in.nr_extents << in != exchange.out.nr_extents << out) return fail(Error::BadArgument);
    Shape shape{in, out, 1, 1};
    if (in <= out)
        shape.in_per_chunk = std::uint64_t{1} << (out - in);
    else
        shape.out_per_chunk = std::uint64_t{1} << (in - out);
    if (exchange.nr_exchanged & (shape.in_per_chunk - 1)) return fail(Error::BadArgument);
    return shape;
}

// Hands over a block and writes its number to place `index` of the domain's list, which has held the pfn that the block
// is to have. Error::Fault: the domain has the block all the same; any other error: it has not.
Result<> give_block(Domain& domain, Mfn first, unsigned order, GuestVirtual list, std::uint64_t index) {
    TRY(assign_frames(domain, first, std::uint64_t{1} << order));
    const std::uint64_t pfn = TRY(fetch_at<std::uint64_t>(list, index));
    for (std::uint64_t i = 0; i < std::uint64_t{1} << order; ++i) set_m2p(first + i, pfn + i);
    return store_at(list, index, gfn_of(domain, first).raw);
}

// One chunk: the new frames are there before the old ones go.
Result<> exchange_chunk(Domain& domain, const MemoryExchange& exchange, const Shape& shape, std::uint64_t done) {
    const unsigned bits = exchange.out.mem_flags & kMemfAddressBitsMask;
    const std::uint64_t out_index =
        shape.in_order <= shape.out_order ? done / shape.in_per_chunk : done * shape.out_per_chunk;

    // The destination blocks, which no domain owns yet.
    constexpr unsigned kMaxBlocks = 512;
    if (shape.out_per_chunk > kMaxBlocks) return fail(Error::BadArgument);
    static_assert(kMaxBlocks == 1u << kMaxGuestOrder);
    std::uint32_t blocks[kMaxBlocks];
    auto have = static_cast<unsigned>(shape.out_per_chunk);
    const auto free_blocks = [&] {
        while (have > 0) free_frames(Mfn{blocks[--have]}, shape.out_order);
    };
    // What the domain was promised is for its growth, which this is not.
    TRY(allocate_blocks({.order = shape.out_order, .address_bits = bits == 0 ? 64 : bits}, {blocks, have}));
    // Frames that are given up cannot be had back by name; check all before taking the first.
    for (unsigned pass = 0; pass < 2; ++pass) {
        for (std::uint64_t i = 0; i < shape.in_per_chunk; ++i) {
            const auto first = fetch_at<std::uint64_t>(GuestVirtual{exchange.in.extent_start}, done + i);
            Result<> ok = first ? Result<>{} : fail(first.error());
            for (std::uint64_t j = 0; ok && j < std::uint64_t{1} << shape.in_order; ++j) {
                if (pass == 0) {
                    Result<FrameInfo*> info = get_guest_frame(domain, Gfn{*first + j});
                    if (!info)
                        ok = fail(Error::BadArgument);
                    else {
                        if ((*info)->references() != 2 || (*info)->type_count() != 0) ok = fail(Error::Busy);
                        put_frame(**info);
                    }
                } else {
                    ok = steal_frame(domain, Gfn{*first + j});
                }
            }
            if (!ok) {
                free_blocks();
                return ok;
            }
        }
    }
    Result<> given;
    while (given && have > 0) {
        given = give_block(domain, Mfn{blocks[have - 1]}, shape.out_order, GuestVirtual{exchange.out.extent_start},
                           out_index + have - 1);
        // The domain has the block, unless it was refused.
        if (given || given.error() == Error::Fault) --have;
    }
    free_blocks();
    return given;
}

}  // namespace

HypercallResult exchange_memory(HypercallArguments& arguments) {
    const GuestVirtual where{arguments.value[1]};
    auto exchange = TRY(fetch<MemoryExchange>(where));
    const Shape shape = TRY(check(exchange));
    const DomainRef domain = TRY(find_target_domain(DomainId{exchange.in.domid}));
    const FrameSwap swap{*domain};
    Result<> result;
    bool first = true;
    while (exchange.nr_exchanged < exchange.in.nr_extents) {
        if (!first && preemption_needed()) {
            result = fail(Error::Restart);
            break;
        }
        first = false;
        result = exchange_chunk(*domain, exchange, shape, exchange.nr_exchanged);
        if (!result) break;
        exchange.nr_exchanged += shape.in_per_chunk;
    }
    TRY(store(where + offsetof(MemoryExchange, nr_exchanged), exchange.nr_exchanged));
    TRY(result);
    return 0;
}

}  // namespace hv
