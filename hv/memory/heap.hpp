// hv's own memory: whole pages and small objects. Objects are made with `new (std::nothrow) T`, which may return null.
#pragma once

#include <cstddef>

#include "hv/base/own_ptr.hpp"
#include "hv/base/types.hpp"

namespace hv {

// 2^order zeroed, naturally aligned pages from the direct map; null when there are none left. They are for hv alone:
// what processors have used as page tables, or guests were shown, is not given back this way (see
// free_unmapped_frames()).
void* allocate_pages(unsigned order);
void free_pages(void* pages, unsigned order);
inline void* allocate_page() {
    return allocate_pages(0);
}
inline void free_page(void* page) {
    free_pages(page, 0);
}

// Zeroed, 16-byte aligned; above a page it comes from whole pages.
void* heap_allocate(std::size_t bytes);
void heap_free(void* pointer);

}  // namespace hv
