#include "console/journal.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace hvctld {

namespace {
constexpr std::uint64_t kMagic = 0x68766a6f75726e31;  // with the layout's number at its end
constexpr std::size_t kSize = 4096;
}  // namespace

struct ConsoleJournal::Page {
    std::uint64_t magic;
    std::uint64_t log_size;
    std::uint64_t dropped;
    std::uint32_t consumer;
    std::uint32_t bytes;
    std::uint32_t pending;
    std::uint32_t rotated_in_run;
};

Result<ConsoleJournal> ConsoleJournal::open(const std::string& path) {
    const hvctl::UniqueFd file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)};
    // The space is taken now: what a full file system cannot give to a mapping later is a signal, not an error.
    const bool kept = file && posix_fallocate(file.get(), 0, kSize) == 0;
    void* address = kept ? mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0)
                         : mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) return fail_errno(errno, path);
    ConsoleJournal journal{hvctl::Mapping{address, kSize}, kept};
    if (journal.page().magic != kMagic) {
        journal.page() = {};
        journal.page().magic = kMagic;
    }
    return journal;
}

ConsoleJournal::Page& ConsoleJournal::page() const {
    return *reinterpret_cast<Page*>(memory_.data());
}

// The kernel keeps the page when the process dies, in program order as this thread made the stores; only the compiler
// must not move them, hence the release stores of `pending`.
void ConsoleJournal::begin(std::uint64_t log_size, std::uint32_t consumer, std::uint32_t bytes) {
    Page& p = page();
    p.log_size = log_size;
    p.consumer = consumer;
    p.bytes = bytes;
    std::atomic_ref{p.pending}.store(1, std::memory_order_release);
    std::atomic_signal_fence(std::memory_order_seq_cst);
}

void ConsoleJournal::end() {
    std::atomic_ref{page().pending}.store(0, std::memory_order_release);
}

bool ConsoleJournal::interrupted(std::uint64_t log_size, std::uint32_t& consumer) const {
    const Page& p = page();
    if (p.pending == 0) return false;
    const std::uint64_t written = log_size - p.log_size;
    if (log_size < p.log_size || written > p.bytes) return false;  // another program has changed the log
    consumer = p.consumer + static_cast<std::uint32_t>(written);
    return true;
}

std::uint64_t ConsoleJournal::dropped() const {
    return page().dropped;
}
void ConsoleJournal::add_dropped(std::uint64_t bytes) {
    page().dropped += bytes;
}
bool ConsoleJournal::rotated_in_run() const {
    return page().rotated_in_run != 0;
}
void ConsoleJournal::set_rotated_in_run(bool rotated) {
    page().rotated_in_run = rotated ? 1 : 0;
}

}  // namespace hvctld
