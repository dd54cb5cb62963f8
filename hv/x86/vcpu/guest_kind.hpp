// What a kind of guest provides to the processor's rooms, beside what every layer asks (hv/domain/guest_kind.hpp, from
// which this derives; it says how to add a kind). Nothing in hv/x86 outside of a kind's own rooms knows more of it.
//
// A kind also owns its guests' way out of hv and back. Before it enters a guest again, and with interrupts off from
// then on, it has to: do_cpu_work() while there is any (context_switch.hpp); publish a run state that is late; deliver
// a pending NMI; and deliver an event that is pending and not masked. Sending an event only wakes or interrupts the
// vCPU. A hypercall that is to be made again is one whose rip goes back by the length that the entry gave
// (TrapFrame::instruction_length).
#pragma once

#include <cstddef>
#include <new>
#include <optional>
#include <span>
#include <utility>

#include "hv/domain/domain.hpp"
#include "hv/domain/guest_kind.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/leaks/guest_controls.hpp"
#include "hv/x86/traps/trap_frame.hpp"

namespace hv::x86 {

class GuestKind : public hv::GuestKind {
  public:
    // Of what domains of every kind have of the processor. A kind with more overrides and calls these.
    void relinquish_domain(Domain& domain) const override;
    void audit_domain(FrameAudit& audit, const Domain& domain) const override;

    // Bring-up: once, on the boot CPU, when memory is there and before any domain is; its hypercalls are registered
    // here. Then on each CPU, before it runs guests.
    virtual void prepare() const = 0;
    virtual void prepare_cpu(CpuId cpu) const = 0;

    // The switch, on the CPU that ran the vCPU or will. The general registers, debug registers, floating point and
    // clock are switched for every kind; these put away and load the rest. load() comes first, when `frame` has the
    // vCPU's general registers already, and may change them: the guest goes on with what it leaves there. It may
    // access the vCPU's memory; debug registers, floating point and clock are not the vCPU's yet.
    virtual void save(Vcpu& vcpu) const = 0;
    virtual void load(Vcpu& vcpu, TrapFrame& frame) const = 0;
    // Goes on to the vCPU that was loaded last, from an empty stack: when the CPU was idle or ran another kind before.
    [[noreturn]] virtual void resume() const = 0;

    // Was the vCPU, which does not run, in its kernel, and not in a program?
    virtual bool in_kernel(const Vcpu& vcpu) const = 0;

    // The page tables that this CPU runs on for the vCPU (hv's own, where the processor has others for the guest). They
    // stay loaded while the CPU is idle. has_address_space() says whether they still are; it is asked only when no
    // other vCPU's were loaded since.
    virtual bool has_address_space(const Vcpu& vcpu) const = 0;
    virtual void enter_address_space(Vcpu& vcpu) const = 0;
    virtual void leave_address_space() const = 0;  // for hv's own

    // The door to the current vCPU's memory, as hv/memory/guest_access.hpp has it.
    virtual Result<> copy_from(void* to, GuestVirtual from, std::size_t bytes) const = 0;
    virtual Result<> copy_to(GuestVirtual to, const void* from, std::size_t bytes) const = 0;
    virtual Result<> clear(GuestVirtual to, std::size_t bytes) const = 0;
    // May the guest name all of [address, address + bytes), for breakpoints and for places where hv writes? Whether
    // something is mapped there is another question.
    virtual bool address_allowed(GuestVirtual address, std::uint64_t bytes) const = 0;

    // CPUID: `shown` is what guests of every kind are shown of `processor` (policy/cpuid_policy.hpp); takes away what
    // this kind's cannot use and adds what only they can.
    virtual void filter_cpuid(const Vcpu& vcpu, std::uint32_t leaf, std::uint32_t subleaf, const CpuidLeaf& processor,
                              CpuidLeaf& shown) const = 0;
    // RDMSR and WRMSR of the current vCPU, for the registers that are this kind's own way of running: false is #GP.
    // Nothing: the policy for all kinds decides (policy/msr.hpp).
    virtual std::optional<bool> read_msr(Vcpu& vcpu, std::uint32_t msr, std::uint64_t& value) const = 0;
    virtual std::optional<bool> write_msr(Vcpu& vcpu, std::uint32_t msr, std::uint64_t value) const = 0;

    // Of what there is against leaks, what its guests make no good use of (speculation_controls.hpp).
    virtual GuestFilter leak_filter() const = 0;

    // PHYSDEVOP_set_iopl (0 to 3) and PHYSDEVOP_set_iobitmap (at most 65536 ports) of the current vCPU. Kinds whose
    // guests' I/O instructions go another way keep these: Error::NotImplemented.
    virtual Result<> set_io_privilege(Vcpu& vcpu, std::uint32_t level) const;
    virtual Result<> set_io_bitmap(Vcpu& vcpu, GuestVirtual bitmap, std::uint32_t ports) const;

  protected:
    constexpr GuestKind() = default;
    ~GuestKind() = default;

    // For a kind's create_domain() and create_vcpu(), and for the two that undo them. They make and end what its
    // domains and vCPUs have of the processor: objects of the kind's own types, which derive from those for every kind
    // (arch_vcpu.hpp). No other code knows the kind's types, so the kind also has to end what it made.
    template <class Own>
    static Result<> make_domain(Domain& domain) {
        return adopt(domain, new (std::nothrow) Own(), sizeof(Own));
    }
    template <class Own>
    static void end_domain(Domain& domain) {
        delete static_cast<Own*>(std::exchange(domain.arch, nullptr));
    }
    template <class Own>
    static Result<> make_vcpu(Vcpu& vcpu) {
        return adopt(vcpu, new (std::nothrow) Own(), sizeof(Own));
    }
    template <class Own>
    static void end_vcpu(Vcpu& vcpu) {
        strip(vcpu);
        delete static_cast<Own*>(std::exchange(vcpu.arch, nullptr));
    }

  private:
    // Set up what every kind has. Null: NoMemory.
    static Result<> adopt(Domain& domain, ArchDomain* made, std::size_t bytes);
    static Result<> adopt(Vcpu& vcpu, ArchVcpu* made, std::size_t bytes);
    static void strip(Vcpu& vcpu);  // of what adopt() allocated for it
};

// Every domain's kind is one of these.
inline const GuestKind& kind_of(const Domain& domain) {
    return static_cast<const GuestKind&>(domain.kind);
}

// All that this hv has (hv/x86/guest_kinds.cpp).
std::span<const GuestKind* const> guest_kinds();

}  // namespace hv::x86
