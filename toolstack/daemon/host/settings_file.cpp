#include "host/settings_file.hpp"

#include "base/files.hpp"
#include "config/yaml_tree.hpp"

namespace hvctld::host {

Result<config::Settings> read_settings(const std::string& path) {
    const auto text = read_text_file(path, config::kMaxYamlBytes);
    if (!text && text.error().id() == ErrorId::FileMissing) return config::Settings{};
    if (!text) return std::unexpected(text.error());
    config::Diagnostics diagnostics;
    config::Settings settings = config::parse_settings(*text, path, diagnostics);
    if (diagnostics.failed()) return fail(ErrorId::DefinitionInvalid, diagnostics.text());
    return settings;
}

}  // namespace hvctld::host
