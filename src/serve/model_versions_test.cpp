// Several versions of a model: in the repository, and as clients see them over REST.

#include <atomic>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "base/text.h"
#include "serve/fake_model_test.h"
#include "serve/oip.h"
#include "testing/manual_clock.h"

namespace hf::serve {
namespace {

// A folder of versions, of which version V adds V to x.
struct FakeFolder {
    std::vector<std::string> versions;      // the lowest first
    std::set<std::string> damaged = {};     // of these
    std::map<std::string, int> loads = {};  // how often each was loaded
};

struct Service {
    testing::ManualClock clock;
    Models models;
    ModelRepository repository{models};
    http::Router router;
    FakeFolder folder;

    explicit Service(std::vector<std::string> versions) : folder{std::move(versions)} {
        OipExtras extras;
        extras.repository = &repository;
        add_oip_routes(router, models, extras);
        repository.set_find([this](std::string_view name) -> Result<ModelRepository::Load> {
            if (name != "m" && name != "n") return not_found("there is no folder {}", name);
            return ModelRepository::Load(
                [this, name = std::string(name)](const Hosts& now) { return load(name, now); });
        });
    }

    Result<ModelRepository::Loaded> load(const std::string& name, const Hosts& now) {
        ModelRepository::Loaded loaded;
        for (const std::string& version : folder.versions) {
            const auto before = std::find_if(now.begin(), now.end(), [&](const auto& host) {
                return host->identity().version == version;
            });
            if (before != now.end()) {
                loaded.hosts.push_back(*before);
            } else if (folder.damaged.contains(version)) {
                loaded.failed.push_back({version, data_loss("{}/model.plan: byte 7", version)});
            } else {
                ++folder.loads[version];
                const float added = static_cast<float>(*parse_int(version));
                loaded.hosts.push_back(std::make_shared<ModelHost>(
                    ModelHost::Identity{.name = name, .version = version, .platform = "onnx"},
                    std::make_shared<const FakeModel>(added), clock));
            }
        }
        if (folder.versions.empty()) return not_found("{}: holds no version", name);
        return loaded;
    }

    std::string ask(std::string method, std::string target, std::string_view body = {}) {
        http::Request request;
        request.method = std::move(method);
        request.target = std::move(target);
        request.body = to_bytes(body);
        const http::Response response = http::dispatch(router, std::move(request));
        return fmt::format("{} {}", response.status, trim(as_text(response.body)));
    }

    std::string load(std::string_view name = "m") {
        return ask("POST", fmt::format("/v2/repository/models/{}/load", name));
    }

    // "3: 3.0": the version that answered, and what.
    std::string infer(std::string_view version = "") {
        const std::string part = version.empty() ? "" : fmt::format("/versions/{}", version);
        const std::string answer =
            ask("POST", fmt::format("/v2/models/m{}/infer", part),
                R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[0]}]})");
        if (!answer.starts_with("200 ")) return answer;
        const json::Value body = *json::parse(std::string_view(answer).substr(4));
        const json::Array& data =
            *json::find_array((*json::find_array(body, "outputs"))[0], "data");
        return fmt::format("{}: {}", json::get_string(body, "model_version"), json::write(data[0]));
    }

    // "3 READY; 4 UNAVAILABLE why".
    std::string index() const {
        std::vector<std::string> rows;
        for (const IndexRow& row : repository.index()) {
            rows.push_back(fmt::format("{} {} {}", row.version, row.state, row.reason));
            while (rows.back().ends_with(' ')) rows.back().pop_back();
        }
        return join(rows, "; ");
    }
};

TEST(ModelVersions, WhoNamesNoneGetsTheHighest) {
    Service service({"2", "10"});
    EXPECT_EQ(service.load(), "200 {}");
    EXPECT_EQ(service.infer(), "10: 1E1");
    EXPECT_EQ(service.infer("2"), "2: 2E0");
    EXPECT_EQ(service.infer("10"), "10: 1E1");
    EXPECT_EQ(service.infer("3"),
              R"(404 {"error":"model 'm' has no version '3'; it has '10', '2'"})");
    for (const char* path : {"/v2/models/m", "/v2/models/m/versions/2"}) {
        EXPECT_NE(service.ask("GET", path).find(R"("versions":["2","10"])"), std::string::npos);
    }
    EXPECT_EQ(service.ask("GET", "/v2/models/m/versions/2/ready"),
              R"(200 {"name":"m","ready":true})");
    EXPECT_EQ(service.ask("GET", "/v2/models/m/versions/3/ready"),
              R"(404 {"name":"m","ready":false})");
    EXPECT_EQ(service.index(), "2 READY; 10 READY");
}

TEST(ModelVersions, EachHasCountsOfItsOwn) {
    Service service({"1", "2"});
    service.load();
    service.infer("1");
    service.infer();
    service.infer();
    const auto count_of = [&](std::string_view path) {
        const std::string stats = service.ask("GET", std::string(path));
        std::vector<std::string> counts;
        const json::Value body = *json::parse(std::string_view(stats).substr(4));
        for (const json::Value& row : *json::find_array(body, "model_stats")) {
            counts.push_back(fmt::format("{}: {}", json::get_string(row, "version"),
                                         json::write(*json::find(row, "inference_count"))));
        }
        return join(counts, ", ");
    };
    EXPECT_EQ(count_of("/v2/models/m/stats"), "1: 1, 2: 2");
    EXPECT_EQ(count_of("/v2/models/m/versions/1/stats"), "1: 1");
    EXPECT_EQ(count_of("/v2/models/stats"), "1: 1, 2: 2");
    const std::string metrics = service.ask("GET", "/metrics");
    for (const char* row : {R"({model="m",version="1",outcome="succeeded"} 1)",
                            R"({model="m",version="2",outcome="succeeded"} 2)"}) {
        EXPECT_NE(metrics.find(row), std::string::npos) << row;
    }
}

