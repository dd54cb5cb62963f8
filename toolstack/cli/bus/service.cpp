#include "bus/service.hpp"

#include <systemd/sd-bus.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace hvctl::cli {
namespace {

constexpr std::uint64_t kPatience = 2'000'000;  // microseconds

struct Unref {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
    void operator()(char* text) const { std::free(text); }
};

}  // namespace

bool service_is_coming() {
    sd_bus* opened = nullptr;
    if (sd_bus_open_system(&opened) < 0) return false;
    const std::unique_ptr<sd_bus, Unref> bus(opened);
    sd_bus_set_method_call_timeout(bus.get(), kPatience);
    char* read = nullptr;
    if (sd_bus_get_property_string(bus.get(), "org.freedesktop.systemd1",
                                   "/org/freedesktop/systemd1/unit/hvctld_2eservice", "org.freedesktop.systemd1.Unit",
                                   "ActiveState", nullptr, &read) < 0)
        return false;
    const std::unique_ptr<char, Unref> state(read);
    return std::string_view(state.get()) != "inactive" && std::string_view(state.get()) != "failed";
}

}  // namespace hvctl::cli
