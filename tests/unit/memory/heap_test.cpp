// hv's own memory.
#include "hv/memory/heap.hpp"

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "tests/unit/memory/memory.hpp"

namespace {

class Heap : public Memory {};

bool is_filled(const void* memory, std::size_t bytes, std::uint8_t value) {
    const auto* at = static_cast<const std::uint8_t*>(memory);
    for (std::size_t i = 0; i < bytes; ++i)
        if (at[i] != value) return false;
    return true;
}

TEST_F(Heap, PagesAreAlignedAndClear) {
    for (unsigned order = 0; order < 6; ++order) {
        void* pages = hv::allocate_pages(order);
        ASSERT_NE(pages, nullptr);
        EXPECT_EQ(hv::frame_of_pointer(pages).raw % (1u << order), 0u);
        EXPECT_TRUE(is_filled(pages, hv::kPageSize << order, 0));
        std::memset(pages, 0xff, hv::kPageSize << order);
        hv::free_pages(pages, order);
    }
    hv::free_pages(nullptr, 0);
    EXPECT_EQ(hv::allocate_pages(hv::kMaxOrder + 1), nullptr);
}

TEST_F(Heap, NobodyGetsAReferenceOnIt) {
    void* page = hv::allocate_page();
    for (const hv::DomainId owner : {hv::DomainId{0}, hv::kOwnerHv, hv::kOwnerNone, hv::kOwnerIo})
        EXPECT_FALSE(hv::get_frame(hv::frame_of_pointer(page), owner).has_value());
    hv::free_page(page);
}

TEST_F(Heap, ImpossibleSizes) {
    for (const std::size_t bytes :
         {~std::size_t{0}, ~std::size_t{0} - 4094, ~std::size_t{0} - 4095, std::size_t{1} << 63, std::size_t{1} << 40})
        EXPECT_EQ(hv::heap_allocate(bytes), nullptr);
    hv::heap_free(nullptr);
}

TEST_F(Heap, ObjectsOfAllSizes) {
    struct Object {
        std::uint8_t* at;
        std::size_t bytes;
        std::uint8_t value;
    };
    std::mt19937 random{5};
    std::vector<Object> objects;
    const auto free_one = [&](std::size_t index) {
        const Object object = objects[index];
        ASSERT_TRUE(is_filled(object.at, object.bytes, object.value));
        hv::heap_free(object.at);
        objects[index] = objects.back();
        objects.pop_back();
    };
    for (int i = 0; i < 4000; ++i) {
        if (random() % 2 || objects.empty()) {
            const std::size_t bytes = random() % 8 ? random() % 300 : random() % 20'000;
            auto* at = static_cast<std::uint8_t*>(hv::heap_allocate(bytes));
            ASSERT_NE(at, nullptr);
            ASSERT_EQ(reinterpret_cast<std::uintptr_t>(at) % 16, 0u);
            ASSERT_TRUE(is_filled(at, bytes, 0));
            const auto value = static_cast<std::uint8_t>(random());
            std::memset(at, value, bytes);
            objects.push_back({at, bytes, value});
        } else {
            free_one(random() % objects.size());
        }
    }
    while (!objects.empty()) free_one(0);
}

}  // namespace
