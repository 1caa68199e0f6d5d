#include "vault/registry.h"

#include <gtest/gtest.h>

#include "testing/memory_files.h"
#include "vault/model_pack.h"

namespace hf::vault {
namespace {

using testing::MemoryFiles;

// A registry without a network: what the specification asks of one, and breaks on demand.
class FakeRegistry final : public http::Client {
public:
    std::map<std::string, Bytes> blobs;      // by digest
    std::map<std::string, Bytes> manifests;  // by tag
    std::vector<std::string> log;            // "GET /v2/pump/blobs/sha256:... [auth]"
    std::size_t breaks = 0;                  // so many bodies stop half-way
    bool stalls = false;                     // or do not even begin
    std::size_t sent = 0;                    // bytes of blobs
    bool knows_ranges = true;
    std::string location = "/v2/pump/blobs/uploads/7?state=x";
    std::string challenge;  // when set, requests need `wanted`
    std::string wanted;

    Result<http::Response> send(const http::ClientRequest& request) override {
        const std::string authorization(request.headers.get("Authorization").value_or(""));
        log.push_back(request.method + " " + request.url +
                      (authorization.empty() ? "" : " [" + authorization + "]"));
        if (request.url.starts_with("https://token.example/")) {
            return http::Response::json(200, R"({"token":"t0k3n"})");
        }
        if (!challenge.empty() && authorization != wanted) {
            http::Response response = http::Response::json(401, "{}");
            response.headers.set("WWW-Authenticate", challenge);
            return response;
        }
        const std::string path = request.url.substr(request.url.find("/v2/pump/") + 9);
        if (path.starts_with("manifests/")) return manifest(request, path.substr(10));
        if (path.starts_with("blobs/sha256:")) return blob(request, path.substr(6));
        return upload(request, path);
    }

    std::size_t count(std::string_view prefix) const {
        return static_cast<std::size_t>(
            std::count_if(log.begin(), log.end(),
                          [&](const std::string& line) { return line.starts_with(prefix); }));
    }

private:
    static http::Response reply(int status) {
        http::Response response;
        response.status = status;
        return response;
    }

    Result<http::Response> deliver(const http::ClientRequest& request, int status, ByteView body) {
        http::Response response = reply(status);
        const bool cut = breaks > 0 && body.size() > 8;
        if (cut) --breaks;
        if (cut) body = body.first(stalls ? 0 : body.size() / 2);
        sent += body.size();
        if (request.sink) HF_TRY(request.sink(body));
        if (cut) return unavailable("the connection broke");
        return response;
    }

    Result<http::Response> manifest(const http::ClientRequest& request, const std::string& tag) {
        if (request.method == "PUT") {
            manifests[tag] = request.body;
            return reply(201);
        }
        if (!manifests.contains(tag)) return reply(404);
        if (request.sink) HF_TRY(request.sink(manifests[tag]));
        return reply(200);
    }

    Result<http::Response> blob(const http::ClientRequest& request, const std::string& digest) {
        if (!blobs.contains(digest)) return reply(404);
        if (request.method == "HEAD") return reply(200);
        const std::string range(request.headers.get("Range").value_or(""));
        ByteView body = blobs[digest];
        if (range.empty() || !knows_ranges) return deliver(request, 200, body);
        const std::size_t first = std::stoul(range.substr(6));
        body = body.subspan(first);
        if (!range.ends_with("-")) body = body.first(1);
        return deliver(request, 206, body);
    }

    Result<http::Response> upload(const http::ClientRequest& request, const std::string& path) {
        http::Response response = reply(202);
        response.headers.set("Location", location);
        if (request.method == "POST") {
            partial_.clear();
            return response;
        }
        if (request.method == "GET") {
            response.status = 204;
            if (!partial_.empty()) {
                response.headers.set("Range", fmt::format("0-{}", partial_.size() - 1));
            }
            return response;
        }
        const std::string range(request.headers.get("Content-Range").value_or(""));
        if (!range.empty() && std::stoul(range) != partial_.size()) return reply(416);
        HF_TRY(receive(request));
        if (request.method == "PATCH") return response;
        const std::size_t at = path.find("digest=sha256%3A");
        const std::string digest = "sha256:" + path.substr(at + 16);
        if (crypto::sha256(partial_).to_string() != digest) return reply(400);
        blobs[digest] = partial_;
        return reply(201);
    }

