#include "hvctl/kernel_image.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "image_maker.hpp"

namespace hvctl::test {
namespace {

using hv::abi::xen::ElfNote;

constexpr Compression kAll[] = {Compression::None, Compression::Gzip, Compression::Bzip2, Compression::Lzma,
                                Compression::Xz,   Compression::Lzo,  Compression::Lz4,   Compression::Zstd};

std::string error_of(const Result<KernelImage>& image) {
    return image ? "no error" : image.error().what();
}

class EveryCompression : public testing::TestWithParam<Compression> {};
class EveryRealCompression : public testing::TestWithParam<Compression> {};

TEST_P(EveryCompression, BzImageGivesTheElfBack) {
    const Bytes elf = linux_like().build();
    const Bytes file = bzimage(GetParam(), elf);
    const auto image = parse_kernel(file);
    ASSERT_TRUE(image) << error_of(image);
    EXPECT_TRUE(std::ranges::equal(image->elf, elf));
    EXPECT_EQ(image->format, "bzImage 2.15 (" + std::string{name_of(GetParam())} + ")");
    ASSERT_EQ(image->segments.size(), 2u);
    EXPECT_EQ(image->segments[0].physical, 0x1000000u);
    EXPECT_EQ(image->segments[1].memory_size, 500'000u);
}

TEST_P(EveryCompression, WholeElfFile) {
    const Bytes elf = linux_like().build();
    const Bytes file = compress(GetParam(), elf);
    const auto image = parse_kernel(file);
    ASSERT_TRUE(image) << error_of(image);
    EXPECT_TRUE(std::ranges::equal(image->elf, elf));
}

TEST_P(EveryCompression, TruncatedAtManyPlacesIsAnError) {
    const Bytes file = bzimage(GetParam(), linux_like().build());
    for (std::size_t size = 0; size < file.size(); size += 1 + file.size() / 97) {
        const Bytes part{file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)};
        EXPECT_FALSE(parse_kernel(part)) << size << " of " << file.size();
    }
}

TEST_P(EveryRealCompression, TruncatedStreamInAWholeFileIsAnError) {
    const Bytes file = compress(GetParam(), linux_like().build());
    const Bytes part{file.begin(), file.begin() + static_cast<std::ptrdiff_t>(file.size() / 2)};
    EXPECT_FALSE(parse_kernel(part));
}

TEST_P(EveryRealCompression, BombStopsAtTheLimit) {
    Bytes elf = linux_like().build();
    elf.resize(8 << 20);
    const auto image = parse_kernel(compress(GetParam(), elf), 1 << 20);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code(), ErrorCode::TooLarge) << error_of(image);
    const auto boxed = parse_kernel(bzimage(GetParam(), elf), 1 << 20);
    ASSERT_FALSE(boxed);
    EXPECT_EQ(boxed.error().code(), ErrorCode::TooLarge) << error_of(boxed);
}

std::string compression_name(const testing::TestParamInfo<Compression>& info) {
    return std::string{name_of(info.param)};
}

INSTANTIATE_TEST_SUITE_P(Kernels, EveryCompression, testing::ValuesIn(kAll), compression_name);
INSTANTIATE_TEST_SUITE_P(Kernels, EveryRealCompression, testing::ValuesIn(std::span{kAll}.subspan(1)),
                         compression_name);

TEST(KernelImage, PayloadThatGrowsBeyondItsAnnouncedSizeIsCorrupt) {
    Bytes file = bzimage(Compression::Xz, linux_like().build());
    poke(file, file.size() - 4, std::uint32_t{5000});
    const auto image = parse_kernel(file);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code(), ErrorCode::Corrupt) << error_of(image);
}

TEST(KernelImage, NotAKernel) {
    for (const std::string_view text : {"", "x", "#!/bin/sh\necho no\n", "070701 looks like an initrd",
                                        "\x7f"
                                        "EL"}) {
        const auto image = parse_kernel(std::as_bytes(std::span{text.data(), text.size()}));
        ASSERT_FALSE(image) << text;
        EXPECT_EQ(image.error().code(), ErrorCode::NotAKernel) << error_of(image);
        EXPECT_TRUE(error_of(image).contains("not a kernel")) << error_of(image);
    }
}

TEST(KernelImage, CompressedThingThatIsNoKernel) {
    const auto image = parse_kernel(compress(Compression::Gzip, pattern(10'000)));
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code(), ErrorCode::NotAKernel) << error_of(image);
}

TEST(KernelImage, OtherArchitectures) {
    TestElf elf = linux_like();
    elf.machine = 183;
    auto image = parse_kernel(elf.build());
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code(), ErrorCode::WrongArchitecture);
    EXPECT_TRUE(error_of(image).contains("aarch64")) << error_of(image);

    Bytes arm_image(4096);
    std::memcpy(arm_image.data() + 0x38, "ARM\x64", 4);
    image = parse_kernel(arm_image);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code(), ErrorCode::WrongArchitecture) << error_of(image);
    image = parse_kernel(compress(Compression::Gzip, arm_image));
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code(), ErrorCode::WrongArchitecture) << error_of(image);

    Bytes x86_32 = bzimage(Compression::Gzip, linux_like().build());
    poke(x86_32, 0x236, std::uint16_t{0});
    image = parse_kernel(x86_32);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code(), ErrorCode::WrongArchitecture) << error_of(image);
}

