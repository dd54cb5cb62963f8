// sd-bus messages with an owner, and readers that cannot be handed the wrong type silently.
#pragma once

#include <systemd/sd-bus.h>

#include <memory>
#include <string>
#include <vector>

#include "bus/properties.hpp"
#include "failure.hpp"

namespace hvctl::cli {

struct MessageUnref {
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, MessageUnref>;

struct SlotUnref {
    void operator()(sd_bus_slot* slot) const { sd_bus_slot_unref(slot); }
};
using Slot = std::unique_ptr<sd_bus_slot, SlotUnref>;

Result<std::string> read_string(sd_bus_message* message);
Result<std::uint64_t> read_u64(sd_bus_message* message);
Result<bool> read_boolean(sd_bus_message* message);
Result<std::vector<std::string>> read_strings(sd_bus_message* message);
Result<Properties> read_properties(sd_bus_message* message);
Result<std::vector<Properties>> read_properties_list(sd_bus_message* message);
// A duplicate of the descriptor that the message carries; the caller closes it.
Result<int> read_descriptor(sd_bus_message* message);

// Appends an a{sv}.
int append_properties(sd_bus_message* message, const Properties& properties);
int append_strings(sd_bus_message* message, const std::vector<std::string>& strings);

}  // namespace hvctl::cli
