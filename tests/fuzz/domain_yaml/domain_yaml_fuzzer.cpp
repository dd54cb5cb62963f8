// Any text as a domain file: the parser ends, and what it accepts survives a round through its normalised form.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/parser.hpp"
#include "config/settings.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace hvctld::config;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    Diagnostics settings_diagnostics;
    (void)parse_settings(text, "fuzz.yaml", settings_diagnostics);

    // The first line is an override as well, so that their path is walked, too.
    const std::vector<std::string> overrides{std::string{text.substr(0, text.find('\n'))}};
    Diagnostics override_diagnostics;
    (void)parse_definition(text, "fuzz.yaml", overrides, {}, override_diagnostics);

    Diagnostics diagnostics;
    const DomainDefinition definition = parse_definition(text, "fuzz.yaml", {}, {}, diagnostics);
    if (diagnostics.failed()) return 0;
    const std::string once = normalised(definition);
    Diagnostics again;
    const DomainDefinition second = parse_definition(once, "normalised", {}, {}, again);
    if (again.failed() || normalised(second) != once) std::abort();
    return 0;
}
