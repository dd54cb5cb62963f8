#include "tests/unit/leaks/record.hpp"

#include <gtest/gtest.h>

namespace hv::x86 {

CpuidLeaf Record::read(std::uint32_t leaf, std::uint32_t subleaf) const {
    for (const CpuidRow& row : rows)
        if (row.leaf == leaf && row.subleaf == subleaf) return row.registers;
    return {};
}

std::uint64_t Record::read_msr(std::uint32_t number) const {
    if (number == kMsrMicrocode) return microcode;
    EXPECT_EQ(number, kMsrArchCapabilities) << name;
    EXPECT_NE(known, Known::Nothing) << name;
    return arch_capabilities;
}

std::optional<std::uint64_t> Record::try_read_msr(std::uint32_t number) const {
    EXPECT_EQ(number, kMsrMcuOptCtrl) << name;
    return microcode_control;
}

bool Record::takes_msr(std::uint32_t number, std::uint64_t value) const {
    EXPECT_EQ(number, kMsrPredCmd) << name;
    EXPECT_EQ(value, kPredCmdSbpb) << name;
    return takes_sbpb;
}

const Record& record_of(std::string_view name) {
    for (const auto& records : {intel_servers(), intel_others(), amd_processors(), other_processors()})
        for (const Record& record : records)
            if (record.name.starts_with(name)) return record;
    ADD_FAILURE() << "no record of " << name;
    return intel_servers().front();
}

CpuidRow intel(std::uint32_t last_leaf) {
    return {0, 0, {last_leaf, 0x756e'6547, 0x6c65'746e, 0x4965'6e69}};
}
CpuidRow amd(std::uint32_t last_leaf) {
    return {0, 0, {last_leaf, 0x6874'7541, 0x444d'4163, 0x6974'6e65}};
}

}  // namespace hv::x86
