#include "serve/seen/access_log.h"

#include <atomic>

#include <gtest/gtest.h>

#include "base/bytes.h"
#include "serve/seen/collector_test.h"
#include "testing/memory_files.h"

namespace hf::serve::seen {
namespace {

std::string content_of(testing::MemoryFiles& files, std::string_view path) {
    const Result<Bytes> bytes = files.read(path, 1u << 20);
    return bytes.ok() ? std::string(as_text(*bytes)) : std::string(bytes.status().message());
}

TEST(AccessLog, AppendsToWhatWasThere) {
    testing::MemoryFiles files;
    for (const char* line : {"first\n", "second\n"}) {
        auto log = AccessLog::open(files, "access.log");
        ASSERT_TRUE(log.ok()) << log.status().to_string();
        (*log)->offer(line);
    }
    EXPECT_EQ(content_of(files, "access.log"), "first\nsecond\n");
}

TEST(AccessLog, AFileThatWasTakenAwayIsMadeAnew) {
    testing::MemoryFiles files;
    auto log = std::move(*AccessLog::open(files, "access.log"));
    log->offer("before\n");
    ASSERT_TRUE(comes_true([&] { return log->counts().written == 1; }));
    ASSERT_TRUE(files.remove("access.log").ok());
    log->offer("after\n");
    ASSERT_TRUE(comes_true([&] { return log->counts().written == 2; }));
    EXPECT_EQ(content_of(files, "access.log"), "after\n");
    files.overwrite("access.log", to_bytes("cut"));
    log->offer("more\n");
    ASSERT_TRUE(comes_true([&] { return log->counts().written == 3; }));
    EXPECT_EQ(content_of(files, "access.log"), "cutmore\n");
}

TEST(AccessLog, AFullDiskCostsLinesAndNothingElse) {
    testing::MemoryFiles files;
    auto log = std::move(*AccessLog::open(files, "access.log"));
    files.fill_after(0);
    for (int i = 0; i < 5; ++i) log->offer("lost\n");
    ASSERT_TRUE(comes_true([&] { return log->counts().dropped == 5; }));
    EXPECT_EQ(log->counts().written, 0u);
    EXPECT_NE(log->metrics().find("holdfast_access_log_lines_total{outcome=\"dropped\"} 5\n"),
              std::string::npos);
}

TEST(AccessLog, WhoWritesSlowlyKeepsNobodyWaiting) {
    std::atomic<bool> begun{false};
    std::atomic<bool> go_on{false};
    std::string written;
    {
        AccessLog log([&](std::string_view lines) -> Status {
            begun = true;
            EXPECT_TRUE(comes_true([&] { return go_on.load(); }));
            written += lines;
            return {};
        });
        log.offer("first\n");
        ASSERT_TRUE(comes_true([&] { return begun.load(); }));
        const std::string line = fmt::format("{:x<1023}\n", "");
        const std::size_t fit = kLogBufferMax / line.size();
        for (std::size_t i = 0; i < fit + 10; ++i) log.offer(line);
        EXPECT_EQ(log.counts().dropped, 10u) << "the buffer is bounded";
        go_on = true;
    }
    EXPECT_EQ(written.size(), 6 + kLogBufferMax) << "what was taken is written at the end";
}

}  // namespace
}  // namespace hf::serve::seen
