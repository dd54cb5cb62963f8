// Methods of the bus's object about CPU pools.
#include "bus/manager_object.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {
namespace {

// A call with two texts.
Result<void> with_two(ManagerObject& object, sd_bus_message* call,
                      Result<void> (PoolChanges::*change)(const std::string&, const std::string&)) {
    Arguments arguments{call};
    const std::string first = TRY(arguments.text());
    const std::string second = TRY(arguments.text());
    TRY((object.manager().pools().*change)(first, second));
    return reply_nothing(call);
}

}  // namespace

Result<void> PoolMethods::list(ManagerObject& object, sd_bus_message* call) {
    const auto pools = object.manager().pools().list();
    return reply(call, [&](Writer& writer) {
        writer.array("a{sv}", [&] {
            for (const PoolView& pool : pools) {
                writer.array("{sv}", [&] {
                    writer.entry("name", pool.name).entry("cpus", pool.cpus).entry("count", pool.count);
                    writer.entry("domains", pool.domains);
                });
            }
        });
    });
}

Result<void> PoolMethods::create(ManagerObject& object, sd_bus_message* call) {
    return with_two(object, call, &PoolChanges::create);
}

Result<void> PoolMethods::destroy(ManagerObject& object, sd_bus_message* call) {
    TRY(object.manager().pools().destroy(TRY(Arguments{call}.text())));
    return reply_nothing(call);
}

Result<void> PoolMethods::rename(ManagerObject& object, sd_bus_message* call) {
    return with_two(object, call, &PoolChanges::rename);
}

Result<void> PoolMethods::add(ManagerObject& object, sd_bus_message* call) {
    return with_two(object, call, &PoolChanges::add);
}

Result<void> PoolMethods::remove(ManagerObject& object, sd_bus_message* call) {
    return with_two(object, call, &PoolChanges::remove);
}

Result<void> PoolMethods::move(ManagerObject& object, sd_bus_message* call) {
    return with_two(object, call, &PoolChanges::move);
}

}  // namespace hvctld::bus
