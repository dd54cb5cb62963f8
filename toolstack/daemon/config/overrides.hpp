// "key=value" overrides, applied to a definition's tree before it is checked.
#pragma once

#include <span>
#include <string>

#include "config/yaml_tree.hpp"

namespace hvctld::config {

// A value is YAML in flow style ("256MiB", "[a, b]", "{target: xvda}"). A number in a dotted key is a place in a list;
// the place after the last one appends. Problems go to `diagnostics` under the override's own text.
void apply_overrides(YamlNode& root, std::span<const std::string> overrides, Diagnostics& diagnostics);

}  // namespace hvctld::config
