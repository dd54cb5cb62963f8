#include "devices/xenbus.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/values.hpp"
#include "domain/store_entries.hpp"
#include "domain/store_writer.hpp"

namespace hvctld {
namespace {

using store::Access;
using store::Permissions;

std::string state_text(BusState state) {
    return fmt::format("{}", static_cast<unsigned>(state));
}

std::string backends_of(std::string_view kind, std::uint16_t domid) {
    return fmt::format("{}/backend/{}/{}", domain_path(0), kind, domid);
}

// Where a driver of Dom0's kernel says what is wrong.
std::string errors_of(std::string_view kind, std::uint16_t domid) {
    return fmt::format("{}/error/backend/{}/{}", domain_path(0), kind, domid);
}

std::string frontends_of(std::string_view kind, std::uint16_t domid) {
    return fmt::format("{}/device/{}", domain_path(domid), kind);
}

}  // namespace

std::string word_of(BusState state) {
    switch (state) {
        case BusState::Unknown:
        case BusState::Initialising: return "starting";
        case BusState::InitWait:
        case BusState::Initialised: return "waiting";
        case BusState::Connected: return "connected";
        case BusState::Closing: return "closing";
        case BusState::Closed: return "closed";
    }
    return "starting";
}

std::string BusDevices::backend(std::uint32_t number) const {
    return fmt::format("{}/{}", backends_of(kind_, domid_), number);
}

std::string BusDevices::frontend(std::uint32_t number) const {
    return fmt::format("{}/{}", frontends_of(kind_, domid_), number);
}

Permissions BusDevices::permissions(const Node& node) const {
    if (node.hidden) return {{store::kDom0, Access::None}};
    return {{store::kDom0, Access::None}, {store::DomainId{domid_}, Access::Read}};
}

Result<void> BusDevices::add(const std::vector<Entry>& entries) {
    const Permissions ours = permissions({});
    const Permissions theirs{{store::DomainId{domid_}, Access::None}};
    return write_together(store_, [&](StoreWriter& writer) {
        writer.directory(frontends_of(kind_, domid_), ours);
        for (const Entry& entry : entries) {
            const std::string front = frontend(entry.number);
            const std::string back = backend(entry.number);
            writer.directory(front, theirs);
            writer.write(front + "/backend", back, theirs);
            writer.write(front + "/backend-id", "0", theirs);
            for (const Node& node : entry.frontend) writer.write(front + "/" + node.name, node.value, theirs);
            writer.write(front + "/state", state_text(BusState::Initialising), theirs);

            writer.directory(back, ours);
            writer.write(back + "/frontend", front, ours);
            writer.write(back + "/frontend-id", fmt::format("{}", domid_), ours);
            writer.write(back + "/online", "1", ours);
            for (const Node& node : entry.backend) writer.write(back + "/" + node.name, node.value, permissions(node));
            writer.write(back + "/state", state_text(BusState::Initialising), ours);
        }
    });
}

void BusDevices::remove(std::uint32_t number) {
    (void)store_.remove(backend(number));
    (void)store_.remove(frontend(number));
    (void)store_.remove(fmt::format("{}/{}", errors_of(kind_, domid_), number));
}

void BusDevices::remove_all() {
    (void)store_.remove(frontends_of(kind_, domid_));
    remove_backends(store_, kind_, domid_);
}

void BusDevices::remove_backends(store::Store& store, std::string_view kind, std::uint16_t domid) {
    (void)store.remove(backends_of(kind, domid));
    (void)store.remove(errors_of(kind, domid));
}

std::vector<std::uint32_t> BusDevices::numbers() const {
    std::vector<std::uint32_t> found;
    for (const std::string& name : store_.list(backends_of(kind_, domid_)).value_or(std::vector<std::string>{})) {
        if (const auto number = config::parse_number(name, 0, UINT32_MAX))
            found.push_back(static_cast<std::uint32_t>(*number));
    }
    std::ranges::sort(found);
    return found;
}

std::optional<std::string> BusDevices::read(std::uint32_t number, std::string_view name) const {
    auto text = store_.read(fmt::format("{}/{}", backend(number), name));
    if (!text) return std::nullopt;
    return std::move(*text);
}

Result<void> BusDevices::write(std::uint32_t number, const Node& node) {
    return write_together(store_, [&](StoreWriter& writer) {
        writer.write(backend(number) + "/" + node.name, node.value, permissions(node));
    });
}

std::optional<BusState> BusDevices::state(std::uint32_t number) const {
    const auto text = store_.read(backend(number) + "/state");
    if (!text) return std::nullopt;
    const auto state = config::parse_number(*text, 0, static_cast<std::uint64_t>(BusState::Closed));
    return state ? static_cast<BusState>(*state) : BusState::Unknown;
}

std::string BusDevices::trouble(std::uint32_t number) const {
    constexpr std::size_t kLongest = 200;
    std::string text = store_.read(fmt::format("{}/{}/error", errors_of(kind_, domid_), number)).value_or("");
    text.resize(std::min(text.size(), kLongest));
    std::ranges::replace_if(
        text, [](char c) { return c < ' ' || c > '~'; }, '?');
    return text;
}

Result<void> BusDevices::close(std::uint32_t number) {
    return write_together(store_, [&](StoreWriter& writer) {
        writer.write(backend(number) + "/online", "0", permissions({}));
        writer.write(backend(number) + "/state", state_text(BusState::Closing), permissions({}));
    });
}

void BusDevices::keep_open(std::uint32_t number) {
    const auto guest = store_.read(frontend(number) + "/state");
    if (state(number) != BusState::Closing || !guest || (*guest != "1" && *guest != "3" && *guest != "4")) return;
    // Neither driver has noticed: to the backend its state is what it set itself.
    (void)write_together(store_, [&](StoreWriter& writer) {
        writer.write(backend(number) + "/online", "1", permissions({}));
        writer.write(backend(number) + "/state", state_text(*guest == "4" ? BusState::Connected : BusState::InitWait),
                     permissions({}));
    });
}

}  // namespace hvctld
