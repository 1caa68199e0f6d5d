// The text form of graphs: what parses is printed and parses to the same text again.

#include "base/check.h"
#include "graph/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto graph = hf::graph::parse(hf::as_text({data, size}));
    if (!graph.ok()) return 0;
    const std::string text = hf::graph::print(*graph);
    const auto again = hf::graph::parse(text);
    HF_CHECK(again.ok(), "{}", again.status().to_string());
    HF_CHECK(hf::graph::print(*again) == text);
    return 0;
}
