#include "domain/reservations.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>

namespace hvctld {
namespace {

constexpr std::uint32_t kWholeCpu = 100;  // percent

// Time flows from the guests through their vCPUs to the CPUs: as much as there is comes through, whichever way it takes
// (Edmonds and Karp).
class Flow {
  public:
    void add(const Reservation& reservation) {
        const std::size_t guest = node();
        connect(kSource, guest, reservation.percent);
        for (const std::vector<std::uint32_t>& cpus : reservation.vcpus) {
            const std::size_t vcpu = node();
            connect(guest, vcpu, kWholeCpu);
            for (const std::uint32_t cpu : cpus) connect(vcpu, node_of(cpu), kWholeCpu);
        }
    }
    // What comes through now that did not before.
    std::uint32_t push() {
        std::uint32_t more = 0;
        while (const std::uint32_t one = push_once()) more += one;
        return more;
    }

  private:
    static constexpr std::size_t kSource = 0, kSink = 1;
    static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

    // With the one after it, which leads back.
    struct Edge {
        std::size_t to;
        std::uint32_t room;
    };

    std::size_t node() {
        edges_of_.emplace_back();
        return edges_of_.size() - 1;
    }
    std::size_t node_of(std::uint32_t cpu) {
        const auto known = cpus_.find(cpu);
        if (known != cpus_.end()) return known->second;
        const std::size_t made = node();
        cpus_[cpu] = made;
        connect(made, kSink, kWholeCpu);
        return made;
    }
    void connect(std::size_t from, std::size_t to, std::uint32_t room) {
        edges_of_[from].push_back(edges_.size());
        edges_.push_back({to, room});
        edges_of_[to].push_back(edges_.size());
        edges_.push_back({from, 0});
    }

    std::uint32_t push_once() {
        std::vector<std::size_t> by(edges_of_.size(), kNone);  // the edge that each node was reached by
        std::deque<std::size_t> next{kSource};
        while (!next.empty() && by[kSink] == kNone) {
            const std::size_t from = next.front();
            next.pop_front();
            for (const std::size_t edge : edges_of_[from]) {
                const std::size_t to = edges_[edge].to;
                if (edges_[edge].room == 0 || to == kSource || by[to] != kNone) continue;
                by[to] = edge;
                next.push_back(to);
            }
        }
        if (by[kSink] == kNone) return 0;
        std::uint32_t least = std::numeric_limits<std::uint32_t>::max();
        for (std::size_t at = kSink; at != kSource; at = edges_[by[at] ^ 1].to)
            least = std::min(least, edges_[by[at]].room);
        for (std::size_t at = kSink; at != kSource; at = edges_[by[at] ^ 1].to) {
            edges_[by[at]].room -= least;
            edges_[by[at] ^ 1].room += least;
        }
        return least;
    }

    std::vector<Edge> edges_;
    std::vector<std::vector<std::size_t>> edges_of_{2};  // by node
    std::map<std::uint32_t, std::size_t> cpus_;
};

}  // namespace

std::uint32_t room_for(const Reservation& wanted, const std::vector<Reservation>& others) {
    Flow flow;
    for (const Reservation& other : others) flow.add(other);
    (void)flow.push();
    flow.add(wanted);
    return flow.push();
}

}  // namespace hvctld
