#include "base/units.hpp"

#include <fmt/format.h>
#include <systemd/sd-bus.h>

#include <cctype>
#include <memory>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";

struct CloseBus {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
};

class Call {
  public:
    Call() = default;
    ~Call() { sd_bus_error_free(&error_); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    template <class... Arguments>
    Result<void> send(const std::string& unit, const char* method, const char* types, Arguments... arguments) {
        sd_bus* raw = nullptr;
        if (const int status = sd_bus_open_system(&raw); status < 0) return fail_errno(-status, "the system bus");
        const std::unique_ptr<sd_bus, CloseBus> bus{raw};
        const int status =
            sd_bus_call_method(bus.get(), kService, kPath, kManager, method, &error_, nullptr, types, arguments...);
        if (status >= 0) return {};
        if (error_.message != nullptr) return fail(ErrorId::Io, fmt::format("{}: {}", unit, error_.message));
        return fail_errno(-status, unit);
    }
    [[nodiscard]] bool failed_with(const char* name) const { return sd_bus_error_has_name(&error_, name) != 0; }

  private:
    sd_bus_error error_ = SD_BUS_ERROR_NULL;
};

}  // namespace

std::string escape_unit_name(const std::string& text) {
    std::string escaped;
    for (const char c : text) {
        const bool plain =
            std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == ':' || (c == '.' && !escaped.empty());
        escaped += plain ? std::string{c} : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
    return escaped;
}

Result<void> start_unit(const std::string& unit) {
    return Call{}.send(unit, "StartUnit", "ss", unit.c_str(), "replace");
}

Result<void> restart_unit(const std::string& unit) {
    return Call{}.send(unit, "RestartUnit", "ss", unit.c_str(), "replace");
}

Result<void> signal_unit(const std::string& unit, int signal) {
    Call call;
    auto sent = call.send(unit, "KillUnit", "ssi", unit.c_str(), "main", signal);
    if (!sent && (call.failed_with("org.freedesktop.systemd1.NoSuchUnit") ||
                  call.failed_with("org.freedesktop.systemd1.NoSuchProcess"))) {
        return {};
    }
    return sent;
}

}  // namespace hvctld
