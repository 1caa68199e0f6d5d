#include <gtest/gtest.h>

#include "base/text.h"
#include "http/server.h"
#include "testing/script.h"

namespace hf::http {
namespace {

std::string show(const Response& response) {
    std::string text = fmt::format("{} {}", response.status, as_text(response.body));
    if (const auto allow = response.headers.get("Allow"))
        text += fmt::format("Allow: {}\n", *allow);
    return text;
}

// The handler of each route answers with its own pattern, and what it was given.
Handler teller(const std::string& pattern) {
    return [pattern](const Request& request) {
        std::string text = pattern;
        for (const auto& [name, value] : request.path_parameters) {
            text += fmt::format(" {}='{}'", name, value);
        }
        for (const auto& [name, value] : request.query)
            text += fmt::format(" ?{}='{}'", name, value);
        return Response::text(200, text + "\n");
    };
}

TEST(Router, MatchesAsTheTableSays) {
    Router router;
    testing::run_text_test(
        "src/http/testdata/routes.txt", [&](const testing::TextCommand& command) {
            if (command.name == "routes") {
                router = Router();
                for (std::string_view line : split(trim(command.input), '\n')) {
                    const std::vector<std::string_view> words = split(line, ' ');
                    router.add(words[0], words[1], teller(std::string(words[1])));
                }
                return std::string();
            }
            std::string output;
            for (std::string_view line : split(trim(command.input), '\n')) {
                const std::vector<std::string_view> words = split(line, ' ');
                Request request;
                request.method = words[0];
                request.target = words[1];
                output += show(dispatch(router, request));
            }
            return output;
        });
}

TEST(Router, HeaderNamesCompareWithoutCase) {
    Headers headers;
    headers.add("Accept", "a");
    headers.add("ACCEPT", "b");
    EXPECT_EQ(headers.get("accept"), "a");
    headers.set("accept", "c");
    ASSERT_EQ(headers.all().size(), 1u);
    headers.remove("Accept");
    EXPECT_FALSE(headers.get("accept"));
}

}  // namespace
}  // namespace hf::http
