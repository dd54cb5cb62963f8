#include "tests/unit/abi/conformance.hpp"

#include "hv/abi/xen/mmu.hpp"

namespace our = hv::abi::xen;

TEST(XenMmu, Structures) {
    EXPECT_SAME_SIZE(our::MmuUpdate, mmu_update);
    EXPECT_SAME_OFFSET(our::MmuUpdate, ptr, mmu_update, ptr);
    EXPECT_SAME_OFFSET(our::MmuUpdate, val, mmu_update, val);
    EXPECT_SAME_SIZE(our::MmuextOp, mmuext_op);
    EXPECT_SAME_OFFSET(our::MmuextOp, command, mmuext_op, cmd);
    EXPECT_SAME_OFFSET(our::MmuextOp, arg1.mfn, mmuext_op, arg1.mfn);
    EXPECT_SAME_OFFSET(our::MmuextOp, arg1.linear_addr, mmuext_op, arg1.linear_addr);
    EXPECT_SAME_OFFSET(our::MmuextOp, arg2.nr_ents, mmuext_op, arg2.nr_ents);
    EXPECT_SAME_OFFSET(our::MmuextOp, arg2.vcpu_mask, mmuext_op, arg2.vcpumask);
    EXPECT_SAME_OFFSET(our::MmuextOp, arg2.src_mfn, mmuext_op, arg2.src_mfn);
}

TEST(XenMmu, Commands) {
    EXPECT_SAME_VALUE(our::MmuCommand::NormalPtUpdate, MMU_NORMAL_PT_UPDATE);
    EXPECT_SAME_VALUE(our::MmuCommand::MachphysUpdate, MMU_MACHPHYS_UPDATE);
    EXPECT_SAME_VALUE(our::MmuCommand::PtUpdatePreserveAd, MMU_PT_UPDATE_PRESERVE_AD);
    EXPECT_SAME_VALUE(our::MmuCommand::PtUpdateNoTranslate, MMU_PT_UPDATE_NO_TRANSLATE);
    EXPECT_SAME_VALUE(our::MmuextCommand::PinL1Table, MMUEXT_PIN_L1_TABLE);
    EXPECT_SAME_VALUE(our::MmuextCommand::PinL2Table, MMUEXT_PIN_L2_TABLE);
    EXPECT_SAME_VALUE(our::MmuextCommand::PinL3Table, MMUEXT_PIN_L3_TABLE);
    EXPECT_SAME_VALUE(our::MmuextCommand::PinL4Table, MMUEXT_PIN_L4_TABLE);
    EXPECT_SAME_VALUE(our::MmuextCommand::UnpinTable, MMUEXT_UNPIN_TABLE);
    EXPECT_SAME_VALUE(our::MmuextCommand::NewBaseptr, MMUEXT_NEW_BASEPTR);
    EXPECT_SAME_VALUE(our::MmuextCommand::TlbFlushLocal, MMUEXT_TLB_FLUSH_LOCAL);
    EXPECT_SAME_VALUE(our::MmuextCommand::InvlpgLocal, MMUEXT_INVLPG_LOCAL);
    EXPECT_SAME_VALUE(our::MmuextCommand::TlbFlushMulti, MMUEXT_TLB_FLUSH_MULTI);
    EXPECT_SAME_VALUE(our::MmuextCommand::InvlpgMulti, MMUEXT_INVLPG_MULTI);
    EXPECT_SAME_VALUE(our::MmuextCommand::TlbFlushAll, MMUEXT_TLB_FLUSH_ALL);
    EXPECT_SAME_VALUE(our::MmuextCommand::InvlpgAll, MMUEXT_INVLPG_ALL);
    EXPECT_SAME_VALUE(our::MmuextCommand::FlushCache, MMUEXT_FLUSH_CACHE);
    EXPECT_SAME_VALUE(our::MmuextCommand::SetLdt, MMUEXT_SET_LDT);
    EXPECT_SAME_VALUE(our::MmuextCommand::NewUserBaseptr, MMUEXT_NEW_USER_BASEPTR);
    EXPECT_SAME_VALUE(our::MmuextCommand::ClearPage, MMUEXT_CLEAR_PAGE);
    EXPECT_SAME_VALUE(our::MmuextCommand::CopyPage, MMUEXT_COPY_PAGE);
    EXPECT_SAME_VALUE(our::MmuextCommand::FlushCacheGlobal, MMUEXT_FLUSH_CACHE_GLOBAL);
    EXPECT_SAME_VALUE(our::MmuextCommand::MarkSuper, MMUEXT_MARK_SUPER);
    EXPECT_SAME_VALUE(our::MmuextCommand::UnmarkSuper, MMUEXT_UNMARK_SUPER);
}

TEST(XenMmu, Flags) {
    EXPECT_SAME_VALUE(our::kUvmfNone, UVMF_NONE);
    EXPECT_SAME_VALUE(our::kUvmfTlbFlush, UVMF_TLB_FLUSH);
    EXPECT_SAME_VALUE(our::kUvmfInvlpg, UVMF_INVLPG);
    EXPECT_SAME_VALUE(our::kUvmfFlushtypeMask, UVMF_FLUSHTYPE_MASK);
    EXPECT_SAME_VALUE(our::kUvmfMulti, UVMF_MULTI);
    EXPECT_SAME_VALUE(our::kUvmfLocal, UVMF_LOCAL);
    EXPECT_SAME_VALUE(our::kUvmfAll, UVMF_ALL);
}
