#include "tests/unit/decompress/packers.hpp"

#define ZSTD_STATIC_LINKING_ONLY  // for the parameter that leaves literals unpacked
#include <lzma.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <stdexcept>

namespace packers {
namespace {

constexpr std::size_t kRoom = 4096;  // for headers, beside the data and some of its size

Bytes room_for(std::span<const std::byte> bytes) {
    return Bytes(bytes.size() + bytes.size() / 8 + kRoom);
}

void require(bool holds, const char* what) {
    if (!holds) throw std::runtime_error{what};
}

}  // namespace

Bytes gzip(std::span<const std::byte> bytes, const GzipOptions& options) {
    constexpr int kGzipWindow = 15 + 16;
    z_stream stream{};
    require(deflateInit2(&stream, options.level, Z_DEFLATED, kGzipWindow, 8, options.strategy) == Z_OK, "deflateInit2");
    gz_header header{};
    Bytef extra[] = {1, 2, 3}, name[] = "name", comment[] = "comment";
    if (options.all_header_fields) {
        header.extra = extra;
        header.extra_len = sizeof extra;
        header.name = name;
        header.comment = comment;
        header.hcrc = 1;
        require(deflateSetHeader(&stream, &header) == Z_OK, "deflateSetHeader");
    }
    Bytes packed = room_for(bytes);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    require(deflate(&stream, Z_FINISH) == Z_STREAM_END, "deflate");
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    return packed;
}

Bytes xz(std::span<const std::byte> bytes, const XzOptions& options) {
    lzma_options_lzma lzma;
    require(!lzma_lzma_preset(&lzma, options.preset), "lzma_lzma_preset");
    lzma.lc = options.lc;
    lzma.lp = options.lp;
    lzma.pb = options.pb;
    lzma_options_bcj x86{.start_offset = options.x86_start};
    lzma_filter filters[3];
    std::size_t count = 0;
    if (options.other_filter) {
        filters[count++] = {*options.other_filter, nullptr};
    } else if (options.x86) {
        filters[count++] = {LZMA_FILTER_X86, &x86};
    }
    filters[count++] = {LZMA_FILTER_LZMA2, &lzma};
    filters[count] = {LZMA_VLI_UNKNOWN, nullptr};
    lzma_stream stream = LZMA_STREAM_INIT;
    require(lzma_stream_encoder(&stream, filters, static_cast<lzma_check>(options.check)) == LZMA_OK,
            "lzma_stream_encoder");
    Bytes packed = room_for(bytes);
    packed.resize(packed.size() + (options.block ? 200 * (bytes.size() / options.block) : 0));
    stream.next_out = reinterpret_cast<std::uint8_t*>(packed.data());
    stream.avail_out = packed.size();
    while (options.block != 0 && bytes.size() > options.block) {
        stream.next_in = reinterpret_cast<const std::uint8_t*>(bytes.data());
        stream.avail_in = options.block;
        require(lzma_code(&stream, LZMA_FULL_FLUSH) == LZMA_STREAM_END, "LZMA_FULL_FLUSH");
        bytes = bytes.subspan(options.block);
    }
    stream.next_in = reinterpret_cast<const std::uint8_t*>(bytes.data());
    stream.avail_in = bytes.size();
    require(lzma_code(&stream, LZMA_FINISH) == LZMA_STREAM_END, "LZMA_FINISH");
    packed.resize(stream.total_out);
    lzma_end(&stream);
    return packed;
}

Bytes zstd(std::span<const std::byte> bytes, const ZstdOptions& options) {
    ZSTD_CCtx* const context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, options.level);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, options.sum);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, options.size);
    if (options.plain_literals) ZSTD_CCtx_setParameter(context, ZSTD_c_literalCompressionMode, ZSTD_ps_disable);
    if (options.size) ZSTD_CCtx_setPledgedSrcSize(context, bytes.size());
    Bytes packed = room_for(bytes);
    packed.resize(packed.size() + (options.block ? 8 * (bytes.size() / options.block) : 0));
    ZSTD_outBuffer out{packed.data(), packed.size(), 0};
    while (options.block != 0 && bytes.size() > options.block) {
        ZSTD_inBuffer in{bytes.data(), options.block, 0};
        require(ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush) == 0, "ZSTD_e_flush");
        bytes = bytes.subspan(options.block);
    }
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    require(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end) == 0, "ZSTD_e_end");
    packed.resize(out.pos);
    ZSTD_freeCCtx(context);
    return packed;
}

}  // namespace packers
