// A user of the store: in whose name it acts, its watches and its open transactions.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "store/access.hpp"
#include "store/error.hpp"
#include "store/message.hpp"
#include "store/output_queue.hpp"
#include "store/path.hpp"
#include "store/transaction.hpp"
#include "store/watch_index.hpp"

namespace hvctld::store {

class Engine;
class RecordSink;

class Client {
  public:
    Client(Engine& engine, Actor actor) : engine_(engine), actor_(actor) {}
    virtual ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    const Actor& actor() const { return actor_; }
    void set_target(std::optional<DomainId> target) { actor_.target = target; }

    // `path` changed, which `watch` concerns. `first`: it was just set. Called while watches are visited: must not
    // add or remove any.
    virtual void deliver(const Watch& watch, std::string_view path, bool first) = 0;

    Result<Watch*> add_watch(const ParsedPath& path, std::string_view token);  // Exists, NoSpace
    Result<void> remove_watch(std::string_view path, std::string_view token);  // NotFound
    Result<TransactionId> start_transaction();                                 // NoSpace
    Transaction* find_transaction(TransactionId id);
    Result<void> end_transaction(TransactionId id, bool commit);  // Again, NoSpace, NotFound
    void forget_everything();                                     // all watches and transactions

    // For recovery and snapshots.
    void restore_transaction(TransactionId id);
    void doom_transactions();  // what they read is not known any more
    void restore_transaction_counter(TransactionId last) { last_transaction_ = last.raw; }
    virtual void write_snapshot(RecordSink& sink) const;  // without the watches
    virtual bool recorded() const { return false; }       // does the journal tell of this client?

  protected:
    // Where this client's changes are recorded; nullptr: they end with the process.
    virtual RecordSink* records() const { return nullptr; }
    Engine& engine_;

  private:
    struct OwnWatch {
        std::unique_ptr<Watch> watch;
        WatchIndex::Position position;
    };
    static std::string watch_key(std::string_view path, std::string_view token);

    Actor actor_;
    std::unordered_map<std::string, OwnWatch> watches_;
    std::map<TransactionId, std::shared_ptr<Transaction>> transactions_;
    std::uint32_t last_transaction_ = 0;
};

// A client that speaks the wire protocol. Output waits in a queue until the journal holds what it tells of.
class WireClient : public Client {
  public:
    using Client::Client;
    ~WireClient() override;

    void reply(const Request& request, MessageType type, std::string_view payload);
    void deliver(const Watch& watch, std::string_view path, bool first) override;

    // Before the journal is written: carries out what could not be done while watches were visited.
    virtual void settle() {}
    // After the journal is written: sends queued output.
    virtual void push() = 0;

    const OutputQueue& output() const { return output_; }

  protected:
    // Requests wait while more than this is queued for the client.
    static constexpr std::size_t kHoldBytes = 8 * 1024;
    // No client, Dom0 included, may have more than this queued: tens of thousands of events.
    static constexpr std::size_t kMaxOutstanding = 4 * 1024 * 1024;
    // The client may not have more queued. Called while watches are visited.
    virtual void overflow() = 0;
    virtual void queued(const OutputQueue::Message&) {}

    RequestAssembler input_;
    OutputQueue output_;
};

}  // namespace hvctld::store
