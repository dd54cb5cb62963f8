#include "hv/memory/frame_table.hpp"

#include <array>

#include "hv/base/nospec.hpp"

namespace hv {
namespace {

constinit FrameTables g_tables{};
constinit std::array<std::uint64_t, kMaxChunks / 64> g_populated{};

bool populated(std::uint64_t chunk) {
    if (chunk >= kMaxChunks) return false;
    chunk = index_nospec(chunk, kMaxChunks);
    return (g_populated[chunk / 64] >> (chunk % 64)) & 1;
}

}  // namespace

void set_frame_tables(const FrameTables& tables) {
    g_tables = tables;
}

void populate_chunk(std::uint64_t chunk) {
    g_populated[chunk / 64] |= std::uint64_t{1} << (chunk % 64);
    for (std::uint64_t mfn = chunk << kChunkShift; mfn < (chunk + 1) << kChunkShift; ++mfn) {
        g_tables.frames[mfn].count.store(FrameInfo::owner_bits(kOwnerIo), std::memory_order_relaxed);
        g_tables.m2p[mfn] = kInvalidM2pEntry;
    }
}

std::uint64_t max_mfn() {
    return g_tables.max_mfn;
}

bool valid_frame(Mfn frame) {
    return populated(frame.raw >> kChunkShift);
}

bool is_counted(Mfn frame) {
    return valid_frame(frame) && frame_info(frame).owner() != kOwnerIo;
}

FrameInfo& frame_info(Mfn frame) {
    return g_tables.frames[index_nospec(frame.raw, kMaxChunks << kChunkShift)];
}

Mfn frame_number(const FrameInfo& info) {
    return {static_cast<std::uint64_t>(&info - g_tables.frames)};
}

void* frame_pointer(Mfn frame) {
    return reinterpret_cast<void*>(g_tables.direct_map + (frame.raw << kPageShift));
}

Mfn frame_of_pointer(const void* pointer) {
    return {(reinterpret_cast<std::uintptr_t>(pointer) - g_tables.direct_map) >> kPageShift};
}

void set_m2p(Mfn frame, std::uint64_t pfn) {
    if (valid_frame(frame)) g_tables.m2p[frame.raw] = pfn;
}

std::uint64_t m2p(Mfn frame) {
    return valid_frame(frame) ? g_tables.m2p[index_nospec(frame.raw, kMaxChunks << kChunkShift)] : kInvalidM2pEntry;
}

}  // namespace hv
