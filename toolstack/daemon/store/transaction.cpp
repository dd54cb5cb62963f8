#include "store/transaction.hpp"

namespace hvctld::store {

void Transaction::looked_at(std::string_view path, Looked what) {
    reads_[std::string{path}] |= static_cast<std::uint8_t>(what);
}

void Transaction::changed(Effect effect) {
    LastEffects& last = last_[effect.path];
    const std::size_t next = effects_.size();
    switch (effect.kind) {
        case EffectKind::Create: last = {next, next}; break;
        case EffectKind::Remove: last = {}; break;
        case EffectKind::SetValue:
            if (last.value != LastEffects::kNone) {
                effects_[last.value].value = std::move(effect.value);
                return;
            }
            last.value = next;
            break;
        case EffectKind::SetPermissions:
            // Not folded into a creation: children created in between inherited what held then.
            if (last.permissions != LastEffects::kNone && last.permissions + 1 == next &&
                effects_[last.permissions].kind == EffectKind::SetPermissions) {
                effects_[last.permissions].permissions = std::move(effect.permissions);
                return;
            }
            last.permissions = next;
            break;
    }
    effects_.push_back(std::move(effect));
}

bool Transaction::fits(const Tree& now) const {
    if (doomed_) return false;
    if (now.same_as(base_)) return true;
    for (const auto& [path, looked] : reads_) {
        const Node* const then = base_.find(path);
        const Node* const today = now.find(path);
        if (then == today) continue;
        if (then == nullptr || today == nullptr) return false;
        if (then->permissions_generation != today->permissions_generation) return false;
        const bool value = (looked & static_cast<std::uint8_t>(Looked::Value)) != 0;
        if (value && then->value_generation != today->value_generation) return false;
        const bool children = (looked & static_cast<std::uint8_t>(Looked::Children)) != 0;
        if (children && then->children_generation != today->children_generation) return false;
    }
    return true;
}

void Transaction::doom(const Tree& now) {
    doomed_ = true;
    base_ = now;
    tree_ = now;
    reads_.clear();
    effects_.clear();
    last_.clear();
    node_delta_.clear();
}

}  // namespace hvctld::store
