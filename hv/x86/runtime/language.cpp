// What compiled C++ and the inline parts of its library call in a program: hv has no such library. Most of it is the
// end: it is called where something went wrong that hv never lets go wrong.
#include <cstddef>
#include <new>

#include "hv/base/log.hpp"

extern "C" void __cxa_pure_virtual() {
    hv::panic("pure virtual function called");
}
extern "C" int __cxa_atexit(void (*)(void*), void*, void*) {
    return 0;
}  // hv never exits
extern "C" void* __dso_handle;
void* __dso_handle = nullptr;
extern "C" [[noreturn]] void abort() {
    hv::panic("abort() called");
}

namespace std {

[[noreturn]] void __throw_out_of_range_fmt(const char* text, ...) {
    hv::panic("out of range: {}", text);
}
[[noreturn]] void __throw_length_error(const char* text) {
    hv::panic("length error: {}", text);
}
[[noreturn]] void __throw_logic_error(const char* text) {
    hv::panic("logic error: {}", text);
}
[[noreturn]] void __throw_bad_function_call() {
    hv::panic("empty function called");
}
[[noreturn]] void __glibcxx_assert_fail(const char* file, int line, const char*, const char* what) {
    hv::panic("library assertion failed: {} at {}:{}", what, file, line);
}

}  // namespace std
