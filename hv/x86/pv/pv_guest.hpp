// PV guests as hv sees them (hv/domain/guest_kind.hpp and hv/x86/vcpu/guest_kind.hpp say what each function does):
// their kernels run in ring 3 on page tables of their own, which hv checks. Each function is in the room that it is
// about.
#pragma once

#include "hv/x86/vcpu/guest_kind.hpp"

namespace hv::x86 {

class PvGuest final : public GuestKind {
  public:
    constexpr PvGuest() = default;

    Result<> create_domain(Domain& domain) const override;
    void destroy_domain(Domain& domain) const override;
    Result<> create_vcpu(Vcpu& vcpu) const override;
    void destroy_vcpu(Vcpu& vcpu) const override;
    bool in_kernel(const Vcpu& vcpu) const override;

    // hypercalls/
    Result<> set_context(Vcpu& vcpu, const abi::xen::VcpuGuestContext& context) const override;
    void get_context(Vcpu& vcpu, abi::xen::VcpuGuestContext& context) const override;
    Result<> add_state_records(const Vcpu& vcpu, VcpuStateWriter& state) const override;
    void write_hypercall_page(void* page) const override;

    // mmu/
    Result<> map_grant(Vcpu& vcpu, GrantPlace where, Mfn frame) const override;
    Result<> unmap_grant(Vcpu& vcpu, GrantPlace where, Mfn frame, GuestVirtual replacement) const override;
    void flush_grant_mappings(Domain& domain) const override;
    Result<> validate_frame(FrameInfo& info, FrameType type) const override;
    Result<> invalidate_frame(FrameInfo& info, FrameType type, std::uint8_t within) const override;
    void audit_table(FrameAudit& audit, Mfn frame, FrameType type, unsigned entries) const override;
    void audit_domain(FrameAudit& audit, const Domain& domain) const override;
    Result<> copy_from(void* to, GuestVirtual from, std::size_t bytes) const override;
    Result<> copy_to(GuestVirtual to, const void* from, std::size_t bytes) const override;
    Result<> clear(GuestVirtual to, std::size_t bytes) const override;
    bool address_allowed(GuestVirtual address, std::uint64_t bytes) const override;
    Result<> relinquish_vcpu(Vcpu& vcpu) const override;

    // on_cpu.cpp
    void prepare() const override;
    void prepare_cpu(CpuId cpu) const override;
    void save(Vcpu& vcpu) const override;
    void load(Vcpu& vcpu, TrapFrame& frame) const override;
    [[noreturn]] void resume() const override;
    bool has_address_space(const Vcpu& vcpu) const override;
    void enter_address_space(Vcpu& vcpu) const override;
    void leave_address_space() const override;

    // filters.cpp
    void filter_cpuid(const Vcpu& vcpu, std::uint32_t leaf, std::uint32_t subleaf, const CpuidLeaf& processor,
                      CpuidLeaf& shown) const override;
    std::optional<bool> read_msr(Vcpu& vcpu, std::uint32_t msr, std::uint64_t& value) const override;
    std::optional<bool> write_msr(Vcpu& vcpu, std::uint32_t msr, std::uint64_t value) const override;
    GuestFilter leak_filter() const override;

    // traps/
    Result<> set_io_privilege(Vcpu& vcpu, std::uint32_t level) const override;
    Result<> set_io_bitmap(Vcpu& vcpu, GuestVirtual bitmap, std::uint32_t ports) const override;
};

inline constexpr PvGuest kPvGuest;

}  // namespace hv::x86
