#include "registry/registry.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "hvctl/try.hpp"

namespace hvctld {

Registry::Registry(std::string path, std::unique_ptr<Database> database)
    : path_{std::move(path)}, database_{std::move(database)} {}

Result<std::unique_ptr<Registry>> Registry::open(const std::string& path) {
    auto database = TRY(Database::open(path));
    std::unique_ptr<Registry> registry{new Registry{path, std::move(database)}};
    TRY(within(path, registry->database_->check()));
    TRY(within(path, registry->migrate()));
    TRY(within(path, registry->load()));
    registry->database_->never_wait();
    return registry;
}

std::unique_ptr<Registry> Registry::stand_in(Error reason) {
    std::unique_ptr<Registry> registry{new Registry{{}, nullptr}};
    registry->trouble_ = std::move(reason);
    registry->stands_in_ = true;
    return registry;
}

Result<void> Registry::remember(std::string key, Write write) {
    if (stands_in_) return std::unexpected(*trouble_);
    std::erase_if(pending_, [&](const Pending& pending) { return pending.key == key; });
    pending_.push_back({std::move(key), std::move(write)});
    return flush();
}

Result<void> Registry::flush() {
    if (stands_in_) return std::unexpected(*trouble_);
    Result<void> written;
    std::size_t before = 0;
    do {  // what was refused may fit now that others have made room
        before = pending_.size();
        for (Pending& pending : pending_) pending.odd = false;
        if (before != 0) written = write_all();
    } while (!written && pending_.size() < before);
    if (written) {
        trouble_.reset();
        if (on_written) on_written();
        return {};
    }
    trouble_ = explain(written.error());
    if (on_waiting) on_waiting();
    return std::unexpected(*trouble_);
}

// All in one transaction; without those that the file refuses, whose error is returned.
Result<void> Registry::write_all() {
    if (before_write) TRY(before_write());
    Result<void> refusal;
    for (;;) {
        Transaction transaction = TRY(Transaction::begin(*database_));
        Pending* refused = nullptr;
        for (Pending& pending : pending_) {
            if (pending.odd) continue;
            const auto written = pending.write(*database_);
            if (written) continue;
            if (written.error().id() != ErrorId::UuidTaken) return written;
            refusal = written;
            refused = &pending;
            break;
        }
        if (refused != nullptr) {
            refused->odd = true;
            continue;
        }
        TRY(transaction.commit());
        std::erase_if(pending_, [](const Pending& pending) { return !pending.odd; });
        return refusal;
    }
}

Error Registry::explain(const Error& refusal) const {
    const auto advice = [&]() -> std::string_view {
        switch (refusal.id()) {
            case ErrorId::Busy: return "another process holds it locked; it is written as soon as that one lets go";
            case ErrorId::Damaged: return "its file is damaged; 'systemctl restart hvctld' puts it aside";
            case ErrorId::UuidTaken: return "two domains in it have one UUID; 'hvctl forget' one of them";
            default: return "make room on its disk";
        }
    }();
    return {
        refusal.id(),
        fmt::format("the registry {} cannot be written ({}): {}. Guests can be ended, but not started, until it can be",
                    path_, refusal.message(), advice)};
}

}  // namespace hvctld