    Status receive(const http::ClientRequest& request) {
        const bool cut = breaks > 0 && request.source_bytes > 8;
        if (cut) --breaks;
        Bytes body;
        while (request.source && body.size() < request.source_bytes) {
            const Bytes piece = HF_TRY(request.source());
            body.insert(body.end(), piece.begin(), piece.end());
        }
        if (cut) body.resize(body.size() / 2);
        partial_.insert(partial_.end(), body.begin(), body.end());
        return cut ? unavailable("the connection broke") : Status();
    }

    Bytes partial_;
};

constexpr std::string_view kWeights = "weights that are long enough to be cut in the middle";

// A vault that holds "pump:1".
struct Source {
    MemoryFiles files;
    std::unique_ptr<Vault> vault = Vault::open(files, "/v").value();
    Descriptor manifest;

    Source() {
        const auto push = vault->begin_push().value();
        const Descriptor blob = push->put(as_bytes(kWeights), kWeightType).value();
        PackedModel model;
        model.files.push_back({"m", blob.media_type, blob.digest, blob.size_bytes});
        const ModelDocuments documents = pack_model(model);
        EXPECT_TRUE(push->put(as_bytes(documents.config), kConfigType).ok());
        manifest = push->put(as_bytes(documents.manifest), kManifestType).value();
        EXPECT_EQ(push->tag(manifest, "pump:1"), Status());
    }
};

Reference reference(const std::string& text = "registry.example/pump:1") {
    return parse_reference(text).value();
}

Status push_to(FakeRegistry& fake, RegistryOptions options = {}) {
    const Source source;
    return Registry(fake, reference(), std::move(options))
        .push(*source.vault, source.manifest)
        .status();
}

// What arrives in a new vault: the weights, or the error.
std::string pull_from(FakeRegistry& fake, const std::string& from = "registry.example/pump:1") {
    MemoryFiles files;
    const auto vault = Vault::open(files, "/w").value();
    const Result<TransferReport> report = Registry(fake, reference(from), {}).pull(*vault);
    if (!report.ok()) {
        EXPECT_TRUE(vault->list()->empty());
        return std::string(code_name(report.status().code()));
    }
    const Reference local = parse_reference(report->manifest.digest.to_string()).value();
    const OpenModel model = open_model(*vault, read_model(*vault, local).value()).value();
    return std::string(as_text(model.find("m")->bytes()));
}

TEST(Registry, ModelsGoAndComeBack) {
    FakeRegistry fake;
    ASSERT_EQ(push_to(fake), Status());
    EXPECT_EQ(fake.blobs.size(), 2u);
    EXPECT_TRUE(fake.manifests.contains("1"));
    EXPECT_EQ(pull_from(fake), kWeights);
    const std::size_t posts = fake.count("POST");
    ASSERT_EQ(push_to(fake), Status());
    EXPECT_EQ(fake.count("POST"), posts);  // everything was there
    EXPECT_TRUE(fake.log.front().starts_with("HEAD https://registry.example/v2/pump/blobs/"));
}

TEST(Registry, APullIsAdmittedByWhatTheVaultLacksOrLeavesNothing) {
    FakeRegistry fake;
    ASSERT_EQ(push_to(fake), Status());
    std::uint64_t all_bytes = 0;
    for (const auto& [digest, bytes] : fake.blobs) all_bytes += bytes.size();
    fake.log.clear();
    MemoryFiles files;
    const auto vault = Vault::open(files, "/w").value();
    const auto stored = [&] {
        std::vector<std::string> paths = files.paths();
        std::erase_if(paths, [](const std::string& path) { return path.ends_with(".lock"); });
        return paths;
    };
    const std::vector<std::string> before = stored();
    std::vector<std::uint64_t> asked;
    bool admits = false;
    RegistryOptions options;
    options.admit = [&](std::uint64_t bytes) -> Status {
        asked.push_back(bytes);
        return admits ? Status() : resource_exhausted("no room");
    };
    const auto pull = [&] { return Registry(fake, reference(), options).pull(*vault); };
    EXPECT_EQ(pull().status().message(), "no room");
    EXPECT_EQ(stored(), before);
    EXPECT_EQ(fake.count("GET"), 1u) << "the manifest alone was asked for";
    admits = true;
    EXPECT_TRUE(pull().ok());
    const Result<TransferReport> again = pull();
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->blobs_present, 2u);
    EXPECT_EQ(asked, (std::vector<std::uint64_t>{all_bytes, all_bytes})) << "nothing is lacking";
}

TEST(Registry, BrokenUploadsGoOnWhereTheyStopped) {
    for (const std::uint64_t chunk_bytes : {1000u, 16u, 9u}) {
        FakeRegistry fake;
        fake.breaks = 3;
        RegistryOptions options;
        options.chunk_bytes = chunk_bytes;
        ASSERT_EQ(push_to(fake, options), Status()) << chunk_bytes;
        EXPECT_EQ(fake.breaks, 0u);
        EXPECT_EQ(pull_from(fake), kWeights);
    }
    FakeRegistry dead;
    dead.breaks = 1000;
    EXPECT_EQ(push_to(dead).code(), Code::kUnavailable);
    EXPECT_TRUE(dead.manifests.empty());
    EXPECT_LT(dead.log.size(), 40u);
}

TEST(Registry, BrokenDownloadsGoOnWhereTheyStopped) {
    FakeRegistry good;
    ASSERT_EQ(push_to(good), Status());
    EXPECT_EQ(pull_from(good), kWeights);
    FakeRegistry resumes = good;
    FakeRegistry restarts = good;
    resumes.sent = restarts.sent = 0;
    resumes.breaks = restarts.breaks = 3;
    restarts.knows_ranges = false;
    EXPECT_EQ(pull_from(resumes), kWeights);
    EXPECT_EQ(resumes.breaks, 0u);
    EXPECT_EQ(resumes.sent, good.sent + 3);  // a byte each time, to see whether ranges are known
    EXPECT_EQ(pull_from(restarts), kWeights);
    EXPECT_EQ(restarts.breaks, 0u);
    FakeRegistry hopeless = good;  // every time half of it, and never the other half
    hopeless.breaks = 1000;
    hopeless.knows_ranges = false;
    EXPECT_EQ(pull_from(hopeless), "UNAVAILABLE");
    EXPECT_LT(hopeless.log.size(), 20u);
    FakeRegistry dead = good;
    dead.breaks = 1000;
    dead.stalls = true;
    EXPECT_EQ(pull_from(dead), "UNAVAILABLE");
}

TEST(Registry, BytesThatAreNotThePromisedOnesAreRefused) {
    FakeRegistry good;
    ASSERT_EQ(push_to(good), Status());
    const std::string weights = crypto::sha256(as_bytes(kWeights)).to_string();

    FakeRegistry other = good;
    other.blobs[weights].back() ^= 1;
    EXPECT_EQ(pull_from(other), "DATA_LOSS");

    FakeRegistry shorter = good;
    shorter.blobs[weights].pop_back();
    EXPECT_EQ(pull_from(shorter), "DATA_LOSS");

    FakeRegistry longer = good;
    longer.blobs[weights].resize(100'000);
    EXPECT_EQ(pull_from(longer), "RESOURCE_EXHAUSTED");

    FakeRegistry missing = good;
    missing.blobs.erase(weights);
    EXPECT_EQ(pull_from(missing), "NOT_FOUND");

    FakeRegistry image = good;
    image.manifests["1"] = to_bytes(R"({"schemaVersion":2,"layers":[]})");
    EXPECT_EQ(pull_from(image), "INVALID_ARGUMENT");
    EXPECT_EQ(image.count("GET"), 1u + good.count("GET"));  // no blob was asked for

    FakeRegistry endless = good;
    endless.manifests["1"].resize(kMaxDocumentBytes + 1, ' ');
    EXPECT_EQ(pull_from(endless), "RESOURCE_EXHAUSTED");

    FakeRegistry swapped = good;
    const std::string digest = "sha256:" + std::string(64, '1');
    swapped.manifests[digest] = good.manifests["1"];
    EXPECT_EQ(pull_from(swapped, "registry.example/pump@" + digest), "DATA_LOSS");
}

std::string docker_config(const std::string& host) {
    return R"({"auths":{")" + host + R"(":{"auth":")" + to_base64(as_bytes("me:secret")) +
           R"("}}})";
}

