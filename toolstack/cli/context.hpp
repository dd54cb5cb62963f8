// What a verb works with: the global options, the terminal and, once it asks, the connection to hvctld.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include "app.hpp"
#include "bus/manager.hpp"
#include "terminal.hpp"

namespace hvctl::cli {

class Context {
  public:
    Globals globals;
    Terminal out;  // standard output
    Terminal err;  // standard error

    // Looks at the streams; call it once the global options are known.
    void look_at_terminals();

    // Connects at the first call. A hvctld that is just being started again is waited for as long as kPatience.
    Result<Manager*> manager();
    // The same without waiting, for use while the user types.
    Result<Manager*> manager_at_once();

    // Connects anew, after the connection was lost; tries for as long as `patience`, since hvctld may be restarting,
    // and while `goes_on`.
    static constexpr std::chrono::seconds kPatience{10};
    Result<Manager*> reconnect(std::chrono::seconds patience = kPatience, const std::function<bool()>& goes_on = {});

  private:
    std::unique_ptr<Manager> manager_;
};

// Standard output, checked when the program ends (finish_output).
void print(std::string_view text);
// One line on standard error.
void warn(std::string_view message);
// Flushes standard output; a full disk, a closed descriptor or a pipe without reader is a failure, not silence.
Result<void> finish_output();
// What a failed write to standard output means; nothing is said about a reader that has gone.
std::unexpected<Failure> output_failure(int error);

}  // namespace hvctl::cli
