// The decompressors of the hypervisor under libFuzzer. The first byte says which layer gets the rest, since the sums of
// the containers would keep a fuzzer out of what is inside, and how much room the output has.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

#include "hv/base/decompress/bcj_x86.hpp"
#include "hv/base/decompress/decompress.hpp"
#include "hv/base/decompress/inflate.hpp"
#include "hv/base/decompress/lzma2.hpp"

namespace {

using Input = std::span<const std::byte>;
using Output = std::span<std::byte>;

void require(bool holds) {
    if (!holds) std::abort();
}

void run_container(Input input, Output output) {
    if (const auto size = hv::decompress(input, output)) require(*size <= output.size());
}

void run_inflate(Input input, Output output) {
    if (const auto inflated = hv::inflate(input, output))
        require(inflated->written <= output.size() && inflated->rest.size() <= input.size());
}

void run_lzma2(Input input, Output output) {
    hv::ByteReader reader{input};
    const auto decoder = std::make_unique<hv::lzma::Decoder>();
    if (const auto size = hv::decompress_lzma2(reader, output, *decoder)) require(*size <= output.size());
}

void run_filter(Input input, Output output) {
    const std::size_t size = std::min(input.size(), output.size());
    std::copy_n(input.begin(), size, output.begin());
    hv::unfilter_bcj_x86(output.first(size), static_cast<std::uint32_t>(input.size() * 0x0123'4567));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t room = std::size_t{16} << (data[0] / 4 % 14);
    const auto out = std::make_unique<std::byte[]>(room);
    // A copy, so that a sanitizer sees reads past the end.
    const auto in = std::make_unique<std::byte[]>(size - 1);
    std::copy_n(reinterpret_cast<const std::byte*>(data) + 1, size - 1, in.get());
    const Input input{in.get(), size - 1};
    const Output output{out.get(), room};
    switch (data[0] % 4) {
        case 0: run_container(input, output); break;
        case 1: run_inflate(input, output); break;
        case 2: run_lzma2(input, output); break;
        default: run_filter(input, output); break;
    }
    return 0;
}
