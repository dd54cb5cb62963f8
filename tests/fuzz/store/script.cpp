#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "store/engine.hpp"
#include "store/recovery.hpp"
#include "store/ring_client.hpp"
#include "store_fuzzer.hpp"

namespace hvctld::store::fuzz {

namespace {

class Script {
  public:
    Script(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
    bool done() const { return left_ == 0; }
    std::uint8_t byte() {
        if (left_ == 0) return 0;
        --left_;
        return *data_++;
    }
    std::string bytes(std::size_t count) {
        std::string result;
        for (; count > 0 && left_ > 0; --count) result += static_cast<char>(byte());
        return result;
    }

  private:
    const std::uint8_t* data_;
    std::size_t left_;
};

struct Peer {
    DomainId domain;
    std::unique_ptr<RingPage> page = std::make_unique<RingPage>();
};

void put(RingPage& page, std::string_view bytes) {
    for (const char c : bytes) {
        if (page.request_producer - page.request_consumer >= kRingSize) return;
        page.requests[page.request_producer++ % kRingSize] = c;
    }
}

void step(Script& script, Store& store, Peer& peer, std::uint8_t action) {
    RingPage& page = *peer.page;
    switch (action % 8) {
        case 0:
        case 1:
        case 2:
        case 3: {
            const auto type = static_cast<MessageType>(script.byte() % 25);
            const std::uint32_t transaction = script.byte() % 4;
            put(page, encode_message(type, 1, transaction, script.bytes(script.byte())));
            break;
        }
        case 4: put(page, script.bytes(script.byte())); break;
        case 5: page.request_producer = page.request_consumer + script.byte() * 8u; break;
        case 6: page.response_consumer = page.response_producer - script.byte() * 8u; break;
        default: page.connection = script.byte() % 2; break;
    }
    store.ring_event(peer.domain);
    while (store.run_pending()) {
    }
    if (action >= 64) page.response_consumer = page.response_producer;
}

void check_books(Store& store) {
    Engine& engine = store.engine();
    std::map<DomainId, std::int64_t> owned;
    std::uint64_t total = 0;
    Tree::visit(engine.content().tree().root(), [&](const Node& node) {
        ++owned[owner_of(node, engine.content().incarnations())];
        ++total;
    });
    if (total != engine.content().node_count()) std::abort();
    for (const auto& [domain, account] : engine.accounts().all()) {
        if (account.nodes != owned[domain]) std::abort();
    }
    for (const DomainId domain : {DomainId{1}, DomainId{2}}) store.release_domain(domain);
}

}  // namespace

void run_protocol_script(const std::uint8_t* data, std::size_t size) {
    auto store = *Store::create({});
    std::array<Peer, 3> peers{Peer{kDom0}, Peer{DomainId{1}}, Peer{DomainId{2}}};
    (void)store->mkdir("/a/b");
    (void)store->set_permissions("/a", {{DomainId{1}, Access::Both}});
    for (Peer& peer : peers) (void)store->introduce_domain(peer.domain, 1, 1, {peer.page.get(), [] {}, nullptr});
    Script script{data, size};
    while (!script.done()) {
        const std::uint8_t action = script.byte();
        step(script, *store, peers[(action >> 3) % peers.size()], action);
    }
    check_books(*store);
}

void run_journal_records(const std::uint8_t* data, std::size_t size) {
    Engine engine{StoreOptions{}};
    Recovery recovery{engine};
    (void)replay_records({reinterpret_cast<const char*>(data), size}, recovery);
    // What was accepted must survive being written again.
    RecordWriter writer;
    TreeSnapshot snapshot{engine.content().tree(), engine.content().incarnations()};
    while (snapshot.step(writer, writer.buffer().size() + 100)) {
    }
    for (const auto& [id, domain] : engine.domains()) {
        writer.domain_introduced(id, domain.gfn, domain.port);
        domain.ring->write_snapshot(writer);
    }
    Engine copy{StoreOptions{}};
    Recovery again{copy};
    if (!replay_records(writer.buffer(), again) || again.misfits() != 0) std::abort();
    if (copy.content().node_count() != engine.content().node_count()) std::abort();
}

}  // namespace hvctld::store::fuzz
