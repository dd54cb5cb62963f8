// Counts the uses of all frames again, from nothing: each part of hv that holds references on frames says here which,
// free lists and page tables are walked, and the sums are compared with what every FrameInfo says of itself.
//
// Nothing may be in the middle of an operation: a test between two steps, or the machine at a standstill. No lock is
// taken. A discrepancy is an error of hv's, whatever the guests did.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "hv/base/format.hpp"
#include "hv/memory/frame.hpp"

namespace hv {

// What the walk finds of one frame.
struct FrameAccount {
    std::uint32_t references;
    std::uint32_t types;
    std::uint8_t used_as;  // a bit for each FrameType
    std::uint8_t marks;
    std::int16_t linear;  // as FrameInfo::linear
};

// Where discrepancies go, one line each.
struct AuditReport {
    void (*line)(void* context, std::string_view text);
    void* context;
};

class FrameAudit {
  public:
    // `accounts`: one for each frame from 0 on; frames past them are not looked at. All of RAM makes an audit complete.
    FrameAudit(std::span<FrameAccount> accounts, AuditReport report);
    FrameAudit(const FrameAudit&) = delete;
    FrameAudit& operator=(const FrameAudit&) = delete;

    // There is a general reference; with `use`, a reference of the type as well.
    void reference(Mfn frame);
    void use(Mfn frame, FrameType type);
    void use(const FrameInfo* info, FrameType type) {
        if (info) use(frame_number(*info), type);
    }
    // An entry of `table` names another table of the same level.
    void linear(Mfn table, Mfn named);
    // A page of hv's own that `owner` may map.
    void show(Mfn frame, DomainId owner);
    // On a list of its owner's. False: for the second time, so the list has no end.
    bool list(Mfn frame);
    // In a free block. False: for the second time.
    bool free(Mfn frame);

    template <class... Values>
    void complain(std::string_view text, const Values&... values) {
        char line[200];
        ++complaints_;
        report_.line(report_.context, format_into(line, text, values...));
    }
    std::uint64_t complaints() const { return complaints_; }

    // Once all holders have been asked: what the frames hold of themselves and of each other, and the comparison.
    void frames();

  private:
    static constexpr std::uint8_t kShown = 1, kListed = 2, kFree = 4;

    FrameAccount* account_of(Mfn frame);
    bool mark(Mfn frame, std::uint8_t mark);
    void enter(Mfn frame, FrameInfo& info);
    void compare(Mfn frame, const FrameInfo& info, const FrameAccount& account);
    void compare_unowned(Mfn frame, const FrameInfo& info, const FrameAccount& account);
    void compare_owned(Mfn frame, const FrameInfo& info, const FrameAccount& account);

    std::span<FrameAccount> accounts_;
    AuditReport report_;
    std::uint64_t complaints_ = 0;
};

const char* name_of(FrameType type);

// Seam: a frame that is in use as a page table: what its entries refer to, and whether they are what a guest may have.
// Only the first `entries` hold references (a table that is being validated or undone).
void audit_table(FrameAudit& audit, Mfn frame, FrameType type, unsigned entries);

// The allocator's part: its lists, and what it says of them. `claims`: the sum of all promises.
void audit_free_frames(FrameAudit& audit, std::uint64_t claims);

}  // namespace hv
