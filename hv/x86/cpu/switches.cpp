#include "hv/x86/cpu/switches.hpp"

#include <array>
#include <cstdint>
#include <cstring>

#include "hv/base/log.hpp"
#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/leaks.hpp"
#include "hv/x86/cpu/registers.hpp"

namespace hv::x86 {
namespace {

constexpr std::size_t kBytes = 5;
constexpr std::array<std::uint8_t, kBytes> kNop = {0x0f, 0x1f, 0x44, 0x00, 0x00};
constexpr std::uint8_t kJump = 0xe9;

struct Switch {
    std::int32_t place;  // both relative to themselves
    std::int32_t target;
    std::uint64_t measures;  // bits of Measures; the highest bit: the jump is made when none of them is at work

    static constexpr std::uint64_t kUnless = std::uint64_t{1} << 63;
    bool jumps(Measures at_work) const {
        const bool any = (measures & ~kUnless & at_work.bits()) != 0;
        return any != ((measures & kUnless) != 0);
    }
};
static_assert(sizeof(Switch) == 16, "traps/switches.h makes them");
static_assert(kMeasureCount < 63);
extern "C" const Switch switches_start[], switches_end[];

std::uint64_t address_of(const std::int32_t& field) {
    return reinterpret_cast<std::uint64_t>(&field) + static_cast<std::uint64_t>(std::int64_t{field});
}

// hv's text has no writable alias once paging is up.
class WritableText {
  public:
    WritableText() : cr0_{read_cr0()} { write_cr0(cr0_ & ~std::uint64_t{kCr0Wp}); }
    ~WritableText() { write_cr0(cr0_); }
    WritableText(const WritableText&) = delete;
    WritableText& operator=(const WritableText&) = delete;

  private:
    std::uint64_t cr0_;
};

void set(const Switch& which, bool jumps) {
    const std::uint64_t place = address_of(which.place);
    std::array<std::uint8_t, kBytes> bytes = kNop;
    if (jumps) {
        const auto distance = static_cast<std::uint32_t>(address_of(which.target) - (place + kBytes));
        bytes = {kJump, static_cast<std::uint8_t>(distance), static_cast<std::uint8_t>(distance >> 8),
                 static_cast<std::uint8_t>(distance >> 16), static_cast<std::uint8_t>(distance >> 24)};
    }
    // All at once.
    constexpr std::uint64_t kWord = sizeof(std::uint64_t);
    const std::uint64_t offset = place % kWord;
    HV_ASSERT(offset + kBytes <= kWord);
    auto* code = reinterpret_cast<std::uint64_t*>(place - offset);
    std::uint64_t word = __atomic_load_n(code, __ATOMIC_RELAXED);
    std::memcpy(reinterpret_cast<std::uint8_t*>(&word) + offset, bytes.data(), kBytes);
    __atomic_store_n(code, word, __ATOMIC_RELAXED);
}

}  // namespace

void set_switches() {
    const Measures at_work = measures_at_work();
    const WritableText writable;
    for (const Switch* each = switches_start; each != switches_end; ++each) set(*each, each->jumps(at_work));
    (void)cpuid(0);  // serialises
}

}  // namespace hv::x86
