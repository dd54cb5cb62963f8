#include "bus/guarded.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdio>

#include "base/log.hpp"
#include "bus/utf8.hpp"

namespace hvctld::bus {

int refuse(sd_bus_message* call, ErrorId id, const char* text) noexcept {
    const std::string_view name = entry_of(id).name;
    std::array<char, 128> full{};
    std::snprintf(full.data(), full.size(), "org.hvctl1.Error.%.*s", static_cast<int>(name.size()), name.data());
    const int status = sd_bus_reply_method_errorf(call, full.data(), "HV-E%04u: %s", static_cast<unsigned>(id), text);
    try {
        log::error("bus: {} failed: {}", sd_bus_message_get_member(call), text);
    } catch (...) {  // NOLINT: the caller has its answer, and nothing else waits for one
    }
    return status;
}

int reply_error(sd_bus_message* call, const Error& error) {
    const std::string name = fmt::format("org.hvctl1.Error.{}", entry_of(error.id()).name);
    // Errors quote what they are about, which may be as long as a message.
    constexpr std::size_t kMostText = 16 * 1024;
    std::string text = error.text();
    if (text.size() > kMostText) text = text.substr(0, kMostText) + "...";
    return sd_bus_reply_method_errorf(call, name.c_str(), "%s", as_utf8(text).c_str());
}

}  // namespace hvctld::bus
