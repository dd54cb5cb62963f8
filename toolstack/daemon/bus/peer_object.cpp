#include "bus/peer_object.hpp"

#include <cstring>

namespace hvctld::bus {
namespace {

constexpr const char* kServerName = "org.hvctl1";
constexpr const char* kServerUnique = ":1.0";
constexpr const char* kClientUnique = ":1.1";  // each connection is a bus of two

int hello(sd_bus_message* call, void*, sd_bus_error*) {
    return sd_bus_reply_method_return(call, "s", kClientUnique);
}

// Every client gets every signal: there is only one object that sends any.
int match(sd_bus_message* call, void*, sd_bus_error*) {
    return sd_bus_reply_method_return(call, nullptr);
}

int name_owner(sd_bus_message* call, void*, sd_bus_error* error) {
    const char* name = nullptr;
    if (const int status = sd_bus_message_read(call, "s", &name); status < 0) return status;
    if (std::strcmp(name, kServerName) == 0 || std::strcmp(name, kServerUnique) == 0)
        return sd_bus_reply_method_return(call, "s", kServerUnique);
    return sd_bus_error_set(error, "org.freedesktop.DBus.Error.NameHasNoOwner", "only org.hvctl1 is on this socket");
}

int list_names(sd_bus_message* call, void*, sd_bus_error*) {
    return sd_bus_reply_method_return(call, "as", 3, kServerName, kServerUnique, kClientUnique);
}

const sd_bus_vtable kVtable[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("Hello", "", "s", hello, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("AddMatch", "s", "", match, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("RemoveMatch", "s", "", match, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("GetNameOwner", "s", "s", name_owner, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ListNames", "", "as", list_names, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_VTABLE_END,
};

}  // namespace

Result<Slot> add_peer_object(Connection& connection) {
    sd_bus_slot* slot = nullptr;
    const int status = sd_bus_add_object_vtable(connection.get(), &slot, "/org/freedesktop/DBus",
                                                "org.freedesktop.DBus", kVtable, nullptr);
    if (status < 0) return fail_errno(-status, "cannot serve org.freedesktop.DBus");
    return Slot{slot};
}

}  // namespace hvctld::bus
