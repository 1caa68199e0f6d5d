// What clients of a registry send: the first line is a path behind /v2/, the second a Range header,
// the third Accept, the rest a page's n and last.

#include <algorithm>

#include "base/text.h"
#include "vault/reference.h"
#include "vault/registry_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = hf::as_text({data, size});
    std::vector<std::string_view> lines = hf::split(text, '\n');
    lines.resize(5);

    const hf::vault::RegistryPath path = hf::vault::parse_registry_path(lines[0]);
    const bool nameless = path.request.name.empty();
    if (!path.error && !nameless) HF_CHECK(hf::vault::is_repository_name(path.request.name));
    if (path.error) HF_CHECK(path.error->status >= 400 && path.error->response().status >= 400);

    const std::uint64_t bytes = lines[0].size();
    const auto range = hf::vault::parse_range(lines[1], bytes);
    if (range.ok() && *range) {
        HF_CHECK((*range)->size > 0 && (*range)->offset < bytes);
        HF_CHECK((*range)->size <= bytes - (*range)->offset);
    }

    hf::http::Headers headers;
    headers.add("Accept", std::string(lines[2]));
    (void)hf::vault::accepts(headers, "application/vnd.oci.image.manifest.v1+json");

    hf::http::Request request;
    request.query = {{"n", std::string(lines[3])}, {"last", std::string(lines[4])}};
    const auto page = hf::vault::page_of({"c", "a", "b"}, request);
    if (page.ok()) HF_CHECK(std::is_sorted(page->entries.begin(), page->entries.end()));
    if (page.ok() && page->more) (void)hf::vault::link_to_next(*page, "/v2/_catalog");
    return 0;
}
