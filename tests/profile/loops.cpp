// What tests/profile/run counts: loops over one thing that programs ask of their kernel. Arguments: NAME TURNS, again
// and again. Each loop takes a few turns first, so that code and tables are where they stay; the marks are found by
// address.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" {
[[gnu::noinline, gnu::used]] void profile_begin() {
    asm volatile("nop" : : : "memory");
}
[[gnu::noinline, gnu::used]] void profile_end() {
    asm volatile("nop; nop" : : : "memory");
}
}

namespace {

constexpr std::size_t kPage = 4096;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

void* map(std::size_t bytes) {
    void* block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) die("mmap");
    return block;
}

void call() {
    syscall(SYS_getppid);
}

void touch_mebibyte() {
    constexpr std::size_t kBlock = 1 << 20;
    auto* bytes = static_cast<volatile char*>(map(kBlock));
    for (std::size_t at = 0; at < kBlock; at += kPage) bytes[at] = 1;
    munmap(const_cast<char*>(bytes), kBlock);
}

void protect() {
    static void* const page = [] {
        void* made = map(kPage);
        *static_cast<volatile char*>(made) = 1;
        return made;
    }();
    mprotect(page, kPage, PROT_READ);
    mprotect(page, kPage, PROT_READ | PROT_WRITE);
}

void beget() {
    const pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) _exit(0);
    waitpid(child, nullptr, 0);
}

struct Loop {
    std::string_view name;
    void (*turn)();
};
constexpr Loop kLoops[] = {{"getppid", call}, {"mmap", touch_mebibyte}, {"mprotect", protect}, {"fork", beget}};

}  // namespace

int main(int count, char** words) {
    for (int i = 1; i + 1 < count; i += 2)
        for (const Loop& loop : kLoops) {
            if (loop.name != words[i]) continue;
            for (int turn = 0; turn < 3; ++turn) loop.turn();
            const int turns = std::atoi(words[i + 1]);
            profile_begin();
            for (int turn = 0; turn < turns; ++turn) loop.turn();
            profile_end();
        }
}
