// Reservations, exchanges, and what the toolstack does with domains.
#include "hv/abi/xen/memory.hpp"

#include "hv/control/operation.hpp"
#include "hv/hypercall/handlers.hpp"
#include "tests/fuzz/frames/world.hpp"

namespace fuzz {

using namespace hv::abi::xen;

namespace {

constexpr std::uint64_t kList = 512, kSecondList = 1024;

std::size_t target_of(World& world, std::size_t guest, std::uint16_t& id) {
    const std::uint8_t name = world.reader.byte();
    if (name < 0xc0) {
        id = kDomidSelf;
        return guest;
    }
    const std::size_t other = name % kDomains;
    id = world.guests[other].domain->id.raw;
    return other;
}

std::uint32_t memory_flags(World& world) {
    static constexpr std::uint32_t kFlags[] = {0, 0, 0, 0, 24, 13, 32, 64};
    return kFlags[world.reader.byte() % std::size(kFlags)];
}

}  // namespace

void change_reservation(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries) {
    static constexpr MemoryCommand kCommands[] = {MemoryCommand::DecreaseReservation,
                                                  MemoryCommand::DecreaseReservation, MemoryCommand::PopulatePhysmap,
                                                  MemoryCommand::IncreaseReservation};
    const std::uint8_t shape = world.reader.byte();
    const MemoryCommand command = kCommands[shape % std::size(kCommands)];
    std::uint16_t id;
    const std::size_t target = target_of(world, guest, id);
    const unsigned order = shape & 0x80 ? shape / 16 % 4u : 0;
    const unsigned count = 1 + shape / 4 % 4u;
    for (unsigned i = 0; i < count; ++i) {
        world.at<std::uint64_t>(kList + i * 8) =
            command == MemoryCommand::DecreaseReservation ? world.frame(target).raw : world.reader.byte();
        world.tell("  command {} order {}: 0x{:x} of {}", static_cast<unsigned>(command), order,
                   world.at<std::uint64_t>(kList + i * 8), id);
    }
    MemoryReservation& request = world.at<MemoryReservation>(0);
    request = {};
    request.extent_start = world.argument(kList);
    request.nr_extents = count;
    request.extent_order = order;
    request.mem_flags = memory_flags(world);
    request.domid = id;
    world.call(vcpu, hv::do_memory_op, {{static_cast<std::uint64_t>(command), world.argument(), 0, 0, 0, 0}}, tries,
               [=, &world](std::int64_t done) {
                   if (command == MemoryCommand::DecreaseReservation) return;
                   for (unsigned i = 0; i < count && static_cast<std::int64_t>(i) < done; ++i)
                       for (std::uint64_t j = 0; j < std::uint64_t{1} << order; ++j)
                           world.learn(target, world.at<std::uint64_t>(kList + i * 8) + j);
               });
}

void exchange_frames(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries) {
    const std::uint8_t shape = world.reader.byte();
    std::uint16_t id;
    const std::size_t target = target_of(world, guest, id);
    const unsigned in = shape % 3, out = shape / 4 % 3;
    const unsigned frames = 4u << (shape / 16 % 2);
    MemoryExchange& request = world.at<MemoryExchange>(0);
    request = {};
    request.in = {.extent_start = world.argument(kList),
                  .nr_extents = frames >> in,
                  .extent_order = in,
                  .mem_flags = 0,
                  .domid = id,
                  .pad = {}};
    request.out = {.extent_start = world.argument(kSecondList),
                   .nr_extents = frames >> out,
                   .extent_order = out,
                   .mem_flags = memory_flags(world),
                   .domid = id,
                   .pad = {}};
    if (shape & 0x80) request.nr_exchanged = world.reader.byte() % 8;
    for (unsigned i = 0; i < frames; ++i) {
        world.at<std::uint64_t>(kList + i * 8) = world.frame(target).raw;
        world.at<std::uint64_t>(kSecondList + i * 8) = i;
        world.tell("  0x{:x} of {}, orders {} and {}", world.at<std::uint64_t>(kList + i * 8), id, in, out);
    }
    world.call(vcpu, hv::do_memory_op,
               {{static_cast<std::uint64_t>(MemoryCommand::Exchange), world.argument(), 0, 0, 0, 0}}, tries,
               [=, &world](std::int64_t) {
                   for (unsigned i = 0; i < frames >> out; ++i) {
                       const std::uint64_t mfn = world.at<std::uint64_t>(kSecondList + i * 8);
                       for (std::uint64_t j = 0; mfn >= 16 && j < std::uint64_t{1} << out; ++j)
                           world.learn(target, mfn + j);
                   }
               });
}

void acquire(World& world, hv::Vcpu& vcpu) {
    const std::size_t target = world.guest_index();
    const std::uint8_t shape = world.reader.byte();
    AcquireResource& request = world.at<AcquireResource>(0);
    request = {};
    request.domid = world.guests[target].domain->id.raw;
    request.type = static_cast<std::uint16_t>(ResourceType::GrantTable);
    request.id = shape & 1 ? kResourceGrantTableStatus : kResourceGrantTableShared;
    request.nr_frames = 1 + shape / 2 % 2u;
    request.frame = shape / 4 % 6u;
    request.frame_list = world.argument(kList);
    const std::uint32_t count = request.nr_frames;
    world.call(vcpu, hv::do_memory_op,
               {{static_cast<std::uint64_t>(MemoryCommand::AcquireResource), world.argument(), 0, 0, 0, 0}}, kPatient,
               [=, &world](std::int64_t done) {
                   for (std::uint32_t i = 0; done == 0 && i < count; ++i)
                       world.learn_shown(target, world.at<std::uint64_t>(kList + i * 8));
               });
}

void create_or_destroy(World& world) {
    // Half of the scripts' wishes are not granted, or no domain would get old.
    const std::uint8_t wish = world.reader.byte();
    const std::size_t guest = 1 + wish % 2u;
    if (!world.guests[guest].dying && wish < 0x80) return;
    world.destroy_some(guest);
}

void control_domain(World& world, hv::Vcpu& vcpu, unsigned tries) {
    using hv::control::Operation;
    const std::size_t target = world.guest_index();
    const std::uint8_t shape = world.reader.byte();
    const std::uint16_t id = world.guests[target].domain->id.raw;
    const auto run = [&](Operation operation, const auto& request) {
        world.tell("  operation 0x{:x} on d{}", static_cast<unsigned>(operation), id);
        world.at<std::remove_cvref_t<decltype(request)>>(0) = request;
        world.call(vcpu, hv::do_control,
                   {{static_cast<std::uint64_t>(operation), world.argument(), sizeof request, 0, 0, 0}}, tries);
    };
    switch (shape % 8) {
        case 0:
        case 1: {
            const unsigned count = 1 + shape / 8 % 3u;
            for (unsigned i = 0; i < count; ++i) world.at<std::uint64_t>(kList + i * 8) = world.frame(target).raw;
            const std::uint64_t length = count * hv::kPageSize - 100;
            return run(Operation::CopyMemory, hv::control::CopyMemory{.frames = world.argument(kList),
                                                                      .buffer = world.argument(),
                                                                      .offset = 50,
                                                                      .length = shape & 0x80 ? length : 1000,
                                                                      .done = 0,
                                                                      .domain = id,
                                                                      .reserved0 = 0,
                                                                      .direction = shape / 32 % 3u});
        }
        case 2:
            return run(Operation::InitHypercallPage,
                       hv::control::InitHypercallPage{.domain = id, .reserved = {}, .gfn = world.frame(target).raw});
        case 3:
            return run(Operation::SeedGrants, hv::control::SeedGrants{.domain = id,
                                                                      .backend = world.domain_id(0),
                                                                      .reserved = 0,
                                                                      .console_gfn = world.frame(target).raw,
                                                                      .store_gfn = world.frame(target).raw});
        case 4:
            return run(Operation::SetClaim,
                       hv::control::SetFrames{.domain = id, .reserved = {}, .frames = world.reader.byte()});
        case 5: {
            if (target == 0) return;
            return run(Operation::SetMaxMemory,
                       hv::control::SetFrames{.domain = id, .reserved = {}, .frames = world.reader.byte()});
        }
        case 6: {
            for (unsigned i = 0; i < 4; ++i) world.at<std::uint64_t>(kList + i * 8) = world.frame(target).raw;
            return run(Operation::GetFrameTypes, hv::control::GetFrameTypes{.frames = world.argument(kList),
                                                                            .types = world.argument(kSecondList),
                                                                            .count = 4,
                                                                            .domain = id,
                                                                            .reserved = 0});
        }
        default:
            return run(Operation::GetFrameList, hv::control::GetFrameList{.frames = world.argument(kSecondList),
                                                                          .capacity = 200,
                                                                          .count = 0,
                                                                          .domain = id,
                                                                          .reserved = 0,
                                                                          .next = 0,
                                                                          .pfns = 0});
    }
}

}  // namespace fuzz
