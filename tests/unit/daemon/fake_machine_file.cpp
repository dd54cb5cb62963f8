#include "fake_machine_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace hvctld::test {

FakeMachineFile::FakeMachineFile(const std::string& path) {
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void* mapped = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, sizeof(Content)) == 0)
        mapped = mmap(nullptr, sizeof(Content), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) {
        std::perror(path.c_str());
        std::abort();
    }
    close(fd);
    content_ = static_cast<Content*>(mapped);
}

FakeMachineFile::~FakeMachineFile() {
    munmap(content_, sizeof(Content));
}

FakeSlot* FakeMachineFile::free_slot() {
    const auto found = std::ranges::find(content_->slots, 0u, &FakeSlot::there);
    if (found == content_->slots.end()) return nullptr;
    *found = {};
    return &*found;
}

}  // namespace hvctld::test
