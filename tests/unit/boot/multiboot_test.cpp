#include "hv/x86/boot/multiboot.hpp"

#include <gtest/gtest.h>

#include "fake_memory.hpp"

namespace hv::x86 {
namespace {

constexpr std::uint32_t kInfo = 0x9000;

// Multiboot 1: command line at 0xa000, modules at 0xb000, memory map at 0xc000.
FakeMemory multiboot1() {
    FakeMemory memory;
    Bytes info;
    info.add32(1 << 0 | 1 << 2 | 1 << 3 | 1 << 6 | 1 << 9)
        .add32(640)
        .add32(1024)
        .add32(0)
        .add32(0xa000)
        .add32(2)
        .add32(0xb000);
    info.fill_to(44).add32(2 * 24).add32(0xc000).fill_to(64).add32(0xd000).fill_to(116);
    memory.put(kInfo, info.bytes());
    memory.put(0xa000, std::string("hv console=com1\0", 16));
    Bytes modules;
    modules.add32(0x400000).add32(0x500000).add32(0xe000).add32(0).add32(0x500000).add32(0x500010).add32(0).add32(0);
    memory.put(0xb000, modules.bytes());
    Bytes map;
    map.add32(20).add64(0).add64(0x9fc00).add32(1).add32(20).add64(0x100000).add64(0x7f00000).add32(99);
    memory.put(0xc000, map.bytes());
    memory.put(0xd000, std::string("qemu\0", 5));
    memory.put(0xe000, std::string("vmlinuz ro\0", 11));
    return memory;
}

TEST(Multiboot1, Everything) {
    BootInfo info;
    ASSERT_TRUE(decode_multiboot(kMultiboot1Magic, kInfo, multiboot1(), info));
    EXPECT_EQ(info.command_line, "hv console=com1");
    EXPECT_EQ(info.loader, "qemu");
    ASSERT_EQ(info.modules.size(), 2u);
    EXPECT_EQ(info.modules[0].start, 0x400000u);
    EXPECT_EQ(info.modules[0].size, 0x100000u);
    EXPECT_EQ(info.modules[0].text, "vmlinuz ro");
    EXPECT_EQ(info.modules[1].text, "");
    ASSERT_EQ(info.memory_map.size(), 2u);
    EXPECT_EQ(info.memory_map[0].type, MemoryType::Ram);
    EXPECT_EQ(info.memory_map[1].type, MemoryType::Reserved) << "unknown types are not RAM";
}

TEST(Multiboot1, OnlyTheOldMemorySizes) {
    FakeMemory memory;
    memory.put(kInfo, Bytes{}.add32(1).add32(639).add32(2048).fill_to(116).bytes());
    BootInfo info;
    ASSERT_TRUE(decode_multiboot(kMultiboot1Magic, kInfo, memory, info));
    ASSERT_EQ(info.memory_map.size(), 2u);
    EXPECT_EQ(info.memory_map[1].end(), 0x300000u);
}

TEST(Multiboot1, DamagedInformationIsRefused) {
    BootInfo info;
    EXPECT_FALSE(decode_multiboot(kMultiboot1Magic, 0x1234, multiboot1(), info));
    auto memory = multiboot1();
    memory.put(0xc000, Bytes{}.add32(0).fill_to(48).bytes());  // entries of size 0 would never end
    EXPECT_FALSE(decode_multiboot(kMultiboot1Magic, kInfo, memory, info));
    memory = multiboot1();
    memory.put(0xb000, Bytes{}.add32(0x500000).add32(0x400000).fill_to(32).bytes());
    EXPECT_FALSE(decode_multiboot(kMultiboot1Magic, kInfo, memory, info));
    EXPECT_FALSE(decode_multiboot(0xdeadbeef, kInfo, memory, info));
}

class Tags {
  public:
    Tags& tag(std::uint32_t type, std::vector<std::uint8_t> body) {
        bytes_.add32(type).add32(static_cast<std::uint32_t>(body.size() + 8));
        bytes_.bytes().insert(bytes_.bytes().end(), body.begin(), body.end());
        bytes_.fill_to((bytes_.bytes().size() + 7) / 8 * 8);
        return *this;
    }
    FakeMemory memory() {
        Bytes all;
        all.add32(static_cast<std::uint32_t>(bytes_.bytes().size() + 8)).add32(0);
        all.bytes().insert(all.bytes().end(), bytes_.bytes().begin(), bytes_.bytes().end());
        FakeMemory memory;
        memory.put(kInfo, all.bytes());
        return memory;
    }

