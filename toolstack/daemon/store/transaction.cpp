#include "store/transaction.hpp"

namespace hvctld::store {

namespace {
constexpr std::uint64_t kEntryBytes = 256;  // of a look or a change, besides its texts
}  // namespace

Transaction::~Transaction() {
    if (meter_) *meter_ -= held_;
}

void Transaction::charge_to(std::shared_ptr<std::uint64_t> meter, std::uint64_t snapshot) {
    meter_ = std::move(meter);
    hold(snapshot);
}

void Transaction::hold(std::uint64_t bytes) {
    held_ += bytes;
    if (meter_) *meter_ += bytes;
}

std::uint64_t Transaction::bytes_of_look(std::string_view path) const {
    return reads_.contains(std::string{path}) ? 0 : kEntryBytes + path.size();
}

// The path twice, for the effect and for finding it again; the value twice, for the effect and in the tree.
std::uint64_t Transaction::bytes_of(const Effect& effect) {
    return kEntryBytes + 2 * (effect.path.size() + effect.value.size());
}

void Transaction::looked_at(std::string_view path, Looked what) {
    hold(bytes_of_look(path));
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
                const std::size_t before = effects_[last.value].value.size();
                if (effect.value.size() > before) hold(2 * (effect.value.size() - before));
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
    hold(bytes_of(effect));
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
