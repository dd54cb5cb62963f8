// Promised: Dom0 maps and builds other domains' memory within the same rules: never a writable view of a page table.
// Exercised: foreign mappings of a domain's data, of its page tables, of frames that it does not own; destroy while
// mapped; CopyMemory onto tables; pins of foreign tables. A pass means: data frames can be mapped and are freed only
// afterwards; tables cannot be written from outside.
#include "hv/abi/control/memory.hpp"
#include "tests/guest/lib/domu.hpp"
#include "tests/guest/lib/guest.hpp"
#include "tests/guest/lib/traps.hpp"
#include "tests/guest/lib/vcpu.hpp"

using namespace guest;
namespace control = hv::abi::control;

namespace {

alignas(4096) volatile u64 data[512];

long map_foreign(const DomU& domain, const Page& slot, u64 mfn, u64 flags) {
    return update_entry(entry_machine_address(slot.address(), 1), pte(mfn, flags), MmuCommand::NormalPtUpdate,
                        domain.id);
}

}  // namespace

void guest::domu_main(u64) {
    data[0] = 1;
}

void guest::test_main() {
    if (!on_hv()) skip("needs the control hypercall");
    const Page slot = allocate_page(), mine = allocate_page();
    const DomU domain = build_domu();
    const u64 frame = domu_frame(domain, data);
    EXPECT_EQ(map_foreign(domain, slot, frame, kPteKernelData), 0);
    EXPECT_EQ(mmuext(MmuextCommand::InvlpgAll, slot.address()), 0);
    slot.words()[5] = 55;
    EXPECT_EQ(read_domu(domain, const_cast<const u64&>(data[5])), 55);
    EXPECT_TRUE(map_foreign(domain, slot, mine.mfn, kPteKernelData) < 0);  // not that domain's

    // Its tables: find them by type.
    u32 types[512] = {};
    control::GetFrameTypes get{domain.frames, reinterpret_cast<u64>(types), static_cast<u32>(domain.pages), domain.id,
                               0};
    EXPECT_EQ(control_op(control::Operation::GetFrameTypes, get), 0);
    unsigned tables = 0;
    for (u64 pfn = 0; pfn < domain.pages; ++pfn) {
        const u32 type = types[pfn] & ~control::kFramePinned;
        if (type < 1 || type > 4) continue;
        ++tables;
        const u64 mfn = reinterpret_cast<u64*>(domain.frames)[pfn];
        const Page other = allocate_page();
        EXPECT_TRUE(map_foreign(domain, other, mfn, kPteKernelData) < 0);
        control::CopyMemory copy{};
        copy.frames = reinterpret_cast<u64>(&mfn);
        copy.buffer = mine.address();
        copy.length = 8;
        copy.domain = domain.id;
        copy.direction = static_cast<u32>(control::CopyDirection::ToDomain);
        EXPECT_EQ(control_op(control::Operation::CopyMemory, copy), -kEBUSY);
        EXPECT_EQ(map_foreign(domain, other, mfn, kPteReadOnly), 0);
        EXPECT_EQ(update_mapping(other.bytes, pte(other.mfn, kPteKernelData)), 0);
    }
    EXPECT_EQ(tables, 4);

    control::DomainOnly only{domain.id, {}};
    long result = 0;
    for (unsigned i = 0; i < 50 && (result = control_op(control::Operation::DestroyDomain, only)) == -kEAGAIN; ++i)
        yield();
    EXPECT_EQ(result, -kEAGAIN);  // slot still maps its page
    slot.words()[6] = 66;
    EXPECT_EQ(update_mapping(slot.bytes, pte(slot.mfn, kPteKernelData)), 0);
    const long end = destroy_domu(domain);
    EXPECT_TRUE(end == 0 || end == -kESRCH);  // the last reference may have ended it
    EXPECT_TRUE(map_foreign(domain, slot, frame, kPteKernelData) < 0);
}
