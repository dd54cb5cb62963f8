#include "hvctl/pv_builder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "fake_hv.hpp"
#include "hv/abi/xen/errno.hpp"
#include "hv/abi/xen/start_info.hpp"
#include "hvctl/page_tables.hpp"
#include "image_maker.hpp"

namespace hvctl::test {
namespace {

using hv::abi::xen::ElfNote;
namespace xen = hv::abi::xen;

constexpr std::uint64_t kPagesPerMiB = 256;

struct Translation {
    std::uint64_t mfn;
    bool writable;
};

// A guest kernel in simulated memory, and the walks that its processor would make.
class PvBuilder : public testing::Test {
  protected:
    void use(const TestElf& elf) {
        file_ = elf.build();
        auto image = parse_kernel(file_);
        ASSERT_TRUE(image) << image.error().what();
        kernel_ = std::move(*image);
    }

    Result<PvDomain> build(std::uint64_t pages, const BuildProgress& progress = {},
                           const std::stop_token& cancel = {}) {
        PvSpec spec;
        spec.domain = DomainId{5};
        spec.pages = pages;
        spec.initrd = initrd_;
        spec.cmdline = "console=hvc0 root=/dev/xvda";
        return build_pv_domain(Control{hv_}, XenCalls{hv_}, kernel_, spec, progress, cancel);
    }

    std::optional<Translation> walk(std::uint64_t address) const {
        std::uint64_t table = *hv_.pinned_l4;
        bool writable = true;
        for (const unsigned shift : {39u, 30u, 21u, 12u}) {
            const auto entry = hv_.read<std::uint64_t>(table, (address >> shift) % 512 * 8);
            if ((entry & kPtePresent) == 0) return std::nullopt;
            writable = writable && (entry & kPteWritable) != 0;
            table = (entry & kPteFrameMask) >> 12;
        }
        return Translation{table, writable};
    }

    template <class T>
    T load(std::uint64_t address) const {
        const auto translation = walk(address);
        EXPECT_TRUE(translation) << std::hex << address;
        return translation ? hv_.read<T>(translation->mfn, address % kPageSize) : T{};
    }

    // Everything that must be true of any guest that was built.
    void check_guest(const PvDomain& built, std::uint64_t pages);

