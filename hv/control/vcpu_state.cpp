// Goes on counting when the buffer is full, so that one call tells the caller how much room it needs.
#include "hv/control/vcpu_state.hpp"

namespace hv {

void VcpuStateWriter::write(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    if (written_ && size_ + bytes.size() <= capacity_)
        written_ = copy_to_guest(buffer_ + size_, bytes.data(), bytes.size());
    size_ += bytes.size();
}

void VcpuStateWriter::add(abi::control::VcpuRecordKind kind, std::span<const std::byte> contents,
                          std::span<const std::byte> more) {
    constexpr std::byte kZeros[8]{};
    const std::uint64_t end = size_ + abi::control::vcpu_record_size(contents.size() + more.size());
    const abi::control::VcpuRecord record{.kind = static_cast<std::uint32_t>(kind),
                                          .version = abi::control::kVcpuRecordVersion,
                                          .reserved = 0,
                                          .length = contents.size() + more.size()};
    write(std::as_bytes(std::span{&record, 1}));
    write(contents);
    write(more);
    write(std::span{kZeros}.first(end - size_));
}

Result<> VcpuStateWriter::outcome() const {
    TRY(written_);
    if (size_ > capacity_) return fail(Error::NoBuffer);
    return {};
}

}  // namespace hv