  private:
    Bytes bytes_;
};

TEST(Multiboot2, Everything) {
    Tags tags;
    tags.tag(1, Bytes{}.text("loglvl=all").add8(0).bytes());
    tags.tag(3, Bytes{}.add32(0x1000000).add32(0x1800000).text("kernel args").add8(0).bytes());
    tags.tag(6, Bytes{}
                    .add32(24)
                    .add32(0)
                    .add64(0)
                    .add64(0xa0000)
                    .add32(1)
                    .add32(0)
                    .add64(0x100000)
                    .add64(0x1000)
                    .add32(3)
                    .add32(0)
                    .bytes());
    tags.tag(14, Bytes{}.text("RSD PTR old").fill_to(20).bytes());
    tags.tag(15, Bytes{}.text("RSD PTR new").fill_to(36).bytes());
    tags.tag(8, Bytes{}
                    .add64(0xe0000000)
                    .add32(4096)
                    .add32(1024)
                    .add32(768)
                    .add8(32)
                    .add8(1)
                    .add16(0)
                    .add8(16)
                    .add8(8)
                    .add8(8)
                    .add8(8)
                    .add8(0)
                    .add8(8)
                    .bytes());
    tags.tag(0, {});
    BootInfo info;
    ASSERT_TRUE(decode_multiboot(kMultiboot2Magic, kInfo, tags.memory(), info));
    EXPECT_EQ(info.command_line, "loglvl=all");
    ASSERT_EQ(info.modules.size(), 1u);
    EXPECT_EQ(info.modules[0].size, 0x800000u);
    EXPECT_EQ(info.modules[0].text, "kernel args");
    ASSERT_EQ(info.memory_map.size(), 2u);
    EXPECT_EQ(info.memory_map[1].type, MemoryType::AcpiData);
    EXPECT_EQ(info.rsdp_size, 36u);
    EXPECT_EQ(info.rsdp[8], 'n');
    EXPECT_EQ(info.display.kind, BootDisplay::Kind::Linear);
    EXPECT_EQ(info.display.width, 1024u);
    EXPECT_EQ(info.display.red.position, 16);
}

TEST(Multiboot2, DamagedTagsAreRefused) {
    BootInfo info;
    FakeMemory memory;
    memory.put(kInfo, Bytes{}.add32(64).add32(0).add32(1).add32(4).fill_to(64).bytes());
    EXPECT_FALSE(decode_multiboot(kMultiboot2Magic, kInfo, memory, info)) << "a tag shorter than its header";
    memory.put(kInfo, Bytes{}.add32(64).add32(0).add32(1).add32(4000).fill_to(64).bytes());
    EXPECT_FALSE(decode_multiboot(kMultiboot2Magic, kInfo, memory, info)) << "a tag past the end";
    EXPECT_FALSE(
        decode_multiboot(kMultiboot2Magic, kInfo, Tags{}.tag(6, Bytes{}.add32(4).add32(0).bytes()).memory(), info))
        << "tiny map entries";
    EXPECT_FALSE(decode_multiboot(kMultiboot2Magic, kInfo, Tags{}.tag(3, Bytes{}.add32(5).bytes()).memory(), info))
        << "half a module";
}

TEST(BootInfo, TextIsCutWhenThereIsNoRoom) {
    BootInfo info;
    const std::string long_text(10000, 'x');
    EXPECT_EQ(info.keep(long_text).size(), 10000u);
    EXPECT_EQ(info.keep(long_text).size(), 6384u);
    EXPECT_EQ(info.keep("y").size(), 0u);
}

}  // namespace
}  // namespace hv::x86
