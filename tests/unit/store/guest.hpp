// A domain as the tests play it: a ring page of its own and the client's half of the ring protocol.
#pragma once

#include <cstring>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "store/message.hpp"
#include "store/ring_page.hpp"
#include "store/store.hpp"

namespace hvctld::store::test {

using namespace std::string_literals;

struct Answer {
    MessageType type{};
    std::uint32_t request = 0;
    std::uint32_t transaction = 0;
    std::string payload;
    bool operator==(const Answer&) const = default;
};

class Guest {
  public:
    explicit Guest(DomainId domain) : Guest(domain, std::make_shared<RingPage>()) {}
    Guest(DomainId domain, std::shared_ptr<RingPage> page) : domain_(domain), page_(std::move(page)) {}
    // A copy is the guest as it is now, with a page of its own.
    Guest(const Guest& other) { *this = other; }
    Guest& operator=(const Guest& other);

    RingPort port();
    RingPage& page() { return *page_; }
    DomainId domain() const { return domain_; }
    void introduce(Store& store) { ASSERT_OK(store.introduce_domain(domain_, 100u + domain_.raw, 7, port())); }
    void attach(Store& store) { ASSERT_OK(store.attach_ring(domain_, port())); }

    // Queues a request; returns its number.
    std::uint32_t send(MessageType type, std::string_view payload, std::uint32_t transaction = 0);
    void send_raw(std::string_view bytes) { out_ += bytes; }
    // Moves bytes both ways until nothing moves any more.
    void pump(Store& store);
    bool write_some();  // what fits into the request ring
    bool read_some();   // what is in the response ring

    // Sends, pumps, and gives the reply; events that came meanwhile are in events(). `error`: its name.
    Answer call(Store& store, MessageType type, std::string_view payload, std::uint32_t transaction = 0);
    // The reply's payload without a NUL at its end, or the name of the error.
    std::string ask(Store& store, MessageType type, std::string_view payload, std::uint32_t transaction = 0);
    std::uint32_t begin(Store& store);

    std::deque<Answer>& answers() { return answers_; }
    std::vector<std::string>& events() { return events_; }  // "path token"
    int notifications = 0;
    std::function<void()> on_notify;  // not copied

  private:
    template <class T>
    static void ASSERT_OK(const T& result) {
        if (!result) throw std::runtime_error("store refused the ring");
    }
    void parse();
    DomainId domain_;
    std::shared_ptr<RingPage> page_;
    std::uint32_t last_request_ = 0;
    std::string out_;
    std::string in_;
    std::deque<Answer> answers_;
    std::vector<std::string> events_;
};

// "a", "b" -> "a\0b\0"
std::string strings(std::initializer_list<std::string_view> list);

// A store without a journal that panics on nothing and logs into `log`.
std::unique_ptr<Store> make_store(std::string journal = {}, Quotas quotas = {},
                                  std::vector<std::string>* log = nullptr);

// A folder that goes away with the test.
class TemporaryFolder {
  public:
    TemporaryFolder();
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace hvctld::store::test
