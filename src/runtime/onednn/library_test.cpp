#include "runtime/onednn/library.h"

#include <gtest/gtest.h>

namespace hf::runtime::onednn {
namespace {

bool says(const Status& status, std::string_view text) {
    return status.message().find(text) != std::string_view::npos;
}

TEST(Library, AFileThatIsNotThereIsARefusalWithItsName) {
    const Status status = Library::open("libholdfast-has-none.so.9").status();
    EXPECT_EQ(status.code(), Code::kUnimplemented);
    EXPECT_TRUE(says(status, "libholdfast-has-none.so.9")) << status.to_string();
}

TEST(Library, AnotherLibraryIsARefusalThatNamesWhatItLacks) {
    const Status status = Library::open("libz.so.1").status();
    EXPECT_EQ(status.code(), Code::kUnimplemented);
    EXPECT_TRUE(says(status, "libz.so.1 has no dnnl_engine_create")) << status.to_string();
}

TEST(Library, IsOpenedOnce) {
    const auto first = Library::instance(), second = Library::instance();
    ASSERT_TRUE(first.ok()) << first.status().to_string();
    EXPECT_EQ(*first, *second);
}

}  // namespace
}  // namespace hf::runtime::onednn
