// A store alone on a socket, for tests with real clients: store_server SOCKET [JOURNAL_FOLDER]. Runs until its standard
// input ends.
#include <unistd.h>
#include <uv.h>

#include <cstdio>

#include "store/socket_server.hpp"
#include "store/store.hpp"

int main(int count, char** arguments) {
    using namespace hvctld::store;
    if (count < 2) {
        std::fputs("usage: store_server SOCKET [JOURNAL_FOLDER]\n", stderr);
        return 2;
    }
    StoreOptions options;
    if (count > 2) options.journal_directory = arguments[2];
    options.log = [](LogLevel, std::string_view text) {
        std::fprintf(stderr, "%.*s\n", static_cast<int>(text.size()), text.data());
    };
    auto store = Store::create(std::move(options));
    if (!store) {
        std::fprintf(stderr, "%s\n", store.error().c_str());
        return 1;
    }
    uv_loop_t loop;
    uv_loop_init(&loop);
    auto server = SocketServer::create(&loop, **store, arguments[1], ::getuid());
    if (!server) {
        std::fprintf(stderr, "%s\n", server.error().c_str());
        uv_run(&loop, UV_RUN_DEFAULT);
        uv_loop_close(&loop);
        return 1;
    }
    uv_pipe_t input;
    uv_pipe_init(&loop, &input, 0);
    uv_pipe_open(&input, STDIN_FILENO);
    uv_read_start(
        reinterpret_cast<uv_stream_t*>(&input),
        [](uv_handle_t*, std::size_t, uv_buf_t* buffer) {
            static char ignored[64];
            *buffer = uv_buf_init(ignored, sizeof ignored);
        },
        [](uv_stream_t* stream, ssize_t got, const uv_buf_t*) {
            if (got < 0) uv_stop(stream->loop);
        });
    std::puts("ready");
    std::fflush(stdout);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_close(reinterpret_cast<uv_handle_t*>(&input), nullptr);
    server->reset();
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : 1;
}
