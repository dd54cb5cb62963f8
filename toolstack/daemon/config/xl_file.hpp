// Files for xl, Xen's tool: "key = value" lines in place of YAML. Many a host has some; what is in them is said in the
// language of domain files.
#pragma once

#include "config/source_text.hpp"

namespace hvctld::config {

// Whether the first line that says something is of the form "key = value".
bool looks_like_xl_file(const SourceText& file);

// An error for the file, and one with the line to write for each line whose meaning is known.
void explain_xl_file(const SourceText& file, Diagnostics& diagnostics);

// The key of a domain file that means what `key` does in a file for xl; empty if there is none, or if it is the same.
std::string_view key_for_xl(std::string_view key);

}  // namespace hvctld::config