TEST(Registry, AnswersChallenges) {
    RegistryOptions options;
    options.docker_config = docker_config("registry.example");
    const std::string basic = "Basic " + to_base64(as_bytes("me:secret"));

    FakeRegistry login;
    login.challenge = R"(Basic realm="x")";
    login.wanted = basic;
    EXPECT_EQ(push_to(login, options), Status());
    EXPECT_EQ(push_to(login).code(), Code::kUnauthenticated);

    FakeRegistry token;
    token.challenge =
        R"(Bearer realm="https://token.example/t",service="s s",scope="repository:pump:pull,push")";
    token.wanted = "Bearer t0k3n";
    EXPECT_EQ(push_to(token, options), Status());
    EXPECT_EQ(token.count("GET https://token.example/t?service=s%20s&scope="
                          "repository%3Apump%3Apull%2Cpush"),
              1u);
    // The login was written for the registry and not for the token server: it did not go there.
    EXPECT_EQ(token.log[1].find(basic), std::string::npos);
    options.docker_config = docker_config("https://token.example/v1/");
    EXPECT_EQ(push_to(token, options), Status());
    EXPECT_EQ(
        std::count_if(token.log.begin(), token.log.end(),
                      [&](const auto& line) { return line.find(basic) != std::string::npos; }),
        1);

    FakeRegistry plain;
    plain.wanted = "nothing will do";
    plain.challenge = R"(Bearer realm="http://token.example/t")";
    EXPECT_EQ(push_to(plain, options).code(), Code::kUnauthenticated);
    FakeRegistry odd;
    odd.wanted = "nothing will do";
    odd.challenge = "Negotiate";
    EXPECT_EQ(push_to(odd, options).code(), Code::kUnauthenticated);
}

