// One change of the tree, as transactions keep it until they commit and as the journal records it.
#pragma once

#include <string>

#include "store/node.hpp"

namespace hvctld::store {

enum class EffectKind : std::uint8_t { Create, SetValue, SetPermissions, Remove };

struct Effect {
    EffectKind kind = EffectKind::SetValue;
    std::string path;
    std::string value;               // Create, SetValue
    Ref<PermissionSet> permissions;  // Create, SetPermissions
};

}  // namespace hvctld::store
