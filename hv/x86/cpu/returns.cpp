#include "hv/x86/cpu/returns.hpp"

#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/leaks.hpp"
#include "hv/x86/cpu/writable_text.hpp"
#include "hv/x86/leaks/returns.hpp"
#include "hv/x86/panic/panic.hpp"

namespace hv::x86 {
namespace {

extern "C" const char image_start[], text_end[];
extern "C" const std::uint32_t return_sites_start[], return_sites_end[];  // tools/return_sites.cpp makes them

}  // namespace

void set_returns() {
    const std::span text{reinterpret_cast<std::uint8_t*>(const_cast<char*>(image_start)),
                         static_cast<std::size_t>(text_end - image_start)};
    const WritableText writable;
    if (!write_returns(text, {return_sites_start, return_sites_end}, at_work(Measure::SafeThunks)))
        panic("the table of hv's returns is of another image");
    (void)cpuid(0);  // serialises
}

}  // namespace hv::x86
