// One step of a script: what is done (1 byte), by which vCPU (1), and then what the operation needs.
#include "tests/fuzz/frames/script.hpp"

#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "tests/fuzz/frames/world.hpp"
#include "tests/unit/fakes/interleave.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace fuzz {
namespace {

constexpr std::size_t kMostSteps = 250;

enum class Step : std::uint8_t {
    Update,
    Update2,
    Extended,
    Extended2,
    Mapping,
    Write,
    Descriptors,
    Store,
    Preempt,
    Reservation,
    Reservation2,
    Exchange,
    Acquire,
    GrantTable,
    Grant,
    Grant2,
    Map,
    Map2,
    Unmap,
    Copy,
    Transfer,
    Events,
    Fifo,
    Areas,
    Life,
    Control,
    Resume,
    Resume2,
    Together,
    Multicall,
    Context,
    EoiMap,
    kSteps
};

constexpr const char* kNames[] = {
    "mmu_update",  "mmu_update",  "mmuext_op", "mmuext_op",   "update_va_mapping",
    "table write", "descriptors", "store",     "preemption",  "reservation",
    "reservation", "exchange",    "acquire",   "grant table", "grant entry",
    "grant entry", "map",         "map",       "unmap",       "copy",
    "transfer",    "events",      "FIFO",      "areas",       "life",
    "control",     "resume",      "resume",    "together",    "multicall",
    "context",     "EOI map",
};
static_assert(std::size(kNames) == static_cast<std::size_t>(Step::kSteps));

// A step without a life of others in it: what may be done at the same time as others, or in a list.
Step a_call(World& world) {
    static constexpr Step kMore[] = {Step::Multicall, Step::Context, Step::EoiMap};
    constexpr unsigned kOften = 240;
    const std::uint8_t name = world.reader.byte();
    return name < kOften ? static_cast<Step>(name % static_cast<unsigned>(Step::Life)) : kMore[name % std::size(kMore)];
}

void list_calls(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries, std::uint8_t who);

void run(World& world, Step what, std::size_t guest, hv::Vcpu& vcpu, unsigned tries, std::uint8_t who) {
    world.tell("{} by guest {} vCPU {}, {} tries", kNames[static_cast<std::size_t>(what)], guest, vcpu.id, tries);
    fake::on_cpu(hv::CpuId{static_cast<std::uint32_t>(guest * kVcpus) + vcpu.id.raw});
    switch (what) {
        case Step::Update:
        case Step::Update2: return update_tables(world, guest, vcpu, tries);
        case Step::Extended:
        case Step::Extended2: return extended_operation(world, guest, vcpu, tries);
        case Step::Mapping: return update_mapping(world, guest, vcpu, tries);
        case Step::Write: return write_table(world, guest, vcpu);
        case Step::Descriptors: return change_descriptors(world, guest, vcpu, tries);
        case Step::Store: return plain_store(world, guest);
        case Step::Preempt: return world.preempt(who, world.reader.word(4));
        case Step::Reservation:
        case Step::Reservation2: return change_reservation(world, guest, vcpu, tries);
        case Step::Exchange: return exchange_frames(world, guest, vcpu, tries);
        case Step::Acquire: return acquire(world, vcpu);
        case Step::GrantTable: return change_grant_table(world, guest, vcpu);
        case Step::Grant:
        case Step::Grant2: return write_grant(world, guest);
        case Step::Map:
        case Step::Map2: return map_grants(world, guest, vcpu, tries);
        case Step::Unmap: return unmap_grants(world, guest, vcpu, tries);
        case Step::Copy: return copy_grants(world, guest, vcpu, tries);
        case Step::Transfer: return transfer_or_swap(world, guest, vcpu);
        case Step::Events: return use_events(world, guest, vcpu);
        case Step::Fifo: return use_fifo(world, guest, vcpu, tries);
        case Step::Areas: return register_areas(world, guest, vcpu);
        case Step::Life: return create_or_destroy(world);
        case Step::Control: return control_domain(world, vcpu, tries);
        case Step::Resume:
        case Step::Resume2: return world.resume(guest, vcpu.id.raw);
        case Step::Multicall: return list_calls(world, guest, vcpu, tries, who);
        case Step::Context: return give_context(world, guest, vcpu, tries);
        case Step::EoiMap: return give_eoi_map(world, guest, vcpu);
        case Step::Together:
        case Step::kSteps: return;
    }
}

// What is no call is done while the list is made.
void list_calls(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries, std::uint8_t who) {
    if (World::list) return;
    const std::size_t first = World::part;
    std::vector<Listed> list;
    World::list = &list;
    World::part = first + 1;
    for (std::size_t count = 1 + world.reader.byte() % kListed; count > 0; --count)
        if (const Step what = a_call(world); what != Step::Preempt) run(world, what, guest, vcpu, tries, who);
    World::list = nullptr;
    World::part = first;
    make_listed(world, vcpu, tries, std::move(list));
}

// Up to three vCPUs at the same time. Which goes on when is decided by the script; what stops or makes whole domains,
// and how preemption is decided, stays out of it.
void together(World& world) {
    const unsigned mask = (1u << world.reader.byte() % 5) - 1;
    std::uint64_t state = world.reader.word(4) | 1;
    const auto random = [&state] {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return static_cast<unsigned>(state >> 20);
    };
    std::vector<std::function<void()>> jobs;
    std::array<bool, kDomains * kVcpus> busy{};
    for (std::size_t i = 0; i < kTogether; ++i) {
        const Step what = a_call(world);
        const std::uint8_t who = world.reader.byte();
        std::size_t guest = who % kDomains;
        if (world.guests[guest].dying) guest = 0;
        const std::size_t vcpu = who / 4 % kVcpus;
        if (what == Step::Preempt || std::exchange(busy[guest * kVcpus + vcpu], true)) continue;
        jobs.push_back([&world, what, guest, vcpu, part = jobs.size() * kParts, who] {
            World::part = part;
            run(world, what, guest, *world.guests[guest].domain->vcpu(hv::VcpuId{static_cast<std::uint32_t>(vcpu)}),
                who < 0x90 ? kPatient : 1u + who % 8, who);
        });
    }
    world.tell("together, {} of them", jobs.size());
    if (jobs.empty()) return;
    world.pause_all(false);
    fake::interleave(
        std::move(jobs), [&random, mask] { return (random() & mask) == 0; }, random);
}

void step(World& world) {
    World::part = 0;
    const auto what = static_cast<Step>(world.reader.byte() % static_cast<unsigned>(Step::kSteps));
    if (what == Step::Together) return together(world);
    const std::uint8_t who = world.reader.byte();
    std::size_t guest = who % kDomains;
    if (world.guests[guest].dying) guest = 0;
    world.pause_all(true);
    run(world, what, guest, *world.guests[guest].domain->vcpu(hv::VcpuId{static_cast<std::uint32_t>(who / 4 % kVcpus)}),
        who < 0x90 ? kPatient : 1u + who % 8, who);
}

}  // namespace

Played run_frames_script(std::span<const std::uint8_t> script) {
    World world{script};
    Played played{.wrong = audit::report(), .steps = {}};
    while (played.wrong.empty() && played.count < kMostSteps && !world.reader.empty()) {
        step(world);
        fake::on_cpu(hv::CpuId{0});
        fake::settle();
        world.replace_the_gone();
        ++played.count;
        played.wrong = audit::report();
    }
    if (played.wrong.empty()) {
        world.tell("the end");
        played.wrong = world.end();
    }
    played.steps = std::move(world.steps);
    return played;
}

}  // namespace fuzz
