// Pulling from our own registry over a real server: whole blobs, deltas, and links and servers that
// break, lie and stall.

#include "vault/registry_delta.h"

#include <thread>

#include "testing/script.h"
#include "vault/delta/versions_test.h"
#include "vault/registry.h"
#include "vault/served_vault_test.h"

namespace hf::vault {
namespace {

constexpr std::size_t kForgedPiece = 60'000;

// A client whose link the test can cut, and whose deltas it can forge.
class Link final : public http::Client {
public:
    std::vector<std::string> log;       // "GET /v2/... [bytes=3-]"
    std::uint64_t received = 0;         // bytes of bodies
    std::vector<std::uint64_t> cuts;    // the next bodies end after so many bytes
    std::string cut_only = "/blobs/";   // of which paths
    std::function<Bytes(Bytes)> forge;  // what becomes of a delta's body
    std::function<Bytes(Bytes)> forge_blobs;

    Result<http::Response> send(const http::ClientRequest& request) override {
        const std::string path = request.url.substr(request.url.find("/v2/"));
        const std::string range(request.headers.get("Range").value_or(""));
        log.push_back(request.method + " " + path + (range.empty() ? "" : " [" + range + "]"));
        http::ClientRequest ours = request;
        const std::function<Bytes(Bytes)>& forgery =
            path.find("/deltas/") != std::string::npos  ? forge
            : path.find("/blobs/") != std::string::npos ? forge_blobs
                                                        : nothing_;
        if (forgery) return send_forged(ours, forgery);
        std::optional<std::uint64_t> left;
        if (!cuts.empty() && path.find(cut_only) != std::string::npos) {
            left = cuts.front();
            cuts.erase(cuts.begin());
        }
        ours.sink = [&](ByteView piece) -> Status {
            const ByteView through =
                piece.first(std::min<std::uint64_t>(piece.size(), left.value_or(piece.size())));
            if (left) *left -= through.size();
            received += through.size();
            if (!through.empty()) HF_TRY(request.sink(through));
            return through.size() < piece.size() ? unavailable("the connection broke") : Status();
        };
        return client_->send(ours);
    }

    std::size_t count(std::string_view part) const {
        return static_cast<std::size_t>(std::count_if(
            log.begin(), log.end(),
            [&](const std::string& line) { return line.find(part) != std::string::npos; }));
    }

private:
    Result<http::Response> send_forged(http::ClientRequest& ours,
                                       const std::function<Bytes(Bytes)>& forgery) {
        const std::function<Status(ByteView)> sink = ours.sink;
        ours.sink = nullptr;
        http::Response response = HF_TRY(client_->send(ours));
        if (response.status >= 300) return response;
        const Bytes forged = forgery(response.body);
        for (std::size_t at = 0; at < forged.size(); at += kForgedPiece) {
            const std::size_t size = std::min(kForgedPiece, forged.size() - at);
            received += size;
            HF_TRY(sink(ByteView(forged).subspan(at, size)));
        }
        return response;
    }

    const std::function<Bytes(Bytes)> nothing_;
    std::unique_ptr<http::Client> client_ = http::Client::create({}).value();
};

// A registry with two versions of a fine-tuned model, and a machine that has the first.
class DeltaPull : public ::testing::Test {
protected:
    void SetUp() override {
        Rng rng(testing::seed());
        pair_ = delta::fine_tune({.type = delta::Stored::kI8, .noise = 1e-3}, rng);
        push_model(*served_.vault, "pump:v1", {{"m", pair_.base.bytes}, {"README", text_}});
        push_model(*served_.vault, "pump:v2", {{"m", pair_.result.bytes}, {"README", text_}});
        server_ = served_.listen();
        ASSERT_TRUE(pull("pump:v1").ok());
        link_.log.clear();
        link_.received = 0;
        options_.deltas = true;
    }

