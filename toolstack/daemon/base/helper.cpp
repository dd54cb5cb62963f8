#include "base/helper.hpp"

#include <fmt/format.h>

#include <csignal>
#include <filesystem>
#include <system_error>

#include "base/units.hpp"
#include "hvctl/try.hpp"

namespace hvctld {

Helper::Helper(const HelperKind& kind, const std::string& name)
    : unit_{fmt::format("{}@{}.service", kind.unit, escape_unit_name(name))},
      folder_{fmt::format("{}/{}", kind.folders, name)} {}

std::vector<std::string> Helper::names(const HelperKind& kind) {
    namespace fs = std::filesystem;
    std::vector<std::string> names;
    std::error_code problem;
    for (fs::directory_iterator entry{kind.folders, problem}, end; !problem && entry != end; entry.increment(problem))
        names.push_back(entry->path().filename());
    return names;
}

Result<void> Helper::start() const {
    return start_unit(unit_);
}

Result<void> Helper::restart() const {
    return restart_unit(unit_);
}

Result<void> Helper::run() const {
    return run_unit(unit_);
}

Result<bool> Helper::runs() const {
    return unit_runs(unit_);
}

Result<pid_t> Helper::process() const {
    return unit_process(unit_);
}

Result<void> Helper::signal(int number) const {
    return signal_unit(unit_, number);
}

Result<void> Helper::stop() const {
    return stop_unit(unit_);
}

Result<void> Helper::ask_to_stop() const {
    return ask_unit_to_stop(unit_);
}

Result<void> Helper::kill() const {
    TRY(signal(SIGKILL));
    return stop();
}

void Helper::forget() const {
    std::error_code problem;
    std::filesystem::remove_all(folder_, problem);
}

}  // namespace hvctld
