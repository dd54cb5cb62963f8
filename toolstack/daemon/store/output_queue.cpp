#include "store/output_queue.hpp"

#include <algorithm>

namespace hvctld::store {

bool OutputQueue::push_event(std::string bytes, bool even_if_waiting) {
    if (!even_if_waiting && waiting_.contains(bytes)) return false;
    push({std::move(bytes), true});
    return true;
}

void OutputQueue::push(Message message) {
    bytes_ += message.bytes.size();
    if (message.event) waiting_.insert(message.bytes);
    messages_.push_back(std::move(message));
}

void OutputQueue::started(const Message& message) {
    if (!message.event) return;
    if (const auto found = waiting_.find(message.bytes); found != waiting_.end()) waiting_.erase(found);
}

void OutputQueue::sent(std::size_t count) {
    while (count > 0) {
        const Message& message = messages_.front();
        if (front_sent_ == 0) started(message);
        const std::size_t step = std::min(count, message.bytes.size() - front_sent_);
        count -= step;
        front_sent_ += step;
        if (front_sent_ < message.bytes.size()) return;
        bytes_ -= message.bytes.size();
        front_sent_ = 0;
        messages_.pop_front();
    }
}

void OutputQueue::clear() {
    messages_.clear();
    waiting_.clear();
    front_sent_ = 0;
    bytes_ = 0;
}

}  // namespace hvctld::store
