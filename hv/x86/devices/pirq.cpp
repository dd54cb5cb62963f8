#include "hv/x86/devices/pirq.hpp"

#include <array>

#include "hv/base/log.hpp"
#include "hv/base/nospec.hpp"
#include "hv/base/spinlock.hpp"
#include "hv/domain/domain.hpp"
#include "hv/machine/cpus.hpp"
#include "hv/machine/interrupts.hpp"
#include "hv/x86/apic/interrupts.hpp"
#include "hv/x86/apic/io_apic.hpp"
#include "hv/x86/apic/local_apic.hpp"
#include "hv/x86/cpu/per_cpu.hpp"
#include "hv/x86/devices/msi.hpp"
#include "hv/x86/vcpu/arch_vcpu.hpp"

namespace hv {
namespace x86 {
namespace {

constexpr std::uint32_t kPirqs = EventChannels::kMaxPirqs;

// Where an interrupt arrives: this vector, or as many from there on as the device has messages.
struct Place {
    CpuId cpu;
    std::uint8_t vector = 0;  // 0: nowhere
};

struct Pirq {
    enum class Kind : std::uint8_t { None, Gsi, Msi };
    Kind kind = Kind::None;
    bool level = false;
    bool active_low = false;
    bool waiting = false;  // masked until the guest has handled it
    Domain* bound = nullptr;
    std::uint32_t number = 0;
    std::uint32_t first = 0;  // of a device's messages, which share one place: the pirq of the first
    MsiTarget target{};       // the first one's
    Place place;              // the first one's
    Place previous;           // before the last move: an interrupt may be on its way there still
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
    if (needed)
        __atomic_fetch_or(&words[number / 64], mask, __ATOMIC_RELAXED);
    else
        __atomic_fetch_and(&words[number / 64], ~mask, __ATOMIC_RELAXED);
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

Pirq& first_of(const Pirq& pirq) {
    return g_pirqs[pirq.first];
}

// MSI has its vectors from mapping to unmapping, everything else while it is bound.
bool keeps_place(const Pirq& first) {
    return first.kind == Pirq::Kind::Msi && first.target.table == 0;
}

bool any_bound(const Pirq& first) {
    for (std::uint32_t i = 0; i < first.target.messages; ++i)
        if (g_pirqs[first.number + i].bound) return true;
    return false;
}

void free_place(Place& place, std::uint32_t count) {
    if (place.vector != 0) free_vectors(place.cpu, place.vector, count);
    place = {};
}

// The handlers' arguments are the pirqs themselves, in their order. The old vectors stay until the next move
// or the end: what was sent there is not lost.
Result<> connect(Pirq& first, CpuId cpu) {
    const std::uint32_t count = first.target.messages;
    free_place(first.previous, count);
    const VectorBlock block{count, handle_pirq, reinterpret_cast<char*>(&first), sizeof(Pirq)};
    Place place{cpu, TRY(allocate_vectors(cpu, block, first.place.vector, true))};
    const std::uint32_t apic = cpu_data(cpu).apic_id;
    Result<> routed;
    if (first.kind == Pirq::Kind::Gsi) {
        routed = route_gsi(first.number, {.apic_id = apic,
                                          .vector = place.vector,
                                          .level = first.level,
                                          .active_low = first.active_low,
                                          .masked = first.waiting});
    } else {
        const MsiMessage message = msi_message(apic, place.vector);
        routed = write_message(first.target, message.address, message.data);
    }
    if (!routed) {
        free_place(place, count);
        return routed;
    }
    first.previous = first.place;
    first.place = place;
    return {};
}

void disconnect(Pirq& first) {
    if (first.place.vector == 0) return;
    if (first.kind == Pirq::Kind::Gsi)
        (void)mask_gsi(first.number);
    else
        silence_messages(first.target);
    free_place(first.previous, first.target.messages);
    free_place(first.place, first.target.messages);
}

// The pirqs of a device's messages are free again.
void forget(Pirq& first) {
    Pirq* const pirqs = &first;
    for (std::uint32_t i = first.target.messages; i-- > 0;) pirqs[i] = Pirq{};
}

Result<Pirq*> mapped(std::uint32_t number) {
    if (number >= kPirqs) return fail(Error::BadArgument);
    Pirq& pirq = g_pirqs[index_nospec(number, kPirqs)];
    if (pirq.kind == Pirq::Kind::None) return fail(Error::BadArgument);
    return &pirq;
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
    Pirq& pirq = g_pirqs[index_nospec(gsi, kPirqs)];
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
    Pirq& pirq = g_pirqs[index_nospec(gsi, kPirqs)];
    if (pirq.kind == Pirq::Kind::Msi) return fail(Error::Busy);
    pirq.kind = Pirq::Kind::Gsi;
    pirq.number = pirq.first = gsi;
    return gsi;
}

Result<std::uint32_t> map_msi(const abi::xen::PhysdevMapPirq& request, std::uint32_t messages) {
    const auto type = static_cast<abi::xen::MapPirqType>(request.type);
    const auto segment = type == abi::xen::MapPirqType::Msi ? 0u : static_cast<std::uint32_t>(request.bus) >> 16;
    Guard guard{g_lock};
    std::uint32_t number;
    if (request.pirq >= 0) {
        number = static_cast<std::uint32_t>(request.pirq);
        if (number >= kPirqs || kPirqs - number < messages) return fail(Error::BadArgument);
        number = index_nospec(number, kPirqs);
        for (std::uint32_t i = 0; i < messages; ++i)
            if (g_pirqs[number + i].kind != Pirq::Kind::None) return fail(Error::Exists);
    } else {
        number = TRY(find_free(messages));
    }
    for (std::uint32_t i = 0; i < messages; ++i) {
        Pirq& pirq = g_pirqs[number + i];
        pirq = Pirq{};
        pirq.kind = Pirq::Kind::Msi;
        pirq.number = number + i;
        pirq.first = number;
    }
    MsiTarget& target = g_pirqs[number].target;
    target.device = {static_cast<std::uint16_t>(segment), static_cast<std::uint8_t>(request.bus),
                     static_cast<std::uint8_t>(request.devfn)};
    target.table = request.table_base;
    target.entry = static_cast<std::uint32_t>(request.entry_nr);
    target.messages = messages;
    // MSI has a place from the start: kernels switch it on before they bind the first pirq, and read
    // from the device which message is for what.
    if (target.table == 0) {
        if (const Result<> connected = connect(g_pirqs[number], hv::current_cpu()); !connected) {
            forget(g_pirqs[number]);
            return fail(connected.error());
        }
    }
    return number;
}

Result<> unmap_pirq(std::uint32_t number) {
    Guard guard{g_lock};
    Pirq* pirq = TRY(mapped(number));
    if (pirq->first != number) return fail(Error::BadArgument);  // the messages of a device go together
    if (any_bound(*pirq)) return fail(Error::Busy);
    if (pirq->kind != Pirq::Kind::Msi) return {};
    disconnect(*pirq);
    forget(*pirq);
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
        if (pirq.kind != Pirq::Kind::Msi || pirq.place.vector == 0 ||
            pirq.target.device != PciAddress{segment, bus, devfn})
            continue;
        const MsiMessage message = msi_message(cpu_data(pirq.place.cpu).apic_id, pirq.place.vector);
        (void)write_message(pirq.target, message.address, message.data);
    }
}

void dump_pirqs() {
    for (const Pirq& pirq : g_pirqs) {
        if (!pirq.bound) continue;
        const Place& place = first_of(pirq).place;
        info("pirq {:4} {} vector {:02x} cpu {} {}{}", pirq.number, pirq.kind == Pirq::Kind::Gsi ? "gsi" : "msi",
             place.vector + (pirq.number - pirq.first), place.cpu, pirq.level ? "level" : "edge",
             pirq.waiting ? " waiting for the guest" : "");
    }
}

}  // namespace x86

Result<> pirq_guest_bind(Vcpu& vcpu, std::uint32_t number, bool) {
    if (!vcpu.domain.privileged) return fail(Error::NotPermitted);
    Guard guard{x86::g_lock};
    x86::Pirq* pirq = TRY(x86::mapped(number));
    if (pirq->bound) return fail(Error::Busy);
    pirq->bound = &vcpu.domain;
    x86::Pirq& first = x86::first_of(*pirq);
    if (first.place.vector == 0 || (first.number == number && first.place.cpu != vcpu.cpu.load())) {
        if (const Result<> connected = x86::connect(first, vcpu.cpu.load()); !connected) {
            pirq->bound = nullptr;
            return connected;
        }
    }
    x86::note_end_needed(vcpu.domain, number, pirq->level);
    return {};
}

void pirq_guest_unbind(Domain& domain, std::uint32_t number) {
    Guard guard{x86::g_lock};
    Result<x86::Pirq*> pirq = x86::mapped(number);
    if (!pirq || (*pirq)->bound != &domain) return;
    (*pirq)->waiting = false;
    (*pirq)->bound = nullptr;
    x86::Pirq& first = x86::first_of(**pirq);
    if (!x86::keeps_place(first) && !x86::any_bound(first)) x86::disconnect(first);
}

void pirq_guest_move(Vcpu& vcpu, std::uint32_t number) {
    Guard guard{x86::g_lock};
    Result<x86::Pirq*> pirq = x86::mapped(number);
    if (!pirq || (*pirq)->bound != &vcpu.domain) return;
    // The messages of a device arrive on one CPU: the first one's.
    if ((*pirq)->first != number || (*pirq)->place.cpu == vcpu.cpu.load()) return;
    (void)x86::connect(**pirq, vcpu.cpu.load());
}

}  // namespace hv
