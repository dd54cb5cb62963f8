#include "fake_machine_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "fake_hypervisor.hpp"

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

std::shared_ptr<FakePage> fresh_page(FakePage* in_file) {
    if (in_file == nullptr) return std::make_shared<FakePage>();
    return {in_file, [](FakePage*) {}};
}

void FakeHypervisor::load() {
    next_domid_ = static_cast<std::uint16_t>((*file_)->domains_made + 1);
    next_mfn_ += (*file_)->frames_made;
    for (FakeSlot& slot : (*file_)->slots) {
        if (slot.there == 0) continue;
        FakeDomain& domain = domains[slot.info.domain];
        domain.slot = &slot;
        domain.info = slot.info;
        domain.claim = slot.claim;
        domain.cmdline = slot.cmdline;
        domain.console = fresh_page(&slot.console);
        domain.store = fresh_page(&slot.store);
        domain.rings = {Mfn{slot.console_frame}, Mfn{slot.store_frame}, EventPort{slot.console_port},
                        EventPort{slot.store_port}};
    }
}

void FakeHypervisor::keep(FakeDomain& domain) {
    if (domain.slot == nullptr) return;
    FakeSlot& slot = *domain.slot;
    slot.info = domain.info;
    slot.claim = domain.claim;
    slot.console_frame = domain.rings.console.raw;
    slot.store_frame = domain.rings.store.raw;
    slot.console_port = domain.rings.console_port.raw;
    slot.store_port = domain.rings.store_port.raw;
    domain.cmdline.copy(slot.cmdline, sizeof slot.cmdline - 1);
    slot.there = 1;
}

}  // namespace hvctld::test
