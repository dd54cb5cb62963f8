// Core files: written from a simulated guest and read back as crash and gdb would.
#include "hvctl/core_dump.hpp"

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "core_format.hpp"
#include "core_mappings.hpp"
#include "fake_hv.hpp"
#include "hvctl/page_tables.hpp"

namespace hvctl::test {
namespace {

namespace xen = hv::abi::xen;

constexpr DomainId kGuest{5};
constexpr std::uint64_t kText = 0xffff'ffff'8100'0000;

struct CloseFile {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
};

class CoreDump : public testing::Test {
  protected:
    // Six frames, scattered: four tables that map the other two, the last of which has no number.
    CoreDump() {
        for (std::uint64_t pfn = 0; pfn < 6; ++pfn) hv_.m2p[mfn(pfn)] = pfn;
        hv_.m2p[0x9999] = ~std::uint64_t{0};
        entry(0, kText >> 39, 1);
        entry(1, kText >> 30, 2);
        entry(2, kText >> 21, 3);
        entry(3, kText >> 12, 4);
        entry(3, (kText >> 12) + 1, 5);
        entry(3, (kText >> 12) + 2, 4);
        page(4)[7] = std::byte{0x77};
        hv_.vcpu0.emplace();
        hv_.vcpu0->user_regs.rip = kText + 0x10;
        hv_.vcpu0->user_regs.rsp = kText + 0x1f00;
        hv_.vcpu0->user_regs.r15 = 15;
        hv_.vcpu0->flags = xen::kVgcfInKernel;
        hv_.vcpu0->gs_base_kernel = 0x6b;
        hv_.vcpu0->ctrlreg[3] = xen::frame_to_cr3(mfn(0));
        hv_.vcpu0->fpu_context[0] = 0x7f;
    }

    static std::uint64_t mfn(std::uint64_t pfn) { return 0x5000 - pfn * 3; }
    Page& page(std::uint64_t pfn) { return hv_.memory[mfn(pfn)]; }
    void entry(std::uint64_t table, std::uint64_t slot, std::uint64_t pfn) {
        const std::uint64_t value = mfn(pfn) << kPageShift | kPtePresent;
        std::memcpy(page(table).data() + slot % 512 * sizeof value, &value, sizeof value);
    }

    Result<CoreContents> collect(const std::stop_token& cancel = {}) {
        return collect_core(Control{hv_}, kGuest, "web1.core", cancel);
    }
    Result<std::uint64_t> write(const CoreContents& contents, const std::stop_token& cancel = {}) {
        return write_core(Control{hv_}, kGuest, contents, fileno(file_.get()), progress_, cancel);
    }
    template <class T>
    T read(std::uint64_t at) {
        T value{};
        EXPECT_EQ(pread(fileno(file_.get()), &value, sizeof value, static_cast<off_t>(at)),
                  static_cast<ssize_t>(sizeof value));
        return value;
    }
    Elf64_Shdr section(const std::string& name) {
        const auto header = read<Elf64_Ehdr>(0);
        const auto at = [&](std::uint64_t index) {
            return read<Elf64_Shdr>(header.e_shoff + index * header.e_shentsize);
        };
        const Elf64_Shdr names = at(header.e_shstrndx);
        for (std::uint64_t i = 0; i < header.e_shnum; ++i) {
            std::array<char, 32> found{};
            (void)!pread(fileno(file_.get()), found.data(), found.size() - 1,
                         static_cast<off_t>(names.sh_offset + at(i).sh_name));
            if (name == found.data()) return at(i);
        }
        ADD_FAILURE() << "no section " << name;
        return {};
    }
    struct Note {
        std::string name;
        std::uint32_t type;
        std::uint64_t at, size;
    };
    std::vector<Note> notes(std::uint64_t at, std::uint64_t size) {
        const auto aligned = [](std::uint64_t length) { return (length + 3) / 4 * 4; };
        std::vector<Note> found;
        for (const std::uint64_t end = at + size; at < end;) {
            const auto header = read<Elf64_Nhdr>(at);
            const std::uint64_t name = at + sizeof header;
            const std::uint64_t contents = name + aligned(header.n_namesz);
            std::array<char, 8> text{};
            (void)!pread(fileno(file_.get()), text.data(), std::min<std::size_t>(header.n_namesz, 7),
                         static_cast<off_t>(name));
            found.push_back({text.data(), header.n_type, contents, header.n_descsz});
            at = contents + aligned(header.n_descsz);
        }
        return found;
    }

