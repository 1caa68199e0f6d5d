#include "vault/registry_protocol.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "testing/script.h"

namespace hf::vault {
namespace {

const std::string kOne = "sha256:" + std::string(64, '1');
const std::string kTwo = "sha256:" + std::string(64, '2');

// "blob team/pump sha256:1..." or the error's status and code.
std::string tell(std::string_view rest) {
    const RegistryPath path = parse_registry_path(rest);
    if (path.error) return fmt::format("{} {}", path.error->status, path.error->code);
    constexpr const char* kNames[] = {"base",   "catalog", "manifest",  "blob",
                                      "upload", "tags",    "referrers", "delta"};
    std::string text = kNames[static_cast<std::size_t>(path.request.object)];
    if (!path.request.name.empty()) text += " " + path.request.name;
    if (!path.request.tag.empty()) text += " " + path.request.tag;
    for (const auto& digest : {path.request.base, path.request.digest}) {
        if (digest) text += " " + digest->hex().substr(0, 1);
    }
    return text;
}

TEST(RegistryPath, SaysWhatIsAskedFor) {
    const std::pair<std::string, std::string> table[] = {
        {"", "base"},
        {"_catalog", "catalog"},
        {"pump/tags/list", "tags pump"},
        {"team/pump/tags/list", "tags team/pump"},
        {"pump/manifests/v1", "manifest pump v1"},
        {"pump/manifests/" + kOne, "manifest pump 1"},
        {"a/b/c/manifests/latest", "manifest a/b/c latest"},
        {"pump/blobs/" + kOne, "blob pump 1"},
        {"pump/referrers/" + kOne, "referrers pump 1"},
        {"team/pump/deltas/" + kOne + "/" + kTwo, "delta team/pump 1 2"},
        {"pump/blobs/uploads", "upload pump"},
        {"pump/blobs/uploads/", "upload pump"},
        {"pump/blobs/uploads/7f3a", "upload pump"},
        // Names whose parts are words of the protocol.
        {"blobs/manifests/v1", "manifest blobs v1"},
        {"manifests/blobs/" + kOne, "blob manifests 1"},
        {"a/tags/list/manifests/v1", "manifest a/tags/list v1"},
        {"a/blobs/uploads/manifests/v1", "manifest a/blobs/uploads v1"},
        {"a/manifests/tags/list", "tags a/manifests"},
        {"a/deltas/blobs/" + kOne, "blob a/deltas 1"},
        {"a/deltas/b/manifests/" + kOne, "manifest a/deltas/b 1"},
        {"deltas/deltas/" + kOne + "/" + kTwo, "delta deltas 1 2"},
    };
    for (const auto& [path, want] : table) EXPECT_EQ(tell(path), want) << path;
}

TEST(RegistryPath, RefusesWhatIsNone) {
    const std::string upper = "sha256:" + std::string(64, 'A');
    const std::string longest(255, 'a');
    const std::pair<std::string, std::string> table[] = {
        {"pump", "404 NAME_UNKNOWN"},
        {"_catalog/", "404 NAME_UNKNOWN"},
        {"pump/tags", "404 NAME_UNKNOWN"},
        {"pump/tags/all", "404 NAME_UNKNOWN"},
        {"manifests/v1", "404 NAME_UNKNOWN"},
        {"/manifests/v1", "400 NAME_INVALID"},
        {"Pump/manifests/v1", "400 NAME_INVALID"},
        {"a//b/manifests/v1", "400 NAME_INVALID"},
        {"a..b/manifests/v1", "400 NAME_INVALID"},
        {"a b/tags/list", "400 NAME_INVALID"},
        {"-a/blobs/" + kOne, "400 NAME_INVALID"},
        {longest + "/tags/list", "tags " + longest},
        {longest + "a/tags/list", "400 NAME_INVALID"},
        {"pump/manifests/", "404 MANIFEST_UNKNOWN"},
        {"pump/manifests/.v1", "404 MANIFEST_UNKNOWN"},
        {"pump/manifests/" + std::string(129, 'v'), "404 MANIFEST_UNKNOWN"},
        {"pump/manifests/sha256:12", "400 DIGEST_INVALID"},
        {"pump/manifests/" + upper, "400 DIGEST_INVALID"},
        {"pump/blobs/", "400 DIGEST_INVALID"},
        {"pump/blobs/" + kOne + "0", "400 DIGEST_INVALID"},
        {"pump/blobs/sha512:" + std::string(128, '1'), "400 DIGEST_INVALID"},
        {"pump/referrers/v1", "400 DIGEST_INVALID"},
        {"pump/deltas/" + kOne + "/v2", "400 DIGEST_INVALID"},
        {"pump/deltas/v1/" + kOne, "400 DIGEST_INVALID"},
        {"deltas/" + kOne + "/" + kTwo, "404 NAME_UNKNOWN"},
        {"blobs/uploads/", "404 NAME_UNKNOWN"},
    };
    for (const auto& [path, want] : table) EXPECT_EQ(tell(path), want) << path;
    // What is shown of a hostile path is bounded.
    EXPECT_LT(parse_registry_path(std::string(60'000, 'x')).error->message.size(), 300U);
}

// Whatever is put together from the protocol's words: an answer, and never a name that is none.
TEST(RegistryPath, OfAnyPartsIsReadOrRefused) {
    Rng rng(testing::seed());
    const std::string words[] = {"",       "a",       "blobs",     "manifests", "tags", "list",
                                 "deltas", "uploads", "referrers", "_catalog",  kOne,   "v1"};
    for (int round = 0; round < 20'000; ++round) {
        std::string path;
        for (std::uint64_t parts = rng.below(7); parts > 0; --parts) {
            path += words[rng.below(std::size(words))] + (parts > 1 ? "/" : "");
        }
        const RegistryPath read = parse_registry_path(path);
        if (read.error) continue;
        const RegistryRequest& what = read.request;
        const bool nameless =
            what.object == RegistryObject::kBase || what.object == RegistryObject::kCatalog;
        ASSERT_EQ(what.name.empty(), nameless) << path;
        ASSERT_TRUE(nameless || path.starts_with(what.name + "/")) << path;
        ASSERT_EQ(what.base.has_value(), what.object == RegistryObject::kDelta) << path;
    }
}

std::string range(std::string_view header, std::uint64_t size) {
    const Result<std::optional<ByteRange>> range = parse_range(header, size);
    if (!range.ok()) return std::string(code_name(range.status().code()));
    return *range ? fmt::format("{}+{}", (*range)->offset, (*range)->size) : "all";
}

TEST(RegistryRange, IsReadAsTheStandardSays) {
    const std::pair<std::string_view, std::string_view> table[] = {
        {"", "all"},
        {"bytes=0-", "0+10"},
        {"bytes=0-9", "0+10"},
        {"bytes=0-0", "0+1"},
        {"bytes=3-5", "3+3"},
        {"bytes=9-", "9+1"},
        {"bytes=9-1000000", "9+1"},
        {"bytes=3-99999999999999999999999", "3+7"},
        {"bytes=-3", "7+3"},
        {"bytes=-100", "0+10"},
        {"Bytes=3-5", "3+3"},
        {"bytes=10-", "OUT_OF_RANGE"},
        {"bytes=10-12", "OUT_OF_RANGE"},
        {"bytes=99999999999999999999999-", "OUT_OF_RANGE"},
        {"bytes=-0", "OUT_OF_RANGE"},
        {"bytes=0-1,3-4", "OUT_OF_RANGE"},
        // Malformed: as if it were not there.
        {"bytes=", "all"},
        {"bytes=-", "all"},
        {"bytes=5", "all"},
        {"bytes=5-3", "all"},
        {"bytes=a-b", "all"},
        {"bytes=0-b", "all"},
        {"bytes=--3", "all"},
        {"bytes=+1-2", "all"},
        {"bytes= 1 - 2", "all"},
        {"lines=1-2", "all"},
        {"bytes", "all"},
    };
    for (const auto& [header, want] : table) EXPECT_EQ(range(header, 10), want) << header;
    EXPECT_EQ(range("bytes=0-", 0), "OUT_OF_RANGE");
    EXPECT_EQ(range("bytes=-1", 0), "OUT_OF_RANGE");
    EXPECT_EQ(range("", 0), "all");
}

TEST(RegistryAccept, AllowsWhatTheHeadersSay) {
    const auto allowed = [](std::initializer_list<const char*> values) {
        http::Headers headers;
        for (const char* value : values) headers.add("ACCEPT", value);
        return accepts(headers, "application/vnd.oci.image.manifest.v1+json");
    };
    EXPECT_TRUE(allowed({}));
    EXPECT_TRUE(allowed({""}));
    EXPECT_TRUE(allowed({"*/*"}));
    EXPECT_TRUE(allowed({"text/html, application/*;q=0.1"}));
    EXPECT_TRUE(allowed({"application/vnd.docker.distribution.manifest.v2+json",
                         "application/vnd.oci.image.manifest.v1+json"}));
    EXPECT_TRUE(allowed({"x/y , Application/vnd.oci.image.manifest.v1+JSON ; q=1"}));
    EXPECT_FALSE(allowed({"application/vnd.docker.distribution.manifest.v2+json"}));
    EXPECT_FALSE(allowed({"text/*", "x/y"}));
    EXPECT_FALSE(allowed({"application/vnd.oci.image.manifest.v1"}));
}

std::string page(std::vector<std::pair<std::string, std::string>> query) {
    http::Request request;
    request.query = std::move(query);
    const Result<Page> page = page_of({"c", "a", "b", "d"}, request);
    if (!page.ok()) return std::string(code_name(page.status().code()));
    std::string text;
    for (const std::string& entry : page->entries) text += entry;
    return text + (page->more ? "+ " + link_to_next(*page, "/v2/_catalog") : "");
}

TEST(RegistryPages, GoOnBehindTheLastName) {
    EXPECT_EQ(page({}), "abcd");
    EXPECT_EQ(page({{"n", "2"}}), "ab+ </v2/_catalog?n=2&last=b>; rel=\"next\"");
    EXPECT_EQ(page({{"n", "2"}, {"last", "b"}}), "cd");
    EXPECT_EQ(page({{"last", "bb"}}), "cd");
    EXPECT_EQ(page({{"last", "z"}, {"n", "1"}}), "");
    EXPECT_EQ(page({{"n", "0"}}), "");
    EXPECT_EQ(page({{"n", "4"}}), "abcd");
    EXPECT_EQ(page({{"n", "99999999999999999999"}}), "abcd");
    for (const char* bad : {"", "-1", "x", "1.5", "0x2"}) {
        EXPECT_EQ(page({{"n", bad}}), "INVALID_ARGUMENT") << bad;
    }
}

TEST(RegistryErrors, HaveTheFormOfTheSpecification) {
    const RegistryError error = registry_error(not_found("no 'x'"), "BLOB_UNKNOWN");
    const http::Response response = error.response();
    EXPECT_EQ(response.status, 404);
    EXPECT_EQ(response.headers.get("Content-Type"), "application/json");
    EXPECT_EQ(as_text(response.body),
              "{\"errors\":[{\"code\":\"BLOB_UNKNOWN\",\"message\":\"no 'x'\"}]}\n");
    EXPECT_EQ(registry_error(unauthenticated("who"), "X").status, 401);
    EXPECT_EQ(registry_error(permission_denied("no"), "X").code, "DENIED");
    EXPECT_EQ(registry_error(unavailable("busy"), "X").status, 503);
    EXPECT_EQ(registry_error(data_loss("broken"), "X").status, 500);
}

}  // namespace
}  // namespace hf::vault
