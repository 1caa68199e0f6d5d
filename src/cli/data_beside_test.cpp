#include "cli/data_beside.h"

#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "testing/memory_files.h"

namespace hf::cli {
namespace {

class DataBesideTest : public ::testing::Test {
protected:
    void write(const std::string& path, std::string_view text) {
        ASSERT_TRUE(files_.create_directories(path.substr(0, path.rfind('/'))).ok());
        files_.overwrite(path, to_bytes(text));
    }
    static std::string text_of(DataBeside& data, std::string_view name) {
        const Result<graph::ExternalBytes> got = data.reader()(name);
        return got.ok() ? std::string(as_text(got->bytes)) : std::string(got.status().message());
    }

    testing::MemoryFiles files_;
};

TEST_F(DataBesideTest, FilesAreReadOnceUnderTheirDigests) {
    const std::string large(10'000'001, 'x');
    write("m/w", "weights");
    write("m/deep/v", large);
    write("m/other", "nobody names it");
    DataBeside data(files_, "m/model.onnx", DataBeside::Digests::kTaken);
    EXPECT_TRUE(data.digests().empty());
    EXPECT_EQ(text_of(data, "w"), "weights");
    EXPECT_TRUE(text_of(data, "deep/v") == large);
    const std::map<std::string, Digest> want{{"deep/v", crypto::sha256(as_bytes(large))},
                                             {"w", crypto::sha256(as_bytes("weights"))}};
    EXPECT_EQ(data.digests(), want);

    const graph::ExternalBytes held = *data.reader()("w");
    EXPECT_TRUE(held.lasting);
    data.forget();
    EXPECT_EQ(held.owner.use_count(), 1) << "whoever has the bytes has the last of them";
    EXPECT_EQ(as_text(held.bytes), "weights");
    EXPECT_EQ(text_of(data, "w"), "weights") << "read again";
    EXPECT_EQ(data.changed(), "");
}

TEST_F(DataBesideTest, ALookTakesTheSameDigests) {
    write("m/w", "weights");
    write("m/empty", "");
    DataBeside looking(files_, "m/model.onnx", DataBeside::Digests::kTaken);
    ASSERT_TRUE(looking.look_at({"w", "empty"}).ok());
    DataBeside reading(files_, "m/model.onnx", DataBeside::Digests::kTaken);
    EXPECT_EQ(text_of(reading, "w") + text_of(reading, "empty"), "weights");
    EXPECT_EQ(looking.digests(), reading.digests());
    EXPECT_FALSE(looking.look_at({"w", "none"}).ok());
}

TEST_F(DataBesideTest, WithoutDigestsFilesAreWhereTheyAreMapped) {
    write("m/w", "weights");
    DataBeside data(files_, "m/model.onnx", DataBeside::Digests::kNone);
    EXPECT_EQ(text_of(data, "w"), "weights");
    EXPECT_FALSE(data.reader()("w")->lasting);
}

TEST_F(DataBesideTest, WhatIsMissingIsNamed) {
    DataBeside data(files_, "m/model.onnx", DataBeside::Digests::kTaken);
    EXPECT_NE(text_of(data, "deep/v").find("external data"), std::string::npos)
        << text_of(data, "deep/v");
    EXPECT_NE(text_of(data, "deep/v").find("m/deep"), std::string::npos);
}

}  // namespace
}  // namespace hf::cli
