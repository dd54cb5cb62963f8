#include "domain/check_definition.hpp"

#include <fmt/format.h>

#include "domain/guest_kind.hpp"
#include "hvctl/try.hpp"

namespace hvctld {

Result<config::DomainDefinition> read_definition(const std::string& text, const std::string& source,
                                                 std::span<const std::string> overrides,
                                                 const config::DomainDefaults& defaults,
                                                 std::vector<std::string>& warnings) {
    config::Diagnostics diagnostics;
    auto definition = config::parse_definition(text, source, overrides, defaults, diagnostics);
    if (diagnostics.failed()) return fail(ErrorId::DefinitionInvalid, diagnostics.text());
    warnings = diagnostics.warnings();
    return definition;
}

Result<void> check_served(const config::DomainDefinition& definition) {
    if (guest_kind(definition.type) == nullptr) {
        return fail(ErrorId::NotInThisVersion, fmt::format("{}: type {} is not available yet; write type: pv",
                                                           definition.name, to_string(definition.type)));
    }
    return {};
}

Result<Validation> validate_definition(const std::string& text, const std::string& source,
                                       std::span<const std::string> overrides, const config::DomainDefaults& defaults) {
    Validation validation;
    const auto definition = TRY(read_definition(text, source, overrides, defaults, validation.warnings));
    if (const auto served = check_served(definition); !served)
        validation.warnings.push_back(served.error().message() + ". 'hvctl create' refuses it until then");
    validation.normalised = normalised(definition);
    return validation;
}

}  // namespace hvctld
