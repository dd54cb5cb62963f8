// Reads one record of the store's journal and tells a RecordSink what it says; nothing in it is trusted.
#include "store/path.hpp"
#include "store/record.hpp"
#include "store/record_codec.hpp"

namespace hvctld::store {

namespace {

Permissions get_permissions(Decoder& decoder) {
    Permissions permissions;
    for (auto left = decoder.get<std::uint32_t>(); left > 0 && !decoder.failed(); --left) {
        const auto domain = decoder.get<DomainId>();
        permissions.push_back({domain, static_cast<Access>(decoder.get<std::uint8_t>() & 3)});
    }
    if (permissions.empty()) permissions.push_back({kDom0, Access::None});
    return permissions;
}

bool replay_effect(Decoder& decoder, RecordSink& sink) {
    Effect effect;
    const auto kind = decoder.get<std::uint8_t>();
    if (kind > static_cast<std::uint8_t>(EffectKind::Remove)) return false;
    effect.kind = static_cast<EffectKind>(kind);
    effect.path = decoder.text();
    const bool has_value = effect.kind == EffectKind::Create || effect.kind == EffectKind::SetValue;
    const bool has_permissions = effect.kind == EffectKind::Create || effect.kind == EffectKind::SetPermissions;
    if (has_value) effect.value = decoder.text();
    if (has_permissions) effect.permissions = Ref{new PermissionSet{get_permissions(decoder)}};
    if (decoder.failed() || !parse_path(effect.path, kDom0, SpecialPaths::Refused)) return false;
    sink.effect(effect);
    return true;
}

std::optional<Quota> get_quota(Decoder& decoder) {
    const auto raw = decoder.get<std::uint8_t>();
    if (raw >= kQuotaCount) return std::nullopt;
    return static_cast<Quota>(raw);
}

bool replay_quota(Decoder& decoder, RecordSink& sink, std::optional<DomainId> domain) {
    const auto quota = get_quota(decoder);
    const auto limit = decoder.get<std::uint32_t>();
    if (decoder.failed() || !quota) return false;
    if (domain) sink.domain_quota(*domain, *quota, limit);
    if (!domain) sink.default_quota(*quota, limit);
    return true;
}

bool replay_special(Decoder& decoder, RecordSink& sink) {
    const std::string name = decoder.text();
    const Permissions permissions = get_permissions(decoder);
    if (!decoder.failed()) sink.special_permissions(name, permissions);
    return !decoder.failed();
}

bool replay_watch(Decoder& decoder, RecordSink& sink, DomainId domain, bool added) {
    const std::string path = decoder.text();
    const std::string token = decoder.text();
    const auto prefix = added ? decoder.get<std::uint32_t>() : 0;
    if (decoder.failed() || prefix > path.size() || !parse_path(path, kDom0, SpecialPaths::Allowed)) return false;
    if (added) sink.watch_added(domain, path, token, prefix);
    if (!added) sink.watch_removed(domain, path, token);
    return true;
}

// Records that begin with a domain and consist of fixed fields or one string.
bool replay_domain_record(RecordType type, Decoder& decoder, RecordSink& sink, DomainId domain) {
    // Each arm reads everything before it delivers, so that a cut record has no effect.
    const auto deliver = [&](auto&& call) {
        if (!decoder.failed()) call();
        return !decoder.failed();
    };
    switch (type) {
        case RecordType::DomainIntroduced: {
            const auto gfn = decoder.get<std::uint64_t>();
            const auto port = decoder.get<std::uint32_t>();
            return deliver([&] { sink.domain_introduced(domain, gfn, port); });
        }
        case RecordType::DomainReleased: return deliver([&] { sink.domain_released(domain); });
        case RecordType::TargetSet: {
            const auto target = decoder.get<DomainId>();
            return deliver([&] { sink.target_set(domain, target); });
        }
        case RecordType::DomainQuota: return replay_quota(decoder, sink, domain);
        case RecordType::WatchAdded: return replay_watch(decoder, sink, domain, true);
        case RecordType::WatchRemoved: return replay_watch(decoder, sink, domain, false);
        case RecordType::TransactionStarted:
        case RecordType::TransactionEnded:
        case RecordType::TransactionCounter: {
            const auto id = decoder.get<TransactionId>();
            return deliver([&] {
                if (type == RecordType::TransactionStarted) sink.transaction_started(domain, id);
                if (type == RecordType::TransactionEnded) sink.transaction_ended(domain, id);
                if (type == RecordType::TransactionCounter) sink.transaction_counter(domain, id);
            });
        }
        case RecordType::ClientReset: return deliver([&] { sink.client_reset(domain); });
        case RecordType::RingPositions: {
            const auto consumer = decoder.get<std::uint32_t>();
            const auto producer = decoder.get<std::uint32_t>();
            return deliver([&] { sink.ring_positions(domain, consumer, producer); });
        }
        case RecordType::RingInput: {
            const auto consumer = decoder.get<std::uint32_t>();
            const std::string partial = decoder.text();
            return deliver([&] { sink.ring_input(domain, consumer, partial); });
        }
        case RecordType::RingOutput: {
            OutputQueue::Message message;
            message.event = decoder.get<std::uint8_t>() != 0;
            message.bytes = decoder.text();
            return deliver([&] { sink.ring_output(domain, message); });
        }
        case RecordType::RingProgress: {
            const auto producer = decoder.get<std::uint32_t>();
            return deliver([&] { sink.ring_progress(domain, producer); });
        }
        case RecordType::RingBroken: {
            const auto error = decoder.get<std::uint32_t>();
            return deliver([&] { sink.ring_broken(domain, static_cast<RingError>(error)); });
        }
        case RecordType::Effect:
        case RecordType::SpecialPermissions:
        case RecordType::DefaultQuota: break;
    }
    return false;
}

}  // namespace

bool replay_records(std::string_view bytes, RecordSink& sink) {
    Decoder decoder{bytes};
    while (!decoder.done()) {
        const auto type = static_cast<RecordType>(decoder.get<std::uint8_t>());
        bool good = false;
        if (type == RecordType::Effect) {
            good = replay_effect(decoder, sink);
        } else if (type == RecordType::SpecialPermissions) {
            good = replay_special(decoder, sink);
        } else if (type == RecordType::DefaultQuota) {
            good = replay_quota(decoder, sink, std::nullopt);
        } else {
            const auto domain = decoder.get<DomainId>();
            good = replay_domain_record(type, decoder, sink, domain);
        }
        if (!good) return false;
    }
    return true;
}

}  // namespace hvctld::store
