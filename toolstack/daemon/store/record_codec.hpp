// Encoding of records: a type byte, then fields in a fixed order, integers in the machine's order (a journal never
// leaves the machine it was written on), strings and lists with their length before them.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace hvctld::store {

enum class RecordType : std::uint8_t {
    Effect = 1,
    SpecialPermissions,
    DomainIntroduced,
    DomainReleased,
    TargetSet,
    DefaultQuota,
    DomainQuota,
    WatchAdded,
    WatchRemoved,
    TransactionStarted,
    TransactionEnded,
    TransactionCounter,
    ClientReset,
    RingPositions,
    RingInput,
    RingOutput,
    RingProgress,
    RingBroken,
};

class Encoder {
  public:
    explicit Encoder(std::string& out, RecordType type) : out_(out) { put(type); }
    template <class T>
    requires std::is_trivially_copyable_v<T> Encoder& put(T value) {
        char bytes[sizeof value];
        std::memcpy(bytes, &value, sizeof value);
        out_.append(bytes, sizeof value);
        return *this;
    }
    Encoder& put(const std::string& text) {
        put(static_cast<std::uint32_t>(text.size()));
        out_ += text;
        return *this;
    }

  private:
    std::string& out_;
};

// After a failed get() every further one fails too and yields zeros.
class Decoder {
  public:
    explicit Decoder(std::string_view bytes) : rest_(bytes) {}
    bool done() const { return rest_.empty(); }
    bool failed() const { return failed_; }

    template <class T>
    requires std::is_trivially_copyable_v<T> T get() {
        T value{};
        if (const std::string_view bytes = take(sizeof value); !bytes.empty()) {
            std::memcpy(&value, bytes.data(), sizeof value);
        }
        return value;
    }
    std::string text() { return std::string{take(get<std::uint32_t>())}; }

  private:
    std::string_view take(std::size_t count) {
        if (failed_ || count > rest_.size()) {
            failed_ = true;
            return {};
        }
        const std::string_view bytes = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return bytes;
    }
    std::string_view rest_;
    bool failed_ = false;
};

}  // namespace hvctld::store
