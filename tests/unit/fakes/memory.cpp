#include "tests/unit/fakes/memory.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "hv/domain/domain_frames.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/memory/frame_table.hpp"
#include "hv/memory/guest_access.hpp"
#include "tests/unit/fakes/machine.hpp"

extern "C" [[gnu::weak]] void __lsan_register_root_region(const void* region, std::size_t size);

namespace fake {
namespace {

constexpr std::uint64_t kFrames = hv::kFramesPerChunk;
constexpr std::uint64_t kRoom = kFirstHighFrame + hv::kFramesPerChunk;

std::uintptr_t g_guest_base = 0;
std::size_t g_guest_size = 0;

template <class T>
T* reserve(std::size_t bytes) {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    return static_cast<T*>(memory);
}

bool mapped(hv::GuestVirtual where, std::size_t bytes) {
    if (g_guest_base) {
        return where.raw >= g_guest_base && bytes <= g_guest_size && where.raw - g_guest_base <= g_guest_size - bytes;
    }
    constexpr std::uint64_t kUserEnd = std::uint64_t{1} << 47;
    return where.raw >= hv::kPageSize && where.raw < kUserEnd && bytes < kUserEnd - where.raw;
}

}  // namespace

void add_memory() {
    auto* ram = reserve<std::byte>(kRoom * hv::kPageSize);
    hv::set_frame_tables({.frames = reserve<hv::FrameInfo>(kRoom * sizeof(hv::FrameInfo)),
                          .m2p = reserve<std::uint64_t>(kRoom * sizeof(std::uint64_t)),
                          .direct_map = reinterpret_cast<std::uintptr_t>(ram),
                          .max_mfn = kFrames});
    hv::populate_chunk(0);
    hv::allocator_add(hv::Mfn{16}, hv::Mfn{kRamFrames});
    // hv's own heap is in there, and it points to what comes from the host's.
    if (__lsan_register_root_region) __lsan_register_root_region(ram, kRamFrames * hv::kPageSize);
}

void add_high_memory() {
    static const bool once = [] {
        hv::populate_chunk(kFirstHighFrame / hv::kFramesPerChunk);
        hv::allocator_add(hv::Mfn{kFirstHighFrame}, hv::Mfn{kFirstHighFrame + kHighFrames});
        if (__lsan_register_root_region)
            __lsan_register_root_region(hv::frame_pointer(hv::Mfn{kFirstHighFrame}), kHighFrames * hv::kPageSize);
        return true;
    }();
    static_cast<void>(once);
}

hv::Mfn give_page(hv::Domain& domain) {
    return MUST(hv::allocate_domain_frames(domain, 0), "the tests use little memory");
}

void* page(hv::Mfn frame) {
    return hv::frame_pointer(frame);
}

void restrict_guest_memory(void* base, std::size_t size) {
    g_guest_base = reinterpret_cast<std::uintptr_t>(base);
    g_guest_size = size;
}

}  // namespace fake

namespace hv {

Result<> copy_from_guest(void* to, GuestVirtual from, std::size_t bytes) {
    if (!fake::mapped(from, bytes)) return fail(Error::Fault);
    std::memcpy(to, reinterpret_cast<const void*>(from.raw), bytes);
    return {};
}

Result<> copy_to_guest(GuestVirtual to, const void* from, std::size_t bytes) {
    if (!fake::mapped(to, bytes)) return fail(Error::Fault);
    std::memcpy(reinterpret_cast<void*>(to.raw), from, bytes);
    return {};
}

Result<> clear_guest(GuestVirtual to, std::size_t bytes) {
    if (!fake::mapped(to, bytes)) return fail(Error::Fault);
    std::memset(reinterpret_cast<void*>(to.raw), 0, bytes);
    return {};
}

}  // namespace hv
