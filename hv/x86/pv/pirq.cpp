#include "hv/x86/pv/pirq.hpp"

#include <array>

#include "hv/base/log.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/domain/domain.hpp"
#include "hv/domain/event_seams.hpp"
#include "hv/x86/apic/interrupts.hpp"
#include "hv/x86/apic/io_apic.hpp"
#include "hv/x86/apic/local_apic.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/pv/arch_vcpu.hpp"
#include "hv/x86/pv/msi.hpp"

namespace hv {
namespace x86 {
namespace {

constexpr std::uint32_t kPirqs = EventChannels::kMaxPirqs;

struct Pirq {
    enum class Kind : std::uint8_t { None, Gsi, Msi };
    Kind kind = Kind::None;
    bool level = false;
    bool active_low = false;
    bool waiting = false;       // masked until the guest has handled it
    Domain* bound = nullptr;
    CpuId cpu = 0;
    std::uint8_t vector = 0;
    std::uint32_t number = 0;
    MsiTarget target{};
};

// Guards set-up; the handlers run without it: a bound pirq does not change under them (its vector is freed first).
constinit Spinlock g_lock{LockRank::Interrupts};
constinit std::array<Pirq, kPirqs> g_pirqs{};

// Tells the guest on its own page whether the pirq needs an EOI.
void note_end_needed(Domain& domain, std::uint32_t number, bool needed) {
    FrameInfo* info = domain.arch->eoi_map_frame;
    if (!info || number >= kPageSize * 8) return;
    auto* words = static_cast<std::uint64_t*>(frame_pointer(frame_number(*info)));
    const std::uint64_t mask = std::uint64_t{1} << (number % 64);
    if (needed) __atomic_fetch_or(&words[number / 64], mask, __ATOMIC_RELAXED);
    else __atomic_fetch_and(&words[number / 64], ~mask, __ATOMIC_RELAXED);
}

void handle_pirq(void* argument) {
    Pirq& pirq = *static_cast<Pirq*>(argument);
    if (pirq.level) {
        (void)mask_gsi(pirq.number);
        pirq.waiting = true;
    }
    end_of_interrupt();
    if (Domain* domain = pirq.bound) send_pirq_event(*domain, pirq.number);
}

Result<> connect(Pirq& pirq, CpuId cpu) {
    const std::uint8_t vector = TRY(allocate_vector(cpu, handle_pirq, &pirq, true));
    const std::uint32_t apic = cpu_data(cpu).apic_id;
    Result<> routed;
    if (pirq.kind == Pirq::Kind::Gsi) {
        routed = route_gsi(pirq.number, {.apic_id = apic, .vector = vector, .level = pirq.level, .active_low = pirq.active_low, .masked = pirq.waiting});
    } else {
        const MsiMessage message = msi_message(apic, vector);
        routed = write_message(pirq.target, message.address, message.data);
    }
    if (!routed) {
        free_vector(cpu, vector);
        return routed;
    }
    const std::uint8_t old_vector = pirq.vector;
    const CpuId old_cpu = pirq.cpu;
    pirq.cpu = cpu;
    pirq.vector = vector;
    if (old_vector != 0) free_vector(old_cpu, old_vector);
    return {};
}

Result<Pirq*> mapped(std::uint32_t number) {
    if (number >= kPirqs || g_pirqs[number].kind == Pirq::Kind::None) return fail(Error::BadArgument);
    return &g_pirqs[number];
}

Result<std::uint32_t> find_free(std::uint32_t count) {
    std::uint32_t run = 0;
    for (std::uint32_t number = gsi_count() < 16 ? 16 : gsi_count(); number < kPirqs; ++number) {
        run = g_pirqs[number].kind == Pirq::Kind::None ? run + 1 : 0;
        if (run == count) return number + 1 - count;
    }
    return fail(Error::NoSpace);
}

}  // namespace

Result<> set_up_gsi(std::uint32_t gsi, bool level, bool active_low) {
    if (gsi >= gsi_count() || gsi >= kPirqs) return fail(Error::BadArgument);
    Guard guard{g_lock};
    Pirq& pirq = g_pirqs[gsi];
    if (pirq.bound) return {};
    pirq.level = level;
    pirq.active_low = active_low;
    return {};
}

Result<std::uint32_t> map_gsi(std::uint32_t gsi, std::int32_t wanted) {
    if (gsi >= gsi_count() || gsi >= kPirqs) return fail(Error::BadArgument);
    // Lines keep their numbers: nothing is gained by another order, and every kernel asks for this one.
    if (wanted >= 0 && static_cast<std::uint32_t>(wanted) != gsi) return fail(Error::BadArgument);
    Guard guard{g_lock};
    Pirq& pirq = g_pirqs[gsi];
    if (pirq.kind == Pirq::Kind::Msi) return fail(Error::Busy);
    pirq.kind = Pirq::Kind::Gsi;
    pirq.number = gsi;
    return gsi;
}

Result<std::uint32_t> map_msi(const abi::xen::PhysdevMapPirq& request, std::uint32_t vectors) {
    const auto type = static_cast<abi::xen::MapPirqType>(request.type);
    // Several messages of one MSI capability need consecutive vectors on one CPU: on offer is one.
    if (vectors != 1) return fail(Error::NoSpace);
    const auto segment = type == abi::xen::MapPirqType::Msi ? 0u : static_cast<std::uint32_t>(request.bus) >> 16;
    Guard guard{g_lock};
    std::uint32_t number;
    if (request.pirq >= 0) {
        number = static_cast<std::uint32_t>(request.pirq);
        if (number >= kPirqs) return fail(Error::BadArgument);
        if (g_pirqs[number].kind != Pirq::Kind::None) return fail(Error::Exists);
    } else {
        number = TRY(find_free(1));
    }
    Pirq& pirq = g_pirqs[number];
    pirq = Pirq{};
    pirq.kind = Pirq::Kind::Msi;
    pirq.number = number;
    pirq.target.device = {static_cast<std::uint16_t>(segment), static_cast<std::uint8_t>(request.bus), static_cast<std::uint8_t>(request.devfn)};
    pirq.target.table = request.table_base;
    pirq.target.entry = static_cast<std::uint32_t>(request.entry_nr);
    return number;
}

Result<> unmap_pirq(std::uint32_t number) {
    Guard guard{g_lock};
    Pirq* pirq = TRY(mapped(number));
    if (pirq->bound) return fail(Error::Busy);
    if (pirq->kind == Pirq::Kind::Msi) *pirq = Pirq{};
    return {};
}

Result<std::uint32_t> free_pirq() {
    Guard guard{g_lock};
    return find_free(1);
}

Result<> end_pirq(std::uint32_t number) {
    Pirq* pirq = TRY(mapped(number));
    if (pirq->level && pirq->waiting) {
        pirq->waiting = false;
        (void)unmask_gsi(number);
    }
    return {};
}

bool pirq_needs_end(std::uint32_t number) {
    const Result<Pirq*> pirq = mapped(number);
    return pirq && (*pirq)->level;
}

void restore_messages(std::uint16_t segment, std::uint8_t bus, std::uint8_t devfn) {
    Guard guard{g_lock};
    for (Pirq& pirq : g_pirqs) {
        if (pirq.kind != Pirq::Kind::Msi || !pirq.bound || pirq.target.device != PciAddress{segment, bus, devfn}) continue;
        const MsiMessage message = msi_message(cpu_data(pirq.cpu).apic_id, pirq.vector);
        (void)write_message(pirq.target, message.address, message.data);
    }
}

void dump_pirqs() {
    for (const Pirq& pirq : g_pirqs) {
        if (!pirq.bound) continue;
        info("pirq {:4} {} vector {:02x} cpu {} {}{}", pirq.number, pirq.kind == Pirq::Kind::Gsi ? "gsi" : "msi", pirq.vector, pirq.cpu,
             pirq.level ? "level" : "edge", pirq.waiting ? " waiting for the guest" : "");
    }
}

}  // namespace x86

Result<> pirq_guest_bind(Vcpu& vcpu, std::uint32_t number, bool) {
    if (!vcpu.domain.privileged) return fail(Error::NotPermitted);
    Guard guard{x86::g_lock};
    x86::Pirq* pirq = TRY(x86::mapped(number));
    if (pirq->bound) return fail(Error::Busy);
    pirq->bound = &vcpu.domain;
    if (const Result<> connected = x86::connect(*pirq, vcpu.cpu.load()); !connected) {
        pirq->bound = nullptr;
        return connected;
    }
    x86::note_end_needed(vcpu.domain, number, pirq->level);
    return {};
}

void pirq_guest_unbind(Domain& domain, std::uint32_t number) {
    Guard guard{x86::g_lock};
    Result<x86::Pirq*> pirq = x86::mapped(number);
    if (!pirq || (*pirq)->bound != &domain) return;
    if ((*pirq)->kind == x86::Pirq::Kind::Gsi) (void)x86::mask_gsi(number);
    else x86::mask_message((*pirq)->target, true);
    x86::free_vector((*pirq)->cpu, (*pirq)->vector);
    (*pirq)->vector = 0;
    (*pirq)->waiting = false;
    (*pirq)->bound = nullptr;
}

void pirq_guest_move(Vcpu& vcpu, std::uint32_t number) {
    Guard guard{x86::g_lock};
    Result<x86::Pirq*> pirq = x86::mapped(number);
    if (!pirq || (*pirq)->bound != &vcpu.domain || (*pirq)->cpu == vcpu.cpu.load()) return;
    (void)x86::connect(**pirq, vcpu.cpu.load());
}

}  // namespace hv
