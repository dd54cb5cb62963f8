#include "store/record.hpp"

#include "store/record_codec.hpp"

namespace hvctld::store {

namespace {

void put_permissions(Encoder& encoder, const Permissions& permissions) {
    encoder.put(static_cast<std::uint32_t>(permissions.size()));
    for (const PermissionEntry& entry : permissions) encoder.put(entry.domain).put(entry.access);
}

}  // namespace

void RecordWriter::effect(const Effect& effect) {
    Encoder encoder{buffer_, RecordType::Effect};
    encoder.put(effect.kind).put(effect.path);
    switch (effect.kind) {
        case EffectKind::Create:
            encoder.put(effect.value);
            put_permissions(encoder, effect.permissions->entries);
            return;
        case EffectKind::SetValue: encoder.put(effect.value); return;
        case EffectKind::SetPermissions: put_permissions(encoder, effect.permissions->entries); return;
        case EffectKind::Remove: return;
    }
}

void RecordWriter::special_permissions(const std::string& name, const Permissions& permissions) {
    Encoder encoder{buffer_, RecordType::SpecialPermissions};
    put_permissions(encoder.put(name), permissions);
}

void RecordWriter::domain_introduced(DomainId domain, std::uint64_t gfn, std::uint32_t port) {
    Encoder{buffer_, RecordType::DomainIntroduced}.put(domain).put(gfn).put(port);
}

void RecordWriter::domain_released(DomainId domain) {
    Encoder{buffer_, RecordType::DomainReleased}.put(domain);
}

void RecordWriter::target_set(DomainId domain, DomainId target) {
    Encoder{buffer_, RecordType::TargetSet}.put(domain).put(target);
}

void RecordWriter::default_quota(Quota quota, std::uint32_t limit) {
    Encoder{buffer_, RecordType::DefaultQuota}.put(quota).put(limit);
}

void RecordWriter::domain_quota(DomainId domain, Quota quota, std::uint32_t limit) {
    Encoder{buffer_, RecordType::DomainQuota}.put(domain).put(quota).put(limit);
}

void RecordWriter::watch_added(DomainId domain, const std::string& path, const std::string& token,
                               std::uint32_t relative_prefix) {
    Encoder{buffer_, RecordType::WatchAdded}.put(domain).put(path).put(token).put(relative_prefix);
}

void RecordWriter::watch_removed(DomainId domain, const std::string& path, const std::string& token) {
    Encoder{buffer_, RecordType::WatchRemoved}.put(domain).put(path).put(token);
}

void RecordWriter::transaction_started(DomainId domain, TransactionId id) {
    Encoder{buffer_, RecordType::TransactionStarted}.put(domain).put(id);
}

void RecordWriter::transaction_ended(DomainId domain, TransactionId id) {
    Encoder{buffer_, RecordType::TransactionEnded}.put(domain).put(id);
}

void RecordWriter::transaction_counter(DomainId domain, TransactionId last) {
    Encoder{buffer_, RecordType::TransactionCounter}.put(domain).put(last);
}

void RecordWriter::client_reset(DomainId domain) {
    Encoder{buffer_, RecordType::ClientReset}.put(domain);
}

void RecordWriter::ring_positions(DomainId domain, std::uint32_t request_consumer, std::uint32_t response_producer) {
    Encoder{buffer_, RecordType::RingPositions}.put(domain).put(request_consumer).put(response_producer);
}

void RecordWriter::ring_input(DomainId domain, std::uint32_t request_consumer, const std::string& partial) {
    Encoder{buffer_, RecordType::RingInput}.put(domain).put(request_consumer).put(partial);
}

void RecordWriter::ring_output(DomainId domain, const OutputQueue::Message& message) {
    Encoder{buffer_, RecordType::RingOutput}.put(domain).put(message.event).put(message.bytes);
}

void RecordWriter::ring_progress(DomainId domain, std::uint32_t response_producer) {
    Encoder{buffer_, RecordType::RingProgress}.put(domain).put(response_producer);
}

void RecordWriter::ring_broken(DomainId domain, RingError error) {
    Encoder{buffer_, RecordType::RingBroken}.put(domain).put(error);
}

}  // namespace hvctld::store
