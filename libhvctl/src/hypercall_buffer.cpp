#include "hvctl/hypercall_buffer.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "hvctl/types.hpp"

namespace hvctl {

namespace {

// Idle memory that a pool keeps. Locked and device pages are taken from the whole system, so not without bound.
constexpr std::size_t kMaxIdleMappings = 16;
constexpr std::size_t kMaxIdleBytes = 256 * kPageSize;

}  // namespace

HypercallBuffer::HypercallBuffer(HypercallBuffer&& other) noexcept
    : pool_{other.pool_}, memory_{std::move(other.memory_)} {}

HypercallBuffer& HypercallBuffer::operator=(HypercallBuffer&& other) noexcept {
    std::swap(pool_, other.pool_);
    memory_ = std::move(other.memory_);
    return *this;
}

HypercallBuffer::~HypercallBuffer() {
    if (memory_.data() != nullptr) pool_->give_back(std::move(memory_));
}

BufferPool BufferPool::for_this_kernel() {
    if (auto device = open_file("/dev/xen/hypercall", O_RDWR)) return BufferPool{Source::Device, std::move(*device)};
    return BufferPool{Source::Locked, UniqueFd{}};
}

BufferPool::BufferPool(BufferPool&& other) noexcept
    : device_{std::move(other.device_)}, source_{other.source_}, idle_{std::move(other.idle_)} {}

Result<Mapping> BufferPool::map(std::size_t size) const {
    if (source_ == Source::Ordinary) return Mapping::anonymous(size);
    if (source_ == Source::Device) {
        void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, device_.get(), 0);
        if (address == MAP_FAILED) {
            return std::unexpected(
                Error::from_errno(errno, "cannot map " + std::to_string(size) + " bytes of /dev/xen/hypercall"));
        }
        return Mapping{address, size};
    }
    auto memory = Mapping::anonymous(size);
    if (!memory) return memory;
    // A fork would share the pages copy-on-write and take them away from under a later hypercall.
    if (::mlock(memory->data(), size) != 0 || ::madvise(memory->data(), size, MADV_DONTFORK) != 0) {
        return std::unexpected(
            Error::from_errno(errno, "cannot lock " + std::to_string(size) + " bytes for a hypercall"));
    }
    return memory;
}

Result<HypercallBuffer> BufferPool::take(std::size_t size) {
    const std::size_t bytes = std::max<std::size_t>(pages_for(size), 1) * kPageSize;
    {
        const std::scoped_lock lock{mutex_};
        const auto fits = std::ranges::find(idle_, bytes, &Mapping::size);
        if (fits != idle_.end()) {
            HypercallBuffer buffer{*this, std::move(*fits)};
            idle_.erase(fits);
            return buffer;
        }
    }
    auto memory = map(bytes);
    if (!memory) return std::unexpected(std::move(memory).error());
    return HypercallBuffer{*this, std::move(*memory)};
}

void BufferPool::give_back(Mapping memory) {
    const std::scoped_lock lock{mutex_};
    idle_.push_back(std::move(memory));
    std::size_t bytes = 0;
    for (const Mapping& idle : idle_) bytes += idle.size();
    while (idle_.size() > kMaxIdleMappings || bytes > kMaxIdleBytes) {
        bytes -= idle_.front().size();
        idle_.erase(idle_.begin());
    }
}

}  // namespace hvctl
