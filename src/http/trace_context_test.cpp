#include "http/trace_context.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

// The vectors are those of the standard's text and of its test suite (w3c/trace-context: test/).

namespace hf::http {
namespace {

constexpr std::string_view kGood = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

std::string with(std::size_t at, std::string_view part) {
    std::string header(kGood);
    return header.replace(at, part.size(), part);
}

TEST(TraceContext, ReadsAndWritesATraceParent) {
    const Result<TraceContext> context = parse_traceparent(kGood);
    ASSERT_TRUE(context.ok()) << context.status().to_string();
    EXPECT_EQ(to_hex(context->trace), "0af7651916cd43dd8448eb211c80319c");
    EXPECT_EQ(to_hex(context->span), "b7ad6b7169203331");
    EXPECT_TRUE(context->sampled);
    EXPECT_EQ(write_traceparent(*context), kGood);
    const Result<TraceContext> unsampled = parse_traceparent(with(53, "00"));
    ASSERT_TRUE(unsampled.ok());
    EXPECT_FALSE(unsampled->sampled);
    EXPECT_EQ(write_traceparent(*unsampled), with(53, "00"));
}

TEST(TraceContext, FlagsThatNobodyKnowsAreNotPassedOn) {
    for (const auto& [flags, sampled] :
         {std::pair("ff", true), std::pair("03", true), std::pair("fe", false)}) {
        const Result<TraceContext> context = parse_traceparent(with(53, flags));
        ASSERT_TRUE(context.ok()) << flags;
        EXPECT_EQ(context->sampled, sampled) << flags;
        EXPECT_EQ(write_traceparent(*context), with(53, sampled ? "01" : "00"));
    }
}

TEST(TraceContext, LaterVersionsAreReadAsFarAsTheyAreKnown) {
    const std::string later = with(0, "cc");
    for (const std::string& header : {with(0, "01"), later, fmt::format("{}-", later),
                                      fmt::format("{}-what-the-future-will-be-like", later)}) {
        const Result<TraceContext> context = parse_traceparent(header);
        ASSERT_TRUE(context.ok()) << header;
        EXPECT_EQ(write_traceparent(*context), kGood) << header;
    }
    EXPECT_FALSE(parse_traceparent(fmt::format("{}.what", later)).ok());
    EXPECT_FALSE(parse_traceparent(with(0, "ff")).ok());
    EXPECT_FALSE(parse_traceparent(fmt::format("{}-x", with(0, "ff"))).ok());
}

TEST(TraceContext, RefusesWhatIsNoTraceParent) {
    const std::vector<std::string> bad{
        "",
        "00",
        std::string(kGood.substr(0, 54)),
        fmt::format("{}-what-the-future-will-be-like", kGood),
        fmt::format("{}1", kGood),
        fmt::format("{}-", kGood),
        with(0, ".0"),
        with(0, "0."),
        with(0, "0F"),
        with(2, "."),
        with(35, "_"),
        with(52, " "),
        with(3, "00000000000000000000000000000000"),
        with(36, "0000000000000000"),
        with(3, "."),
        with(34, "g"),
        with(3, "0AF7"),
        with(36, "B7AD"),
        with(40, "."),
        with(53, ".0"),
        with(53, "0x"),
        with(53, "0A"),
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-011",
        "000af7651916cd43dd8448eb211c80319cb7ad6b716920333101-------",
        std::string(kGood.size(), '\0'),
        std::string(kGood.size(), '-'),
    };
    for (const std::string& header : bad) {
        const Result<TraceContext> context = parse_traceparent(header);
        EXPECT_EQ(context.status().code(), Code::kInvalidArgument) << header;
    }
    EXPECT_EQ(parse_traceparent(with(36, "B")).status().message(),
              "traceparent: the parent is not lower-case hexadecimal");
}

TEST(TraceContext, ReadsATraceState) {
    const auto read = [](std::string_view text) {
        const Result<std::string> state = parse_tracestate(text);
        return state.ok() ? *state : fmt::format("refused: {}", state.status().message());
    };
    EXPECT_EQ(read("foo=1,bar=2"), "foo=1,bar=2");
    EXPECT_EQ(read(" foo=1 ,\tbar=2\t, ,"), "foo=1,bar=2");
    EXPECT_EQ(read(""), "");
    EXPECT_EQ(read("fw529a3039@dt=FfwAAAAA,0a_*/-b@sys=x y"),
              "fw529a3039@dt=FfwAAAAA,0a_*/-b@sys=x y");
    const std::string key(241, 't');
    const std::string value(256, 'v');
    const std::vector<std::string> good{
        fmt::format("{:z<256}=1", ""),          fmt::format("{}@{:v<14}=1", key, ""),
        fmt::format("foo={}", value),           "foo= x",
        "a=!\"#$%&'()*+-./0:;<>?@[\\]^_`a{|}~",
    };
    for (const std::string& text : good) EXPECT_EQ(read(text), text);
    const std::vector<std::string> bad{
        "foo=1,foo=1",
        "foo=1=2",
        "foo =1",
        "FOO=1",
        "foo",
        "foo=",
        "=1",
        "foo.bar=1",
        "foo@=1",
        "@foo=1",
        "foo@@bar=1",
        "foo@bar@baz=1",
        "foo=b\x7f",
        "foo=\xc3\xa4",
        "0foo=1",
        "foo@1=1",
        fmt::format("{:z<257}=1", ""),
        fmt::format("{}t@v=1", key),
        fmt::format("t@{:v<15}=1", ""),
        fmt::format("foo={}v", value),
    };
    for (const std::string& text : bad) EXPECT_TRUE(read(text).starts_with("refused: ")) << text;
}

TEST(TraceContext, OfATraceStateThereAre32Members) {
    std::string members;
    for (int i = 0; i < 32; ++i) members += fmt::format("{}k{}=1", i ? "," : "", i);
    EXPECT_EQ(*parse_tracestate(members), members);
    EXPECT_FALSE(parse_tracestate(fmt::format("{},one=more", members)).ok());
}

TEST(TraceContext, OfARequest) {
    const auto state_of = [](const std::vector<std::string>& states) -> std::string {
        Headers headers;
        headers.add("TraceParent", std::string(kGood));
        for (const std::string& state : states) headers.add("Tracestate", state);
        const std::optional<TraceContext> context = trace_context_of(headers);
        return context ? context->state : "none";
    };
    EXPECT_EQ(state_of({}), "");
    EXPECT_EQ(state_of({"foo=1", "bar=2"}), "foo=1,bar=2");
    EXPECT_EQ(state_of({"foo=1", ""}), "foo=1");
    EXPECT_EQ(state_of({"foo=1", "foo=2"}), "") << "dropped, and the trace goes on";
    EXPECT_EQ(state_of({std::string(kTraceStateBytesMax + 1, 'x')}), "");
    Headers headers;
    EXPECT_FALSE(trace_context_of(headers));
    headers.add("tracestate", "foo=1");
    EXPECT_FALSE(trace_context_of(headers)) << "a tracestate alone";
    headers.add("traceparent", fmt::format(" {}\t", kGood));
    ASSERT_TRUE(trace_context_of(headers));
    headers.add("traceparent", std::string(kGood));
    EXPECT_FALSE(trace_context_of(headers)) << "two traceparents";
}

TEST(TraceContext, ReplacesWhatWasThere) {
    Headers headers;
    headers.add("Traceparent", "garbage");
    headers.add("traceparent", "more");
    headers.add("tracestate", "old=1");
    headers.add("tracestate", "old=2");
    TraceContext context = *parse_traceparent(kGood);
    set_trace_context(headers, context);
    ASSERT_EQ(headers.all().size(), 1u);
    EXPECT_EQ(headers.get("traceparent"), kGood);
    context.state = "foo=1";
    set_trace_context(headers, context);
    EXPECT_EQ(trace_context_of(headers), context);
}

}  // namespace
}  // namespace hf::http
