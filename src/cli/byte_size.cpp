#include "cli/byte_size.h"

#include <array>

#include "base/text.h"

namespace hf::cli {
namespace {

constexpr std::int64_t kUnitsMost = 1 << 20;  // at most a PiB, which no product overflows

struct Unit {
    std::string_view name;
    std::uint64_t bytes;
};
constexpr std::array<Unit, 3> kUnits{{{"KiB", std::uint64_t{1} << 10},
                                      {"MiB", std::uint64_t{1} << 20},
                                      {"GiB", std::uint64_t{1} << 30}}};

}  // namespace

Result<std::uint64_t> parse_byte_size(std::string_view option, std::string_view text) {
    for (const Unit& unit : kUnits) {
        if (!text.ends_with(unit.name)) continue;
        const Result<std::int64_t> count =
            parse_int(trim(text.substr(0, text.size() - unit.name.size())));
        if (!count.ok() || *count < 1 || *count > kUnitsMost) break;
        return static_cast<std::uint64_t>(*count) * unit.bytes;
    }
    return invalid_argument("--{}: '{}' is no size from 1KiB to {}GiB, as in 64MiB", option, text,
                            kUnitsMost);
}

}  // namespace hf::cli
