#include "http/url.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "testing/script.h"

namespace hf::http {
namespace {

std::string show(const Result<Url>& url) {
    if (!url.ok()) return url.status().to_string() + "\n";
    return fmt::format("{} host={} port={} target={}\n", url->origin(), url->host, url->port,
                       url->target);
}

TEST(Url, ParsesAndResolvesAsTheTableSays) {
    testing::run_text_test("src/http/testdata/urls.txt", [](const testing::TextCommand& command) {
        std::string output;
        const std::string_view lines(command.input.data(), command.input.size() - 1);
        for (std::string_view line : split(lines, '\n')) {
            if (command.name == "resolve") {
                output += show(resolve(parse_url(command.arguments[0]).value(), line));
            } else {
                output += show(parse_url(line));
            }
        }
        return output;
    });
}

TEST(Url, EncodesAllThatIsNotUnreserved) {
    EXPECT_EQ(percent_encode("a-Z.0_~"), "a-Z.0_~");
    EXPECT_EQ(percent_encode("a/b c+ü"), "a%2Fb%20c%2B%C3%BC");
}

TEST(Url, LongOnesAreRefused) {
    EXPECT_FALSE(parse_url("http://a/" + std::string(20000, 'x')).ok());
}

}  // namespace
}  // namespace hf::http
