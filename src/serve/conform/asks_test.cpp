#include "serve/conform/asks.h"

#include <gtest/gtest.h>

namespace hf::serve::conform {
namespace {

Subject a_subject() {
    Subject subject = std::move(*subject_at("http://127.0.0.1:8080/base"));
    subject.model = "a b";
    subject.versions = {"3", "2"};
    subject.inputs = {{"x", DType::kI32, {2, 2}, {2, 2}}, {"t", DType::kString, {1}, {1}}};
    subject.outputs = {{"y", DType::kI32, {2, 2}, {}}, {"z", DType::kF32, {1}, {}}};
    return subject;
}

std::string text_of(const Ask& ask, const Subject& subject = a_subject()) {
    Result<Turns> turns = ask(subject);
    if (!turns.ok()) return std::string(turns.status().message());
    return turns->back().bytes;
}

std::string body_of(const Ask& ask) {
    const std::string text = text_of(ask);
    return text.substr(text.find("\r\n\r\n") + 4);
}

TEST(ConformAsks, PlacesAreFilledOnce) {
    Subject subject = a_subject();
    subject.headers.add("X-A", "{model}");
    EXPECT_EQ(text_of(get("/v2/models/{model}/versions/{version}"), subject),
              "GET /base/v2/models/a%20b/versions/3 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
              "X-A: {model}\r\n\r\n");
    EXPECT_EQ(*fill_places(subject, "{\"a\":{}} {unknown} {"), "{\"a\":{}} {unknown} {");
    subject.versions.clear();
    EXPECT_EQ(get("/{version}")(subject).status().code(), Code::kFailedPrecondition);
}

TEST(ConformAsks, RequestsAreMadeFromTheMetadata) {
    const std::string body =
        R"({"inputs":[{"name":"x","datatype":"INT32","shape":[2,2],"data":[1,0,1,0]},)"
        R"({"name":"t","datatype":"BYTES","shape":[1],"data":["1"]}]})";
    EXPECT_EQ(text_of(infer()), fmt::format("POST /base/v2/models/a%20b/infer HTTP/1.1\r\n"
                                            "Host: 127.0.0.1:8080\r\n"
                                            "Content-Type: application/json\r\n"
                                            "Content-Length: {}\r\n\r\n{}",
                                            body.size(), body));
    EXPECT_EQ(text_of(raw("{length} {hexlength} {body}")),
              fmt::format("{} {:x} {}", body.size(), body.size(), body));
    EXPECT_EQ(text_of(request("PUT", "/v2", "{}")),
              "PUT /base/v2 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Type: application/json\r\n"
              "Content-Length: 2\r\n\r\n{}");
}

TEST(ConformAsks, BinaryRequestsTellTheLengthOfTheirJson) {
    Subject subject = a_subject();
    EXPECT_EQ(text_of(infer_binary(), subject), "the server does not announce binary_tensor_data");
    subject.extensions = {"binary_tensor_data"};
    const std::string text = text_of(infer_binary(), subject);
    const std::string json =
        R"({"inputs":[{"name":"x","datatype":"INT32","shape":[2,2],"parameters":)"
        R"({"binary_data_size":16}},{"name":"t","datatype":"BYTES","shape":[1],"parameters":)"
        R"({"binary_data_size":5}}]})";
    EXPECT_NE(text.find(fmt::format("Inference-Header-Content-Length: {}\r\nContent-Length: {}\r\n",
                                    json.size(), json.size() + 21)),
              std::string::npos)
        << text;
    EXPECT_TRUE(
        text.ends_with(json + std::string("\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0001", 21)));
    subject.inputs = {{"x", DType::kI32, {0}, {0}}};
    EXPECT_EQ(text_of(infer_binary(), subject), "the inputs have no elements");
    subject.trouble = "no way";
    EXPECT_EQ(text_of(infer_binary(), subject), "no way");
}

TEST(ConformAsks, EditsChangeWhatTheySay) {
    const auto has = [](const Edit& edit, std::string_view part) {
        const std::string body = body_of(infer(edit));
        EXPECT_NE(body.find(part), std::string::npos) << body;
    };
    has(set("id", "7"), R"("id":"7")");
    has(leave_out("inputs"), "{}");
    has(set_input("shape", 1), R"("name":"x","datatype":"INT32","shape":1)");
    has(leave_out_of_input("datatype"), R"([{"name":"x","data")");
    has(set_outputs(true), R"("outputs":[{"name":"z"},{"name":"y"}])");
    has(set_outputs(false, json::Object{{"binary_data", true}}),
        R"("outputs":[{"name":"y","parameters":{"binary_data":true}})");
    has(nest_data(), R"("data":[[1,0],[1,0]])");
    has(change_shape([](const Shape& extents) { return json::Array(extents.rank() + 1, 9); }),
        R"("shape":[9,9,9])");
    has(change_data([](const json::Array& flat) { return list_of(flat); }),
        R"("data":[[1,0,1,0]])");
    has(all({set("a", 1), set("b", 2)}), R"("a":1,"b":2)");
    EXPECT_EQ(body_of(infer_text("no")), "no");
}

TEST(ConformAsks, NestedDataHasTheFormOfItsShape) {
    const json::Array flat{1, 2, 3, 4, 5, 6};
    EXPECT_EQ(json::write(nested(flat, {6})), "[1,2,3,4,5,6]");
    EXPECT_EQ(json::write(nested(flat, {2, 3})), "[[1,2,3],[4,5,6]]");
    EXPECT_EQ(json::write(nested(flat, {1, 3, 2})), "[[[1,2],[3,4],[5,6]]]");
    EXPECT_EQ(json::write(nested({}, {0, 2})), "[]");
}

TEST(ConformAsks, TurnsAroundAnAsk) {
    const Turns thrice = *after_plain_twice(get("/v2"))(a_subject());
    ASSERT_EQ(thrice.size(), 3u);
    EXPECT_EQ(thrice[0].bytes, thrice[1].bytes);
    EXPECT_TRUE(thrice[2].bytes.starts_with("GET "));
    EXPECT_TRUE(thrice[2].fresh);
    const Turns live = *then_live(get("/v2"))(a_subject());
    ASSERT_EQ(live.size(), 2u);
    EXPECT_TRUE(live[1].fresh);
    EXPECT_NE(live[1].bytes.find("/v2/health/live"), std::string::npos);
    EXPECT_EQ(when_announced("statistics", get("/v2"))(a_subject()).status().message(),
              "the server does not announce statistics");
    EXPECT_TRUE((*request("HEAD", "/v2")(a_subject())).front().for_head);
}

}  // namespace
}  // namespace hf::serve::conform
