#include "devices/block/qmp.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>

#include "devices/block/unix_socket.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

constexpr std::chrono::seconds kPatience{10};
constexpr std::size_t kLongestLine = 64 * 1024;

std::string text_in(const nlohmann::json& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

using Time = std::chrono::steady_clock::time_point;

Result<nlohmann::json> read_line(int socket, Time deadline) {
    std::string line;
    for (char c = 0; line.size() < kLongestLine && std::chrono::steady_clock::now() < deadline;) {
        const ssize_t got = recv(socket, &c, 1, 0);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (got < 0) return fail_errno(errno, "the image's server");
        if (got == 0) break;
        if (c != '\n') {
            line += c;
            continue;
        }
        auto parsed = nlohmann::json::parse(line, nullptr, false);
        if (parsed.is_object()) return parsed;
        break;
    }
    return fail(ErrorId::BackendFailed, "the image's server does not answer as QEMU does");
}

Result<void> run(int socket, const std::string& command, const nlohmann::json& arguments, Time deadline) {
    const std::string line = nlohmann::json{{"execute", command}, {"arguments", arguments}}.dump() + "\n";
    if (send(socket, line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
        return fail_errno(errno, "the image's server");
    constexpr int kMostEvents = 100;
    for (int events = 0; events < kMostEvents; ++events) {
        const nlohmann::json answer = TRY(read_line(socket, deadline));
        if (answer.contains("return")) return {};
        const auto error = answer.find("error");
        if (error == answer.end()) continue;
        return fail(ErrorId::BackendFailed,
                    fmt::format("the image's server says: {}", printable(text_in(*error, "desc"))));
    }
    return fail(ErrorId::BackendFailed, "the image's server does not answer");
}

}  // namespace

Result<void> qmp_command(const std::string& socket_path, const std::string& command, const nlohmann::json& arguments) {
    const UniqueFd socket = TRY(connect_unix(socket_path));
    const Time deadline = std::chrono::steady_clock::now() + kPatience;
    TRY(read_line(socket.get(), deadline));  // its greeting
    TRY(run(socket.get(), "qmp_capabilities", nlohmann::json::object(), deadline));
    return run(socket.get(), command, arguments, deadline);
}

}  // namespace hvctld
