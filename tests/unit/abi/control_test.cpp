#include "hv/abi/control/control.hpp"

#include "tests/unit/abi/conformance.hpp"

#include "hv/abi/control/domain.hpp"
#include "hv/abi/control/vcpu.hpp"
#include "hv/abi/xen/hypercall.hpp"
#include "hv/abi/xen/sched.hpp"
#include "hv/abi/xen/vcpu.hpp"

// What the control interface says it shares with Xen's.
TEST(Control, SharedWithXen) {
    namespace control = hv::abi::control;
    namespace xen = hv::abi::xen;
    EXPECT_SAME_VALUE(control::kControlHypercall, xen::HypercallId::Arch7);
    EXPECT_SAME_VALUE(control::kDomainSelf, DOMID_SELF);
    EXPECT_SAME_VALUE(control::ShutdownReason::SoftReset, xen::ShutdownReason::SoftReset);
    EXPECT_SAME_VALUE(control::ShutdownReason::Crash, xen::ShutdownReason::Crash);
    EXPECT_SAME_VALUE(control::RunState::Offline, xen::RunstateKind::Offline);
}
