// A PV guest's side of memory management: frames, page tables made by hand, hypercalls.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "hv/abi/xen/domain_id.hpp"
#include "hv/abi/xen/errno.hpp"
#include "hv/abi/xen/memory.hpp"
#include "hv/abi/xen/mmu.hpp"
#include "hv/domain/domain_frames.hpp"
#include "hv/machine/tlb.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/memory/heap.hpp"
#include "hv/x86/pv/mmu/base_pointers.hpp"
#include "hv/x86/pv/mmu/mmu_hypercalls.hpp"
#include "hv/x86/pv/mmu/page_table_entry.hpp"
#include "hv/x86/pv/pv_vcpu.hpp"
#include "tests/unit/fakes/audit.hpp"
#include "tests/unit/fakes/machine.hpp"
#include "tests/unit/fakes/processor.hpp"

namespace guest {

using namespace hv::abi::xen;
using namespace hv::x86;
using hv::FrameInfo;
using hv::FrameType;
using hv::Mfn;

inline constexpr Pte kReadOnly = kPtePresent | kPteUser;
inline constexpr Pte kReadWrite = kReadOnly | kPteWritable;

inline Pte* table(Mfn frame) {
    return static_cast<Pte*>(hv::frame_pointer(frame));
}
inline std::uint64_t entry_address(Mfn frame, unsigned index) {
    return hv::address_of(frame).raw + index * sizeof(Pte);
}

// One try: may come back with Error::Restart, and `arguments` as they are to be used again.
inline hv::HypercallResult call_once(hv::Vcpu& vcpu, hv::HypercallHandler handler, hv::HypercallArguments& arguments) {
    hv::Vcpu& before = fake::running_on(hv::current_cpu());
    fake::set_current(vcpu);
    hv::HypercallResult result = handler(arguments);
    fake::set_current(before);
    return result;
}

inline std::int64_t call(hv::Vcpu& vcpu, hv::HypercallHandler handler, std::uint64_t a, std::uint64_t b = 0,
                         std::uint64_t c = 0, std::uint64_t d = 0) {
    hv::HypercallArguments arguments{{a, b, c, d, 0, 0}};
    for (;;) {
        const hv::HypercallResult result = call_once(vcpu, handler, arguments);
        if (result || result.error() != hv::Error::Restart) return hv::to_guest(result);
    }
}

inline std::int64_t mmu_update(hv::Domain& domain, std::vector<MmuUpdate> updates, std::uint64_t foreign = kDomidSelf) {
    return call(*domain.vcpu(hv::VcpuId{0}), do_mmu_update, reinterpret_cast<std::uintptr_t>(updates.data()),
                updates.size(), 0, foreign);
}
inline std::int64_t set_entry(hv::Domain& domain, Mfn frame, unsigned index, Pte value,
                              std::uint64_t foreign = kDomidSelf) {
    return mmu_update(domain, {{entry_address(frame, index), value}}, foreign);
}
inline MmuextOp make_op(MmuextCommand command, std::uint64_t first = 0, std::uint64_t second = 0) {
    MmuextOp op{};
    op.command = static_cast<std::uint32_t>(command);
    op.arg1.mfn = first;
    op.arg2.src_mfn = second;
    return op;
}
inline std::int64_t mmuext(hv::Vcpu& vcpu, MmuextCommand command, std::uint64_t first = 0, std::uint64_t second = 0,
                           std::uint64_t foreign = kDomidSelf) {
    MmuextOp op = make_op(command, first, second);
    return call(vcpu, do_mmuext_op, fake::address(op), 1, 0, foreign);
}

// Runs `work` on `frames` that had another use before, so that each needs a flush of TLBs. In each wait for one, other
// CPUs use those of `frames` that are left, in their order, so that these need another flush. Returns the largest
// number of such waits between two looks at the time.
template <class Work>
std::uint64_t most_flushes_between_looks(const std::vector<Mfn>& frames, Work work) {
    std::uint64_t seen = 0, longest = 0, last = fake::flushes();
    const auto look = [&] {
        longest = std::max(longest, fake::flushes() - last);
        last = fake::flushes();
        return false;
    };
    const std::function<void()> use = [&] {
        for (std::uint64_t i = seen; i < frames.size(); ++i) hv::frame_info(frames[i]).tlb_stamp = hv::tlb_clock();
        ++seen;
        fake::when_flushed(use);
    };
    use();
    fake::preempt_as(look);
    work();
    look();
    fake::preempt_every(0);
    fake::when_flushed({});
    EXPECT_EQ(seen, frames.size() + 1);
    return longest;
}

// Gives back what get_frame_and_type took, also of a page table.
inline void put_any(FrameInfo& info) {
    hv::Result<> put = hv::put_frame_type_preemptible(info);
    while (!put) put = hv::finish_partial(info);
    hv::put_frame(info);
}

class Mmu : public testing::Test {
  protected:
    static constexpr std::int64_t kInvalid = -22;
    static constexpr std::int64_t kRefusedPermission = -1;

