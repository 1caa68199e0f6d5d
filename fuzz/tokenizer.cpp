// A tokenizer.json, and behind a zero byte the text that it splits.

#include <algorithm>

#include "base/bytes.h"
#include "media/text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto* const end = std::find(data, data + size, std::uint8_t{0});
    const auto file = static_cast<std::size_t>(end - data);
    const auto tokenizer = hf::media::text::Tokenizer::parse(hf::as_text({data, file}));
    if (!tokenizer.ok() || file == size) return 0;
    (void)tokenizer->encode(hf::as_text({end + 1, size - file - 1}), 64);
    return 0;
}
