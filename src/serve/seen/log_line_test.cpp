#include "serve/seen/log_line.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/rng.h"
#include "base/text.h"
#include "testing/script.h"

namespace hf::serve::seen {
namespace {

using namespace std::chrono_literals;

TEST(LogLine, OneObjectALine) {
    LogLine line;
    line.time = Instant(1'800'000'000s + 123456us);
    line.method = "POST";
    line.path = "/v2/models/m/infer";
    line.protocol = "HTTP/2";
    line.status = 200;
    line.bytes_in = 74;
    line.bytes_out = 118;
    line.duration = 1500us;
    line.queue = 40us;
    EXPECT_EQ(write_log_line(line),
              R"({"time":"2027-01-15T08:00:00.123456Z","method":"POST","path":)"
              R"("/v2/models/m/infer","protocol":"HTTP/2","status":200,"bytes_in":74,)"
              R"("bytes_out":118,"duration_us":1500,"queue_us":40})"
              "\n");
    line.bytes_out.reset();
    line.compute = 900us;
    line.model = "m";
    line.version = "3";
    line.inferences = 2;
    line.caller = "alice";
    line.peer = "127.0.0.1:50123";
    line.trace_id = "0af7651916cd43dd8448eb211c80319c";
    line.receipt = "12-34";
    line.node = "press-7";
    line.grpc_status = "0";
    EXPECT_EQ(write_log_line(line),
              R"({"time":"2027-01-15T08:00:00.123456Z","method":"POST","path":)"
              R"("/v2/models/m/infer","protocol":"HTTP/2","status":200,"grpc_status":"0",)"
              R"("bytes_in":74,"duration_us":1500,"queue_us":40,"compute_us":900,"model":"m",)"
              R"("version":"3","inferences":2,"caller":"alice","peer":"127.0.0.1:50123",)"
              R"("trace_id":"0af7651916cd43dd8448eb211c80319c","receipt":"12-34","node":"press-7"})"
              "\n");
}

TEST(LogLine, NothingLeavesItsText) {
    EXPECT_EQ(quote("a\"b\\c"), R"("a\"b\\c")");
    EXPECT_EQ(quote("x\n{\"status\":200}\r\t"), R"("x\u000a{\"status\":200}\u000d\u0009")");
    EXPECT_EQ(quote(std::string_view("\0\x1b[2J\x7f", 6)), R"("\u0000\u001b[2J\u007f")");
    EXPECT_EQ(quote("gr\xc3\xbc\xc3\x9f\x65 \xe2\x82\xac \xf0\x9f\x98\x80"),
              R"("gr\u00fc\u00dfe \u20ac \ud83d\ude00")");
    EXPECT_EQ(quote("\xc2\x9b\xe2\x80\xa8"), R"("\u009b\u2028")");
    EXPECT_EQ(quote("\xff\xc3(\xed\xa0\x80\xc0\xaf\xf0\x9f"),
              R"("\ufffd\ufffd(\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd")");
    const std::string longest(kLogTextMax, 'a');
    EXPECT_EQ(quote(longest), fmt::format("\"{}\"", longest));
    EXPECT_EQ(quote(fmt::format("{}b", longest)), fmt::format("\"{}...\"", longest));
}

TEST(LogLine, AnyBytesAreAsciiJsonAndUtf8ComesBack) {
    Rng rng(testing::seed());
    for (int round = 0; round < 2000; ++round) {
        std::string text(rng.below(40), '\0');
        for (char& c : text) {
            c = static_cast<char>(rng.chance(1, 2) ? rng.below(256) : 0xc0 + rng.below(64));
        }
        const std::string quoted = quote(text);
        for (const char c : quoted) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << quoted;
        const Result<json::Value> back = json::parse(quoted);
        ASSERT_TRUE(back.ok()) << quoted << ": " << back.status().to_string();
        if (is_utf8(text)) {
            EXPECT_EQ(json::as_view(back->get_string()), text);
        }
    }
}

}  // namespace
}  // namespace hf::serve::seen
