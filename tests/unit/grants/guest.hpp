// The guest's side of grants.
#pragma once

#include <gtest/gtest.h>

#include "hv/abi/control/control.hpp"
#include "hv/abi/xen/errno.hpp"
#include "hv/abi/xen/grant_table.hpp"
#include "hv/hypercall/handlers.hpp"
#include "hv/memory/frame.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace guest {

using namespace hv::abi::xen;

inline std::int16_t code(GrantResult result) {
    return static_cast<std::int16_t>(result);
}

class Grants : public testing::Test {
  protected:
    void SetUp() override {
        fake::boot();
        fake::on_cpu(hv::CpuId{0});
        granter = &fake::make_domain();
        user = &fake::make_domain();
        other = &fake::make_domain();
        fake::settle();
        v1 = table(*granter);
        frame = fake::give_page(*granter);
    }
    void TearDown() override {
        fake::preempt_every(0);
        fake::refuse_mappings(false);
        fake::destroy_all();
    }

    template <class Op>
    std::int64_t call(hv::Domain& domain, GrantCommand command, Op* ops, std::uint64_t count = 1) {
        hv::Vcpu& before = fake::running_on(hv::current_cpu());
        fake::set_current(*domain.vcpu(hv::VcpuId{0}));
        const std::int64_t result = fake::hypercall(hv::do_grant_table_op, static_cast<std::uint64_t>(command),
                                                    reinterpret_cast<std::uintptr_t>(ops), count);
        fake::set_current(before);
        return result;
    }
    GrantEntryV1* table(hv::Domain& domain) {
        std::uint64_t list[1] = {};
        GnttabSetupTable op{};
        op.domid = kDomidSelf;
        op.nr_frames = 1;
        op.frame_list = reinterpret_cast<std::uintptr_t>(list);
        EXPECT_EQ(call(domain, GrantCommand::SetupTable, &op), 0);
        EXPECT_EQ(op.status, 0);
        return static_cast<GrantEntryV1*>(fake::page(hv::Mfn{list[0]}));
    }
    void grant(Gref ref, hv::Domain& to, bool readonly = false) {
        v1[ref] = {.flags = static_cast<std::uint16_t>(kGtfPermitAccess | (readonly ? kGtfReadonly : 0)),
                   .domid = to.id.raw,
                   .frame = static_cast<std::uint32_t>(frame.raw)};
    }
    // A place in `domain` to map at.
    static std::uint64_t place(hv::Domain& domain, unsigned number) {
        return std::uint64_t{domain.id.raw} << 48 | std::uint64_t{number} << 12;
    }
    GnttabMapGrantRef map(hv::Domain& domain, Gref ref, unsigned number, std::uint32_t flags = kGntmapHostMap) {
        GnttabMapGrantRef op{};
        op.host_addr = place(domain, number);
        op.flags = flags;
        op.ref = ref;
        op.domid = granter->id.raw;
        EXPECT_EQ(call(domain, GrantCommand::MapGrantRef, &op), 0);
        return op;
    }
    std::int16_t unmap(hv::Domain& domain, GrantHandle handle, unsigned number, std::uint64_t device = 0) {
        GnttabUnmapGrantRef op{};
        op.host_addr = place(domain, number);
        op.dev_bus_addr = device;
        op.handle = handle;
        EXPECT_EQ(call(domain, GrantCommand::UnmapGrantRef, &op), 0);
        return op.status;
    }
    hv::FrameInfo& info() { return hv::frame_info(frame); }

    hv::Domain* granter = nullptr;
    hv::Domain* user = nullptr;
    hv::Domain* other = nullptr;
    GrantEntryV1* v1 = nullptr;
    hv::Mfn frame{};
};

}  // namespace guest
