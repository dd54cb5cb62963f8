#include "guest.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace hvctld::store::test {

namespace {

std::uint32_t load(std::uint32_t& field) {
    return std::atomic_ref{field}.load(std::memory_order_acquire);
}
void publish(std::uint32_t& field, std::uint32_t value) {
    std::atomic_ref{field}.store(value, std::memory_order_release);
}

}  // namespace

Guest& Guest::operator=(const Guest& other) {
    domain_ = other.domain_;
    page_ = std::make_shared<RingPage>(*other.page_);
    last_request_ = other.last_request_;
    out_ = other.out_;
    in_ = other.in_;
    answers_ = other.answers_;
    events_ = other.events_;
    notifications = other.notifications;
    return *this;
}

RingPort Guest::port() {
    const auto notify = [this] {
        ++notifications;
        if (on_notify) on_notify();
    };
    return {page_.get(), notify, page_};
}

std::uint32_t Guest::send(MessageType type, std::string_view payload, std::uint32_t transaction) {
    out_ += encode_message(type, ++last_request_, transaction, payload);
    return last_request_;
}

bool Guest::write_some() {
    RingPage& page = *page_;
    std::size_t count = 0;
    std::uint32_t producer = page.request_producer;
    while (count < out_.size() && producer - load(page.request_consumer) < kRingSize) {
        page.requests[producer++ % kRingSize] = out_[count++];
    }
    publish(page.request_producer, producer);
    out_.erase(0, count);
    return count > 0;
}

bool Guest::read_some() {
    RingPage& page = *page_;
    const std::uint32_t producer = load(page.response_producer);
    std::uint32_t consumer = page.response_consumer;
    const bool any = consumer != producer;
    while (consumer != producer) in_ += page.responses[consumer++ % kRingSize];
    publish(page.response_consumer, consumer);
    parse();
    return any;
}

void Guest::parse() {
    MessageHeader header;
    while (in_.size() >= sizeof header) {
        std::memcpy(&header, in_.data(), sizeof header);
        if (in_.size() < sizeof header + header.length) return;
        Answer answer{static_cast<MessageType>(header.type), header.request, header.transaction,
                      in_.substr(sizeof header, header.length)};
        in_.erase(0, sizeof header + header.length);
        if (answer.type == MessageType::WatchEvent) {
            answer.payload.pop_back();
            answer.payload[answer.payload.find('\0')] = ' ';
            events_.push_back(answer.payload);
        } else {
            answers_.push_back(std::move(answer));
        }
    }
}

void Guest::pump(Store& store) {
    bool moved = true;
    while (moved) {
        moved = write_some();
        store.ring_event(domain_);
        while (store.run_pending()) {
        }
        moved |= read_some();
    }
}

Answer Guest::call(Store& store, MessageType type, std::string_view payload, std::uint32_t transaction) {
    answers_.clear();
    const std::uint32_t request = send(type, payload, transaction);
    pump(store);
    for (const Answer& answer : answers_) {
        if (answer.request == request) return answer;
    }
    return {MessageType::Error, 0, 0, "no reply"};
}

std::string Guest::ask(Store& store, MessageType type, std::string_view payload, std::uint32_t transaction) {
    std::string text = call(store, type, payload, transaction).payload;
    if (text.ends_with('\0')) text.pop_back();
    return text;
}

std::uint32_t Guest::begin(Store& store) {
    return static_cast<std::uint32_t>(std::stoul(ask(store, MessageType::TransactionStart, "\0"s)));
}

std::string strings(std::initializer_list<std::string_view> list) {
    std::string result;
    for (const std::string_view text : list) {
        result += text;
        result += '\0';
    }
    return result;
}

std::unique_ptr<Store> make_store(std::string journal, Quotas quotas, std::vector<std::string>* log) {
    StoreOptions options;
    options.journal_directory = std::move(journal);
    options.default_quotas = quotas;
    if (log != nullptr) options.log = [log](LogLevel, std::string_view text) { log->emplace_back(text); };
    auto store = Store::create(std::move(options));
    if (!store) throw std::runtime_error(store.error());
    return *std::move(store);
}

TemporaryFolder::TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "hvstoreXXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
}

}  // namespace hvctld::store::test
