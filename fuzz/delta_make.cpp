// Two versions of a file, with tensors at places that the input chooses: the delta makes the second
// from the first, and is hardly larger than it.

#include <algorithm>

#include "view_file.h"

#include "vault/delta/decode.h"
#include "vault/delta/encode.h"

namespace {

class Keeper final : public hf::env::FileWriter {
public:
    hf::Status append(hf::ByteView bytes) override {
        all.insert(all.end(), bytes.begin(), bytes.end());
        return {};
    }
    hf::Status commit() override { return {}; }

    hf::Bytes all;
};

// Three bytes a tensor: where, how long, and of which elements.
std::vector<hf::vault::delta::Tensor> tensors(hf::ByteView hints, std::size_t file) {
    std::vector<hf::vault::delta::Tensor> found;
    for (std::size_t i = 0; i + 3 <= hints.size(); i += 3) {
        const auto width = static_cast<std::uint8_t>(1U << (hints[i + 2] & 3));
        found.push_back({std::string(1, static_cast<char>(hints[i + 2] >> 3)),
                         hints[i] * file / 200,
                         std::uint64_t{hints[i + 1]} * 4,
                         {width, (hints[i + 2] & 4) != 0}});
    }
    return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::size_t kHints = 12;
    if (size < 2 + 2 * kHints) return 0;
    const hf::ByteView input(data, size);
    const hf::ByteView files = input.subspan(2 + 2 * kHints);
    const std::size_t cut = files.size() * hf::load_le<std::uint16_t>(data) / 0xFFFF;
    const hf::ByteView base = files.first(cut), result = files.subspan(cut);
    const hf::Bytes delta = hf::vault::delta::encode(
        {base, tensors(input.subspan(2, kHints), base.size())},
        {result, tensors(input.subspan(2 + kHints, kHints), result.size())}, {.level = 1});
    HF_CHECK(delta.size() <= result.size() + hf::vault::delta::kHeaderBytes + 30);
    Keeper out;
    const auto applied =
        hf::vault::delta::apply(hf::fuzz::ViewFile(base), hf::fuzz::ViewFile(delta), out);
    HF_CHECK(applied.ok(), "{}", applied.status().to_string());
    HF_CHECK(std::equal(out.all.begin(), out.all.end(), result.begin(), result.end()));
    return 0;
}
