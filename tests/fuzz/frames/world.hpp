// The machine that a script plays on: three domains, what they know of frames, and calls that were preempted.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "hv/abi/xen/domain_id.hpp"
#include "hv/base/format.hpp"
#include "hv/domain/domain.hpp"
#include "hv/hypercall/hypercall.hpp"
#include "hv/x86/pv/mmu/page_table_entry.hpp"
#include "tests/unit/fakes/audit.hpp"

namespace fuzz {

inline constexpr std::size_t kDomains = 3;
inline constexpr std::size_t kLinearGuest = 2;  // its page tables may name others of their level
inline constexpr std::size_t kVcpus = 2;
inline constexpr hv::VcpuId kSpareVcpu{kVcpus};  // not initialised at first
inline constexpr std::size_t kFrames = 24;       // of each domain at first; the first ones are set up as page tables
inline constexpr std::size_t kMostFrames = 40;   // that a script keeps the names of
inline constexpr std::size_t kTogether = 3;      // the most steps that are done at the same time
inline constexpr std::size_t kListed = 4;        // the most calls of a multicall
inline constexpr std::size_t kArguments = 2 * hv::kPageSize;
inline constexpr std::size_t kParts =
    kListed + 2;  // of arguments that a vCPU has: the list's, each listed call's, and one for what is not listed
inline constexpr unsigned kPatient = 100'000;  // tries

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
    std::uint64_t word(unsigned bytes) {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < bytes; ++i) value = value << 8 | byte();
        return value;
    }

  private:
    std::span<const std::uint8_t> bytes_;
};

// What a guest does with the result of a call, once it is there.
using Afterwards = std::function<void(std::int64_t)>;

// A call that came back with Error::Restart and whose guest has not asked again yet.
struct Pending {
    hv::HypercallHandler handler = nullptr;
    hv::HypercallArguments arguments{};
    Afterwards afterwards;
    std::vector<std::uint8_t> memory;  // its vCPU's, for arguments
    std::size_t part = 0;
};

// A call that a guest puts on a list instead of making it.
struct Listed {
    hv::HypercallHandler handler;
    hv::HypercallArguments arguments;
    Afterwards afterwards;
    std::size_t part;
};

struct Guest {
    hv::Domain* domain = nullptr;
    hv::DomainId id;
    bool dying = false;           // destroying it has begun
    std::vector<hv::Mfn> frames;  // by name; some may not be its any more
    std::vector<hv::Mfn> shown;   // pages of hv's that it has been told of
    std::vector<std::uint32_t> ports;
    std::array<Pending, kVcpus> pending;
};

// A mapping that a domain made of a grant.
struct MadeMapping {
    std::size_t by;
    std::uint32_t handle;
    std::uint64_t address;
    std::uint64_t bus_address;
};

class World {
  public:
    explicit World(std::span<const std::uint8_t> script);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // Undoes all; what went wrong with that, or nothing.
    std::string end();

    // Names from the script.
    std::size_t guest_index();         // one that lives
    hv::Mfn frame(std::size_t guest);  // mostly its own
    hv::x86::Pte entry(std::size_t guest);
    unsigned slot();
    std::uint64_t virtual_address();
    std::uint16_t domain_id(std::size_t guest);  // mostly one that exists
    std::uint16_t foreign(std::size_t guest);    // whose frames: mostly its own

    // One hypercall as the guest's page makes it, or an entry of the list that is being made. An impatient guest leaves
    // it when it was preempted `tries` times. What `afterwards` reads of the arguments is what the call left there.
    void call(hv::Vcpu& vcpu, hv::HypercallHandler handler, hv::HypercallArguments arguments, unsigned tries = kPatient,
              Afterwards afterwards = {});
    void resume(std::size_t guest, std::size_t vcpu);

    // The memory that a vCPU has for arguments. vCPUs that work at the same time have each their own.
    std::uint8_t* arguments() { return memory.data() + part * kArguments; }
    std::uint64_t argument(std::uint64_t offset = 0) { return reinterpret_cast<std::uintptr_t>(arguments()) + offset; }
    template <class T>
    T& at(std::uint64_t offset) {
        return *reinterpret_cast<T*>(arguments() + offset);
    }

    // Like a program of the guest's that writes where it may.
    bool store(std::size_t guest, hv::Mfn where, std::uint64_t offset, const void* bytes, std::size_t size);
    void set_up(std::size_t guest);
    void make(std::size_t guest);
    void learn(std::size_t guest, std::uint64_t mfn);
    void learn_shown(std::size_t guest, std::uint64_t mfn);
    void destroy_some(std::size_t guest);  // one call of the toolstack's
    void replace_the_gone();               // by new ones
    void preempt(std::uint8_t how, std::uint64_t seed);
    void pause_all(bool paused);  // as the toolstack does; those that work do not notice

    template <class... Values>
    void tell(std::string_view text, const Values&... values) {
        char line[200];
        steps += hv::format_into(line, text, values...);
        steps += '\n';
    }

    Reader reader;
    std::array<Guest, kDomains> guests;
    std::vector<MadeMapping> mappings;
    std::vector<std::uint8_t> memory;  // all that is mapped in guests
    static thread_local std::size_t part;
    static thread_local std::vector<Listed>* list;  // where calls go meanwhile
    std::string steps;

  private:
    audit::Usage baseline_;
};

// The kinds of steps; each reads what it needs from the script.
void update_tables(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries);
void extended_operation(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries);
void update_mapping(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries);
void write_table(World& world, std::size_t guest, hv::Vcpu& vcpu);
void change_descriptors(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries);
void plain_store(World& world, std::size_t guest);
void change_reservation(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries);
void exchange_frames(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries);
void acquire(World& world, hv::Vcpu& vcpu);
void change_grant_table(World& world, std::size_t guest, hv::Vcpu& vcpu);
void write_grant(World& world, std::size_t guest);
void map_grants(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries);
void unmap_grants(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries);
void copy_grants(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries);
void transfer_or_swap(World& world, std::size_t guest, hv::Vcpu& vcpu);
void use_events(World& world, std::size_t guest, hv::Vcpu& vcpu);
void use_fifo(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries);
void register_areas(World& world, std::size_t guest, hv::Vcpu& vcpu);
void create_or_destroy(World& world);
void control_domain(World& world, hv::Vcpu& vcpu, unsigned tries);
void give_context(World& world, std::size_t guest, hv::Vcpu& vcpu, unsigned tries);
void give_eoi_map(World& world, std::size_t guest, hv::Vcpu& vcpu);
// One call that makes all that `list` holds.
void make_listed(World& world, hv::Vcpu& vcpu, unsigned tries, std::vector<Listed> list);

}  // namespace fuzz
