#include "store/socket_client.hpp"

#include <algorithm>

#include "store/engine.hpp"
#include "store/requests.hpp"

namespace hvctld::store {

namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
char read_buffer[kReadBytes];  // one loop, one thread: used from allocation to on_read() only

struct PendingWrite {
    uv_write_t request;
    std::string bytes;
};

uv_stream_t* as_stream(uv_pipe_t* pipe) {
    return reinterpret_cast<uv_stream_t*>(pipe);
}
uv_handle_t* as_handle(uv_pipe_t* pipe) {
    return reinterpret_cast<uv_handle_t*>(pipe);
}

uv_buf_t as_buffer(std::string_view bytes) {
    return uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
}

}  // namespace

SocketClient::SocketClient(Engine& engine, uv_pipe_t* pipe, std::function<void(SocketClient&)> gone)
    : WireClient(engine, Actor{kDom0, std::nullopt}), pipe_(pipe), gone_(std::move(gone)) {
    pipe_->data = this;
}

SocketClient::~SocketClient() {
    close();
    if (pipe_ != nullptr) pipe_->data = nullptr;  // libuv may finish after us
}

void SocketClient::start() {
    reading_ = uv_read_start(as_stream(pipe_), on_allocate, on_read) == 0;
}

void SocketClient::close() {
    if (std::exchange(closing_, true)) return;
    forget_everything();
    output_.clear();
    uv_close(as_handle(pipe_), on_closed);
}

void SocketClient::on_closed(uv_handle_t* handle) {
    if (auto* const client = static_cast<SocketClient*>(handle->data)) {
        client->pipe_ = nullptr;
        client->gone_(*client);
    }
    delete reinterpret_cast<uv_pipe_t*>(handle);
}

void SocketClient::on_allocate(uv_handle_t*, std::size_t, uv_buf_t* buffer) {
    *buffer = uv_buf_init(read_buffer, sizeof read_buffer);
}

void SocketClient::on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
    auto* const client = static_cast<SocketClient*>(stream->data);
    if (client == nullptr || client->closing_ || count == 0) return;
    if (count < 0) return client->close();
    client->backlog_.append(buffer->base, static_cast<std::size_t>(count));
    client->consume();
}

void SocketClient::take_requests() {
    std::size_t used = 0;
    while (used < backlog_.size() && output_.bytes() <= kHoldBytes && !failing_) {
        const std::size_t count = std::min(input_.wanted(), backlog_.size() - used);
        const bool complete = input_.append(std::string_view{backlog_}.substr(used, count));
        used += count;
        if (complete) handle_request(engine_, *this, input_.take());
        if (input_.oversize()) failing_ = true;
    }
    backlog_.erase(0, used);
    engine_.mark_dirty(*this);
}

void SocketClient::consume() {
    do {
        const Engine::Step step{engine_};  // its end sends the replies
        take_requests();
    } while (!closing_ && !backlog_.empty() && output_.bytes() <= kHoldBytes);
    if (closing_) return;
    const bool read = backlog_.empty() && output_.bytes() <= kHoldBytes;
    if (read == reading_) return;
    reading_ = read;
    if (read) uv_read_start(as_stream(pipe_), on_allocate, on_read);
    if (!read) uv_read_stop(as_stream(pipe_));
}

void SocketClient::overflow() {
    failing_ = true;
    engine_.mark_dirty(*this);
}

void SocketClient::settle() {
    if (failing_) close();
}

void SocketClient::write_later() {
    auto* const write = new PendingWrite{{}, std::string{output_.front()}};
    output_.sent(write->bytes.size());
    write->request.data = write;
    const uv_buf_t buffer = as_buffer(write->bytes);
    writing_ = true;
    const auto done = [](uv_write_t* request, int status) {
        auto* const client = static_cast<SocketClient*>(request->handle->data);
        delete static_cast<PendingWrite*>(request->data);
        if (client == nullptr || client->closing_) return;
        client->writing_ = false;
        if (status < 0) return client->close();
        client->push();
        client->consume();
    };
    if (uv_write(&write->request, as_stream(pipe_), &buffer, 1, done) != 0) {
        delete write;
        overflow();
    }
}

void SocketClient::push() {
    while (!closing_ && !failing_ && !writing_ && !output_.empty()) {
        const uv_buf_t buffer = as_buffer(output_.front());
        const int sent = uv_try_write(as_stream(pipe_), &buffer, 1);
        if (sent > 0) {
            output_.sent(static_cast<std::size_t>(sent));
        } else if (sent == UV_EAGAIN || sent == 0) {
            write_later();
        } else {
            overflow();  // the peer is gone
        }
    }
}

}  // namespace hvctld::store
