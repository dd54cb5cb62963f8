// The little of org.freedesktop.DBus that ordinary bus clients (busctl, bindings) ask for when they connect, so that
// they can use the private socket as if a broker were there.
#pragma once

#include "bus/connection.hpp"
#include "bus/message.hpp"

namespace hvctld::bus {

Result<Slot> add_peer_object(Connection& connection);

}  // namespace hvctld::bus
