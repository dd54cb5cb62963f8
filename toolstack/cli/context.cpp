#include "context.hpp"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include "bus/service.hpp"

namespace hvctl::cli {

void Context::look_at_terminals() {
    out = Terminal::of(STDOUT_FILENO, !globals.no_colour);
    err = Terminal::of(STDERR_FILENO, !globals.no_colour);
}

Result<Manager*> Context::manager() {
    auto connected = manager_at_once();
    if (connected || connected.error().code != ExitCode::Unreachable || !Connection::is_default(globals.bus) ||
        !service_is_coming())
        return connected;
    return reconnect(kPatience, service_is_coming);
}

Result<Manager*> Context::manager_at_once() {
    if (!manager_) manager_ = std::make_unique<Manager>(TRY(Connection::open(globals.bus)));
    return manager_.get();
}

Result<Manager*> Context::reconnect(std::chrono::seconds patience, const std::function<bool()>& goes_on) {
    using namespace std::chrono_literals;
    const auto until = std::chrono::steady_clock::now() + patience;
    for (;;) {
        manager_.reset();
        auto connected = manager_at_once();
        if (connected || std::chrono::steady_clock::now() >= until || (goes_on && !goes_on())) return connected;
        std::this_thread::sleep_for(250ms);
    }
}

namespace {

int first_output_error = 0;  // errno; later ones are its consequences

void flush_output() {
    if (std::fflush(stdout) != 0 && first_output_error == 0) first_output_error = errno;
}

}  // namespace

void print(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) < text.size() && first_output_error == 0)
        first_output_error = errno;
}

void warn(std::string_view message) {
    flush_output();
    std::string line = "hvctl: " + safe_for_terminal(message) + '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
}

Result<void> finish_output() {
    flush_output();
    return first_output_error == 0 ? Result<void>{} : output_failure(first_output_error);
}

std::unexpected<Failure> output_failure(int error) {
    if (error == EPIPE) return fail(ExitCode::OutputClosed, "");
    return fail(ExitCode::Failed, std::string("cannot write the output: ") + std::strerror(error));
}

}  // namespace hvctl::cli
