// The table's pages: shared, status and active entries.
#include "hv/domain/grant/table.hpp"

#include <algorithm>
#include <utility>

#include "hv/base/nospec.hpp"
#include "hv/domain/domain.hpp"
#include "hv/machine/preemption.hpp"

namespace hv {

namespace {

constexpr std::uint32_t kEntriesV1 = kPageSize / sizeof(abi::xen::GrantEntryV1);
constexpr std::uint32_t kEntriesV2 = kPageSize / sizeof(abi::xen::GrantEntryV2);

}  // namespace

Result<> GrantTable::init(Domain& domain, const GrantLimits& limits) {
    if (limits.max_version > 2) return fail(Error::BadArgument);
    domain_ = &domain;
    max_frames_ = limits.max_frames == 0 ? kDefaultMaxFrames : limits.max_frames;
    max_version_ = limits.max_version == 0 ? 2 : limits.max_version;
    maptrack.init(domain.max_vcpus, limits.max_maptrack_frames);
    return {};
}

GrantTable::~GrantTable() {
    destroy();
}

void GrantTable::destroy() {
    while (frames_ > 0) free_last_frame();
    free_status();
    shared_.reset();
    status_.reset();
    capacity_ = 0;
}

void GrantTable::free_last_frame() {
    SharedFrame& last = shared_[--frames_];
    if (unclear_ > 0) --unclear_;
    for (ActiveGrant*& chunk : last.active) {
        for (std::uint32_t i = 0; chunk && i < kActivePerChunk; ++i)
            if (chunk[i].pinned()) --pinned_;
        delete[] std::exchange(chunk, nullptr);
    }
    last.page.free();
}

void GrantTable::free_status() {
    while (status_frames_ > 0) status_[--status_frames_].free();
}

std::uint32_t GrantTable::entries_per_frame() const {
    return version_ == 1 ? kEntriesV1 : kEntriesV2;
}

std::uint32_t GrantTable::entries() const {
    return (frames_ - unclear_) * entries_per_frame();
}

Result<> GrantTable::reserve_frames(std::uint32_t frames) {
    if (frames <= capacity_) return {};
    const std::uint32_t capacity = std::min(std::max({frames, capacity_ * 2, 4u}), max_frames_);
    OwnPtr<SharedFrame[]> shared{new (std::nothrow) SharedFrame[capacity]};
    OwnPtr<SharedPage[]> status{new (std::nothrow) SharedPage[status_frames_for(capacity)]};
    if (!shared || !status) return fail(Error::NoMemory);
    std::move(shared_.get(), shared_.get() + frames_, shared.get());
    std::move(status_.get(), status_.get() + status_frames_, status.get());
    shared_ = std::move(shared);
    status_ = std::move(status);
    capacity_ = capacity;
    return {};
}

Result<> GrantTable::grow_status() {
    while (status_frames_ < status_frames_for(frames_)) {
        status_[status_frames_] = TRY(SharedPage::allocate(*domain_));
        ++status_frames_;
    }
    return {};
}

Result<> GrantTable::grow_locked(std::uint32_t frames) {
    if (frames > max_frames_) return fail(Error::BadArgument);
    if (frames <= frames_) return {};
    if (unclear_ != 0) return fail(Error::Busy);
    if (domain_->dying.load(std::memory_order_relaxed) != Dying::Alive) return fail(Error::NoDomain);
    TRY(reserve_frames(frames));
    while (frames_ < frames) {
        shared_[frames_].page = TRY(SharedPage::allocate(*domain_));
        ++frames_;
        // Status entries come with the entries that they belong to.
        if (version_ == 2) {
            if (Result<> grown = grow_status(); !grown) {
                shared_[--frames_].page.free();
                return grown;
            }
        }
    }
    return {};
}

Result<> GrantTable::grow(std::uint32_t frames) {
    Guard guard{lock_};
    return grow_locked(frames);
}

Result<Mfn> GrantTable::frame(std::uint32_t index, bool status) {
    for (;;) {
        Guard guard{lock_};
        if (status && version_ != 2) return fail(Error::BadArgument);
        if (index >= (status ? status_frames_for(max_frames_) : max_frames_)) return fail(Error::BadArgument);
        const std::uint32_t wanted = status ? index * kFramesPerStatusFrame + 1 : index + 1;
        if (frames_ >= wanted) {
            index = index_nospec(index, status ? status_frames_for(frames_) : frames_);
            return status ? status_[index].frame() : shared_[index].page.frame();
        }
        TRY(grow_locked(frames_ + 1));
        if (frames_ < wanted && preemption_needed()) return fail(Error::Restart);
    }
}

std::uint32_t GrantTable::frame_count() {
    Guard guard{lock_};
    return std::max(frames_, 1u);  // the first page comes when it is asked for; to the guest it was always there
}

std::uint32_t GrantTable::status_frame_count() {
    Guard guard{lock_};
    return version_ == 2 ? status_frames_ : 0;
}

std::uint32_t GrantTable::version() {
    Guard guard{lock_};
    return version_;
}

ActiveGrant* GrantTable::find_active(GrantRef ref) const {
    ref = index_nospec(ref, std::uint64_t{frames_} * entries_per_frame());
    const std::uint32_t index = ref.raw % entries_per_frame();
    ActiveGrant* chunk = shared_[ref.raw / entries_per_frame()].active[index / kActivePerChunk];
    return chunk ? &chunk[index % kActivePerChunk] : nullptr;
}

Result<ActiveGrant*> GrantTable::ensure_active(GrantRef ref) {
    ref = index_nospec(ref, std::uint64_t{frames_} * entries_per_frame());
    const std::uint32_t index = ref.raw % entries_per_frame();
    ActiveGrant*& chunk = shared_[ref.raw / entries_per_frame()].active[index / kActivePerChunk];
    if (!chunk) {
        chunk = new (std::nothrow) ActiveGrant[kActivePerChunk];
        if (!chunk) return fail(Error::NoMemory);
    }
    return &chunk[index % kActivePerChunk];
}

Result<Mfn> grant_frame(Domain& domain, std::uint32_t index, bool status) {
    return domain.grants.frame(index, status);
}

}  // namespace hv
