// What a client has still to be sent, as whole messages in order.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>

namespace hvctld::store {

class OutputQueue {
  public:
    struct Message {
        std::string bytes;
        bool event = false;
    };

    void push_reply(std::string bytes) { push({std::move(bytes), false}); }
    // False: the same event waits already, and the client will see the present state when it reads that one.
    bool push_event(std::string bytes, bool even_if_waiting);
    void push(Message message);  // as it was, for recovery

    bool empty() const { return messages_.empty(); }
    std::size_t bytes() const { return bytes_ - front_sent_; }

    // The next bytes to send, up to the end of their message, and that `count` bytes (of any messages) were sent.
    std::string_view front() const { return std::string_view{messages_.front().bytes}.substr(front_sent_); }
    void sent(std::size_t count);

    const std::deque<Message>& messages() const { return messages_; }
    std::size_t front_sent() const { return front_sent_; }
    void clear();

  private:
    void started(const Message& message);
    std::deque<Message> messages_;
    std::unordered_multiset<std::string> waiting_;  // events of which nothing was sent yet
    std::size_t front_sent_ = 0;
    std::size_t bytes_ = 0;
};

}  // namespace hvctld::store