TEST(KernelImage, OldBootProtocol) {
    Bytes file = bzimage(Compression::Gzip, linux_like().build());
    poke(file, 0x206, std::uint16_t{0x204});
    const auto image = parse_kernel(file);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code(), ErrorCode::NotBootable) << error_of(image);
}

TEST(KernelImage, NotesOfALinuxKernel) {
    for (const bool in_section : {false, true}) {
        TestElf elf = linux_like();
        elf.notes_in_section = in_section;
        const Bytes file = elf.build();
        const auto image = parse_kernel(file);
        ASSERT_TRUE(image) << error_of(image);
        const XenNotes& notes = image->notes;
        EXPECT_TRUE(notes.present);
        EXPECT_EQ(notes.guest_os, "linux");
        EXPECT_EQ(notes.xen_version, "xen-3.0");
        EXPECT_EQ(notes.loader, "generic");
        EXPECT_EQ(notes.virt_base, 0xffffffff80000000);
        EXPECT_EQ(notes.entry, 0xffffffff81000000);
        EXPECT_EQ(notes.hypercall_page, 0xffffffff81001000);
        EXPECT_EQ(notes.init_p2m, 0x8000000000u);
        EXPECT_EQ(notes.paddr_offset, 0u);
        EXPECT_TRUE(notes.mod_start_pfn);
        EXPECT_EQ(notes.features.required, 1u);
        EXPECT_EQ(notes.features.supported, 0x8811u);
    }
}

TEST(KernelImage, UnknownRequiredFeature) {
    EXPECT_FALSE(parse_features("!teleportation"));
    EXPECT_TRUE(parse_features("teleportation"));
    EXPECT_TRUE(parse_features("||"));
}

TEST(KernelImage, NoteThatRunsOverTheEnd) {
    TestElf elf = linux_like();
    poke(elf.notes, 4, std::uint32_t{0xffffffff});
    const auto image = parse_kernel(elf.build());
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code(), ErrorCode::Corrupt) << error_of(image);
}

TEST(KernelImage, NumberNoteOfTheWrongSize) {
    TestElf elf = linux_like();
    elf.notes = note(ElfNote::Entry, "a text");
    const auto image = parse_kernel(elf.build());
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code(), ErrorCode::Corrupt) << error_of(image);
}

// Offsets in the file that TestElf makes: the first program header follows the ELF header.
constexpr std::size_t kFirstProgram = 64;

TEST(KernelImage, HostileProgramHeaders) {
    struct Case {
        std::size_t field;
        std::uint64_t value;
        ErrorCode code;
    };
    const Case cases[] = {
        {8, 0xffffffffffffff00, ErrorCode::Truncated},  // p_offset
        {32, 0xfffffffffffffff0, ErrorCode::Corrupt},   // p_filesz
        {40, 1, ErrorCode::Corrupt},                    // p_memsz
        {40, 0xfffffffffffff000, ErrorCode::Corrupt},   // p_memsz
        {40, 0x300000, ErrorCode::Corrupt},             // p_memsz over the next segment
        {24, 0xfffffffffffff000, ErrorCode::Corrupt},   // p_paddr
        {24, 0x1200000, ErrorCode::Corrupt},            // p_paddr of the next segment
    };
    for (const Case& hostile : cases) {
        Bytes file = linux_like().build();
        poke(file, kFirstProgram + hostile.field, hostile.value);
        const auto image = parse_kernel(file);
        ASSERT_FALSE(image) << hostile.field << " " << hostile.value;
        EXPECT_EQ(image.error().code(), hostile.code) << error_of(image);
    }
}

TEST(KernelImage, HostileElfHeader) {
    Bytes file = linux_like().build();
    poke(file, 32, ~std::uint64_t{0});  // e_phoff
    EXPECT_FALSE(parse_kernel(file));
    file = linux_like().build();
    poke(file, 56, std::uint16_t{0xffff});  // e_phnum
    EXPECT_FALSE(parse_kernel(file));
    file = linux_like().build();
    poke(file, 16, std::uint16_t{1});  // e_type: an object file
    const auto image = parse_kernel(file);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code(), ErrorCode::NotAKernel);
}

TEST(KernelImage, SectionsOutOfBoundsDoNotMatter) {
    Bytes file = linux_like().build();
    poke(file, 40, ~std::uint64_t{0});      // e_shoff
    poke(file, 58, std::uint16_t{64});      // e_shentsize
    poke(file, 60, std::uint16_t{0xffff});  // e_shnum
    EXPECT_TRUE(parse_kernel(file));
}

TEST(KernelImage, FlippedBitsNeverCrash) {
    for (const Compression compression : kAll) {
        TestElf elf = linux_like();
        elf.segments = {{0x1000000, pattern(3000), 3000}};
        const Bytes file = bzimage(compression, elf.build());
        for (std::size_t at = 0; at < file.size(); at += 1 + file.size() / 251) {
            Bytes flipped = file;
            flipped[at] ^= std::byte{0x41};
            static_cast<void>(parse_kernel(flipped, 1 << 20).has_value());
        }
    }
}

}  // namespace
}  // namespace hvctl::test
