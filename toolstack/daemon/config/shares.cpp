#include "config/shares.hpp"

#include <fmt/format.h>

#include "config/map_reader.hpp"

namespace hvctld::config {
namespace {

// A percentage of one CPU, or the word none.
void read_share(MapReader& reader, std::string_view key, std::uint32_t& share) {
    const YamlNode* node = reader.take(key);
    if (node != nullptr && node->kind == YamlNode::Kind::Scalar && node->scalar == "none") {
        share = 0;
    } else {
        reader.percent(key, share, kMostCpuShare);
    }
}

std::vector<CpuList> read_cpus(MapReader& reader, std::string_view key, std::uint32_t vcpus, Diagnostics& diagnostics) {
    std::vector<CpuList> lists;
    const auto add = [&](const YamlNode& node) {
        const std::string* text = reader.scalar(node, key);
        if (text == nullptr) return;
        if (auto list = parse_cpu_list(*text)) {
            lists.push_back(std::move(*list));
        } else {
            diagnostics.error(node.position, fmt::format("{}: {}", key, list.error()));
        }
    };
    const YamlNode* node = reader.take(key);
    if (node == nullptr) return lists;
    if (node->kind != YamlNode::Kind::Sequence) {
        add(*node);
        return lists;
    }
    if (node->items.empty()) diagnostics.error(node->position, fmt::format("{}: the list is empty", key));
    if (node->items.size() > vcpus) {
        diagnostics.error(node->position, fmt::format("{}: {} entries for {} vCPUs", key, node->items.size(), vcpus));
        return lists;
    }
    for (const YamlNode& item : node->items) add(item);
    return lists;
}

}  // namespace

void read_shares(MapReader& reader, DomainDefinition& definition, std::uint32_t vcpus, Diagnostics& diagnostics) {
    definition.cpus = read_cpus(reader, "cpus", vcpus, diagnostics);
    definition.cpus_soft = read_cpus(reader, "cpus_soft", vcpus, diagnostics);
    reader.number("cpu_weight", definition.cpu_weight, kLeastWeight, kMostWeight);
    reader.percent("cpu_cap", definition.cpu_cap, kMostCpuShare);
    reader.percent("cpu_reservation", definition.cpu_reservation, kMostCpuShare);
    const YamlNode* reservation = reader.take("cpu_reservation");
    if (const std::string problem = problem_with_shares(definition, "cpu_cap");
        reservation != nullptr && !problem.empty())
        diagnostics.error(reservation->position, "cpu_reservation: " + problem);
}

std::string problem_with_shares(const DomainDefinition& definition, std::string_view cap) {
    constexpr std::uint32_t kWhole = 100;
    if (definition.cpu_reservation > definition.max_vcpus * kWhole) {
        return fmt::format("{}% is more than {} vCPU{} can use", definition.cpu_reservation, definition.max_vcpus,
                           definition.max_vcpus == 1 ? "" : "s");
    }
    if (definition.cpu_cap == 0 || definition.cpu_reservation <= definition.cpu_cap) return {};
    return fmt::format("{}% is more than {}, which is {}%", definition.cpu_reservation, cap, definition.cpu_cap);
}

bool parse_share_change(std::string_view text, const std::string& source, DomainDefinition& definition,
                        Diagnostics& diagnostics) {
    YamlNode root;
    if (!parse_yaml(text, source, diagnostics, root) || !expect(root, YamlNode::Kind::Map, "a change", diagnostics))
        return false;
    DomainDefinition changed = definition;
    MapReader reader{root, "a change of shares", diagnostics};
    reader.number("weight", changed.cpu_weight, kLeastWeight, kMostWeight);
    read_share(reader, "cap", changed.cpu_cap);
    read_share(reader, "reservation", changed.cpu_reservation);
    reader.finish();
    if (const std::string problem = problem_with_shares(changed, "cap"); !problem.empty())
        diagnostics.error(root.position, "reservation: " + problem);
    if (diagnostics.failed()) return false;
    definition = std::move(changed);
    return true;
}

}  // namespace hvctld::config
