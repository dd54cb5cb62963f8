// LZMA2: chunks of LZMA or of plain bytes, each with its sizes.
#pragma once

#include <cstddef>
#include <span>

#include "hv/base/byte_reader.hpp"
#include "hv/base/decompress/lzma_decoder.hpp"
#include "hv/base/result.hpp"

namespace hv {

// From `packed`'s position up to and including the end marker; `out` is window and output in one. Bytes written.
Result<std::size_t> decompress_lzma2(ByteReader& packed, std::span<std::byte> out, lzma::Decoder& decoder);

}  // namespace hv