TEST(ModelVersions, ComeAndGoWithTheirFolders) {
    Service service({"1", "2"});
    service.load();
    const std::shared_ptr<ModelHost> in_flight = service.models.find("m", "1");
    service.folder.versions = {"2", "3"};
    EXPECT_EQ(service.load(), "200 {}");
    EXPECT_EQ(service.infer(), "3: 3E0");
    EXPECT_TRUE(service.infer("1").starts_with("404 "));
    EXPECT_EQ(service.folder.loads, (std::map<std::string, int>{{"1", 1}, {"2", 1}, {"3", 1}}));
    EXPECT_EQ(service.models.draining(), 1u) << "a request still has version 1";
    EXPECT_EQ(service.index(), "2 READY; 3 READY");
    EXPECT_EQ(service.ask("POST", "/v2/repository/models/m/unload"), "200 {}");
    EXPECT_EQ(service.index(), "2 UNAVAILABLE unloaded; 3 UNAVAILABLE unloaded");
    EXPECT_TRUE(service.infer("2").starts_with("404 "));
    EXPECT_EQ(service.load(), "200 {}");
    EXPECT_EQ(service.infer("2"), "2: 2E0");
}

// No version that answers leaves while one that was to come cannot.
TEST(ModelVersions, ABadOneTakesNoOtherAway) {
    Service service({"1"});
    service.load();
    service.folder = {{"2", "3"}, {"3"}};
    EXPECT_EQ(service.load(),
              R"(500 {"error":"model 'm' is not loaded: version 3: 3/model.plan: byte 7"})");
    EXPECT_EQ(service.index(), "1 READY; 2 READY; 3 UNAVAILABLE 3/model.plan: byte 7");
    EXPECT_EQ(service.infer(), "2: 2E0");
    EXPECT_EQ(service.infer("1"), "1: 1E0");
    EXPECT_EQ(service.infer("3"),
              R"(404 {"error":"version '3' of model 'm' is not ready: 3/model.plan: byte 7"})");
    service.folder.damaged.clear();
    EXPECT_EQ(service.load(), "200 {}");
    EXPECT_EQ(service.index(), "2 READY; 3 READY");
    EXPECT_EQ(service.infer(), "3: 3E0");
}

TEST(ModelVersions, AModelThatComesLaterIsFound) {
    Service service({"1"});
    EXPECT_EQ(service.load("other"), R"(404 {"error":"there is no folder other"})");
    EXPECT_EQ(service.index(), "") << "what is not there is not kept";
    service.folder.damaged = {"1"};
    EXPECT_TRUE(service.load("n").starts_with("500 "));
    EXPECT_EQ(service.index(), "1 UNAVAILABLE 1/model.plan: byte 7");
    EXPECT_EQ(service.ask("GET", "/v2/models/n/ready"), R"(404 {"name":"n","ready":false})");
    service.folder.versions.clear();
    EXPECT_TRUE(service.load("n").starts_with("404 "));
    service.folder = {{"4"}};
    EXPECT_EQ(service.load("n"), "200 {}");
    EXPECT_EQ(service.index(), "4 READY");
}

TEST(ModelVersions, AreBoundedTogether) {
    Service service({});
    for (std::size_t i = 1; i <= kMaxModels; ++i)
        service.folder.versions.push_back(std::to_string(i));
    EXPECT_EQ(service.load("m"), "200 {}");
    EXPECT_EQ(service.models.all().size(), kMaxModels);
    EXPECT_TRUE(service.load("n").starts_with("429 ")) << "not one more";
    service.folder.versions.resize(10);
    EXPECT_EQ(service.load("m"), "200 {}");
    EXPECT_EQ(service.load("n"), "200 {}");
    EXPECT_EQ(service.models.all().size(), 20u);
}

// The folder changes all the time: whoever names no version is answered by one of those that were
// to be served then, and never refused.
TEST(ModelVersions, ChangesFailNoRequest) {
    Service service({"1"});
    service.load();
    std::atomic<bool> stop{false};
    std::atomic<int> answered{0};
    std::atomic<int> wrong{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back([&] {
            int last = 0;
            while (!stop) {
                const std::string answer = service.infer();
                const int version = std::atoi(answer.c_str());
                const std::string want = fmt::format(
                    "{}: {}", version, json::write(json::Value(static_cast<double>(version))));
                const bool good = answer == want && version >= last;
                last = version;
                ++(good ? answered : wrong);
            }
        });
    }
    for (int version = 2; version <= 150; ++version) {
        const int before = answered;
        service.folder.versions.push_back(std::to_string(version));
        if (version % 3 == 0) service.folder.versions.erase(service.folder.versions.begin());
        EXPECT_EQ(service.load(), "200 {}");
        while (version % 10 == 0 && answered == before && wrong == 0) std::this_thread::yield();
    }
    stop = true;
    for (std::thread& client : clients) client.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_GE(answered, 14);
    EXPECT_EQ(service.models.draining(), 0u);
}

}  // namespace
}  // namespace hf::serve
