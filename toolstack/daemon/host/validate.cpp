#include "host/validate.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/files.hpp"
#include "config/yaml_tree.hpp"
#include "domain/check_definition.hpp"
#include "host/settings_file.hpp"
#include "hvctl/try.hpp"

namespace hvctld::host {
namespace {

// One byte more than is taken tells a file that is too large.
constexpr std::size_t kMostBytes = config::kMaxYamlBytes + 1;

Result<std::string> read_standard_input() {
    std::string text;
    std::array<char, 16384> buffer{};
    while (text.size() < kMostBytes) {
        const ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno(errno, "standard input");
        if (got == 0) break;
        text.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return text;
}

Result<Validation> check(const std::string& path, const std::string& name, const config::DomainDefaults& defaults) {
    const std::string text =
        path == "-" ? TRY(read_standard_input()) : TRY(read_text_file(path, config::kMaxYamlBytes));
    return validate_definition(text, name, {}, defaults);
}

}  // namespace

int validate(const std::string& path, const std::string& name, const std::string& settings_path) {
    config::DomainDefaults defaults;
    if (const auto settings = read_settings(settings_path)) {
        defaults = settings->defaults;
    } else {
        std::fprintf(stderr, "warning: the host's defaults are not looked at: %s\n", settings.error().text().c_str());
    }
    const auto validation = check(path, name, defaults);
    if (!validation) {
        std::fprintf(stderr, "%s\n", validation.error().text().c_str());
        return 1;
    }
    for (const std::string& warning : validation->warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
    std::printf("%s\n", validation->normalised.c_str());
    return std::fflush(stdout) == 0 ? 0 : 1;
}

}  // namespace hvctld::host