    // Lets only "me" with "secret" in from now on.
    void close_doors() {
        RegistryServerOptions options;
        const std::string login = "Basic " + to_base64(as_bytes("me:secret"));
        options.may_read = [login](const http::Request& request, const RegistryRequest&) {
            const bool known = request.headers.get("Authorization") == login;
            return known ? Status() : unauthenticated("who is it?");
        };
        served_.registry = std::make_unique<RegistryServer>(*served_.vault, std::move(options));
        served_.router = {};
        add_registry_routes(served_.router, *served_.registry);
        server_ = served_.listen();
    }

    Result<TransferReport> pull(const std::string& name) {
        const Reference from =
            parse_reference(fmt::format("127.0.0.1:{}/{}", server_->port(), name)).value();
        return Registry(link_, from, options_).pull(*vault_);
    }

    // The vault holds nothing but blobs that are what their names say, and no scratch.
    void expect_sound() {
        for (const std::string& path : files_.paths()) {
            EXPECT_EQ(path.find("scratch"), std::string::npos) << path;
            EXPECT_EQ(path.find(".tmp-"), std::string::npos) << path;
            const std::size_t at = path.find("blobs/sha256/");
            if (at == std::string::npos) continue;
            EXPECT_EQ(path.substr(at + 13), crypto::sha256(*files_.read(path, UINT64_MAX)).hex());
        }
    }

    // v2 is here, and its weights came whole.
    void expect_fallback(std::string_view reason) {
        const Result<TransferReport> report = pull("pump:v2");
        ASSERT_EQ(report.status(), Status());
        expect_sound();
        EXPECT_EQ(report->blobs_by_delta, 0U);
        EXPECT_EQ(report->bytes_saved, 0U);
        ASSERT_EQ(report->remarks.size(), 1U);
        EXPECT_NE(report->remarks[0].find(reason), std::string::npos) << report->remarks[0];
        EXPECT_TRUE(report->remarks[0].starts_with("m was fetched whole: "));
        EXPECT_TRUE(weights() == pair_.result.bytes);
        EXPECT_LE(link_.count("/deltas/"), 1U);
        // Never more than delta and blob, the piece that was too much, and what is small.
        EXPECT_LT(link_.received, 2 * pair_.result.bytes.size() + kForgedPiece + 5000);
    }

    Bytes weights() const {
        const PackedModel packed = read_model(*vault_, parse_reference("pump:v2").value()).value();
        const std::shared_ptr<const env::MappedFile> file =
            open_model(*vault_, packed).value().find("m");
        return Bytes(file->bytes().begin(), file->bytes().end());
    }