    void SetUp() override {
        fake::boot();
        fake::on_cpu(hv::CpuId{0});
        fake::dom0();
        fake::settle();
        before_ = audit::usage();
        domain = &fake::make_domain(2);
        other = &fake::make_domain(1);
        fake::settle();
        vcpu = domain->vcpu(hv::VcpuId{0});
    }
    void TearDown() override {
        EXPECT_EQ(audit::report(), "");
        fake::preempt_every(0);
        fake::destroy_all();
        const audit::Usage after = audit::usage();
        EXPECT_EQ(after.free + after.hv, before_.free + before_.hv);
        EXPECT_EQ(after.owned, before_.owned);
        EXPECT_EQ(after.lost, before_.lost);
    }

    Mfn frame() { return fake::give_page(*domain); }
    // Of one frame for another, each in the list of one entry.
    static MemoryExchange exchange_of(std::uint64_t& in, std::uint64_t& out) {
        MemoryExchange exchange{};
        exchange.in.domid = exchange.out.domid = kDomidSelf;
        exchange.in.extent_start = fake::address(in);
        exchange.out.extent_start = fake::address(out);
        exchange.in.nr_extents = exchange.out.nr_extents = 1;
        return exchange;
    }
    static FrameInfo& info(Mfn frame) { return hv::frame_info(frame); }
    static std::int64_t pin(hv::Vcpu& by, Mfn table, unsigned level) {
        return mmuext(by, static_cast<MmuextCommand>(level - 1), table.raw);
    }
    static std::int64_t unpin(hv::Vcpu& by, Mfn table) { return mmuext(by, MmuextCommand::UnpinTable, table.raw); }
    // One try, preempted at the first chance when there is more to do.
    static hv::HypercallResult pin_once(hv::Vcpu& by, Mfn table, unsigned level) {
        MmuextOp op = make_op(static_cast<MmuextCommand>(level - 1), table.raw);
        hv::HypercallArguments arguments{{fake::address(op), 1, 0, kDomidSelf, 0, 0}};
        fake::preempt_every(1);
        const hv::HypercallResult result = call_once(by, do_mmuext_op, arguments);
        fake::preempt_every(0);
        return result;
    }
    static bool parked(Mfn frame) { return info(frame).type.load() & FrameInfo::kPartial; }
    // L2 tables, each of them parked after its first entry; the second names the next one, with `flags`.
    std::vector<Mfn> park_chain(Pte flags) {
        const Mfn l1 = frame();
        std::vector<Mfn> chain;
        for (unsigned i = 0; i < 64; ++i) chain.push_back(frame());
        for (unsigned i = 0; i < chain.size(); ++i) {
            table(chain[i])[0] = make_pte(l1, kReadWrite);
            if (i + 1 < chain.size()) table(chain[i])[1] = make_pte(chain[i + 1], flags);
            EXPECT_FALSE(pin_once(*vcpu, chain[i], 2).has_value());
            EXPECT_TRUE(parked(chain[i]));
        }
        return chain;
    }
    // Preempted at every chance, and audited each time. How often it took another try.
    static unsigned call_in_pieces(hv::Vcpu& by, hv::HypercallHandler handler, hv::HypercallArguments arguments) {
        fake::preempt_every(1);
        unsigned tries = 0;
        for (; tries < 50'000; ++tries) {
            const hv::HypercallResult result = call_once(by, handler, arguments);
            if (result) break;
            EXPECT_EQ(result.error(), hv::Error::Restart);
            if (result.error() != hv::Error::Restart) break;
            EXPECT_EQ(audit::report(), "");
        }
        fake::preempt_every(0);
        EXPECT_LT(tries, 50'000u);
        return tries;
    }

    // A tree of tables: an L4 with one L3 with `l2s` L2s with `l1s` L1s each, which map nothing.
    struct Tree {
        Mfn l4, l3;
        std::vector<Mfn> l2, l1;
    };
    Tree make_tree(unsigned l2s = 2, unsigned l1s = 2) {
        Tree tree{.l4 = frame(), .l3 = frame(), .l2 = {}, .l1 = {}};
        table(tree.l4)[0] = make_pte(tree.l3, kReadWrite);
        for (unsigned i = 0; i < l2s; ++i) {
            tree.l2.push_back(frame());
            table(tree.l3)[i] = make_pte(tree.l2.back(), kReadWrite);
            for (unsigned j = 0; j < l1s; ++j) {
                tree.l1.push_back(frame());
                table(tree.l2.back())[j] = make_pte(tree.l1.back(), kReadWrite);
            }
        }
        return tree;
    }

    hv::Domain* domain = nullptr;
    hv::Domain* other = nullptr;
    hv::Vcpu* vcpu = nullptr;

  private:
    audit::Usage before_;
};

}  // namespace guest
