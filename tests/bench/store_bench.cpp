// What an operation of the store costs with 1, 100, 1000 and 10000 domains present. The claim to look at: a row does
// not grow with the number of domains.
//
//   store_bench [--spread] [--journal FOLDER] [OPERATION...]
//
// A figure is the CPU time of one operation in nanoseconds: the best of many short batches, so that neither load nor
// other processes' use of the caches is in it. The batches of the different stores alternate. Requests go through a
// guest's ring, as its kernel would send them; changes go to a journal in FOLDER (/dev/shm), as in the daemon. One
// domain is used again and again, so that the figures show what the store does and not how large the CPU's caches are;
// --spread uses all in turn.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include "guest.hpp"
#include "store/store.hpp"

namespace {

using namespace hvctld::store;
using namespace hvctld::store::test;

constexpr std::size_t kDomains[] = {1, 100, 1000, 10'000};
constexpr std::size_t kBatch = 64;
constexpr std::size_t kBatches = 100;
constexpr std::size_t kCompactions = 5;

std::string home(std::size_t domain) {
    return "/local/domain/" + std::to_string(domain);
}
std::string backend(std::size_t domain, const char* device) {
    return "/local/domain/0/backend/" + std::string{device} + "/" + std::to_string(domain) + "/0";
}

// Domains with what a small guest has: the nodes of its toolstack, a disk, a network card, and the watches of its
// kernel and of Dom0's drivers.
class Host {
  public:
    Host(const std::string& journal, std::size_t domains) : store_(make_store(journal)) {
        dom0_.introduce(*store_);
        (void)ask(dom0_, MessageType::Watch, {"/local/domain/0/backend", "be"});
        for (const char* event : {"@introduceDomain", "@releaseDomain"}) {
            (void)ask(dom0_, MessageType::Watch, {event, "special"});
        }
        for (std::size_t number = 1; number <= domains; ++number) {
            prepare(number);
            introduce(number);
        }
    }

    // What the toolstack does before a domain is introduced.
    void prepare(std::size_t number) {
        const DomainId id{static_cast<std::uint16_t>(number)};
        const Permissions readable{{kDom0, Access::None}, {id, Access::Read}};
        const Permissions owned{{id, Access::None}, {kDom0, Access::Read}};
        const TransactionId transaction = store_->start_transaction();
        const auto write = [&](const std::string& path, const Permissions& permissions) {
            (void)store_->write(path, "1", transaction);
            (void)store_->set_permissions(path, permissions, transaction);
        };
        for (const char* node : {"", "/name", "/domid", "/vm", "/memory", "/memory/target", "/memory/static-max",
                                 "/cpu", "/cpu/0", "/cpu/0/availability", "/console", "/console/ring-ref",
                                 "/console/port", "/store", "/store/ring-ref", "/store/port", "/device"}) {
            write(home(number) + node, readable);
        }
        for (const char* node : {"/control", "/control/shutdown", "/data", "/drivers", "/attr"}) {
            write(home(number) + node, owned);
        }
        for (const char* device : {"vbd", "vif"}) {
            for (const char* node : {"", "/state", "/backend-id", "/ring-ref", "/event-channel"}) {
                write(home(number) + "/device/" + device + "/0" + node, owned);
            }
            for (const char* node : {"", "/state", "/frontend", "/frontend-id", "/params"}) {
                write(backend(number, device) + node, readable);
            }
        }
        (void)store_->commit(transaction);
    }

    void introduce(std::size_t number) {
        while (guests_.size() < number) {
            guests_.push_back(std::make_unique<Guest>(DomainId{static_cast<std::uint16_t>(guests_.size() + 1)}));
        }
        Guest& guest = *guests_[number - 1];
        guest.introduce(*store_);
        for (const char* path : {"control/shutdown", "memory/target", "device", "data", "cpu"}) {
            (void)ask(guest, MessageType::Watch, {path, path});
        }
        for (const char* device : {"vbd", "vif"}) {
            (void)ask(guest, MessageType::Watch, {backend(number, device) + "/state", device});
            (void)ask(dom0_, MessageType::Watch, {home(number) + "/device/" + device + "/0/state", device});
        }
        quiet();
    }

    void release(std::size_t number) { store_->release_domain(DomainId{static_cast<std::uint16_t>(number)}); }

    void forget(std::size_t number) {
        for (const char* device : {"vbd", "vif"}) {
            (void)ask(dom0_, MessageType::Unwatch, {home(number) + "/device/" + device + "/0/state", device});
            (void)store_->remove("/local/domain/0/backend/" + std::string{device} + "/" + std::to_string(number));
        }
        (void)store_->remove(home(number));
        quiet();
    }

    // Takes what waits for Dom0's kernel, so that its ring never fills.
    void quiet() {
        dom0_.pump(*store_);
        dom0_.events().clear();
    }

    std::string ask(Guest& guest, MessageType type, std::initializer_list<std::string_view> payload,
                    std::uint32_t transaction = 0) {
        std::string answer = guest.ask(*store_, type, strings(payload), transaction);
        guest.events().clear();
        return answer;
    }
    Guest& guest(std::size_t number) { return *guests_[number - 1]; }
    Store& store() { return *store_; }

  private:
    std::unique_ptr<Store> store_;
    Guest dom0_{kDom0};
    std::vector<std::unique_ptr<Guest>> guests_;
};

struct Operation {
    const char* name;
    std::function<void(Host& host, std::size_t domain)> run;
    std::function<void(Host& host, std::size_t domain)> undo = {};    // not measured, after each batch
    bool newcomer = false;                                            // on domains that are not there yet
    std::function<void(Host& host, std::size_t domain)> before = {};  // not measured
};

std::vector<Operation> operations() {
    const auto ask = [](MessageType type, std::vector<std::string> payload) {
        return [type, payload](Host& host, std::size_t domain) {
            std::string bytes;
            for (const std::string& text : payload) bytes += text + '\0';
            if (type == MessageType::Write) bytes.pop_back();
            (void)host.guest(domain).ask(host.store(), type, bytes);
            host.guest(domain).events().clear();
        };
    };
    const auto prepare = [](Host& host, std::size_t domain) { host.prepare(domain); };
    const auto introduce = [](Host& host, std::size_t domain) { host.introduce(domain); };
    const auto release = [](Host& host, std::size_t domain) { host.release(domain); };
    const auto forget = [](Host& host, std::size_t domain) { host.forget(domain); };
    return {
        {"read", ask(MessageType::Read, {"memory/target"})},
        {"directory", ask(MessageType::Directory, {"device"})},
        {"get-permissions", ask(MessageType::GetPermissions, {"device/vbd/0/state"})},
        {"write", ask(MessageType::Write, {"attr", "2"})},
        {"watch-fire-own", ask(MessageType::Write, {"data", "2"})},
        {"watch-fire-dom0", ask(MessageType::Write, {"device/vif/0/state", "4"}),
         [](Host& host, std::size_t) { host.quiet(); }},
        {"mkdir", ask(MessageType::MakeDirectory, {"data/new"}), ask(MessageType::Remove, {"data/new"})},
        {"rm", ask(MessageType::Remove, {"data/new"}), {}, false, ask(MessageType::MakeDirectory, {"data/new"})},
        {"watch", ask(MessageType::Watch, {"data/some", "token"}), ask(MessageType::Unwatch, {"data/some", "token"})},
        {"unwatch",
         ask(MessageType::Unwatch, {"data/some", "token"}),
         {},
         false,
         ask(MessageType::Watch, {"data/some", "token"})},
        {"transaction",
         [](Host& host, std::size_t domain) {
             Guest& guest = host.guest(domain);
             const std::uint32_t id = guest.begin(host.store());
             (void)host.ask(guest, MessageType::Read, {"device/vbd/0/state"}, id);
             (void)host.ask(guest, MessageType::Write, {"attr/ring"}, id);
             (void)host.ask(guest, MessageType::TransactionEnd, {"T"}, id);
         }},
        {"toolstack-writes", prepare, forget, true},
        {"introduce", introduce, [=](Host& host, std::size_t domain) { release(host, domain), forget(host, domain); },
         true, prepare},
        {"release", release, forget, true,
         [=](Host& host, std::size_t domain) {
             prepare(host, domain);
             introduce(host, domain);
         }},
        {"toolstack-removes", forget, {}, true, prepare},
    };
}

double cpu_nanoseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// One batch on different domains each; the time of one operation.
double batch(const Operation& operation, Host& host, std::size_t domains, std::size_t first, bool spread) {
    const auto domain_of = [&](std::size_t i) {
        if (operation.newcomer) return domains + 1 + i;
        return spread ? (first + i) * 7919 % domains + 1 : domains / 2 + 1;
    };
    const auto measured = [&](std::size_t from, std::size_t to) {
        if (operation.before) {
            for (std::size_t i = from; i < to; ++i) operation.before(host, domain_of(i));
        }
        const double start = cpu_nanoseconds();
        for (std::size_t i = from; i < to; ++i) operation.run(host, domain_of(i));
        const double end = cpu_nanoseconds();
        if (operation.undo) {
            for (std::size_t i = from; i < to; ++i) operation.undo(host, domain_of(i));
        }
        return end - start;
    };
    // An operation that leaves something behind has to be undone before it can be repeated on the same domain.
    if ((!operation.undo && !operation.before) || operation.newcomer) {
        return measured(0, kBatch) / static_cast<double>(kBatch);
    }
    double best = std::numeric_limits<double>::max();
    for (std::size_t i = 0; i < kBatch; ++i) best = std::min(best, measured(i, i + 1));
    return best;
}

// The longest that a single write takes while the journal is made shorter: the best of several compactions.
double longest_write(Host& host, std::size_t domains) {
    double best = std::numeric_limits<double>::max();
    const std::string value(2000, 'x');
    for (std::size_t i = 0; i < kCompactions; ++i) {
        const std::uint64_t before = host.store().statistics().compactions;
        double longest = 0;
        while (host.store().statistics().compactions == before) {
            const double start = cpu_nanoseconds();
            (void)host.store().write(home(domains) + "/attr", value);
            longest = std::max(longest, cpu_nanoseconds() - start);
        }
        best = std::min(best, longest);
    }
    return best;
}

int measure(const std::string& folder, bool spread, const std::vector<std::string>& only) {
    std::vector<std::unique_ptr<Host>> hosts;
    for (const std::size_t domains : kDomains) {
        hosts.push_back(std::make_unique<Host>(folder + "/" + std::to_string(domains), domains));
    }
    const auto wanted = [&](const char* name) { return only.empty() || std::ranges::find(only, name) != only.end(); };
    std::printf("%-20s", "ns an operation with");
    for (const std::size_t domains : kDomains) std::printf(" %8zu", domains);
    std::printf("  1000/1\n");
    const auto row = [](const char* name, const std::vector<double>& figures) {
        std::printf("%-20s", name);
        for (const double figure : figures) std::printf(" %8.0f", figure);
        std::printf("  %6.2f\n", figures[2] / figures[0]);
        std::fflush(stdout);
    };
    for (const Operation& operation : operations()) {
        if (!wanted(operation.name)) continue;
        std::vector<double> best(hosts.size(), std::numeric_limits<double>::max());
        for (std::size_t i = 0; i < kBatches; ++i) {
            for (std::size_t host = 0; host < hosts.size(); ++host) {
                best[host] = std::min(best[host], batch(operation, *hosts[host], kDomains[host], i * kBatch, spread));
            }
        }
        row(operation.name, best);
    }
    if (wanted("longest-write")) {
        std::vector<double> figures;
        for (std::size_t host = 0; host < hosts.size(); ++host) {
            figures.push_back(longest_write(*hosts[host], kDomains[host]));
        }
        row("longest-write", figures);
    }
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    bool spread = false;
    std::string parent = "/dev/shm";
    std::vector<std::string> only;
    for (int i = 1; i < count; ++i) {
        if (std::strcmp(arguments[i], "--spread") == 0) {
            spread = true;
        } else if (std::strcmp(arguments[i], "--journal") == 0 && i + 1 < count) {
            parent = arguments[++i];
        } else {
            only.emplace_back(arguments[i]);
        }
    }
    std::string folder = parent + "/store_bench.XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) {
        std::fprintf(stderr, "store_bench: no folder can be made in %s\n", parent.c_str());
        return 1;
    }
    const int status = measure(folder, spread, only);
    std::filesystem::remove_all(folder);
    return status;
}
