#include "trust/tuf/release.h"

#include <gtest/gtest.h>

#include "trust/tuf/refusal.h"

namespace hf::trust::tuf {
namespace {

const Digest kManifest = crypto::sha256(as_bytes("manifest"));

TargetFile target_of(const Digest& manifest, std::string_view custom = "null") {
    TargetFile target;
    target.hashes["sha256"] = manifest.hex();
    target.custom = json::parse(custom).value();
    return target;
}

Status judged(std::string_view custom, std::int64_t release_least = 0) {
    const Installation here{kManifest, "press-4", "x86_64", release_least};
    return check_release(target_of(kManifest, custom), here).status();
}

TEST(TufRelease, A24AReleaseBelowOneThatWasSeenIsRefused) {
    EXPECT_EQ(reason_of(judged(R"({"holdfast":{"release":6}})", 7)), kRelease);
    EXPECT_EQ(reason_of(judged("{}", 7)), kRelease);
    EXPECT_EQ(judged(R"({"holdfast":{"release":7}})", 7), Status());
    EXPECT_EQ(check_release(target_of(kManifest, R"({"holdfast":{"release":9}})"),
                            {kManifest, "press-4", "x86_64", 7})
                  .value(),
              9);
}

TEST(TufRelease, A31AnotherDigestThanTheRepositoryVouchesForIsRefused) {
    const Installation here{crypto::sha256(as_bytes("another")), "press-4", "x86_64"};
    EXPECT_EQ(reason_of(check_release(target_of(kManifest), here).status()), kTargetMismatch);
    TargetFile other_hash;
    other_hash.hashes["sha512"] = kManifest.hex();
    EXPECT_EQ(reason_of(check_release(other_hash, here).status()), kTargetMismatch);
}

TEST(TufRelease, A33WhatIsForOtherHardwareIsRefused) {
    EXPECT_EQ(reason_of(judged(R"({"holdfast":{"hardwareIds":["aarch64"]}})")), kHardwareId);
    EXPECT_EQ(reason_of(judged(R"({"holdfast":{"hardwareIds":[]}})")), kHardwareId);
    EXPECT_EQ(judged(R"({"holdfast":{"hardwareIds":["aarch64","x86_64"]}})"), Status());
}

TEST(TufRelease, A34WhatIsForAnotherDeviceIsRefused) {
    EXPECT_EQ(reason_of(judged(R"({"holdfast":{"nodes":["press-5"]}})")), kOtherDevice);
    EXPECT_EQ(judged(R"({"holdfast":{"nodes":["press-4"]}})"), Status());
}

TEST(TufRelease, WhatIsNotOfTheFormIsNotTakenForNothing) {
    for (const char* custom :
         {R"({"holdfast":[]})", R"({"holdfast":{"release":-1}})", R"({"holdfast":{"release":"7"}})",
          R"({"holdfast":{"nodes":"press-4"}})", R"({"holdfast":{"nodes":["press-4",4]}})"}) {
        EXPECT_EQ(reason_of(judged(custom)), kBadFormat) << custom;
    }
    EXPECT_EQ(judged(R"({"somebody else's":1})"), Status());
}

}  // namespace
}  // namespace hf::trust::tuf