    FakeHv hv_;
    CoreProgress progress_;
    std::unique_ptr<std::FILE, CloseFile> file_{std::tmpfile()};
};

TEST_F(CoreDump, HasTheSectionsOfXensFormat) {
    const auto contents = collect();
    ASSERT_TRUE(contents) << contents.error().what();
    ASSERT_EQ(write(*contents), 0u);
    const auto header = read<Elf64_Ehdr>(0);
    EXPECT_EQ(std::memcmp(header.e_ident, ELFMAG, SELFMAG), 0);
    EXPECT_EQ(header.e_type, ET_CORE);
    EXPECT_EQ(header.e_machine, EM_X86_64);
    EXPECT_LT(header.e_phnum, 2);  // or crash takes it for a core of another kind

    const Elf64_Shdr note = section(".note.Xen");
    const auto found = notes(note.sh_offset, note.sh_size);
    ASSERT_EQ(found.size(), 4u);
    EXPECT_EQ(found[0].type, core::kNoteNone);
    const auto counts = read<core::Header>(found[1].at);
    EXPECT_EQ(counts.magic, 0xf00febedu);
    EXPECT_EQ(counts.vcpus, 1u);  // the other one has never been started
    EXPECT_EQ(counts.pages, 6u);  // all that the guest has a number for
    EXPECT_EQ(counts.page_size, kPageSize);
    EXPECT_EQ(found[2].size, 1280u);
    EXPECT_EQ(read<core::XenVersion>(found[2].at).major, 4u);
    EXPECT_EQ(read<std::uint64_t>(found[3].at), 1u);

    const Elf64_Shdr status = section(".xen_prstatus");
    EXPECT_EQ(status.sh_size, sizeof(xen::VcpuGuestContext));
    EXPECT_EQ(read<xen::VcpuGuestContext>(status.sh_offset).user_regs.rip, kText + 0x10);
    const Elf64_Shdr frames = section(".xen_p2m");
    const Elf64_Shdr pages = section(".xen_pages");
    EXPECT_EQ(frames.sh_size, 6 * 16u);
    EXPECT_EQ(pages.sh_size, 6 * kPageSize);
    EXPECT_EQ(pages.sh_offset % kPageSize, 0u);
    for (std::uint64_t pfn = 0; pfn < 6; ++pfn) {
        EXPECT_EQ(read<std::uint64_t>(frames.sh_offset + pfn * 16), pfn);
        EXPECT_EQ(read<std::uint64_t>(frames.sh_offset + pfn * 16 + 8), mfn(pfn));
        EXPECT_EQ(read<Page>(pages.sh_offset + pfn * kPageSize), page(pfn));
    }
    struct stat file {};
    ASSERT_EQ(fstat(fileno(file_.get()), &file), 0);
    EXPECT_EQ(static_cast<std::uint64_t>(file.st_size), pages.sh_offset + pages.sh_size);
}

TEST_F(CoreDump, ShowsGdbRegistersAndMappedMemory) {
    const auto contents = collect();
    ASSERT_TRUE(contents) << contents.error().what();
    ASSERT_TRUE(write(*contents));
    const auto program = read<Elf64_Phdr>(read<Elf64_Ehdr>(0).e_phoff);
    ASSERT_EQ(program.p_type, PT_NOTE);
    const auto found = notes(program.p_offset, program.p_filesz);
    ASSERT_EQ(found.size(), 3u);
    EXPECT_EQ(found[0].name, "CORE");
    EXPECT_EQ(found[0].type, NT_PRSTATUS);
    const auto status = read<core::ThreadStatus>(found[0].at);
    EXPECT_EQ(status.thread, 1u);
    EXPECT_EQ(status.rip, kText + 0x10);
    EXPECT_EQ(status.rsp, kText + 0x1f00);
    EXPECT_EQ(status.r15, 15u);
    EXPECT_EQ(status.gs_base, 0x6bu);
    EXPECT_EQ(found[1].type, NT_PRFPREG);
    EXPECT_EQ(read<std::uint8_t>(found[1].at), 0x7f);

    // Frames 4 and 5 follow each other in the file, the second time 4 is by itself.
    EXPECT_EQ(found[2].type, static_cast<std::uint32_t>(NT_FILE));
    const std::uint64_t at = found[2].at;
    ASSERT_EQ(read<std::uint64_t>(at), 2u);
    EXPECT_EQ(read<std::uint64_t>(at + 8), kPageSize);
    const std::uint64_t first_page = section(".xen_pages").sh_offset / kPageSize;
    const auto first = read<core::MappedFile>(at + 16);
    EXPECT_EQ(first.start, kText);
    EXPECT_EQ(first.end, kText + 2 * kPageSize);
    EXPECT_EQ(first.page, first_page + 4);
    EXPECT_EQ(read<std::uint8_t>(first.page * kPageSize + 7), 0x77);
    const auto second = read<core::MappedFile>(at + 16 + sizeof first);
    EXPECT_EQ(second.start, kText + 2 * kPageSize);
    EXPECT_EQ(second.page, first_page + 4);
    std::array<char, 20> names{};
    (void)!pread(fileno(file_.get()), names.data(), names.size(), static_cast<off_t>(at + 16 + 2 * sizeof first));
    EXPECT_EQ((std::string{names.data(), names.size()}), std::string("web1.core\0web1.core\0", 20));
}

TEST_F(CoreDump, FramesThatAreGoneAreLeftOut) {
    const auto contents = collect();
    ASSERT_TRUE(contents) << contents.error().what();
    hv_.m2p.erase(mfn(5));  // given back by a guest that runs on
    EXPECT_EQ(write(*contents), 1u);
    EXPECT_EQ(read<std::uint8_t>(section(".xen_pages").sh_offset + 4 * kPageSize + 7), 0x77);
}

TEST_F(CoreDump, CanBeCalledOff) {
    std::stop_source source;
    const auto contents = collect(source.get_token());
    ASSERT_TRUE(contents) << contents.error().what();
    source.request_stop();
    EXPECT_EQ(write(*contents, source.get_token()).error().code(), ErrorCode::Cancelled);
    EXPECT_EQ(collect(source.get_token()).error().code(), ErrorCode::Cancelled);
}

TEST_F(CoreDump, SaysHowFarItIs) {
    std::uint64_t last = 0;
    progress_ = [&](std::uint64_t pages, std::uint64_t of) {
        EXPECT_EQ(of, 6u);
        last = pages;
    };
    ASSERT_TRUE(write(collect().value()));
    EXPECT_EQ(last, 6u);
}

// A table that names itself on every level, in every slot: as many addresses as there can be.
TEST_F(CoreDump, HostileTablesAreBounded) {
    for (std::uint64_t slot = 0; slot < 512; ++slot) entry(0, slot, 0);
    std::uint64_t reads = 0;
    const std::vector<OwnedFrame> frames{{Pfn{0}, Mfn{mfn(0)}}};
    const auto found = find_mappings(frames, Mfn{mfn(0)},
                                     [&](Mfn, TableEntries& entries) {
                                         ++reads;
                                         std::memcpy(entries.data(), page(0).data(), sizeof entries);
                                     },
                                     {});
    EXPECT_LE(reads, 8u);
    EXPECT_LE(found.size(), kMostCoreMappings);
}

}  // namespace
}  // namespace hvctl::test
