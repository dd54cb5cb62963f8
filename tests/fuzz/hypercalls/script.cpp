// One step of a script: the calling vCPU (1 byte), the call (1), the command (1), how long the argument is (1), the
// argument itself, and up to three corrections of it (2 each: where, and what is put there: a domain, a frame, an
// address or a port). Without them random bytes would hardly ever name something that exists.
#include "tests/fuzz/hypercalls/script.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "hv/abi/xen/domain_id.hpp"
#include "hv/hypercall/handlers.hpp"
#include "tests/unit/fakes/machine.hpp"

namespace fuzz {
namespace {

constexpr std::size_t kArgument = 96;
constexpr std::size_t kPages = 6;
constexpr std::size_t kMostSteps = 200;
constexpr hv::Nanoseconds kStep = 300'000;

constexpr hv::HypercallHandler kHandlers[] = {hv::do_event_channel_op, hv::do_grant_table_op, hv::do_sched_op,
                                              hv::do_vcpu_op,          hv::do_set_timer_op,   hv::do_sched_op_compat};

class Reader {
  public:
    explicit Reader(std::span<const std::uint8_t> bytes) : bytes_{bytes} {}
    bool empty() const { return bytes_.empty(); }
    std::uint8_t byte() {
        if (bytes_.empty()) return 0;
        const std::uint8_t value = bytes_.front();
        bytes_ = bytes_.subspan(1);
        return value;
    }

  private:
    std::span<const std::uint8_t> bytes_;
};

class Play {
  public:
    Play() {
        domains_ = {&fake::dom0(), &fake::make_domain(2), &fake::make_domain(2)};
        for (std::size_t i = 1; i < domains_.size(); ++i) {
            for (std::size_t page = 0; page < kPages; ++page) pages_.push_back(fake::give_page(*domains_[i]));
        }
        fake::settle();
        // A page of the second domain is all the memory that the callers have, so that wild addresses are caught.
        memory_ = static_cast<std::uint8_t*>(fake::page(pages_.back()));
        fake::restrict_guest_memory(memory_, hv::kPageSize);
        fake::preempt_every(3);
    }
    ~Play() {
        fake::restrict_guest_memory(nullptr, 0);
        fake::preempt_every(0);
        hv::Result<> closed = hv::fail(hv::Error::Restart);
        while (!closed) closed = fake::dom0().events.reset();
        fake::release_mappings(fake::dom0());
        fake::destroy_all();
    }

    void step(Reader& reader) {
        const std::uint8_t who = reader.byte();
        hv::Domain& domain = *domains_[who % domains_.size()];
        hv::Vcpu& vcpu = *domain.vcpu(hv::VcpuId{who / 16u % 2});
        const std::size_t what = reader.byte() % std::size(kHandlers);
        const std::uint8_t command = reader.byte();
        const std::uint64_t count = fetch_argument(reader);

        fake::on_cpu(vcpu.cpu.load());
        hv::Vcpu& before = fake::running_on(hv::current_cpu());
        fake::set_current(vcpu);
        const auto argument = reinterpret_cast<std::uintptr_t>(memory_);
        switch (what) {
            case 3: fake::hypercall(kHandlers[what], command, count % 3, argument); break;
            case 4: fake::hypercall(kHandlers[what], static_cast<std::uint64_t>(fake::now()) + count * 1000); break;
            case 5: fake::hypercall(kHandlers[what], command, count); break;
            default: fake::hypercall(kHandlers[what], command, argument, count); break;
        }
        fake::set_current(before);
        fake::settle();
        fake::run_until(fake::now() + kStep);
    }

  private:
    // Returns how many structures the argument holds.
    std::uint64_t fetch_argument(Reader& reader) {
        const std::uint8_t shape = reader.byte();
        const std::size_t length = std::min<std::size_t>(shape & 0x7f, kArgument);
        for (std::size_t i = 0; i < length; ++i) memory_[i] = reader.byte();
        for (int i = 0; i < 3; ++i) correct(reader);
        return shape & 0x80 ? 2 : 1;
    }

    void correct(Reader& reader) {
        const std::uint8_t where = reader.byte();
        const std::uint8_t what = reader.byte();
        if (where == 0xff) return;
        std::uint8_t* place = memory_ + where % kArgument;
        const auto put = [place](auto value) { std::memcpy(place, &value, sizeof value); };
        switch (what >> 5) {
            case 0: put(domains_[what % domains_.size()]->id.raw); break;
            case 1: put(hv::abi::xen::kDomidSelf); break;
            case 2: put(pages_[what % pages_.size()].raw); break;
            case 3: put(static_cast<std::uint32_t>(pages_[what % pages_.size()].raw)); break;
            case 4: put(reinterpret_cast<std::uintptr_t>(memory_) + what % 32 * 16); break;
            case 5: put(std::uint32_t{what} % 16); break;
            case 6: put(std::uint32_t{what} % 32); break;
            default: break;
        }
    }

    std::array<hv::Domain*, 3> domains_{};
    std::vector<hv::Mfn> pages_;
    std::uint8_t* memory_ = nullptr;
};

}  // namespace

void run_hypercall_script(std::span<const std::uint8_t> script) {
    Play play;
    Reader reader{script};
    for (std::size_t i = 0; i < kMostSteps && !reader.empty(); ++i) play.step(reader);
}

}  // namespace fuzz
