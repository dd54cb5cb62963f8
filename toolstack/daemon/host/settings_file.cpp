#include "host/settings_file.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>

#include "base/files.hpp"
#include "config/yaml_tree.hpp"
#include "hvctl/try.hpp"

namespace hvctld::host {

namespace {

// Where there is no file, what says as much.
Result<std::string> settings_text(const std::string& path) {
    auto text = read_text_file(path, config::kMaxYamlBytes);
    if (!text && text.error().id() == ErrorId::FileMissing) return std::string{"{}\n"};
    return text;
}

Result<config::Settings> parsed(const std::string& text, const std::string& path) {
    config::Diagnostics diagnostics;
    config::Settings settings = config::parse_settings(text, path, diagnostics);
    if (diagnostics.failed()) return fail(ErrorId::DefinitionInvalid, diagnostics.text());
    return settings;
}

// Whole or as it was.
void keep(const std::string& text, const std::string& copy) {
    const std::string fresh = copy + ".new";
    std::ofstream file{fresh, std::ios::trunc};
    file << text;
    file.close();
    if (file) (void)std::rename(fresh.c_str(), copy.c_str());
}

}  // namespace

Result<config::Settings> read_settings(const std::string& path) {
    return parsed(TRY(settings_text(path)), path);
}

Result<SettingsInForce> settings_in_force(const std::string& path, const std::string& copy) {
    const auto text = settings_text(path);
    auto settings = text ? parsed(*text, path) : Result<config::Settings>{std::unexpected(text.error())};
    if (settings) {
        keep(*text, copy);
        return SettingsInForce{std::move(*settings), {}};
    }
    const auto before = read_text_file(copy, config::kMaxYamlBytes);
    auto last = before ? parsed(*before, copy) : Result<config::Settings>{std::unexpected(before.error())};
    if (!last) return std::unexpected(settings.error());
    return SettingsInForce{std::move(*last),
                           fmt::format("{}: the settings of hvctld's last start stay in force; mend the file, then "
                                       "'systemctl restart hvctld'",
                                       settings.error().text())};
}

}  // namespace hvctld::host
