// The page of stubs that a PV kernel calls hypercalls through: one of 32 bytes for each number.
#include <cstdint>
#include <cstring>

#include "hv/abi/xen/hypercall.hpp"
#include "hv/x86/pv/pv_guest.hpp"

namespace hv::x86 {

void PvGuest::write_hypercall_page(void* page) const {
    using namespace abi::xen;
    auto* bytes = static_cast<std::uint8_t*>(page);
    std::memset(bytes, 0xcc, kHypercallPageEntries * kHypercallStubBytes);
    for (std::uint32_t number = 0; number < kHypercallPageEntries; ++number) {
        std::uint8_t* stub = bytes + number * kHypercallStubBytes;
        // SYSCALL destroys rcx and r11: they wait on the stack.
        constexpr std::uint8_t kPush[] = {0x51, 0x41, 0x53, 0xb8};             // push rcx; push r11; mov eax, number
        constexpr std::uint8_t kPop[] = {0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3};  // syscall; pop r11; pop rcx; ret
        constexpr std::uint8_t kIret[] = {0x51, 0x41, 0x53, 0x50, 0xb8};  // the same with rax, as IretContext wants it
        if (number == static_cast<std::uint32_t>(HypercallId::Iret)) {
            std::memcpy(stub, kIret, sizeof kIret);
            std::memcpy(stub + sizeof kIret, &number, sizeof number);
            stub[9] = 0x0f;
            stub[10] = 0x05;
            continue;
        }
        std::memcpy(stub, kPush, sizeof kPush);
        std::memcpy(stub + sizeof kPush, &number, sizeof number);
        std::memcpy(stub + 8, kPop, sizeof kPop);
    }
}

}  // namespace hv::x86