    FakeHv hv_;
    Bytes file_;
    KernelImage kernel_;
    Bytes initrd_ = pattern(2'000'003, 9);
};

void PvBuilder::check_guest(const PvDomain& built, std::uint64_t pages) {
    const PvLayout& layout = built.layout;
    ASSERT_TRUE(hv_.vcpu0);
    ASSERT_TRUE(hv_.pinned_l4);
    const xen::CpuUserRegs& regs = hv_.vcpu0->user_regs;
    EXPECT_EQ(hv_.vcpu0->ctrlreg[3] >> 12, *hv_.pinned_l4);
    EXPECT_EQ(regs.rip, layout.entry);
    EXPECT_EQ(regs.cs, 0xe033);
    EXPECT_EQ(hv_.vcpu0->kernel_sp, regs.rsp);
    EXPECT_TRUE(walk(regs.rsp - 1)->writable);

    const auto info = load<xen::StartInfo>(regs.rsi);
    EXPECT_STREQ(info.magic, "xen-3.0-x86_64");
    EXPECT_EQ(info.nr_pages, pages);
    EXPECT_EQ(info.shared_info, FakeHv::kSharedInfo << 12);
    EXPECT_STREQ(info.cmd_line, "console=hvc0 root=/dev/xvda");
    EXPECT_EQ(walk(info.pt_base)->mfn, *hv_.pinned_l4);
    EXPECT_EQ(info.store_mfn, built.rings.store.raw);
    EXPECT_EQ(info.console.domu.mfn, built.rings.console.raw);
    EXPECT_NE(info.store_evtchn, info.console.domu.evtchn);
    EXPECT_EQ(info.store_evtchn, built.rings.store_port.raw);
    EXPECT_EQ(info.console.domu.evtchn, built.rings.console_port.raw);
    EXPECT_EQ(hv_.grants->store_gfn, info.store_mfn);
    EXPECT_EQ(hv_.grants->console_gfn, info.console.domu.mfn);
    EXPECT_EQ(hv_.grants->backend, 0);

    // The list names the domain's frames in order, as the machine-to-phys table has them.
    for (std::uint64_t pfn = 0; pfn < pages; pfn += pfn < 100 ? 1 : 97) {
        const auto mfn = load<std::uint64_t>(info.mfn_list + pfn * 8);
        ASSERT_TRUE(hv_.m2p.contains(mfn));
        EXPECT_EQ(hv_.m2p[mfn], pfn);
    }

    // The initial region maps pfns one to one; only page tables are read-only, and all of them are.
    std::set<std::uint64_t> read_only;
    for (std::uint64_t pfn = 0; pfn < layout.initial.frames.count; ++pfn) {
        const auto translation = walk(layout.virt_base + pfn * kPageSize);
        ASSERT_TRUE(translation);
        ASSERT_EQ(hv_.m2p[translation->mfn], pfn);
        if (!translation->writable) read_only.insert(pfn);
    }
    EXPECT_EQ(read_only.size(), info.nr_pt_frames);
    EXPECT_EQ(*read_only.begin(), layout.page_tables.first.raw);
    EXPECT_EQ(*read_only.rbegin(), layout.page_tables.end().raw - 1);
    EXPECT_FALSE(walk(layout.virt_base + (layout.initial.frames.count << 12)));

    // The kernel's bytes, and zeros after them.
    for (const KernelSegment& segment : kernel_.segments) {
        const std::uint64_t address = layout.virt_base + pseudo_physical(layout, segment);
        for (std::uint64_t at = 0; at < segment.memory_size; at += 61) {
            const auto expected = at < segment.file_size ? kernel_.elf[segment.file_offset + at] : std::byte{0};
            ASSERT_EQ(load<std::byte>(address + at), expected) << at;
        }
    }
    ASSERT_EQ(info.mod_len, initrd_.size());
    for (std::uint64_t at = 0; at < initrd_.size(); at += 4093) {
        if (layout.initrd_mapped) {
            ASSERT_EQ(load<std::byte>(info.mod_start + at), initrd_[at]);
        } else {
            const auto mfn = load<std::uint64_t>(info.mfn_list + (info.mod_start + at / kPageSize) * 8);
            ASSERT_EQ(hv_.read<std::byte>(mfn, at % kPageSize), initrd_[at]);
        }
    }
}

TEST_F(PvBuilder, LinuxGuest) {
    use(linux_like());
    std::set<BuildPhase> phases;
    const auto built = build(64 * kPagesPerMiB, [&](BuildPhase phase, std::uint64_t done, std::uint64_t total) {
        phases.insert(phase);
        EXPECT_LE(done, total);
    });
    ASSERT_TRUE(built) << built.error().what();
    check_guest(*built, 64 * kPagesPerMiB);
    EXPECT_EQ(phases.size(), 7u);
    const auto info = load<xen::StartInfo>(hv_.vcpu0->user_regs.rsi);
    EXPECT_EQ(info.flags & xen::kSifModStartPfn, xen::kSifModStartPfn);
    EXPECT_EQ(info.mfn_list, 0x8000000000u);
    EXPECT_EQ(info.first_p2m_pfn, built->layout.p2m.first.raw);
    EXPECT_EQ(info.nr_p2m_frames, 32u);
    EXPECT_EQ(hv_.m2p[*hv_.hypercall_page], 0x1001u);
    EXPECT_TRUE(walk(info.mfn_list)->writable);
}

TEST_F(PvBuilder, GuestWithEverythingMapped) {
    TestElf elf = linux_like();
    elf.segments = {{0x100000, pattern(50'000), 60'000}};
    elf.notes = note(ElfNote::VirtBase, 0x400000) + note(ElfNote::Entry, 0x500000);
    use(elf);
    const auto built = build(16 * kPagesPerMiB);
    ASSERT_TRUE(built) << built.error().what();
    check_guest(*built, 16 * kPagesPerMiB);
    const auto info = load<xen::StartInfo>(hv_.vcpu0->user_regs.rsi);
    EXPECT_EQ(info.flags & xen::kSifModStartPfn, 0u);
    EXPECT_EQ(info.nr_p2m_frames, 0u);
    EXPECT_FALSE(hv_.hypercall_page);
}

TEST_F(PvBuilder, HostWithoutLargeExtents) {
    use(linux_like());
    hv_.large_extents = false;
    const auto built = build(48 * kPagesPerMiB + 3);
    ASSERT_TRUE(built) << built.error().what();
    check_guest(*built, 48 * kPagesPerMiB + 3);
}

TEST_F(PvBuilder, OddSizeTakesSmallExtentsAtTheEnd) {
    use(linux_like());
    const auto built = build(48 * kPagesPerMiB + 7);
    ASSERT_TRUE(built) << built.error().what();
    check_guest(*built, 48 * kPagesPerMiB + 7);
}

TEST_F(PvBuilder, NotEnoughHostMemory) {
    use(linux_like());
    hv_.host_frames = 80 * kPagesPerMiB + 5;
    const auto built = build(200 * kPagesPerMiB);
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().code(), ErrorCode::NoMemory);
    EXPECT_TRUE(built.error().what().starts_with("populate memory: ")) << built.error().what();
    EXPECT_TRUE(built.error().what().contains("wants 200 MiB and got 80 MiB")) << built.error().what();
}

TEST_F(PvBuilder, DomainTooSmall) {
    use(linux_like());
    const auto built = build(16 * kPagesPerMiB);
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().code(), ErrorCode::TooLarge);
    EXPECT_TRUE(built.error().what().starts_with("plan the memory layout: larger than")) << built.error().what();
    EXPECT_TRUE(hv_.m2p.empty());
}

TEST_F(PvBuilder, CommandLineTooLong) {
    use(linux_like());
    PvSpec spec;
    spec.domain = DomainId{5};
    spec.pages = 64 * kPagesPerMiB;
    spec.cmdline = std::string(1024, 'x');
    auto built = build_pv_domain(Control{hv_}, XenCalls{hv_}, kernel_, spec);
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().code(), ErrorCode::TooLarge);
    EXPECT_TRUE(hv_.m2p.empty());
    spec.cmdline = std::string(1023, 'x');
    EXPECT_TRUE(build_pv_domain(Control{hv_}, XenCalls{hv_}, kernel_, spec));
}

