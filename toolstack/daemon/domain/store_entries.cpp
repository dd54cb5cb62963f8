#include "domain/store_entries.hpp"

#include <fmt/format.h>

#include "domain/store_writer.hpp"

namespace hvctld {
namespace {

using store::Access;
using store::DomainId;
using store::Permissions;

void write_rings(StoreWriter& writer, const std::string& home, const Instance& instance, const Permissions& readable) {
    const std::string console = home + "/console";
    writer.directory(console, readable);
    writer.write(console + "/backend-id", "0", readable);
    writer.write(console + "/ring-ref", fmt::format("{}", instance.console_mfn), readable);
    writer.write(console + "/port", fmt::format("{}", instance.console_port), readable);
    writer.write(console + "/limit", "1048576", readable);
    writer.write(console + "/type", "hvctld", readable);
    writer.write(console + "/output", "pty", readable);
    const std::string store = home + "/store";
    writer.directory(store, readable);
    writer.write(store + "/ring-ref", fmt::format("{}", instance.store_mfn), readable);
    writer.write(store + "/port", fmt::format("{}", instance.store_port), readable);
}

void write_controls(StoreWriter& writer, const std::string& home, const Permissions& readable,
                    const Permissions& owned) {
    writer.directory(home + "/control", readable);
    for (const char* node : {"shutdown", "sysrq", "feature-poweroff", "feature-reboot", "feature-suspend"})
        writer.write(fmt::format("{}/control/{}", home, node), "", owned);
    // Where PV drivers and agents in the guest put what they have to say.
    for (const char* node : {"data", "drivers", "feature", "attr", "error"})
        writer.directory(fmt::format("{}/{}", home, node), owned);
    writer.directory(home + "/device", readable);
}

}  // namespace

std::string domain_path(std::uint16_t domid) {
    return fmt::format("/local/domain/{}", domid);
}

Result<void> write_host_entries(store::Store& store) {
    const std::string home = domain_path(0);
    if (store.exists(home + "/domid") && store.exists("/tool/xenstored") && store.exists("/vm")) return {};
    return write_together(store, [&](StoreWriter& writer) {
        const Permissions host{{store::kDom0, Access::None}};
        for (const char* path : {"/tool", "/tool/xenstored", "/vm", "/local", "/local/domain"})
            writer.directory(path, host);
        writer.directory(home, host);
        writer.write(home + "/name", "Domain-0", host);
        writer.write(home + "/domid", "0", host);
        writer.directory(home + "/backend", host);
        writer.directory(home + "/device", host);
    });
}

Result<void> write_host_memory(store::Store& store, std::uint64_t memory, std::uint64_t max_memory) {
    const std::string home = domain_path(0) + "/memory";
    return write_together(store, [&](StoreWriter& writer) {
        const Permissions host{{store::kDom0, Access::None}};
        writer.directory(home, host);
        writer.write(home + "/static-max", fmt::format("{}", max_memory / 1024), host);
        if (!store.exists(home + "/target")) writer.write(home + "/target", fmt::format("{}", memory / 1024), host);
    });
}

Result<void> write_domain_entries(store::Store& store, const config::DomainDefinition& definition,
                                  const Instance& instance) {
    const std::string home = domain_path(instance.domid);
    const std::string vm = "/vm/" + definition.uuid;
    const DomainId guest{instance.domid};
    // The guest reads what the host says; it writes only what it owns.
    const Permissions readable{{store::kDom0, Access::None}, {guest, Access::Read}};
    const Permissions owned{{guest, Access::None}};
    return write_together(store, [&](StoreWriter& writer) {
        writer.directory(vm, readable);
        writer.write(vm + "/name", definition.name, readable);
        writer.write(vm + "/uuid", definition.uuid, readable);

        writer.directory(home, readable);
        writer.write(home + "/name", definition.name, readable);
        writer.write(home + "/domid", fmt::format("{}", instance.domid), readable);
        writer.write(home + "/vm", vm, readable);
        writer.directory(home + "/memory", readable);
        writer.write(home + "/memory/static-max", fmt::format("{}", definition.max_memory / 1024), readable);
        writer.write(home + "/memory/target", fmt::format("{}", definition.memory / 1024), readable);
        writer.directory(home + "/cpu", readable);
        for (std::uint32_t vcpu = 0; vcpu < definition.max_vcpus; ++vcpu) {
            writer.directory(fmt::format("{}/cpu/{}", home, vcpu), readable);
            writer.write(fmt::format("{}/cpu/{}/availability", home, vcpu),
                         vcpu < definition.vcpus ? "online" : "offline", readable);
        }
        write_controls(writer, home, readable, owned);
        write_rings(writer, home, instance, readable);
    });
}

Result<void> write_kept_entries(store::Store& store, std::uint16_t domid, const std::string& name,
                                const std::string& uuid) {
    const std::string home = domain_path(domid);
    const std::string vm = "/vm/" + uuid;
    return write_together(store, [&](StoreWriter& writer) {
        const Permissions host{{store::kDom0, Access::None}};
        writer.directory(vm, host);
        writer.write(vm + "/name", name, host);
        writer.write(vm + "/uuid", uuid, host);
        writer.directory(home, host);
        writer.write(home + "/name", name, host);
        writer.write(home + "/domid", fmt::format("{}", domid), host);
        writer.write(home + "/vm", vm, host);
    });
}

void remove_domain_entries(store::Store& store, std::uint16_t domid, const std::string& uuid) {
    (void)store.remove(domain_path(domid));
    if (!uuid.empty()) (void)store.remove("/vm/" + uuid);
}

}  // namespace hvctld
