// SysRq by control/sysrq: the guest's kernel takes what it finds there and empties the node.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "domain/requests.hpp"
#include "domain/store_entries.hpp"
#include "domain/store_writer.hpp"
#include "hvctl/try.hpp"

namespace hvctld {

Result<void> Requests::send_sysrq(const std::string& text, const std::string& letter) {
    const Domain* domain = TRY(domains_.find_running(text));
    const std::string& name = domain->record.name;
    if (letter.size() != 1 || std::isalnum(static_cast<unsigned char>(letter.front())) == 0)
        return fail(ErrorId::InvalidArgument, fmt::format("\"{}\" is not a letter or a digit", letter));
    TRY(work_.admit(*domain, Verb::Sysrq));
    TRY(require_listening(*domain));
    const std::uint16_t domid = domain->record.instance.domid;
    const std::string path = domain_path(domid) + "/control/sysrq";
    const std::string before = context_.store.read(path).value_or("");
    // Linux writes a zero byte there when it has taken the key.
    if (std::ranges::any_of(before, [](char c) { return c != '\0'; })) {
        return fail(ErrorId::Busy, fmt::format("{}: the guest has not taken the SysRq letter before this one; its "
                                               "kernel is busy, or has no SysRq function",
                                               name));
    }
    const store::Permissions guests{{store::DomainId{domid}, store::Access::None}};
    return write_together(context_.store, [&](StoreWriter& writer) { writer.write(path, letter, guests); });
}

}  // namespace hvctld