TEST_F(PvBuilder, EveryFailureNamesItsPhase) {
    struct Case {
        std::uint64_t number;
        std::optional<abi::Operation> operation;
        std::string_view phase;
    };
    const auto id = [](xen::HypercallId hypercall) { return static_cast<std::uint64_t>(hypercall); };
    const Case cases[] = {
        {id(xen::HypercallId::MemoryOp), {}, "populate memory: "},
        {abi::kControlHypercall, abi::Operation::CopyMemory, "load the kernel: frame "},
        {abi::kControlHypercall, abi::Operation::InitHypercallPage, "load the kernel: "},
        {id(xen::HypercallId::EventChannelOp), {}, "set up store and console: "},
        {abi::kControlHypercall, abi::Operation::SeedGrants, "set up store and console: "},
        {abi::kControlHypercall, abi::Operation::GetDomain, "set up store and console: "},
        {id(xen::HypercallId::MmuextOp), {}, "start vCPU 0: "},
        {abi::kControlHypercall, abi::Operation::SetVcpuContext, "start vCPU 0: "},
    };
    use(linux_like());
    for (const Case& broken : cases) {
        hv_.pinned_l4.reset();
        hv_.intercept = [&](std::uint64_t number, std::uint64_t operation) -> std::optional<std::int64_t> {
            const bool hit = number == broken.number &&
                             (!broken.operation || operation == static_cast<std::uint64_t>(*broken.operation));
            return hit ? std::optional<std::int64_t>{-xen::kEPERM} : std::nullopt;
        };
        const auto built = build(48 * kPagesPerMiB);
        ASSERT_FALSE(built) << broken.phase;
        EXPECT_EQ(built.error().code(), ErrorCode::NotPermitted) << built.error().what();
        EXPECT_TRUE(built.error().what().starts_with(broken.phase)) << built.error().what();
    }
}

TEST_F(PvBuilder, CancelledInTheMiddle) {
    use(linux_like());
    std::stop_source stop;
    const auto built = build(
        64 * kPagesPerMiB,
        [&](BuildPhase phase, std::uint64_t, std::uint64_t) {
            if (phase == BuildPhase::Kernel) stop.request_stop();
        },
        stop.get_token());
    ASSERT_FALSE(built);
    EXPECT_EQ(built.error().code(), ErrorCode::Cancelled);
    EXPECT_FALSE(hv_.pinned_l4);
}

}  // namespace
}  // namespace hvctl::test
