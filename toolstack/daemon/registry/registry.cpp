#include "registry/registry.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "hvctl/try.hpp"

namespace hvctld {

// What is offered to the file at once. The thread's, until it has been written or refused.
struct Registry::Batch {
    struct Offer {
        std::shared_ptr<const Write> write;
        bool odd = false;  // the file refuses this record itself; the others need not wait for it
        bool taken = false;
    };

    void offer_all(Database& database);
    Result<void> offer(Database& database);

    std::function<Result<void>()> before_write;
    std::vector<Offer> offers;
    Result<void> outcome;
    int pages_beside = 0;
};

Registry::Registry(std::string path, std::unique_ptr<Database> database)
    : path_{std::move(path)}, database_{std::move(database)}, alive_{std::make_shared<Registry*>(this)} {}

Result<std::unique_ptr<Registry>> Registry::open(const std::string& path) {
    auto database = TRY(Database::open(path));
    std::unique_ptr<Registry> registry{new Registry{path, std::move(database)}};
    TRY(within(path, registry->database_->check()));
    TRY(within(path, registry->migrate()));
    TRY(within(path, registry->load()));
    TRY(within(path, registry->load_domains()));
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
    pending_.push_back({std::move(key), std::make_shared<const Write>(std::move(write))});
    return flush();
}

void Registry::work(DiskThread::Wait wait, std::function<void()> on_disk,
                    std::function<void(const Result<void>&)> done) {
    if (thread_ != nullptr) return thread_->run(wait, std::move(on_disk), std::move(done));
    on_disk();
    done({});
}

Result<void> Registry::flush() {
    if (stands_in_) return std::unexpected(*trouble_);
    if (under_way_) return std::unexpected(silence());  // what waits is offered next
    under_way_ = true;
    const auto batch = std::make_shared<Batch>();
    batch->before_write = before_write;
    for (const Pending& pending : pending_) batch->offers.push_back({pending.write});
    // Waits a moment, because a step that follows may count on it: what is done to a guest is done after it has been
    // recorded.
    work(
        DiskThread::Wait::Patiently, [batch, database = database_.get()] { batch->offer_all(*database); },
        [weak = std::weak_ptr{alive_}, batch](const Result<void>& ran) {
            if (!ran) batch->outcome = ran;
            if (const auto self = weak.lock()) (*self)->written(*batch);
        });
    if (under_way_) {
        if (on_waiting) on_waiting();
        return std::unexpected(silence());
    }
    return trouble_ ? Result<void>{std::unexpected(*trouble_)} : Result<void>{};
}

void Registry::note_silence() {
    if (under_way_) trouble_ = silence();
}

void Registry::written(const Batch& batch) {
    under_way_ = false;
    pages_beside_ = batch.pages_beside;
    for (const Batch::Offer& offer : batch.offers) {
        if (offer.taken) std::erase_if(pending_, [&](const Pending& pending) { return pending.write == offer.write; });
    }
    if (!batch.outcome) {
        trouble_ = explain(batch.outcome.error());
        if (on_waiting) on_waiting();
    } else if (!pending_.empty()) {
        if (on_answered) on_answered();
        (void)flush();  // what has come meanwhile
    } else {
        trouble_.reset();
        if (on_written) on_written();
    }
}

void Registry::Batch::offer_all(Database& database) {
    std::size_t taken = 0;
    std::size_t before = 0;
    do {  // what was refused may fit now that others have made room
        before = taken;
        for (Offer& each : offers) each.odd = false;
        taken = static_cast<std::size_t>(std::ranges::count(offers, true, &Offer::taken));
        if (taken == offers.size()) break;
        outcome = offer(database);
        taken = static_cast<std::size_t>(std::ranges::count(offers, true, &Offer::taken));
    } while (!outcome && taken > before);
    pages_beside = database.pages_beside();
}

// All in one transaction; without those that the file refuses, whose error is returned.
Result<void> Registry::Batch::offer(Database& database) {
    if (before_write) TRY(before_write());
    database.wait_for_disk();
    Result<void> refusal;
    for (;;) {
        Transaction transaction = TRY(Transaction::begin(database));
        Offer* refused = nullptr;
        for (Offer& each : offers) {
            if (each.odd || each.taken) continue;
            const auto written = (*each.write)(database);
            if (written) continue;
            if (written.error().id() != ErrorId::UuidTaken) return written;
            refusal = written;
            refused = &each;
            break;
        }
        if (refused != nullptr) {
            refused->odd = true;
            continue;
        }
        TRY(transaction.commit());
        for (Offer& each : offers) each.taken = each.taken || !each.odd;
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

Error Registry::silence() const {
    return {ErrorId::Busy,
            fmt::format("the registry {} is not written yet: its disk does not answer. Guests can be ended, but "
                        "not started, until it does",
                        path_)};
}

}  // namespace hvctld