TEST(Registry, UploadsStayOnTlsAndLoginsAtHome) {
    FakeRegistry downgrade;
    downgrade.location = "http://registry.example/v2/pump/blobs/uploads/7";
    EXPECT_EQ(push_to(downgrade).code(), Code::kFailedPrecondition);

    FakeRegistry elsewhere;
    elsewhere.location = "https://storage.example/v2/pump/blobs/uploads/7";
    elsewhere.challenge = R"(Basic realm="x")";
    elsewhere.wanted = "Basic " + to_base64(as_bytes("me:secret"));
    RegistryOptions options;
    options.docker_config = docker_config("registry.example");
    EXPECT_FALSE(push_to(elsewhere, options).ok());  // this fake wants the login there too
    for (const std::string& line : elsewhere.log) {
        if (line.find("storage.example") == std::string::npos) continue;
        EXPECT_EQ(line.find("Basic"), std::string::npos) << line;
    }

    FakeRegistry nonsense;
    nonsense.location = "javascript:alert(1)";
    EXPECT_EQ(push_to(nonsense).code(), Code::kFailedPrecondition);
}

TEST(RegistryAuth, ReadsDockerConfigurations) {
    EXPECT_FALSE(find_credentials("", "h")->has_value());
    EXPECT_FALSE(find_credentials("{}", "h")->has_value());
    EXPECT_FALSE(find_credentials(docker_config("h"), "other")->has_value());
    EXPECT_EQ(find_credentials(docker_config("h:5000"), "h:5000").value()->password, "secret");
    EXPECT_EQ(find_credentials(docker_config("https://h/v1/"), "h").value()->user, "me");
    EXPECT_EQ(find_credentials(R"({"auths":{"h":{}}})", "h").status().code(), Code::kUnimplemented);
    EXPECT_FALSE(find_credentials("{", "h").ok());
    EXPECT_FALSE(find_credentials(R"({"auths":{"h":{"auth":"!"}}})", "h").ok());
}

TEST(RegistryAuth, ParsesChallenges) {
    const Challenge parsed =
        parse_challenge(R"(BEARER Realm="https://a/b?c=\"d\"", scope=x , service="s")").value();
    EXPECT_EQ(parsed.scheme, "bearer");
    EXPECT_EQ(parsed.parameters.at("realm"), R"(https://a/b?c="d")");
    EXPECT_EQ(parsed.parameters.at("scope"), "x");
    EXPECT_TRUE(parse_challenge("Basic").ok());
    for (const std::string bad : {"", "=", "Bearer realm", "Bearer realm=\"x", "Bearer \"x\""}) {
        EXPECT_FALSE(parse_challenge(bad).ok()) << bad;
    }
}

TEST(RegistryAuth, KnowsThisMachine) {
    for (const std::string_view host :
         {"localhost", "localhost:5000", "127.0.0.1", "127.9.8.7:1", "[::1]", "[::1]:5000"}) {
        EXPECT_TRUE(is_loopback(host)) << host;
    }
    for (const std::string_view host : {"", "localhost.example", "127.0.0.1.example", "127.0.0",
                                        "127.evil.0.1", "10.0.0.1", "[::2]"}) {
        EXPECT_FALSE(is_loopback(host)) << host;
    }
    EXPECT_EQ(host_of("https://me@evil/"), "");
    EXPECT_EQ(host_of("https://h:1/x"), "h:1");
    EXPECT_EQ(host_of("ftp://h/"), "");
}

}  // namespace
}  // namespace hf::vault
