// What a kind of guest provides: PV today. Whatever differs between kinds and is asked for by domains, grants, frames
// and the control interface is here, and each domain has the one of its type from creation on (Domain::kind).
//
// What the processor's rooms ask besides is in hv/x86/vcpu/guest_kind.hpp, a class that derives from this one: nothing
// outside of hv/x86 knows what a trap frame is. To add a kind, derive it from that class, write every pure function of
// both, override the others where its guests can do more, and name it in hv/x86/guest_kinds.cpp.
//
// A kind is one object without state. What a domain or a vCPU has of its own is behind Domain::arch and Vcpu::arch.
#pragma once

#include <cstdint>

#include "hv/abi/control/domain.hpp"
#include "hv/abi/xen/vcpu_state.hpp"
#include "hv/base/result.hpp"
#include "hv/base/types.hpp"
#include "hv/memory/frame.hpp"

namespace hv {

class Domain;
class FrameAudit;
class Vcpu;
class VcpuStateWriter;  // control/vcpu_state.hpp

// Where a guest wants a grant mapped: address and flags as it gave them (abi GnttabMapGrantRef).
struct GrantPlace {
    std::uint64_t address;
    std::uint32_t flags;
};

class GuestKind {
  public:
    GuestKind(const GuestKind&) = delete;
    GuestKind& operator=(const GuestKind&) = delete;

    // Making and ending. create_*: Error::NoMemory; what was made so far is taken back by destroy_*, which is called
    // for each domain and vCPU, also when its create_* failed.
    virtual Result<> create_domain(Domain& domain) const = 0;
    virtual void destroy_domain(Domain& domain) const = 0;
    virtual Result<> create_vcpu(Vcpu& vcpu) const = 0;
    virtual void destroy_vcpu(Vcpu& vcpu) const = 0;
    // The domain is dying, none of its vCPUs runs or will, and no CPU is on its tables. Give up what refers to frames:
    // page tables, descriptor tables, and last, once all vCPUs have, what the domain has beside them.
    // Error::Restart: call again.
    virtual Result<> relinquish_vcpu(Vcpu& vcpu) const = 0;
    virtual void relinquish_domain(Domain& domain) const = 0;

    // A vCPU's registers. set_context() gives them to one that has none (else Error::Exists), and checks everything as
    // the guest's own hypercalls would: BadArgument, or what frames say. Error::Restart: call again with the same.
    // get_context() is of one that has them and does not run.
    virtual Result<> set_context(Vcpu& vcpu, const abi::xen::VcpuGuestContext& context) const = 0;
    virtual void get_context(Vcpu& vcpu, abi::xen::VcpuGuestContext& context) const = 0;
    // The records of what the processor and the kind have of a vCPU that does not run. NoMemory.
    virtual Result<> add_state_records(const Vcpu& vcpu, VcpuStateWriter& state) const = 0;
    // Fills a page with the stubs through which a guest's kernel enters hv (abi/xen/hypercall.hpp).
    virtual void write_hypercall_page(void* page) const = 0;

    // Grants. map_grant() makes the place map `frame`, and whatever it mapped before is dropped as by an update.
    // unmap_grant() ends that if the place maps `frame` with the access that its flags say; it maps nothing then, or
    // what virtual address `replacement`, another one, maps, if that is not 0: there nothing is mapped then.
    // BadArgument: no such place, not the guest's, or it does not map that. Error::Restart: nothing was done, since
    // other vCPUs of the domain keep the tables busy; ask again.
    //
    // References: the caller passes with map_grant() one general reference of the frame, and one Writable type
    // reference unless the mapping is read-only. They belong to the mapping from then on, and are dropped when the
    // guest ends it by other means. After unmap_grant() they are the caller's again. It drops them after
    // flush_grant_mappings(), when no CPU that ran the domain has an old translation any more.
    //
    // For PV the place is an L1 entry: of a page-aligned virtual address in the vCPU's current address space, or with
    // kGntmapContainsPte by its own machine address, in a page table that the domain owns. kGntmapApplicationMap lets
    // user mode access it. For guests on nested tables it is a guest-physical address.
    virtual Result<> map_grant(Vcpu& vcpu, GrantPlace where, Mfn frame) const = 0;
    virtual Result<> unmap_grant(Vcpu& vcpu, GrantPlace where, Mfn frame, GuestVirtual replacement) const = 0;
    virtual void flush_grant_mappings(Domain& domain) const = 0;

    // Frames of its domains that have a type with contents to be checked (hv/memory/frame_types.hpp says how). A kind
    // whose guests have no such frames keeps these: all are refused, and so there is nothing to undo.
    virtual Result<> validate_frame(FrameInfo& info, FrameType type) const;
    virtual Result<> invalidate_frame(FrameInfo& info, FrameType type, std::uint8_t within) const;
    virtual void audit_table(FrameAudit& audit, Mfn frame, FrameType type, unsigned entries) const;

    // The references that the kind's part of the domain holds (hv/domain/audit.hpp).
    virtual void audit_domain(FrameAudit& audit, const Domain& domain) const = 0;

  protected:
    constexpr GuestKind() = default;
    ~GuestKind() = default;  // never through this class
};

// Implemented by hv/x86/guest_kinds.cpp, which names them, and by the tests. Null: this hv has no such guests.
const GuestKind* guest_kind(abi::control::DomainType type);

}  // namespace hv
