#include "tests/unit/abi/conformance.hpp"

extern "C" {
#include <xen/callback.h>
#include <xen/elfnote.h>
#include <xen/nmi.h>
}

#include "hv/abi/xen/callback.hpp"
#include "hv/abi/xen/elfnote.hpp"
#include "hv/abi/xen/nmi.hpp"

namespace our = hv::abi::xen;

TEST(XenCallback, All) {
    EXPECT_SAME_VALUE(our::CallbackCommand::Register, CALLBACKOP_register);
    EXPECT_SAME_VALUE(our::CallbackCommand::Unregister, CALLBACKOP_unregister);
    EXPECT_SAME_VALUE(our::CallbackType::Event, CALLBACKTYPE_event);
    EXPECT_SAME_VALUE(our::CallbackType::Failsafe, CALLBACKTYPE_failsafe);
    EXPECT_SAME_VALUE(our::CallbackType::Syscall, CALLBACKTYPE_syscall);
    EXPECT_SAME_VALUE(our::CallbackType::SysenterDeprecated, CALLBACKTYPE_sysenter_deprecated);
    EXPECT_SAME_VALUE(our::CallbackType::Nmi, CALLBACKTYPE_nmi);
    EXPECT_SAME_VALUE(our::CallbackType::Sysenter, CALLBACKTYPE_sysenter);
    EXPECT_SAME_VALUE(our::CallbackType::Syscall32, CALLBACKTYPE_syscall32);
    EXPECT_SAME_VALUE(our::kCallbackMaskEvents, CALLBACKF_mask_events);
    EXPECT_SAME_SIZE(our::CallbackRegister, callback_register);
    EXPECT_SAME_OFFSET(our::CallbackRegister, type, callback_register, type);
    EXPECT_SAME_OFFSET(our::CallbackRegister, flags, callback_register, flags);
    EXPECT_SAME_OFFSET(our::CallbackRegister, address, callback_register, address);
    EXPECT_SAME_SIZE(our::CallbackUnregister, callback_unregister);
    EXPECT_SAME_OFFSET(our::CallbackUnregister, type, callback_unregister, type);
    EXPECT_SAME_OFFSET(our::CallbackUnregister, reserved, callback_unregister, _unused);
}

TEST(XenNmi, All) {
    EXPECT_SAME_VALUE(our::NmiCommand::RegisterCallback, XENNMI_register_callback);
    EXPECT_SAME_VALUE(our::NmiCommand::UnregisterCallback, XENNMI_unregister_callback);
    EXPECT_SAME_SIZE(our::NmiCallback, xennmi_callback);
    EXPECT_SAME_OFFSET(our::NmiCallback, handler_address, xennmi_callback, handler_address);
    EXPECT_SAME_OFFSET(our::NmiCallback, pad, xennmi_callback, pad);
    EXPECT_SAME_VALUE(our::kNmiReasonIoError, XEN_NMIREASON_io_error);
    EXPECT_SAME_VALUE(our::kNmiReasonPciSerr, XEN_NMIREASON_pci_serr);
    EXPECT_SAME_VALUE(our::kNmiReasonUnknown, XEN_NMIREASON_unknown);
}

TEST(XenElfNote, Numbers) {
    EXPECT_SAME_VALUE(our::ElfNote::Info, XEN_ELFNOTE_INFO);
    EXPECT_SAME_VALUE(our::ElfNote::Entry, XEN_ELFNOTE_ENTRY);
    EXPECT_SAME_VALUE(our::ElfNote::HypercallPage, XEN_ELFNOTE_HYPERCALL_PAGE);
    EXPECT_SAME_VALUE(our::ElfNote::VirtBase, XEN_ELFNOTE_VIRT_BASE);
    EXPECT_SAME_VALUE(our::ElfNote::PaddrOffset, XEN_ELFNOTE_PADDR_OFFSET);
    EXPECT_SAME_VALUE(our::ElfNote::XenVersion, XEN_ELFNOTE_XEN_VERSION);
    EXPECT_SAME_VALUE(our::ElfNote::GuestOs, XEN_ELFNOTE_GUEST_OS);
    EXPECT_SAME_VALUE(our::ElfNote::GuestVersion, XEN_ELFNOTE_GUEST_VERSION);
    EXPECT_SAME_VALUE(our::ElfNote::Loader, XEN_ELFNOTE_LOADER);
    EXPECT_SAME_VALUE(our::ElfNote::PaeMode, XEN_ELFNOTE_PAE_MODE);
    EXPECT_SAME_VALUE(our::ElfNote::Features, XEN_ELFNOTE_FEATURES);
    EXPECT_SAME_VALUE(our::ElfNote::BsdSymtab, XEN_ELFNOTE_BSD_SYMTAB);
    EXPECT_SAME_VALUE(our::ElfNote::HvStartLow, XEN_ELFNOTE_HV_START_LOW);
    EXPECT_SAME_VALUE(our::ElfNote::L1MfnValid, XEN_ELFNOTE_L1_MFN_VALID);
    EXPECT_SAME_VALUE(our::ElfNote::SuspendCancel, XEN_ELFNOTE_SUSPEND_CANCEL);
    EXPECT_SAME_VALUE(our::ElfNote::InitP2m, XEN_ELFNOTE_INIT_P2M);
    EXPECT_SAME_VALUE(our::ElfNote::ModStartPfn, XEN_ELFNOTE_MOD_START_PFN);
    EXPECT_SAME_VALUE(our::ElfNote::SupportedFeatures, XEN_ELFNOTE_SUPPORTED_FEATURES);
    EXPECT_SAME_VALUE(our::ElfNote::Phys32Entry, XEN_ELFNOTE_PHYS32_ENTRY);
    EXPECT_SAME_VALUE(our::ElfNote::CrashInfo, XEN_ELFNOTE_CRASH_INFO);
    EXPECT_SAME_VALUE(our::ElfNote::CrashRegs, XEN_ELFNOTE_CRASH_REGS);
    EXPECT_SAME_VALUE(our::kElfNoteMax, XEN_ELFNOTE_MAX);
}
