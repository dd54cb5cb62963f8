#include "domain/cpu_pools.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/values.hpp"
#include "hvctl/try.hpp"

namespace hvctld {
namespace {

using nlohmann::json;

constexpr const char* kUnused = "";  // no pool has that name

std::string text_of(const CpuPools::Cpus& cpus) {
    return config::format_cpu_list({false, {cpus.begin(), cpus.end()}});
}

}  // namespace

void CpuPools::load(std::string_view text) {
    const json all = json::parse(text, nullptr, false);
    if (!all.is_object()) return;
    for (const auto& [name, list] : all.items()) {
        Cpus cpus;
        for (const json& cpu : list) {
            if (cpu.is_number_unsigned() && cpu.get<std::uint64_t>() < config::kMaxCpus)
                cpus.insert(cpu.get<std::uint32_t>());
        }
        (name == kUnused ? unused_ : pools_[name]) = std::move(cpus);
    }
}

std::string CpuPools::text() const {
    json all = json::object();
    for (const auto& [name, cpus] : pools_) all[name] = cpus;
    if (!unused_.empty()) all[kUnused] = unused_;
    return all.dump();
}

std::vector<std::string> CpuPools::names() const {
    std::vector<std::string> names{std::string{config::kFirstPool}};
    for (const auto& [name, cpus] : pools_) names.push_back(name);
    return names;
}

CpuPools::Cpus CpuPools::first() const {
    Cpus cpus;
    for (std::uint32_t cpu = 0; cpu < host_; ++cpu) {
        const bool taken = unused_.contains(cpu) ||
                           std::ranges::any_of(pools_, [cpu](const auto& pool) { return pool.second.contains(cpu); });
        if (!taken) cpus.insert(cpu);
    }
    return cpus;
}

Result<CpuPools::Cpus> CpuPools::cpus_of(std::string_view pool) const {
    if (pool == config::kFirstPool) return first();
    const auto found = pools_.find(pool);
    if (found == pools_.end()) {
        return fail(ErrorId::NoSuchPool,
                    fmt::format("there is no CPU pool \"{}\"; 'hvctl cpupool-list' shows all", pool));
    }
    Cpus cpus = found->second;
    std::erase_if(cpus, [this](std::uint32_t cpu) { return cpu >= host_; });
    return cpus;
}

Result<CpuPools::Cpus> CpuPools::parse(const std::string& list) const {
    const auto parsed = config::parse_cpu_list(list);
    if (!parsed) return fail(ErrorId::InvalidArgument, parsed.error());
    if (parsed->all) return fail(ErrorId::InvalidArgument, "name the CPUs: another pool needs some, too");
    Cpus cpus{parsed->cpus.begin(), parsed->cpus.end()};
    if (!cpus.empty() && *cpus.rbegin() < host_) return cpus;
    return fail(ErrorId::NoSuchCpu, fmt::format("the host has CPUs 0-{}, not all of {}", host_ - 1, list));
}

// CPUs that are in no other pool, and without which the first pool still has one.
Result<void> CpuPools::require_free(const Cpus& cpus, const std::string& for_pool) const {
    for (const auto& [name, others] : pools_) {
        Cpus both;
        std::ranges::set_intersection(cpus, others, std::inserter(both, both.end()));
        if (name == for_pool || both.empty()) continue;
        return fail(ErrorId::WrongState,
                    fmt::format("CPU {0} is in pool {1}; 'hvctl cpupool-cpu-remove {1} {0}' takes it out",
                                text_of(both), name));
    }
    Cpus left = first();
    for (const std::uint32_t cpu : cpus) left.erase(cpu);
    if (!left.empty()) return {};
    return fail(ErrorId::WrongState,
                fmt::format("{} would be left without a CPU, and Domain-0 is in it", config::kFirstPool));
}

Result<CpuPools::Cpus*> CpuPools::named(const std::string& name) {
    TRY(cpus_of(name));
    if (name != config::kFirstPool) return &pools_.find(name)->second;
    return fail(
        ErrorId::WrongState,
        fmt::format("{} cannot be changed: it has all domains and CPUs that are in no other pool", config::kFirstPool));
}

Result<void> CpuPools::create(const std::string& name, const std::string& list) {
    if (const std::string problem = config::problem_with_name(name); !problem.empty())
        return fail(ErrorId::InvalidArgument, problem);
    if (cpus_of(name)) return fail(ErrorId::NameTaken, fmt::format("there is a CPU pool {} already", name));
    const Cpus cpus = TRY(parse(list));
    TRY(require_free(cpus, name));
    for (const std::uint32_t cpu : cpus) unused_.erase(cpu);
    pools_[name] = cpus;
    return {};
}

Result<void> CpuPools::destroy(const std::string& name) {
    TRY(named(name));
    if (const std::size_t members = members_of(name); members != 0) {
        return fail(ErrorId::WrongState,
                    fmt::format("{} domain{} in pool {}; 'hvctl cpupool-migrate DOMAIN {}' takes one out", members,
                                members == 1 ? " is" : "s are", name, config::kFirstPool));
    }
    pools_.erase(name);
    return {};
}

Result<void> CpuPools::rename(const std::string& name, const std::string& new_name) {
    TRY(named(name));
    if (const std::string problem = config::problem_with_name(new_name); !problem.empty())
        return fail(ErrorId::InvalidArgument, problem);
    if (cpus_of(new_name)) return fail(ErrorId::NameTaken, fmt::format("there is a CPU pool {} already", new_name));
    auto node = pools_.extract(name);
    node.key() = new_name;
    pools_.insert(std::move(node));
    return {};
}

Result<void> CpuPools::add(const std::string& name, const std::string& list) {
    TRY(cpus_of(name));
    const Cpus cpus = TRY(parse(list));
    if (name == config::kFirstPool) {
        // What it has already is no mistake.
        for (const auto& [other, taken] : pools_) {
            if (std::ranges::any_of(cpus, [&taken](std::uint32_t cpu) { return taken.contains(cpu); })) {
                return fail(ErrorId::WrongState,
                            fmt::format("not all of CPU {0} are free; 'hvctl cpupool-cpu-remove {1} {0}' takes them "
                                        "out of pool {1}",
                                        text_of(cpus), other));
            }
        }
        for (const std::uint32_t cpu : cpus) unused_.erase(cpu);
        return {};
    }
    TRY(require_free(cpus, name));
    for (const std::uint32_t cpu : cpus) unused_.erase(cpu);
    pools_.find(name)->second.insert(cpus.begin(), cpus.end());
    return {};
}

Result<void> CpuPools::remove(const std::string& name, const std::string& list) {
    const Cpus has = TRY(cpus_of(name));
    const Cpus cpus = TRY(parse(list));
    if (!std::ranges::includes(has, cpus)) {
        return fail(ErrorId::NoSuchCpu,
                    fmt::format("pool {} has CPUs {}, not all of {}", name, has.empty() ? "none" : text_of(has), list));
    }
    if (cpus.size() == has.size() && (name == config::kFirstPool || members_of(name) != 0))
        return fail(ErrorId::WrongState, fmt::format("pool {} would be left without a CPU, with domains in it", name));
    if (name == config::kFirstPool) {
        unused_.insert(cpus.begin(), cpus.end());
    } else {
        for (const std::uint32_t cpu : cpus) pools_.find(name)->second.erase(cpu);
    }
    return {};
}

}  // namespace hvctld
