// A program in Dom0, connected to the socket. Its changes are journaled, itself is not: after a restart it connects
// anew.
#pragma once

#include <uv.h>

#include <functional>
#include <string>

#include "store/client.hpp"

namespace hvctld::store {

class SocketClient final : public WireClient {
  public:
    // Takes over an accepted pipe. `gone` is called when libuv is done with it; it destroys the client.
    SocketClient(Engine& engine, uv_pipe_t* pipe, std::function<void(SocketClient&)> gone);
    ~SocketClient() override;

    void start();
    void settle() override;
    void push() override;

  protected:
    void overflow() override;

  private:
    void close();
    void consume();  // requests from backlog_, as long as the client takes its output
    void take_requests();
    void write_later();
    static void on_allocate(uv_handle_t* handle, std::size_t suggested, uv_buf_t* buffer);
    static void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer);
    static void on_closed(uv_handle_t* handle);

    uv_pipe_t* pipe_;  // belongs to libuv until on_closed()
    std::function<void(SocketClient&)> gone_;
    std::string backlog_;
    bool reading_ = false;
    bool writing_ = false;  // libuv holds one message
    bool failing_ = false;
    bool closing_ = false;
};

}  // namespace hvctld::store
