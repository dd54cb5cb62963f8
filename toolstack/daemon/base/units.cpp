#include "base/units.hpp"

#include <fmt/format.h>
#include <systemd/sd-bus.h>

#include <cctype>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr const char* kService = "org.freedesktop.systemd1";
constexpr const char* kPath = "/org/freedesktop/systemd1";
constexpr const char* kUnits = "/org/freedesktop/systemd1/unit";
constexpr const char* kManager = "org.freedesktop.systemd1.Manager";

struct FreeText {
    void operator()(char* text) const { std::free(text); }
};
struct UnrefMessage {
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
struct CloseBus {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
};

using Bus = std::unique_ptr<sd_bus, CloseBus>;

Result<Bus> open_bus() {
    sd_bus* raw = nullptr;
    if (const int status = sd_bus_open_system(&raw); status < 0) return fail_errno(-status, "the system bus");
    return Bus{raw};
}

class Call {
  public:
    Call() = default;
    ~Call() { sd_bus_error_free(&error_); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    template <class... Arguments>
    Result<void> send(const std::string& unit, const char* method, const char* types, Arguments... arguments) {
        const Bus bus = TRY(open_bus());
        const int status =
            sd_bus_call_method(bus.get(), kService, kPath, kManager, method, &error_, nullptr, types, arguments...);
        if (status >= 0) return {};
        if (error_.message != nullptr) return fail(ErrorId::Io, fmt::format("{}: {}", unit, error_.message));
        return fail_errno(-status, unit);
    }
    // The path of the job that does it; empty when there is nothing to do.
    Result<std::string> job_of(sd_bus* bus, const std::string& unit, const char* method) {
        sd_bus_message* raw = nullptr;
        const int status =
            sd_bus_call_method(bus, kService, kPath, kManager, method, &error_, &raw, "ss", unit.c_str(), "replace");
        const std::unique_ptr<sd_bus_message, UnrefMessage> answer{raw};
        const char* job = nullptr;
        if (status >= 0 && sd_bus_message_read(raw, "o", &job) >= 0) return std::string{job};
        if (failed_with("org.freedesktop.systemd1.NoSuchUnit") && std::string_view{method} == "StopUnit")
            return std::string{};
        return fail(ErrorId::Io, fmt::format("{}: {}", unit, error_.message != nullptr ? error_.message : method));
    }
    [[nodiscard]] bool failed_with(const char* name) const { return sd_bus_error_has_name(&error_, name) != 0; }

  private:
    sd_bus_error error_ = SD_BUS_ERROR_NULL;
};

Result<std::string> path_of(const std::string& unit) {
    char* path = nullptr;
    if (const int status = sd_bus_path_encode(kUnits, unit.c_str(), &path); status < 0)
        return fail_errno(-status, unit);
    const std::unique_ptr<char, FreeText> holder{path};
    return std::string{path};
}

// Nothing when there is no such object.
std::optional<std::string> get_text(sd_bus* bus, const char* path, const char* interface, const char* property) {
    char* text = nullptr;
    if (sd_bus_get_property_string(bus, kService, path, interface, property, nullptr, &text) < 0) return std::nullopt;
    const std::unique_ptr<char, FreeText> holder{text};
    return text;
}

// Asks systemd for it and waits until it is done, or has not been for long.
Result<void> finish(const std::string& unit, const char* method) {
    constexpr int kLooks = 3000;
    constexpr std::chrono::milliseconds kBetweenLooks{20};
    const Bus bus = TRY(open_bus());
    Call call;
    const std::string job = TRY(call.job_of(bus.get(), unit, method));
    for (int look = 0; look < kLooks && !job.empty(); ++look) {
        if (!get_text(bus.get(), job.c_str(), "org.freedesktop.systemd1.Job", "State")) break;
        std::this_thread::sleep_for(kBetweenLooks);
    }
    return {};
}

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

Result<pid_t> unit_process(const std::string& unit) {
    const Bus bus = TRY(open_bus());
    std::uint32_t process = 0;
    const int status =
        sd_bus_get_property_trivial(bus.get(), kService, TRY(path_of(unit)).c_str(), "org.freedesktop.systemd1.Service",
                                    "MainPID", nullptr, 'u', &process);
    if (status < 0) return fail_errno(-status, unit);
    return static_cast<pid_t>(process);
}

Result<void> ask_unit_to_stop(const std::string& unit) {
    const Bus bus = TRY(open_bus());
    TRY(Call{}.job_of(bus.get(), unit, "StopUnit"));
    return {};
}

Result<bool> unit_runs(const std::string& unit) {
    const Bus bus = TRY(open_bus());
    const auto state = get_text(bus.get(), TRY(path_of(unit)).c_str(), "org.freedesktop.systemd1.Unit", "ActiveState");
    if (!state) return fail(ErrorId::Io, fmt::format("{}: systemd does not know it", unit));
    return *state != "inactive" && *state != "failed";
}

Result<void> run_unit(const std::string& unit) {
    TRY(finish(unit, "StartUnit"));
    if (TRY(unit_runs(unit))) return {};
    return fail(ErrorId::BackendFailed, fmt::format("{0} does not start; 'journalctl -u {0}' tells why", unit));
}

Result<void> stop_unit(const std::string& unit) {
    TRY(finish(unit, "StopUnit"));
    if (!TRY(unit_runs(unit))) return {};
    return fail(ErrorId::BackendFailed, fmt::format("{0} does not end; 'systemctl status {0}' shows more", unit));
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
