#include "vault/registry_server.h"

#include "vault/served_vault_test.h"

namespace hf::vault {
namespace {

const Bytes kWeights = to_bytes("ten bytes.");
const Bytes kOther = to_bytes("of another");

http::Headers with(const std::string& name, const std::string& value) {
    http::Headers headers;
    headers.set(name, value);
    return headers;
}

TEST(RegistryServer, IsARegistry) {
    const ServedVault served;
    const http::Response response = served.ask("/v2/");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(header(response, "Docker-Distribution-Api-Version"), "registry/2.0");
    EXPECT_EQ(served.outcome("/v2/nothing"), "404 NAME_UNKNOWN");
    EXPECT_EQ(served.outcome("/v2/pump/tags/list"), "404 NAME_UNKNOWN");
    EXPECT_EQ(text(served.ask("/v2/_catalog")), "{\"repositories\":[]}\n");
}

TEST(RegistryServer, ServesManifestsByTagAndDigest) {
    const ServedVault served;
    const Descriptor manifest = push_model(*served.vault, "team/pump:v1", {{"m", kWeights}});
    const std::string digest = manifest.digest.to_string();
    for (const std::string& reference : {std::string("v1"), digest}) {
        const std::string url = "/v2/team/pump/manifests/" + reference;
        const http::Response response = served.ask(url);
        EXPECT_EQ(response.status, 200);
        EXPECT_EQ(crypto::sha256(response.body), manifest.digest);
        EXPECT_EQ(header(response, "Content-Type"), kManifestType);
        EXPECT_EQ(header(response, "Docker-Content-Digest"), digest);
        EXPECT_EQ(served.outcome(url, "HEAD"), "200");
        EXPECT_EQ(served.outcome(url, "GET", with("Accept", std::string(kManifestType))), "200");
        EXPECT_EQ(served.outcome(url, "GET", with("Accept", std::string(kIndexType))),
                  "404 MANIFEST_UNKNOWN");
    }
    EXPECT_EQ(served.outcome("/v2/team/pump/manifests/v2"), "404 MANIFEST_UNKNOWN");
    EXPECT_EQ(served.outcome("/v2/team/pump/manifests/sha256:" + std::string(64, '0')),
              "404 MANIFEST_UNKNOWN");
    EXPECT_EQ(served.outcome("/v2/pump/manifests/v1"), "404 NAME_UNKNOWN");
    EXPECT_EQ(served.outcome("/v2/team/manifests/v1"), "404 NAME_UNKNOWN");
}

TEST(RegistryServer, ServesBlobsAndRangesOfThem) {
    const ServedVault served;
    push_model(*served.vault, "pump:v1", {{"m", kWeights}, {"empty", {}}});
    const std::string url = blob_url("pump", kWeights);
    const http::Response whole = served.ask(url);
    EXPECT_EQ(whole.body, kWeights);
    EXPECT_EQ(header(whole, "Content-Length"), "10");
    EXPECT_EQ(header(whole, "Accept-Ranges"), "bytes");
    EXPECT_EQ(header(whole, "Docker-Content-Digest"), crypto::sha256(kWeights).to_string());
    EXPECT_EQ(header(served.ask(url, "HEAD"), "Content-Length"), "10");
    EXPECT_EQ(served.ask(blob_url("pump", {})).body, Bytes());

    struct Row {
        const char *range, *content_range, *body;
        int status;
    };
    for (const Row& row : {Row{"bytes=4-8", "bytes 4-8/10", "bytes", 206},
                           Row{"bytes=4-", "bytes 4-9/10", "bytes.", 206},
                           Row{"bytes=-2", "bytes 8-9/10", "s.", 206},
                           Row{"bytes=0-", "bytes 0-9/10", "ten bytes.", 206},
                           Row{"bytes=a-", "-", "ten bytes.", 200}}) {
        const http::Response part = served.ask(url, "GET", with("Range", row.range));
        EXPECT_EQ(part.status, row.status) << row.range;
        EXPECT_EQ(header(part, "Content-Range"), row.content_range);
        EXPECT_EQ(text(part), row.body);
        EXPECT_EQ(header(part, "Content-Length"), std::to_string(part.body.size()));
    }
    for (const char* refused : {"bytes=10-", "bytes=0-1,3-4"}) {
        const http::Response response = served.ask(url, "GET", with("Range", refused));
        EXPECT_EQ(response.status, 416);
        EXPECT_EQ(header(response, "Content-Range"), "bytes */10");
    }
    // Ranges are GET's, and of the bytes that the client has part of.
    EXPECT_EQ(served.ask(url, "HEAD", with("Range", "bytes=4-8")).status, 200);
    http::Headers changed = with("Range", "bytes=4-8");
    changed.set("If-Range", "\"sha256:0\"");
    EXPECT_EQ(served.ask(url, "GET", changed).status, 200);
    changed.set("If-Range", header(whole, "ETag"));
    EXPECT_EQ(served.ask(url, "GET", changed).status, 206);
}

TEST(RegistryServer, SendsLargeBlobsInPieces) {
    const ServedVault served;
    const Bytes large(3 * kBlobPieceBytes + 7, 'x');
    push_model(*served.vault, "pump:v1", {{"m", large}});
    EXPECT_EQ(served.ask(blob_url("pump", large)).body, large);
}

// A65: whoever may read one repository learns nothing of another, though blobs lie in one folder.
TEST(RegistryServer, ServesABlobOnlyBelowANameThatReachesIt) {
    const ServedVault served;
    const Descriptor open = push_model(*served.vault, "open:v1", {{"m", kWeights}});
    const Descriptor secret = push_model(*served.vault, "secret:v1", {{"m", kOther}});
    const Descriptor unnamed = push_model(*served.vault, "", {{"m", to_bytes("of nobody")}});
    push_model(*served.vault, "open-not:v1", {{"m", kOther}});
    EXPECT_EQ(served.outcome(blob_url("open", kWeights)), "200");
    EXPECT_EQ(served.outcome(blob_url("secret", kOther)), "200");
    for (const char* method : {"GET", "HEAD"}) {
        EXPECT_EQ(served.outcome(blob_url("open", kOther), method), "404 BLOB_UNKNOWN");
        EXPECT_EQ(served.outcome(blob_url("open", to_bytes("of nobody")), method),
                  "404 BLOB_UNKNOWN");
        EXPECT_EQ(served.outcome(blob_url("nobody", kOther), method), "404 NAME_UNKNOWN");
    }
    const std::string base = "/v2/open/manifests/";
    EXPECT_EQ(served.outcome(base + secret.digest.to_string()), "404 MANIFEST_UNKNOWN");
    EXPECT_EQ(served.outcome(base + unnamed.digest.to_string()), "404 MANIFEST_UNKNOWN");
    // Manifests are no blobs: they would come without their type.
    EXPECT_EQ(served.outcome("/v2/open/blobs/" + open.digest.to_string()), "404 BLOB_UNKNOWN");

    // What no name leads to any more is not served, though its bytes are still there.
    push_model(*served.vault, "open:v1", {{"m", to_bytes("the next")}});
    EXPECT_EQ(served.outcome(blob_url("open", kWeights)), "404 BLOB_UNKNOWN");
    EXPECT_EQ(served.outcome(base + open.digest.to_string()), "404 MANIFEST_UNKNOWN");
    ASSERT_EQ(served.vault->untag("open:v1"), Status());
    EXPECT_EQ(served.outcome("/v2/open/tags/list"), "404 NAME_UNKNOWN");
}

TEST(RegistryServer, ListsTagsAndRepositoriesInPages) {
    const ServedVault served;
    for (const std::string name : {"b:2", "b:1", "b:10", "a/x:1", "c:1"}) {
        push_model(*served.vault, name, {{"m", kWeights}});
    }
    push_document(*served.vault, "no tag", {{"schemaVersion", 2}});
    push_document(*served.vault, "Upper:1", {{"schemaVersion", 2}});
    EXPECT_EQ(text(served.ask("/v2/b/tags/list")),
              "{\"name\":\"b\",\"tags\":[\"1\",\"10\",\"2\"]}\n");
    EXPECT_EQ(text(served.ask("/v2/_catalog")), "{\"repositories\":[\"a/x\",\"b\",\"c\"]}\n");
    const http::Response first = served.ask("/v2/b/tags/list?n=2");
    EXPECT_EQ(text(first), "{\"name\":\"b\",\"tags\":[\"1\",\"10\"]}\n");
    EXPECT_EQ(header(first, "Link"), "</v2/b/tags/list?n=2&last=10>; rel=\"next\"");
    const http::Response last = served.ask("/v2/b/tags/list?n=2&last=10");
    EXPECT_EQ(text(last), "{\"name\":\"b\",\"tags\":[\"2\"]}\n");
    EXPECT_EQ(header(last, "Link"), "-");
    const http::Response names = served.ask("/v2/_catalog?n=1");
    EXPECT_EQ(header(names, "Link"), "</v2/_catalog?n=1&last=a%2Fx>; rel=\"next\"");
    EXPECT_EQ(text(served.ask("/v2/_catalog?n=1&last=a%2Fx")), "{\"repositories\":[\"b\"]}\n");
    EXPECT_EQ(served.outcome("/v2/b/tags/list?n=many"), "400 PAGINATION_NUMBER_INVALID");
}

json::Object attachment(const Descriptor& subject, const std::string& type) {
    return {{"schemaVersion", 2},
            {"mediaType", kManifestType},
            {"artifactType", type},
            {"subject", write_descriptor(subject)},
            {"annotations", json::Object{{"note", type}}}};
}

TEST(RegistryServer, ListsWhatIsAttachedToAManifest) {
    const ServedVault served;
    const Descriptor pump = push_model(*served.vault, "pump:v1", {{"m", kWeights}});
    const Descriptor fan = push_model(*served.vault, "fan:v1", {{"m", kOther}});
    const std::string url = "/v2/pump/referrers/" + pump.digest.to_string();
    const http::Response none = served.ask(url);
    EXPECT_EQ(header(none, "Content-Type"), kIndexType);
    EXPECT_EQ(
        text(none),
        fmt::format("{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"manifests\":[]}}\n", kIndexType));

    const Descriptor card = push_document(*served.vault, "", attachment(pump, "a/card"));
    const Descriptor seal = push_document(*served.vault, "", attachment(card, "a/seal"));
    push_document(*served.vault, "pump:sig", attachment(pump, "a/sig"));
    const Descriptor of_fan = push_document(*served.vault, "", attachment(fan, "a/card"));
    const json::Value all = json::parse(text(served.ask(url))).value();
    ASSERT_EQ(json::find_array(all, "manifests")->size(), 2U);
    const http::Response cards = served.ask(url + "?artifactType=a%2Fcard");
    EXPECT_EQ(header(cards, "OCI-Filters-Applied"), "artifactType");
    const json::Value filtered = json::parse(text(cards)).value();
    const json::Array& list = *json::find_array(filtered, "manifests");
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(json::get_string(list[0], "digest"), card.digest.to_string());
    EXPECT_EQ(json::get_string(list[0], "artifactType"), "a/card");
    EXPECT_EQ(json::get_string(*json::find(list[0], "annotations"), "note"), "a/card");

    // Attached ones belong to the repository of their subject, and to no other.
    const std::string base = "/v2/pump/manifests/";
    EXPECT_EQ(served.outcome(base + seal.digest.to_string()), "200");
    EXPECT_EQ(served.outcome(base + of_fan.digest.to_string()), "404 MANIFEST_UNKNOWN");
}

TEST(RegistryServer, FollowsIndexesToTheirManifests) {
    ServedVault served;
    const Descriptor small = push_model(*served.vault, "", {{"m", kWeights}});
    const json::Object missing{
        {"mediaType", kManifestType}, {"digest", "sha256:" + std::string(64, '5')}, {"size", 5}};
    // An index of another place may be sparse. The vault would not take such a one, so it is
    // written behind its back.
    const json::Object index{{"schemaVersion", 2},
                             {"mediaType", kIndexType},
                             {"manifests", json::Array{write_descriptor(small), missing}}};
    const std::string document = json::write(index);
    const Digest digest = crypto::sha256(as_bytes(document));
    served.files.overwrite("/v/blobs/sha256/" + digest.hex(), to_bytes(document));
    json::Object entry{
        {"mediaType", kIndexType}, {"digest", digest.to_string()}, {"size", document.size()}};
    entry["annotations"] = json::Object{{kNameAnnotation, "pump:all"}};
    const json::Object names{{"schemaVersion", 2}, {"manifests", json::Array{entry}}};
    served.files.overwrite("/v/index.json", to_bytes(json::write(names)));

    EXPECT_EQ(header(served.ask("/v2/pump/manifests/all"), "Content-Type"), kIndexType);
    EXPECT_EQ(served.outcome("/v2/pump/manifests/" + small.digest.to_string()), "200");
    EXPECT_EQ(served.outcome(blob_url("pump", kWeights)), "200");
    EXPECT_EQ(served.outcome("/v2/pump/manifests/sha256:" + std::string(64, '5')),
              "404 MANIFEST_UNKNOWN");
}

TEST(RegistryServer, AsksWhoMayReadBeforeItLooks) {
    RegistryServerOptions options;
    std::vector<std::string> asked;
    options.realm = "the pumps";
    options.may_read = [&](const http::Request& request, const RegistryRequest& what) -> Status {
        asked.push_back(what.name);
        const std::string who(request.headers.get("Authorization").value_or(""));
        if (who.empty()) return unauthenticated("name and password, please");
        if (what.name.starts_with("secret")) return permission_denied("not for {}", who);
        return {};
    };
    const ServedVault served(std::move(options));
    push_model(*served.vault, "open:v1", {{"m", kWeights}});
    push_model(*served.vault, "secret:v1", {{"m", kOther}});

    const std::string some = "/v2/secret/manifests/v1";
    for (const std::string& target : {std::string("/v2/"), some, blob_url("nobody", kOther)}) {
        const http::Response response = served.ask(target);
        EXPECT_EQ(response.status, 401) << target;
        EXPECT_EQ(header(response, "WWW-Authenticate"), "Basic realm=\"the pumps\"");
        EXPECT_EQ(served.outcome(target), "401 UNAUTHORIZED");
    }
    const http::Headers me = with("Authorization", "Basic me");
    EXPECT_EQ(served.outcome("/v2/", "GET", me), "200");
    EXPECT_EQ(served.outcome(blob_url("open", kWeights), "GET", me), "200");
    EXPECT_EQ(served.outcome(some, "GET", me), "403 DENIED");
    EXPECT_EQ(served.outcome("/v2/secret-or-not/tags/list", "GET", me), "403 DENIED");
    EXPECT_EQ(text(served.ask("/v2/_catalog", "GET", me)), "{\"repositories\":[\"open\"]}\n");
    EXPECT_EQ(asked.back(), "secret");
}

TEST(RegistryServer, TakesNothing) {
    const ServedVault served;
    push_model(*served.vault, "pump:v1", {{"m", kWeights}});
    const std::size_t before = served.files.changes();
    for (const char* method : {"POST", "PUT", "PATCH", "DELETE"}) {
        for (const std::string& target :
             {std::string("/v2/"), std::string("/v2/pump/blobs/uploads/"),
              std::string("/v2/pump/manifests/v1"), blob_url("pump", kWeights)}) {
            const http::Response response = served.ask(target, method);
            EXPECT_EQ(response.status, 405);
            EXPECT_EQ(header(response, "Allow"), "GET, HEAD");
            EXPECT_EQ(served.outcome(target, method), "405 UNSUPPORTED");
        }
    }
    EXPECT_EQ(served.outcome("/v2/pump/blobs/uploads/7"), "404 BLOB_UPLOAD_UNKNOWN");
    EXPECT_EQ(served.files.changes(), before);
}

TEST(RegistryServer, SaysWhatIsDamagedWithoutItsPath) {
    ServedVault served;
    push_model(*served.vault, "pump:v1", {{"m", kWeights}, {"n", kOther}});
    const Descriptor bad = push_model(*served.vault, "pump:bad", {{"m", kOther}});
    const auto path = [](const Digest& digest) { return "/v/blobs/sha256/" + digest.hex(); };
    served.files.overwrite(path(crypto::sha256(kWeights)), to_bytes("eleven byte"));
    ASSERT_EQ(served.files.remove(path(crypto::sha256(kOther))), Status());
    served.files.overwrite(path(bad.digest), to_bytes("{"));
    EXPECT_EQ(served.outcome(blob_url("pump", kWeights)), "500 UNKNOWN");
    EXPECT_EQ(served.outcome(blob_url("pump", kOther)), "404 BLOB_UNKNOWN");
    EXPECT_EQ(served.outcome("/v2/pump/manifests/bad"), "500 MANIFEST_INVALID");
    EXPECT_EQ(served.outcome("/v2/pump/manifests/v1"), "200");
    for (const Bytes& blob : {kWeights, kOther}) {
        const http::Response response = served.ask(blob_url("pump", blob));
        EXPECT_EQ(text(response).find("/v/"), std::string::npos) << text(response);
    }
    // Mended, it is served again.
    push_model(*served.vault, "pump:v1", {{"m", kWeights}, {"n", kOther}});
    EXPECT_EQ(served.outcome(blob_url("pump", kWeights)), "200");
}

TEST(RegistryServer, HostileIndexesAreOneError) {
    ServedVault served;
    for (const char* index : {"", "{", "{\"schemaVersion\":2}", "{\"manifests\":[]}"}) {
        served.files.overwrite("/v/index.json", to_bytes(index));
        EXPECT_EQ(served.outcome("/v2/pump/tags/list"), "500 UNKNOWN") << index;
        EXPECT_EQ(served.outcome("/v2/_catalog"), "500 UNKNOWN") << index;
        EXPECT_EQ(text(served.ask("/v2/_catalog")).find("/v/"), std::string::npos);
    }
}

// More blobs than stay open, and more than once: each keeps its own bytes.
TEST(RegistryServer, KeepsFewBlobsOpenAndMixesUpNone) {
    ServedVault served;
    FileContents contents;
    for (std::size_t i = 0; i < 2 * kMaxOpenBlobs; ++i) {
        contents[fmt::format("m{}", i)] = to_bytes(fmt::format("weights {}", i));
    }
    push_model(*served.vault, "pump:v1", contents);
    for (int round = 0; round < 3; ++round) {
        for (const auto& [path, bytes] : contents) {
            EXPECT_EQ(served.ask(blob_url("pump", bytes)).body, bytes) << path;
        }
    }
    // A blob whose file is gone is not served from what is still mapped.
    const Bytes gone = contents["m0"];
    ASSERT_EQ(served.ask(blob_url("pump", gone)).status, 200);
    ASSERT_EQ(served.files.remove("/v/blobs/sha256/" + crypto::sha256(gone).hex()), Status());
    EXPECT_EQ(served.outcome(blob_url("pump", gone)), "404 BLOB_UNKNOWN");
}

}  // namespace
}  // namespace hf::vault
