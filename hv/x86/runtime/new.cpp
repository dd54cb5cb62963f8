// The language's allocation functions on hv's heap. Only the forms that may fail exist: `new (std::nothrow) T`.
#include <new>

#include "hv/memory/heap.hpp"

namespace std {

const nothrow_t nothrow{};

}  // namespace std

void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return hv::heap_allocate(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
    return hv::heap_allocate(bytes);
}
void operator delete(void* pointer) noexcept {
    hv::heap_free(pointer);
}
void operator delete(void* pointer, std::size_t) noexcept {
    hv::heap_free(pointer);
}
void operator delete[](void* pointer) noexcept {
    hv::heap_free(pointer);
}
void operator delete[](void* pointer, std::size_t) noexcept {
    hv::heap_free(pointer);
}
