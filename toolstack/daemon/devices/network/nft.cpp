#include "devices/network/nft.hpp"

#include <fmt/format.h>
#include <nftables/libnftables.h>

#include <memory>
#include <mutex>
#include <string_view>

#include "hvctl/try.hpp"

namespace hvctld {
namespace {

struct NftFree {
    void operator()(nft_ctx* context) const { nft_ctx_free(context); }
};

}  // namespace

Result<std::string> read_nft(const std::string& script) {
    // The library's symbol tables are shared by all contexts, and of two transactions at a time the kernel would have
    // one begin again.
    static std::mutex one_at_a_time;
    const std::scoped_lock lock{one_at_a_time};
    // A context for each script: one that is kept remembers what it has read of the kernel's tables.
    const std::unique_ptr<nft_ctx, NftFree> context{nft_ctx_new(NFT_CTX_DEFAULT)};
    if (!context) return fail(ErrorId::Internal, "libnftables cannot start");
    if (nft_ctx_buffer_output(context.get()) != 0 || nft_ctx_buffer_error(context.get()) != 0)
        return fail(ErrorId::Internal, "libnftables has no memory");
    nft_ctx_output_set_flags(context.get(), NFT_CTX_OUTPUT_STATELESS);
    if (nft_run_cmd_from_buffer(context.get(), script.c_str()) == 0) return nft_ctx_get_output_buffer(context.get());
    std::string_view said{nft_ctx_get_error_buffer(context.get())};
    while (said.ends_with('\n')) said.remove_suffix(1);
    return fail(ErrorId::Internal, fmt::format("nftables: {}", said.empty() ? "no reason given" : said));
}

Result<void> run_nft(const std::string& script) {
    TRY(read_nft(script));
    return {};
}

}  // namespace hvctld
