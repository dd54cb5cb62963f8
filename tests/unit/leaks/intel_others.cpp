#include "tests/unit/leaks/record.hpp"

namespace hv::x86 {
namespace {

using enum Leak;

const Record kOthers[] = {
    {"Core i9-12900K, Alder Lake",
     {intel(0x20),
      {0x1, 0, {0x00090672, 0x00800800, 0x7ffafbff, 0xbfebfbff}},
      {0x7, 0, {1, 0x239ca7eb, 0x98c027ac, 0xfc1cc410}},
      {0x7, 1, {0x00400810, 0, 0, 0}},
      {0xb, 0, {0x00000001, 0x00000002, 0x00000100, 0x00000000}},
      {0xb, 1, {0x00000007, 0x00000018, 0x00000201, 0x00000000}},
      {0x80000000, 0, {0x80000008, 0, 0, 0}},
      {0x80000008, 0, {0x0000302e, 0, 0, 0}}},
     {SpectreV1, SpectreV2, StoreBypass, Rfds, Bhi, PostBarrierReturns, Vmscape},
     Known::Documented,
     0x0400'e16b},
    {"Core i5-13600K, Raptor Lake, a small core",
     {intel(0x20),
      {0x1, 0, {0x000b0671, 0x3e800800, 0x7ffafbff, 0xbfebfbff}},
      {0x7, 0, {2, 0x239c27eb, 0x98c027ac, 0xfc1cc410}},
      {0x7, 1, {0x00400810, 0, 0, 0}},
      {0x7, 2, {0, 0, 0, 0x0000001f}},
      {0xb, 0, {0x00000001, 0x00000001, 0x00000100, 0x0000003e}},
      {0xb, 1, {0x00000007, 0x00000014, 0x00000201, 0x0000003e}},
      {0x80000000, 0, {0x80000008, 0, 0, 0}},
      {0x80000008, 0, {0x0000302e, 0, 0, 0}}},
     {SpectreV1, SpectreV2, StoreBypass, Rfds, Bhi, PostBarrierReturns, Vmscape},
     Known::Documented,
     0x0400'e16b},
    {"Atom Z3745, Silvermont",
     {intel(0xb),
      {0x1, 0, {0x00030678, 0x00100800, 0x43d8e3bf, 0xbfebfbff}},
      {0x7, 0, {0, 0x00002282, 0, 0}},
      {0xb, 0, {0x00000001, 0x00000001, 0x00000100, 0x00000000}},
      {0xb, 1, {0x00000004, 0x00000004, 0x00000201, 0x00000000}},
      {0x80000000, 0, {0x80000008, 0, 0, 0}},
      {0x80000008, 0, {0x00003024, 0, 0, 0}}},
     {Meltdown, SpectreV1, SpectreV2, Mds, MdsOfStoresOnly}},
    {"Atom C3958, Denverton",
     {intel(0x15),
      {0x1, 0, {0x000506f1, 0x00200800, 0x4ff8ebbf, 0xbfebfbff}},
      {0x7, 0, {0, 0x2294e283, 0, 0x2c000000}},
      {0xb, 0, {0x00000001, 0x00000001, 0x00000100, 0x00000000}},
      {0xb, 1, {0x00000005, 0x00000010, 0x00000201, 0x00000000}},
      {0x80000000, 0, {0x80000008, 0, 0, 0}},
      {0x80000008, 0, {0x00003027, 0, 0, 0}}},
     {SpectreV1, SpectreV2, StoreBypass, Rfds},
     Known::Documented,
     0x1},
    {"Celeron N4100, Gemini Lake",
     {intel(0x18),
      {0x1, 0, {0x000706a1, 0x02400800, 0x4ff8ebbf, 0xbfebfbff}},
      {0x7, 0, {0, 0x2294e287, 0x40400004, 0x2c000000}},
      {0xb, 0, {0x00000001, 0x00000001, 0x00000100, 0x00000002}},
      {0xb, 1, {0x00000006, 0x00000004, 0x00000201, 0x00000002}},
      {0x80000000, 0, {0x80000008, 0, 0, 0}},
      {0x80000008, 0, {0x00003027, 0, 0, 0}}},
     {SpectreV1, SpectreV2, StoreBypass, Rfds},
     Known::Documented,
     0x1},
    {"Atom P5362, Tremont",
     {intel(0x1b),  // bits that no manual names are set in it, too
      {0x1, 0, {0x00080665, 0x02800800, 0x4ff8ebff, 0xbfebfbff}},
      {0x7, 0, {0, 0x2394b2c3, 0x1a400124, 0xfc000400}},
      {0xb, 0, {0x00000001, 0x00000001, 0x00000100, 0x00000002}},
      {0xb, 1, {0x00000007, 0x00000018, 0x00000201, 0x00000002}},
      {0x80000000, 0, {0x80000008, 0, 0, 0}},
      {0x80000008, 0, {0x0000302a, 0, 0, 0}}},
     {SpectreV1, SpectreV2, StoreBypass, MmioStaleData, Rfds, Bhi},
     Known::Read,
     0x001a'8c7f'a080'036b},
};

}  // namespace

std::span<const Record> intel_others() {
    return kOthers;
}

}  // namespace hv::x86
