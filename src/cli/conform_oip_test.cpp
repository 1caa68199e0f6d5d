#include <gtest/gtest.h>

#include "cli/fake_api_test.h"

namespace hf::cli {
namespace {

// A server of one model that knows nothing but its metadata and its health.
struct Sketch {
    std::unique_ptr<http::Server> server;

    Sketch() {
        http::Router router;
        router.add("GET", "/v2/health/live",
                   [](const http::Request&) { return http::Response::json(200, "{}"); });
        router.add("GET", "/v2/models/m", [](const http::Request& request) {
            const bool known = request.headers.get("X-Key") == "open";
            return known ? http::Response::json(200, R"({"inputs":[],"outputs":[]})")
                         : http::Response::error(401, "no key");
        });
        server = std::move(*http::Server::start({}, std::move(router)));
    }

    std::string words(const std::string& more) const {
        return fmt::format("conform oip http://127.0.0.1:{}{}{}", server->port(),
                           more.empty() ? "" : " ", more);
    }
};

TEST(ConformOip, ExitStatusesTellWhatHappened) {
    Sketch sketch;
    CommandRunner commands;
    EXPECT_EQ(commands.run(sketch.words("--model m --header X-Key:open --filter health/live")), 0)
        << commands.note;
    EXPECT_NE(commands.out.find("passed  health/live "), std::string::npos) << commands.out;
    EXPECT_NE(commands.out.find("2 passed, 0 failed, 0 skipped"), std::string::npos);
    EXPECT_EQ(commands.run(sketch.words("--model m --header X-Key:open --filter server/ --json")),
              3);
    const Result<json::Value> report = json::parse(commands.out);
    ASSERT_TRUE(report.ok()) << commands.out;
    EXPECT_GT(json::get_int(*report, "failed"), 0);
    EXPECT_EQ(json::get_int(*report, "passed"), 0);
    const json::Value& first = json::find_array(*report, "cases")->front();
    EXPECT_EQ(json::get_string(first, "name"), "server/metadata");
    EXPECT_EQ(json::get_string(first, "group"), "server");
    EXPECT_EQ(json::get_string(first, "verdict"), "failed");
    for (const char* key : {"asks", "source", "came"}) {
        EXPECT_NE(json::get_string(first, key), "") << key;
    }
    EXPECT_NE(commands.note.find("cases failed"), std::string::npos);
}

TEST(ConformOip, RefusalsNameTheRemedy) {
    Sketch sketch;
    CommandRunner commands;
    EXPECT_EQ(commands.run(sketch.words("")), 1);
    EXPECT_NE(commands.note.find("name one with --model"), std::string::npos);
    EXPECT_EQ(commands.run(sketch.words("--model m")), 1);
    EXPECT_NE(commands.note.find("401"), std::string::npos);
    EXPECT_EQ(commands.run(sketch.words("--model m --header X-Key")), 1);
    EXPECT_NE(commands.note.find("want 'NAME: VALUE'"), std::string::npos);
    EXPECT_EQ(commands.run(sketch.words("--model m --header X-Key:open --filter no-such")), 1);
    EXPECT_NE(commands.note.find("no case has"), std::string::npos);
    const std::string words = sketch.words("");
    sketch.server.reset();
    EXPECT_EQ(commands.run(words), 1);
    EXPECT_NE(commands.note.find("start the server"), std::string::npos);
}

}  // namespace
}  // namespace hf::cli
