#include <algorithm>
#include <cstring>

#include "tests/unit/grants/guest.hpp"

namespace guest {
namespace {

class Copy : public Grants {
  protected:
    void SetUp() override {
        Grants::SetUp();
        mine = fake::give_page(*user);
        std::memset(bytes(frame), 'g', 4096);
        std::memset(bytes(mine), 'u', 4096);
    }
    static char* bytes(hv::Mfn where) { return static_cast<char*>(fake::page(where)); }
    GnttabCopy from_grant(Gref ref, std::uint16_t offset, std::uint16_t length) {
        GnttabCopy op{};
        op.source.u.ref = ref;
        op.source.domid = granter->id.raw;
        op.source.offset = offset;
        op.dest.u.gmfn = mine.raw;
        op.dest.domid = kDomidSelf;
        op.len = length;
        op.flags = kGntcopySourceGref;
        return op;
    }
    std::int16_t run(GnttabCopy op) {
        EXPECT_EQ(call(*user, GrantCommand::Copy, &op), 0);
        EXPECT_EQ(info().references(), 1u);
        EXPECT_EQ(hv::frame_info(mine).references(), 1u);
        EXPECT_EQ(hv::frame_info(mine).type_count(), 0u);
        return op.status;
    }
    GrantEntryV2* version2(hv::Domain& domain) {
        GnttabSetVersion op{.version = 2};
        EXPECT_EQ(call(domain, GrantCommand::SetVersion, &op), 0);
        return reinterpret_cast<GrantEntryV2*>(table(domain));
    }
    hv::Mfn mine{};
};

TEST_F(Copy, FromAndToAGrant) {
    grant(9, *user);
    auto op = from_grant(9, 100, 200);
    op.dest.offset = 3000;
    EXPECT_EQ(run(op), 0);
    EXPECT_EQ(std::count(bytes(mine), bytes(mine) + 4096, 'g'), 200);
    EXPECT_EQ(bytes(mine)[2999], 'u');
    EXPECT_EQ(bytes(mine)[3000], 'g');
    EXPECT_EQ(v1[9].flags, kGtfPermitAccess);

    std::memset(bytes(mine), 'x', 4096);
    GnttabCopy back{};
    back.source.u.gmfn = mine.raw;
    back.source.domid = kDomidSelf;
    back.dest.u.ref = 9;
    back.dest.domid = granter->id.raw;
    back.len = 4096;
    back.flags = kGntcopyDestGref;
    EXPECT_EQ(run(back), 0);
    EXPECT_EQ(bytes(frame)[4095], 'x');
    grant(9, *user, true);
    EXPECT_EQ(run(back), code(GrantResult::GeneralError));
}

TEST_F(Copy, Refused) {
    grant(9, *user);
    EXPECT_EQ(run(from_grant(9, 4000, 97)), code(GrantResult::BadCopyArg));
    EXPECT_EQ(run(from_grant(9, 65535, 65535)), code(GrantResult::BadCopyArg));
    EXPECT_EQ(run(from_grant(8, 0, 1)), code(GrantResult::GeneralError));
    EXPECT_EQ(run(from_grant(9999, 0, 1)), code(GrantResult::BadGntref));
    auto op = from_grant(9, 0, 1);
    op.source.domid = 3999;
    EXPECT_EQ(run(op), code(GrantResult::BadDomain));
    op = from_grant(9, 0, 1);
    op.dest.domid = granter->id.raw;  // a frame of another domain without a grant
    EXPECT_EQ(run(op), code(GrantResult::PermissionDenied));
    op = from_grant(9, 0, 1);
    op.dest.u.gmfn = frame.raw;
    EXPECT_EQ(run(op), code(GrantResult::BadPage));
    op.dest.u.gmfn = ~std::uint64_t{0};
    EXPECT_EQ(run(op), code(GrantResult::BadPage));
    ASSERT_TRUE(hv::get_frame_type(hv::frame_info(mine), hv::FrameType::L4, hv::Preemption::Allowed));
    op = from_grant(9, 0, 1);
    EXPECT_EQ(call(*user, GrantCommand::Copy, &op), 0);
    EXPECT_EQ(op.status, code(GrantResult::GeneralError));
    ASSERT_TRUE(hv::put_frame_type_preemptible(hv::frame_info(mine)));
    EXPECT_EQ(v1[9].flags, kGtfPermitAccess);
}

TEST_F(Copy, SubPage) {
    GrantEntryV2* v2 = version2(*granter);
    v2[9].sub_page = {.header = {.flags = kGtfPermitAccess | kGtfSubPage, .domid = user->id.raw},
                      .page_off = 256,
                      .length = 128,
                      .frame = frame.raw};
    EXPECT_EQ(run(from_grant(9, 256, 128)), 0);
    EXPECT_EQ(run(from_grant(9, 255, 10)), code(GrantResult::GeneralError));
    EXPECT_EQ(run(from_grant(9, 380, 10)), code(GrantResult::GeneralError));
    EXPECT_EQ(map(*user, 9, 1).status, code(GrantResult::GeneralError));
    v2[9].sub_page.length = 0xffff;
    EXPECT_EQ(run(from_grant(9, 256, 1)), code(GrantResult::GeneralError));
    v2[9].sub_page.length = 0;
    EXPECT_EQ(run(from_grant(9, 256, 1)), code(GrantResult::GeneralError));
}

TEST_F(Copy, Transitive) {
    // other grants its page to granter, which passes it on to user.
    const hv::Mfn far = fake::give_page(*other);
    std::memset(bytes(far), 'f', 4096);
    GrantEntryV1* last = table(*other);
    last[20] = {.flags = kGtfPermitAccess, .domid = granter->id.raw, .frame = static_cast<std::uint32_t>(far.raw)};
    GrantEntryV2* v2 = version2(*granter);
    v2[9].transitive = {
        .header = {.flags = kGtfTransitive, .domid = user->id.raw}, .trans_domid = other->id.raw, .pad = 0, .gref = 20};
    EXPECT_EQ(run(from_grant(9, 0, 4096)), 0);
    EXPECT_EQ(bytes(mine)[0], 'f');
    EXPECT_EQ(last[20].flags, kGtfPermitAccess);
    EXPECT_EQ(hv::frame_info(far).references(), 1u);
    EXPECT_EQ(map(*user, 9, 1).status, code(GrantResult::GeneralError));
    last[20].domid = user->id.raw;  // not to granter any more
    EXPECT_EQ(run(from_grant(9, 0, 1)), code(GrantResult::GeneralError));
    // Neither to itself, nor through another transitive one, nor to a domain that does not exist.
    v2[9].transitive.trans_domid = granter->id.raw;
    EXPECT_EQ(run(from_grant(9, 0, 1)), code(GrantResult::GeneralError));
    v2[9].transitive.trans_domid = kDomidSelf;
    EXPECT_EQ(run(from_grant(9, 0, 1)), code(GrantResult::GeneralError));
    GrantEntryV2* chain = version2(*other);
    chain[20].transitive = {.header = {.flags = kGtfTransitive, .domid = granter->id.raw},
                            .trans_domid = user->id.raw,
                            .pad = 0,
                            .gref = 0};
    v2[9].transitive.trans_domid = other->id.raw;
    EXPECT_EQ(run(from_grant(9, 0, 1)), code(GrantResult::GeneralError));
}

// A handle from before its granter's number was given to another domain ends a use of that one's entry, perhaps while
// it is copied from; then nothing keeps the granter from making it an entry that was never used.
TEST_F(Copy, AnEntryThatIsLetGoMeanwhile) {
    constexpr Gref kRef{300};  // on the first page in version 1, on the second in version 2
    ASSERT_TRUE(granter->grants.grow(2));
    grant(kRef, *user);
    const auto pinned = granter->grants.pin_for_copy(hv::GrantRef{kRef}, user->id, true);
    ASSERT_TRUE(pinned.has_value());
    granter->grants.unpin(hv::GrantRef{kRef}, user->id, hv::GrantUse::HostRead);
    EXPECT_TRUE(granter->grants.set_version(2));
    granter->grants.unpin_copy(hv::GrantRef{kRef}, user->id, true, *pinned);
    EXPECT_TRUE(granter->grants.set_version(1));
}

TEST_F(Copy, BatchGoesOnAfterAFailure) {
    grant(9, *user);
    GnttabCopy ops[] = {from_grant(9, 0, 8), from_grant(8, 0, 8), from_grant(9, 8, 8)};
    fake::preempt_every(1);
    EXPECT_EQ(call(*user, GrantCommand::Copy, ops, 3), 0);
    EXPECT_EQ(ops[0].status, 0);
    EXPECT_EQ(ops[1].status, code(GrantResult::GeneralError));
    EXPECT_EQ(ops[2].status, 0);
}

}  // namespace
}  // namespace guest
