#include "bus/system_bus.hpp"

#include "base/log.hpp"
#include "hvctl/try.hpp"

namespace hvctld::bus {
namespace {

constexpr std::uint64_t kRetryMs = 10'000;

constexpr std::uint32_t kInQueue = 2;  // DBUS_REQUEST_NAME_REPLY_IN_QUEUE

// The broker's answer to the request for the name.
int name_requested(sd_bus_message* reply, void*, sd_bus_error*) noexcept {
    try {
        std::uint32_t outcome = 0;
        if (const sd_bus_error* error = sd_bus_message_get_error(reply); error != nullptr) {
            log::warning("system bus: no right to the name org.hvctl1: {}",
                         error->message != nullptr ? error->message : "");
        } else if (sd_bus_message_read(reply, "u", &outcome) > 0 && outcome == kInQueue) {
            log::warning(
                "system bus: another process has the name org.hvctl1, and gets the calls ('busctl status "
                "org.hvctl1'); it is taken when that one leaves. The private socket is not concerned");
        }
    } catch (...) {  // NOLINT: out of memory for a line of the log
    }
    return 0;
}

}  // namespace

SystemBus::SystemBus(Loop& loop, ManagerObject& object, Authority::Rules rules)
    : loop_{loop}, object_{object}, rules_{std::move(rules)}, retry_{loop} {
    connect();
}

SystemBus::~SystemBus() {
    if (connection_) object_.remove(*connection_);
}

void SystemBus::connect() {
    const auto served = serve();
    if (served) {
        told_ = false;
        return;
    }
    if (!told_) log::warning("system bus: {}; org.hvctl1 is on the private socket only", served.error().message());
    told_ = true;
    retry_.start(kRetryMs, [this] { connect(); });
}

Result<void> SystemBus::serve() {
    sd_bus* raw = nullptr;
    if (const int status = sd_bus_open_system_with_description(&raw, "hvctld"); status < 0)
        return fail_errno(-status, "cannot connect");
    auto connection = TRY(Connection::create(loop_, Bus{raw}, [this] { lost(); }));
    TRY(object_.add_brokered(*connection, rules_));
    connection_ = std::move(connection);
    const int status =
        sd_bus_request_name_async(raw, nullptr, "org.hvctl1", SD_BUS_NAME_QUEUE, name_requested, nullptr);
    if (status < 0) {
        object_.remove(*connection_);
        connection_.reset();
        return fail_errno(-status, "cannot ask for the name org.hvctl1");
    }
    connection_->update();
    return {};
}

void SystemBus::lost() {
    object_.remove(*connection_);
    connection_.reset();
    log::warning("system bus: the connection was lost");
    retry_.start(kRetryMs, [this] { connect(); });
}

}  // namespace hvctld::bus
