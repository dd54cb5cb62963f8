// What to say when a file is not YAML: where the mistake is and what to do, in place of the parser's own words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/source_text.hpp"

namespace hvctld::config {

// A "[" or "{" that is open where the parser gave up.
struct OpenBracket {
    Position position;
    char sign = '[';
};

// `words` and `where` are the parser's.
void explain_yaml_error(const SourceText& file, const std::string& words, const Position& where,
                        const std::optional<OpenBracket>& open, Diagnostics& diagnostics);

// What begins at `where` comes after the end of the document.
void explain_second_document(const SourceText& file, const Position& where, Diagnostics& diagnostics);

// The document is one plain value instead of a map.
void explain_plain_text(const SourceText& file, const Position& where, std::string_view what, Diagnostics& diagnostics);

// Whether the quotes that open a scalar at `where` are closed somewhere; true also if there are none.
bool quotes_close(const SourceText& file, const Position& where);

}  // namespace hvctld::config
