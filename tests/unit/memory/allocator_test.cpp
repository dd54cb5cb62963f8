// The buddy allocator: alignment, zones, limits, and every frame back.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <vector>

#include "hv/memory/frame_table.hpp"
#include "tests/unit/fakes/memory.hpp"
#include "tests/unit/memory/memory.hpp"

namespace {

using hv::allocate_frames;
using hv::free_frames;
using hv::Mfn;

class Allocator : public Memory {
  protected:
    struct Block {
        Mfn first;
        unsigned order;
    };
    std::vector<Block> everything(unsigned order, unsigned address_bits = 64) {
        std::vector<Block> blocks;
        while (const auto block = allocate_frames({.order = order, .address_bits = address_bits, .clear = false}))
            blocks.push_back({*block, order});
        return blocks;
    }
    static void free_all(const std::vector<Block>& blocks) {
        for (const Block& block : blocks) free_frames(block.first, block.order);
    }
    static bool is_high(Mfn frame) { return frame.raw >= fake::kFirstHighFrame; }
};

TEST_F(Allocator, BlocksAreAlignedAndDisjoint) {
    std::mt19937 random{7};
    std::map<std::uint64_t, unsigned> used;
    std::vector<Block> blocks;
    for (int i = 0; i < 400; ++i) {
        const auto order = static_cast<unsigned>(random() % 6);
        const auto first = allocate_frames({.order = order, .clear = false});
        ASSERT_TRUE(first.has_value());
        EXPECT_EQ(first->raw % (std::uint64_t{1} << order), 0u);
        const auto [at, fresh] = used.emplace(first->raw, order);
        ASSERT_TRUE(fresh);
        const auto end_of = [](const auto& entry) { return entry.first + (std::uint64_t{1} << entry.second); };
        EXPECT_TRUE(at == used.begin() || end_of(*std::prev(at)) <= first->raw);
        EXPECT_TRUE(std::next(at) == used.end() || end_of(*at) <= std::next(at)->first);
        for (std::uint64_t j = 0; j < std::uint64_t{1} << order; ++j) {
            EXPECT_EQ(hv::frame_info(*first + j).owner(), hv::kOwnerNone);
            EXPECT_EQ(hv::frame_info(*first + j).references(), 0u);
            EXPECT_EQ(hv::frame_info(*first + j).type.load(), 0u);
        }
        blocks.push_back({*first, order});
    }
    free_all(blocks);
}

TEST_F(Allocator, FramesComeClear) {
    const auto first = allocate_frames({.order = 3, .clear = false});
    ASSERT_TRUE(first.has_value());
    std::memset(hv::frame_pointer(*first), 0xee, 8 * hv::kPageSize);
    free_frames(*first, 3);
    const auto again = allocate_frames({.order = 3});
    ASSERT_EQ(again, first);
    const auto* bytes = static_cast<const std::uint8_t*>(hv::frame_pointer(*again));
    for (std::size_t i = 0; i < 8 * hv::kPageSize; ++i) ASSERT_EQ(bytes[i], 0);
    free_frames(*again, 3);
}

TEST_F(Allocator, BuddiesMergeAgain) {
    const auto large = everything(9);
    free_all(large);
    std::vector<Block> singles = everything(0);
    EXPECT_EQ(singles.size(), free_before);
    EXPECT_EQ(hv::free_frame_count(), 0u);
    EXPECT_FALSE(allocate_frames({}).has_value());
    std::mt19937 random{11};
    std::shuffle(singles.begin(), singles.end(), random);
    free_all(singles);
    const auto again = everything(9);
    EXPECT_EQ(again.size(), large.size());
    free_all(again);
}

TEST_F(Allocator, RandomUseLosesNothing) {
    std::mt19937 random{3};
    std::vector<Block> blocks;
    std::uint64_t used = 0;
    for (int i = 0; i < 4000; ++i) {
        if (random() % 5 < 3) {
            const auto order = static_cast<unsigned>(random() % 8);
            if (const auto first =
                    allocate_frames({.order = order, .address_bits = random() % 2 ? 64u : 32u, .clear = false})) {
                blocks.push_back({*first, order});
                used += std::uint64_t{1} << order;
            }
        } else if (!blocks.empty()) {
            const std::size_t index = random() % blocks.size();
            free_frames(blocks[index].first, blocks[index].order);
            used -= std::uint64_t{1} << blocks[index].order;
            blocks[index] = blocks.back();
            blocks.pop_back();
        }
        ASSERT_EQ(hv::free_frame_count() + used, free_before);
    }
    free_all(blocks);
}

// A block that was given as one may come back frame by frame, as a domain's does.
TEST_F(Allocator, BlocksComeBackInPieces) {
    const auto before = everything(6);
    free_all(before);
    const auto block = allocate_frames({.order = 6, .clear = false});
    ASSERT_TRUE(block.has_value());
    for (std::uint64_t i = 64; i-- > 0;) free_frames(*block + i, 0);
    const auto after = everything(6);
    EXPECT_EQ(after.size(), before.size());
    free_all(after);
}

TEST_F(Allocator, HighMemoryGoesFirst) {
    const std::vector<Block> blocks = everything(0);
    const auto first_low =
        std::find_if(blocks.begin(), blocks.end(), [](const Block& block) { return !is_high(block.first); });
    EXPECT_GT(first_low - blocks.begin(), 0);
    EXPECT_NE(first_low, blocks.end());
    EXPECT_TRUE(std::none_of(first_low, blocks.end(), [](const Block& block) { return is_high(block.first); }));
    free_all(blocks);
}

TEST_F(Allocator, AddressLimits) {
    for (const Block& block : everything(4, 32)) {
        EXPECT_FALSE(is_high(block.first));
        free_frames(block.first, block.order);
    }
    for (unsigned bits = 13; bits < 40; ++bits) {
        const auto block = allocate_frames({.order = 2, .address_bits = bits, .clear = false});
        // The lowest RAM is frame 16: a limit of 2^17 has nothing under it.
        if (!block) {
            EXPECT_LE(bits, 17u);
            continue;
        }
        EXPECT_LE((block->raw + 4) << hv::kPageShift, std::uint64_t{1} << bits);
        free_frames(*block, 2);
    }
    EXPECT_FALSE(allocate_frames({.address_bits = 12}).has_value());
    EXPECT_FALSE(allocate_frames({.address_bits = 0}).has_value());
    EXPECT_FALSE(allocate_frames({.order = hv::kMaxOrder + 1}).has_value());
    EXPECT_FALSE(allocate_frames({.order = hv::kMaxOrder}).has_value());
    EXPECT_FALSE(allocate_frames({.order = ~0u}).has_value());
}

// A guest that asks for few address bits must not make hv look through the frames that do not fit, with a lock held:
// they cannot even be touched here. The lists are as long as they get, every second frame is free.
TEST_F(Allocator, FramesBeyondTheLimitAreNotLookedAt) {
    constexpr std::uint64_t kLimit = 4096;
    std::vector<Block> blocks = everything(0);
    const auto kept =
        std::partition(blocks.begin(), blocks.end(), [](const Block& block) { return block.first.raw % 2 == 0; });
    free_all({blocks.begin(), kept});
    blocks.erase(blocks.begin(), kept);
    hv::FrameInfo* const beyond = &hv::frame_info(Mfn{kLimit});
    const std::size_t bytes = (fake::kRamFrames - kLimit) * sizeof(hv::FrameInfo);
    ASSERT_EQ(mprotect(beyond, bytes, PROT_NONE), 0);
    for (unsigned i = 0; i < 100; ++i) {
        const auto frame = allocate_frames({.address_bits = 24, .clear = false});
        ASSERT_TRUE(frame.has_value());
        EXPECT_LT(frame->raw, kLimit);
        blocks.push_back({*frame, 0});
    }
    EXPECT_FALSE(allocate_frames({.order = 1, .address_bits = 24}).has_value());
    ASSERT_EQ(mprotect(&hv::frame_info(Mfn{0}), kLimit * sizeof(hv::FrameInfo), PROT_NONE), 0);
    EXPECT_FALSE(allocate_frames({.address_bits = 16}).has_value());
    EXPECT_FALSE(allocate_frames({.order = 4, .address_bits = 17}).has_value());
    ASSERT_EQ(mprotect(&hv::frame_info(Mfn{0}), fake::kRamFrames * sizeof(hv::FrameInfo), PROT_READ | PROT_WRITE), 0);
    free_all(blocks);
}

TEST_F(Allocator, HolesAreNoFrames) {
    EXPECT_FALSE(hv::valid_frame(Mfn{~std::uint64_t{0}}));
    EXPECT_FALSE(hv::valid_frame(Mfn{hv::kFramesPerChunk}));
    EXPECT_TRUE(hv::valid_frame(Mfn{0}));
    EXPECT_EQ(hv::frame_info(Mfn{0}).owner(), hv::kOwnerIo);
    EXPECT_EQ(hv::m2p(Mfn{~std::uint64_t{0}}), hv::kInvalidM2pEntry);
    hv::set_m2p(Mfn{~std::uint64_t{0}}, 1);  // goes nowhere
    EXPECT_EQ(hv::frame_number(hv::frame_info(Mfn{77})), Mfn{77});
    EXPECT_EQ(hv::frame_of_pointer(hv::frame_pointer(Mfn{77})), Mfn{77});
}

}  // namespace
