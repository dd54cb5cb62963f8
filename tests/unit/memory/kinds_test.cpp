// Each domain has its own kind of guest: what one may make of its frames, another may not.
#include "hv/domain/guest_kind.hpp"
#include "hv/memory/audit.hpp"
#include "tests/unit/memory/memory.hpp"

namespace {

using hv::Error;
using hv::FrameType;
using hv::Preemption;
using hv::abi::control::DomainType;

constexpr FrameType kChecked[] = {FrameType::L1, FrameType::L2, FrameType::L3, FrameType::L4, FrameType::Descriptor};

class Kinds : public Memory {
  protected:
    static hv::abi::control::CreateDomain config(std::uint32_t type) {
        hv::abi::control::CreateDomain config{};
        config.domain = hv::abi::control::kDomainAny;
        config.type = type;
        config.max_vcpus = 1;
        config.max_frames = 100;
        return config;
    }
    static hv::Domain& make(DomainType type) { return fake::make_domain(config(static_cast<std::uint32_t>(type))); }
};

TEST_F(Kinds, ADomainHasTheKindOfItsType) {
    const hv::Domain& pv = make(DomainType::Pv);
    const hv::Domain& pvh = make(DomainType::Pvh);
    EXPECT_EQ(&pv.kind, hv::guest_kind(DomainType::Pv));
    EXPECT_EQ(&pvh.kind, hv::guest_kind(DomainType::Pvh));
    EXPECT_NE(&pv.kind, &pvh.kind);
    EXPECT_EQ(pvh.vcpu(hv::VcpuId{0})->type, DomainType::Pvh);
}

TEST_F(Kinds, AKindThatIsNotThereIsRefused) {
    for (const std::uint32_t type : {3u, ~0u}) {
        const hv::Result<hv::Domain*> made = hv::Domain::create(config(type), false);
        ASSERT_FALSE(made.has_value());
        EXPECT_EQ(made.error(), Error::NotSupported);
    }
}

TEST_F(Kinds, OnlyAKindWithTablesForHvToCheckHasThem) {
    hv::FrameInfo& table = hv::frame_info(fake::give_page(make(DomainType::Pv)));
    hv::FrameInfo& none = hv::frame_info(fake::give_page(make(DomainType::Pvh)));
    for (const FrameType type : kChecked) {
        ASSERT_TRUE(hv::get_frame_type(table, type, Preemption::Allowed).has_value()) << hv::name_of(type);
        ASSERT_TRUE(hv::put_frame_type_preemptible(table).has_value());
        const hv::Result<> refused = hv::get_frame_type(none, type, Preemption::Allowed);
        ASSERT_FALSE(refused.has_value()) << hv::name_of(type);
        EXPECT_EQ(refused.error(), Error::BadArgument);
        EXPECT_EQ(none.type_count(), 0u);
    }
    // It is memory as before.
    ASSERT_TRUE(hv::get_frame_type(none, FrameType::Writable).has_value());
    hv::put_frame_type(none);
}

}  // namespace