    const Bytes text_ = to_bytes("# A pump\n");
    ServedVault served_;
    std::unique_ptr<http::Server> server_;
    delta::VersionPair pair_;
    testing::MemoryFiles files_;
    std::unique_ptr<Vault> vault_ = Vault::open(files_, "/w").value();
    Link link_;
    RegistryOptions options_;
};

TEST_F(DeltaPull, FetchesAFineTuneForAFewPercent) {
    const TransferReport report = pull("pump:v2").value();
    EXPECT_TRUE(weights() == pair_.result.bytes);
    EXPECT_EQ(report.blobs_by_delta, 1U);
    EXPECT_TRUE(report.remarks.empty());
    EXPECT_EQ(report.blobs_present, 1U);  // README
    const std::uint64_t whole = pair_.result.bytes.size();
    const double percent = 100.0 * static_cast<double>(link_.received) / static_cast<double>(whole);
    RecordProperty("percent", std::to_string(percent));
    fmt::print("an int8 fine-tune of {} bytes took {} bytes: {:.2f} %\n", whole, link_.received,
               percent);
    EXPECT_LE(percent, 6);
    EXPECT_GE(report.bytes_saved, whole * 94 / 100);
    EXPECT_LE(report.bytes, link_.received);
    expect_sound();
    // Whoever has the version fetches nothing.
    link_.received = 0;
    EXPECT_EQ(pull("pump:v2")->blobs_present, 3U);
    EXPECT_LT(link_.received, 2000U);
}

// Where bytes are counted: what a version takes is known before any of it is fetched.
TEST_F(DeltaPull, AsksBeforeItFetches) {
    std::vector<std::uint64_t> asked;
    std::uint64_t received = 0;
    options_.may_receive = [&](std::uint64_t bytes) -> Status {
        asked.push_back(bytes);
        return resource_exhausted("too much");
    };
    options_.on_received = [&](std::uint64_t bytes) { received += bytes; };
    EXPECT_EQ(pull("pump:v2").status().code(), Code::kResourceExhausted);
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_LT(asked[0], pair_.result.bytes.size() / 10) << "the delta was considered first";
    EXPECT_EQ(link_.count("GET /v2/pump/blobs/"), 0U);
    EXPECT_EQ(link_.count("GET /v2/pump/deltas/"), 0U);
    EXPECT_LT(received, 5000U) << "the manifest";
    EXPECT_EQ(received, link_.received);
    expect_sound();

    const std::uint64_t manifest = received;
    received = 0;
    options_.may_receive = [&](std::uint64_t bytes) -> Status {
        asked.push_back(bytes);
        return {};
    };
    ASSERT_TRUE(pull("pump:v2").ok());
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_EQ(asked[1], asked[0]);
    EXPECT_EQ(received, asked[1] + manifest) << "what was asked for is what came";
    EXPECT_EQ(received + manifest, link_.received);
    // Whoever has all of it is not asked.
    ASSERT_TRUE(pull("pump:v2").ok());
    EXPECT_EQ(asked.size(), 2U);
}

// A delta that is not sound was paid for; the whole file is not fetched without another word.
TEST_F(DeltaPull, NeverFetchesTheWholeFileUnasked) {
    std::vector<std::uint64_t> asked;
    options_.may_receive = [&](std::uint64_t bytes) -> Status {
        asked.push_back(bytes);
        return asked.size() == 1 ? Status() : resource_exhausted("too much");
    };
    link_.forge = [](Bytes delta) {
        if (!delta.empty()) delta[delta.size() / 2] ^= 1;
        return delta;
    };
    EXPECT_EQ(pull("pump:v2").status().code(), Code::kResourceExhausted);
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_EQ(asked[1], pair_.result.bytes.size());
    EXPECT_EQ(link_.count("GET /v2/pump/blobs/" + crypto::sha256(pair_.result.bytes).to_string()),
              0U);
    expect_sound();
}

// Without a delta the whole file is what a version takes.
TEST_F(DeltaPull, AsksForTheWholeFileWhereThereIsNoDelta) {
    std::vector<std::uint64_t> asked;
    options_.may_receive = [&](std::uint64_t bytes) -> Status {
        asked.push_back(bytes);
        return {};
    };
    options_.deltas = false;
    ASSERT_TRUE(pull("pump:v2").ok());
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_GE(asked[0], pair_.result.bytes.size());
    EXPECT_LT(asked[0], pair_.result.bytes.size() + 5000);
}

TEST_F(DeltaPull, IsAnOption) {
    options_.deltas = false;
    const TransferReport report = pull("pump:v2").value();
    EXPECT_EQ(report.blobs_by_delta, 0U);
    EXPECT_EQ(link_.count("/deltas/"), 0U);
    EXPECT_TRUE(weights() == pair_.result.bytes);
}

TEST_F(DeltaPull, LeavesSmallFilesAndUnknownOnesAlone) {
    const Bytes small(kMinDeltaBytes - 1, 's'), large(kMinDeltaBytes, 'l');
    push_model(*served_.vault, "pump:v2",
               {{"README", small}, {"new", large}, {"m", pair_.base.bytes}});
    const TransferReport report = pull("pump:v2").value();
    EXPECT_EQ(report.blobs_by_delta, 0U);
    EXPECT_EQ(link_.count("/deltas/"), 0U);
    EXPECT_TRUE(report.remarks.empty());
}

TEST_F(DeltaPull, ComparesWithTheLatestVersionOfThatNameOnly) {
    const auto base_of_next = [&] {
        const DeltaBases bases = find_delta_bases(*vault_, "pump");
        Descriptor blob{"", {}, kMinDeltaBytes, {{std::string(kPathAnnotation), "m"}}};
        const Descriptor* base = base_of(bases, blob);
        blob.size_bytes -= 1;
        EXPECT_EQ(base_of(bases, blob), nullptr);
        return base ? base->digest : Digest();
    };
    EXPECT_EQ(base_of_next(), crypto::sha256(pair_.base.bytes));
    push_model(*vault_, "pump:x", {{"m", to_bytes("later")}});
    push_model(*vault_, "pumps:x", {{"m", to_bytes("of another name")}});
    push_model(*vault_, "team/pump:x", {{"m", to_bytes("of yet another")}});
    push_model(*vault_, "", {{"m", to_bytes("of none")}});
    EXPECT_EQ(base_of_next(), crypto::sha256(as_bytes("later")));
    push_document(*vault_, "pump:y", {{"schemaVersion", 2}, {"layers", "none"}});
    EXPECT_EQ(base_of_next(), crypto::sha256(as_bytes("later")));
}

TEST_F(DeltaPull, LogsInWhereItIsAsked) {
    server_.reset();
    close_doors();
    EXPECT_EQ(pull("pump:v2").status().code(), Code::kUnauthenticated);
    options_.docker_config = fmt::format(R"({{"auths":{{"127.0.0.1:{}":{{"auth":"{}"}}}}}})",
                                         server_->port(), to_base64(as_bytes("me:secret")));
    EXPECT_EQ(pull("pump:v2")->blobs_by_delta, 1U);
}

TEST_F(DeltaPull, GoesOnWhereTheLinkBroke) {
    link_.cut_only = "/deltas/";
    link_.cuts = {3000, 1, 7000, 1};  // a byte each time tells whether ranges are known
    const TransferReport report = pull("pump:v2").value();
    EXPECT_EQ(report.blobs_by_delta, 1U);
    EXPECT_TRUE(weights() == pair_.result.bytes);
    EXPECT_EQ(link_.count("[bytes=3000-]"), 1U);
    EXPECT_EQ(link_.count("[bytes=10000-]"), 1U);
    EXPECT_LT(link_.received, pair_.result.bytes.size() * 6 / 100);
}

TEST_F(DeltaPull, WhatAServerForgesIsNotBelieved) {
    const Bytes honest = encode(pair_.base.blob(), pair_.result.blob());
    const auto header_of = [&](auto change) {
        delta::Header header = delta::parse_header(honest).value();
        change(header);
        Bytes forged = honest;
        const Bytes bytes = delta::write_header(header);
        std::copy(bytes.begin(), bytes.end(), forged.begin());
        return forged;
    };
    Bytes flipped = honest, cut = honest;
    flipped[honest.size() / 2] ^= 1;
    cut.resize(honest.size() / 2);
    // Sound by itself, and it makes other bytes than its header says.
    Bytes wrong_result = pair_.result.bytes;
    wrong_result[77] ^= 1;
    Bytes liar = encode(pair_.base.blob(), {wrong_result, {}});
    delta::Header header = delta::parse_header(liar).value();
    header.result = crypto::sha256(pair_.result.bytes);
    const Bytes lying_head = delta::write_header(header);
    std::copy(lying_head.begin(), lying_head.end(), liar.begin());

    const std::vector<std::pair<Bytes, std::string>> table = {
        {{}, "not a delta"},
        {to_bytes("no delta"), "not a delta"},
        {cut, "truncated"},
        {flipped, "checksum"},
        {encode(pair_.result.blob(), pair_.result.blob()), "another delta"},
        {encode(pair_.base.blob(), pair_.base.blob()), "another delta"},
        {header_of([](delta::Header& h) { h.result_bytes = UINT64_MAX; }), "another delta"},
        {header_of([](delta::Header& h) { h.base = Digest(); }), "another delta"},
        {header_of([](delta::Header& h) { h.base_bytes += 1; }), "another file"},
        {liar, "promise"},
        {pair_.result.bytes, "no smaller than the blob"},
        {Bytes(pair_.result.bytes.size() * 3, 'x'), "no smaller than the blob"},
    };
    for (const auto& [forgery, reason] : table) {
        files_ = testing::MemoryFiles();
        vault_ = Vault::open(files_, "/w").value();
        link_.forge = nullptr;
        ASSERT_TRUE(pull("pump:v1").ok());
        link_.received = 0;
        link_.log.clear();
        link_.forge = [&forged = forgery](const Bytes&) { return forged; };
        expect_fallback(reason);
    }
}

TEST_F(DeltaPull, WhoForgesAllGetsNothingIn) {
    link_.forge = [](Bytes delta) {
        delta[delta.size() / 2] ^= 1;
        return delta;
    };
    link_.forge_blobs = [](Bytes blob) {
        blob[blob.size() / 2] ^= 1;
        return blob;
    };
    EXPECT_EQ(pull("pump:v2").status().code(), Code::kDataLoss);
    expect_sound();
    EXPECT_EQ(vault_->resolve(parse_reference("pump:v2").value()).status().code(), Code::kNotFound);
}

TEST_F(DeltaPull, FallsBackWhereTheRegistryHasNoDelta) {
    ASSERT_EQ(served_.vault->untag("pump:v1"), Status());
    expect_fallback("status 404: BLOB_UNKNOWN");
}

TEST_F(DeltaPull, FallsBackWhereTheVersionThatIsHereIsDamaged) {
    files_.overwrite("/w/blobs/sha256/" + crypto::sha256(pair_.base.bytes).hex(), {});
    const TransferReport report = pull("pump:v2").value();
    EXPECT_EQ(report.blobs_by_delta, 0U);
    EXPECT_EQ(link_.count("/deltas/"), 0U);
    EXPECT_TRUE(weights() == pair_.result.bytes);
}

TEST_F(DeltaPull, DoesNotBeginABrokenDeltaAgain) {
    link_.cut_only = "/deltas/";
    link_.cuts = {3000, 0};  // the link, and then the question whether ranges are known
    const TransferReport report = pull("pump:v2").value();
    EXPECT_EQ(report.blobs_by_delta, 0U);
    EXPECT_EQ(report.remarks.size(), 1U);
    EXPECT_TRUE(weights() == pair_.result.bytes);
    EXPECT_GT(report.bytes, 3000 + pair_.result.bytes.size());
    EXPECT_LE(report.bytes, link_.received);
    EXPECT_EQ(link_.count("/deltas/"), 2U);
}

TEST_F(DeltaPull, WaitsForABusyRegistryAsItIsTold) {
    std::unique_ptr<env::FileLock> other;
    ASSERT_EQ(served_.files.create_directories("/v/.holdfast/deltas"), Status());
    other = served_.files.lock("/v/.holdfast/deltas/lock").value();
    int waits = 0;
    options_.wait = [&](Duration time) -> Status {
        EXPECT_EQ(time, std::chrono::seconds(kDeltaRetrySeconds));
        if (++waits == 3) other.reset();
        return {};
    };
    EXPECT_EQ(pull("pump:v2")->blobs_by_delta, 1U);
    EXPECT_EQ(waits, 3);
}

TEST_F(DeltaPull, DoesNotWaitForEver) {
    ASSERT_EQ(served_.files.create_directories("/v/.holdfast/deltas"), Status());
    const std::unique_ptr<env::FileLock> other =
        served_.files.lock("/v/.holdfast/deltas/lock").value();
    int waits = 0;
    options_.wait = [&](Duration) -> Status {
        ++waits;
        return cancelled("the user left");
    };
    EXPECT_EQ(pull("pump:v2").status().code(), Code::kCancelled);
    EXPECT_EQ(waits, 1);
    EXPECT_EQ(link_.count("GET /v2/pump/blobs/" + crypto::sha256(pair_.result.bytes).to_string()),
              0U);
    options_.wait = nullptr;
    link_.log.clear();
    link_.received = 0;
    expect_fallback("status 503");
}

TEST_F(DeltaPull, GivesUpOnARegistryThatStaysBusy) {
    ASSERT_EQ(served_.files.create_directories("/v/.holdfast/deltas"), Status());
    const std::unique_ptr<env::FileLock> other =
        served_.files.lock("/v/.holdfast/deltas/lock").value();
    int waits = 0;
    options_.wait = [&](Duration) -> Status {
        ++waits;
        return {};
    };
    const TransferReport report = pull("pump:v2").value();
    EXPECT_EQ(report.blobs_by_delta, 0U);
    EXPECT_EQ(waits, kMaxDeltaWaits);
    EXPECT_TRUE(weights() == pair_.result.bytes);
}

// Killed at each change that a pull makes, or the disk full there: the vault holds no wrong blob,
// the collector removes what is left, and the next pull succeeds.
TEST_F(DeltaPull, SurvivesBeingKilledAndAFullDiskAnywhere) {
    ASSERT_TRUE(pull("pump:v2").ok());  // so that the registry has the delta
    for (const bool killed : {true, false}) {
        for (std::uint64_t changes = 0;; ++changes) {
            ASSERT_LT(changes, 60U);
            files_ = testing::MemoryFiles();
            vault_ = Vault::open(files_, "/w").value();
            ASSERT_TRUE(pull("pump:v1").ok());
            if (killed) files_.die_after(changes);
            if (!killed) files_.fill_after(changes);
            const Result<TransferReport> report = pull("pump:v2");
            files_.restart();
            if (report.ok() && report->blobs_by_delta == 1) break;
            ASSERT_TRUE(vault_->check()->problems.empty());
            ASSERT_TRUE(vault_->collect_garbage().ok());
            expect_sound();
            ASSERT_TRUE(pull("pump:v2").ok());
            EXPECT_TRUE(weights() == pair_.result.bytes);
        }
    }
}

TEST_F(DeltaPull, WholeBlobsGoOnWhereTheLinkBroke) {
    options_.deltas = false;
    link_.cut_only = blob_url("pump", pair_.result.bytes);
    link_.cuts = {250'000, 1, 300'000, 1, 0, 100'000};
    const TransferReport report = pull("pump:v2").value();
    EXPECT_TRUE(weights() == pair_.result.bytes);
    expect_sound();
    EXPECT_GE(link_.count("[bytes=250000-]"), 1U);
    EXPECT_LT(link_.received, report.bytes + 3000);  // each byte once, the manifest, the questions
}

// Machines that come at once: each gets the right bytes, whatever of them came as deltas.
TEST_F(DeltaPull, ManyMachinesAtOnce) {
    std::vector<std::thread> machines;
    std::atomic<int> good = 0;
    for (int i = 0; i < 6; ++i) {
        machines.emplace_back([&] {
            testing::MemoryFiles files;
            const auto vault = Vault::open(files, "/m").value();
            const auto client = http::Client::create({}).value();
            const auto pull = [&](const std::string& name) {
                const Reference from =
                    parse_reference(fmt::format("127.0.0.1:{}/{}", server_->port(), name)).value();
                return Registry(*client, from, options_).pull(*vault).status();
            };
            if (pull("pump:v1").ok() && pull("pump:v2").ok() && vault->check()->problems.empty()) {
                ++good;
            }
        });
    }
    for (std::thread& machine : machines) machine.join();
    EXPECT_EQ(good, 6);
}

}  // namespace
}  // namespace hf::vault
