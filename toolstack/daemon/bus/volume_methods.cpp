// Methods of the bus's object about volumes and their pools.
#include "bus/manager_object.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {
namespace {

void append_pool(Writer& writer, const VolumePoolView& pool) {
    writer.array("{sv}", [&] {
        writer.entry("name", pool.name).entry("kind", pool.kind).entry("place", pool.place);
        writer.entry("bytes", pool.bytes).entry("free_bytes", pool.free);
        if (!pool.trouble.empty()) writer.entry("trouble", pool.trouble);
    });
}

void append_volume(Writer& writer, const VolumeView& volume) {
    writer.array("{sv}", [&] {
        writer.entry("pool", volume.pool).entry("name", volume.name).entry("path", volume.path);
        writer.entry("bytes", volume.bytes).entry("allocated_bytes", volume.allocated);
        writer.entry("domains", volume.domains);
    });
}

void append_list(Writer& writer, const VolumeList& list) {
    writer.array("a{sv}", [&] {
        for (const VolumePoolView& pool : list.pools) append_pool(writer, pool);
    });
    writer.array("a{sv}", [&] {
        for (const VolumeView& volume : list.volumes) append_volume(writer, volume);
    });
}

Result<void> reply_job(sd_bus_message* call, JobId job) {
    return reply(call, [&](Writer& writer) { writer.number(job); });
}

}  // namespace

Result<void> VolumeMethods::list(ManagerObject& object, sd_bus_message* call) {
    const std::string pool = TRY(Arguments{call}.text());
    object.manager().volumes().list(pool, object.later<VolumeList>(call, &append_list));
    return {};
}

Result<void> VolumeMethods::create(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string volume = TRY(arguments.text());
    const std::uint64_t bytes = TRY(arguments.number());
    return reply_job(call, TRY(object.manager().volumes().create(volume, bytes, object.caller())));
}

Result<void> VolumeMethods::resize(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string volume = TRY(arguments.text());
    const std::uint64_t bytes = TRY(arguments.number());
    return reply_job(call, TRY(object.manager().volumes().resize(volume, bytes, object.caller())));
}

Result<void> VolumeMethods::remove(ManagerObject& object, sd_bus_message* call) {
    const std::string volume = TRY(Arguments{call}.text());
    return reply_job(call, TRY(object.manager().volumes().remove(volume, object.caller())));
}

Result<void> VolumeMethods::import(ManagerObject& object, sd_bus_message* call) {
    Arguments arguments{call};
    const std::string volume = TRY(arguments.text());
    const std::string file = TRY(arguments.text());
    const std::string format = TRY(arguments.text());
    return reply_job(call, TRY(object.manager().volumes().import(volume, file, format, object.caller())));
}

}  // namespace hvctld::bus
