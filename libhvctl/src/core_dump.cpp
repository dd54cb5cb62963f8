#include "hvctl/core_dump.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>

#include "core_format.hpp"
#include "core_mappings.hpp"
#include "hv/abi/xen/hypercall.hpp"
#include "hv/abi/xen/vcpu_state.hpp"
#include "hvctl/try.hpp"

namespace hvctl {

namespace xen = hv::abi::xen;

namespace {

constexpr std::size_t kPagesAtOnce = 128;
constexpr std::uint64_t kMostPfn = 1ull << 40;  // of a guest with 4 PiB; beyond it there are only wrong words

Result<void> go_on(const std::stop_token& cancel) {
    if (!cancel.stop_requested()) return {};
    return fail(ErrorCode::Cancelled, "the dump was called off");
}

Result<std::vector<OwnedFrame>> frames_of(const Control& control, DomainId domain) {
    auto frames = TRY(control.owned_frames(domain));
    std::erase_if(frames, [](const OwnedFrame& frame) { return frame.pfn.raw >= kMostPfn; });
    std::ranges::sort(frames, [](const OwnedFrame& a, const OwnedFrame& b) {
        return a.pfn != b.pfn ? a.pfn < b.pfn : a.mfn < b.mfn;
    });
    return frames;
}

// Of the vCPUs that the guest has started.
Result<std::vector<std::byte>> contexts_of(const Control& control, DomainId domain, std::uint32_t vcpus) {
    std::vector<std::byte> contexts;
    for (std::uint32_t vcpu = 0; vcpu < vcpus; ++vcpu) {
        const auto info = TRY(control.vcpu_info(domain, VcpuId{vcpu}));
        if (info.initialised == 0) continue;
        const std::size_t at = contexts.size();
        contexts.resize(at + sizeof(xen::VcpuGuestContext));
        TRY(control.get_vcpu_context(domain, VcpuId{vcpu}, std::span{contexts}.subspan(at)));
    }
    return contexts;
}

// What hv says of itself by Xen's call, as far as it says it.
Result<std::vector<std::byte>> hypervisor_note(HypercallPort& port) {
    const HypercallBuffer buffer = TRY(port.buffers().take(kPageSize));
    const auto ask = [&](xen::VersionCommand command) {
        std::ranges::fill(buffer.bytes(), std::byte{0});
        return port.call(static_cast<std::uint64_t>(xen::HypercallId::XenVersion), static_cast<std::uint64_t>(command),
                         buffer.address());
    };
    const auto fill = [&](xen::VersionCommand command, auto& field) {
        if (ask(command) >= 0) std::memcpy(&field, buffer.bytes().data(), sizeof field);
    };
    core::XenVersion note{};
    const std::int64_t version = ask(xen::VersionCommand::Version);
    if (version >= 0) {
        note.major = static_cast<std::uint64_t>(version) >> 16;
        note.minor = static_cast<std::uint64_t>(version) & 0xffff;
    }
    note.page_size = kPageSize;
    fill(xen::VersionCommand::Extraversion, note.extraversion);
    fill(xen::VersionCommand::CompileInfo, note.compile_info);
    fill(xen::VersionCommand::Capabilities, note.capabilities);
    fill(xen::VersionCommand::Changeset, note.changeset);
    fill(xen::VersionCommand::PlatformParameters, note.platform_parameters);
    const auto bytes = std::as_bytes(std::span{&note, 1});
    return std::vector<std::byte>{bytes.begin(), bytes.end()};
}

// As the first vCPU sees the guest's memory.
std::vector<CoreMapping> mappings_of(const Control& control, DomainId domain, const CoreContents& contents,
                                     const std::stop_token& cancel) {
    xen::VcpuGuestContext context;
    if (contents.contexts.size() < sizeof context) return {};
    std::memcpy(&context, contents.contexts.data(), sizeof context);
    const auto read = [&](Mfn table, TableEntries& entries) {
        const auto copied =
            control.copy_from_domain(domain, std::span{&table, 1}, 0, std::as_writable_bytes(std::span{entries}));
        if (!copied) entries.fill(0);
    };
    return find_mappings(contents.frames, Mfn{xen::cr3_to_frame(context.ctrlreg[3])}, read, cancel);
}

Result<void> write_at(int fd, std::uint64_t at, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return std::unexpected(Error::from_errno(errno, "cannot write the core file"));
        at += static_cast<std::uint64_t>(written);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
}

// Reads what can be read of the frames, page by page where one of them is not to be had. Returns how many are not.
Result<std::uint64_t> read_pages(const Control& control, DomainId domain, std::span<const Mfn> frames,
                                 std::span<std::byte> pages) {
    if (control.copy_from_domain(domain, frames, 0, pages)) return 0;
    std::uint64_t missing = 0;
    for (std::size_t i = 0; i < frames.size(); ++i) {
        const auto page = pages.subspan(i * kPageSize, kPageSize);
        if (control.copy_from_domain(domain, frames.subspan(i, 1), 0, page)) continue;
        std::ranges::fill(page, std::byte{0});
        ++missing;
    }
    // All of them are gone with the domain.
    if (missing == frames.size()) TRY(control.domain(domain));
    return missing;
}

bool is_zero(std::span<const std::byte> page) {
    return page[0] == std::byte{0} && std::memcmp(page.data(), page.data() + 1, page.size() - 1) == 0;
}

// Runs of pages that are not all zeros.
Result<void> write_pages(int fd, std::uint64_t at, std::span<const std::byte> pages) {
    const std::size_t count = pages.size() / kPageSize;
    const auto page = [&](std::size_t index) { return pages.subspan(index * kPageSize, kPageSize); };
    for (std::size_t first = 0; first < count;) {
        std::size_t end = first;
        while (end < count && !is_zero(page(end))) ++end;
        TRY(write_at(fd, at + first * kPageSize, pages.subspan(first * kPageSize, (end - first) * kPageSize)));
        first = end + 1;
    }
    return {};
}

}  // namespace

Result<CoreContents> collect_core(const Control& control, DomainId domain, const std::string& file_name,
                                  const std::stop_token& cancel) {
    CoreContents contents;
    contents.file_name = file_name;
    const abi::DomainInfo info = TRY(control.domain(domain));
    contents.frames = TRY(frames_of(control, domain));
    TRY(go_on(cancel));
    contents.contexts = TRY(contexts_of(control, domain, info.max_vcpus));
    contents.hypervisor = TRY(hypervisor_note(control.port()));
    contents.mappings = mappings_of(control, domain, contents, cancel);
    TRY(go_on(cancel));
    return contents;
}

Result<std::uint64_t> write_core(const Control& control, DomainId domain, const CoreContents& contents, int fd,
                                 const CoreProgress& progress, const std::stop_token& cancel) {
    const CoreLayout layout = plan_core(contents);
    if (::ftruncate(fd, static_cast<off_t>(layout.size)) != 0)
        return std::unexpected(Error::from_errno(errno, "cannot make the core file as long as it must be"));
    TRY(write_at(fd, 0, layout.head));
    TRY(write_at(fd, layout.frames_at, std::as_bytes(std::span{contents.frames})));
    std::vector<std::byte> buffer(kPagesAtOnce * kPageSize);
    std::vector<Mfn> frames(kPagesAtOnce);
    std::uint64_t missing = 0;
    for (std::size_t done = 0; done < contents.frames.size();) {
        TRY(go_on(cancel));
        const std::size_t count = std::min(kPagesAtOnce, contents.frames.size() - done);
        for (std::size_t i = 0; i < count; ++i) frames[i] = contents.frames[done + i].mfn;
        const auto pages = std::span{buffer}.first(count * kPageSize);
        missing += TRY(read_pages(control, domain, std::span{frames}.first(count), pages));
        TRY(write_pages(fd, layout.pages_at + done * kPageSize, pages));
        done += count;
        if (progress) progress(done, contents.frames.size());
    }
    return missing;
}

}  // namespace hvctl
