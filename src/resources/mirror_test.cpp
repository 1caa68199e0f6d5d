#include "resources/mirror.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "store/memory.h"
#include "store/watch_hub.h"
#include "testing/manual_clock.h"
#include "testing/script.h"
#include "testing/seeded_entropy.h"

namespace hf::resources {
namespace {

using testing::SeededEntropy;

class MirrorTest : public ::testing::Test {
protected:
    WriteOptions as_admin() {
        WriteOptions options;
        options.who = api::Identity::of_system("test");
        return options;
    }
    void create(const std::string& ns, const std::string& name) {
        api::Object service = api::Object::make("Service", ns, name);
        service.edit_spec()["model"] = "pump:1";
        ASSERT_TRUE(resources_.create(service, as_admin()).ok());
    }
    void want(const std::string& name, const std::string& model) {
        const auto changed = resources_.modify({&api::service_kind(), "default", name}, as_admin(),
                                               [&](api::Object& service) {
                                                   service.edit_spec()["model"] = model;
                                                   return Status();
                                               });
        ASSERT_TRUE(changed.ok()) << changed.status().to_string();
    }
    void remove(const std::string& name) {
        RemoveOptions options;
        options.who = api::Identity::of_system("test");
        ASSERT_TRUE(resources_.remove({&api::service_kind(), "default", name}, options).ok());
    }
    std::string updated(Mirror& mirror) {
        const Result<std::set<std::string>> changed = mirror.update();
        if (!changed.ok()) return changed.status().to_string();
        std::string text;
        for (const std::string& key : *changed) text += (text.empty() ? "" : " ") + key;
        return text;
    }

    testing::ManualClock clock_;
    SeededEntropy entropy_;
    std::unique_ptr<store::Store> store_ = store::make_memory_store(clock_);
    Resources resources_{*store_, clock_, entropy_};
};

TEST_F(MirrorTest, FollowsWhatComesChangesAndGoes) {
    create("default", "a");
    int called = 0;
    Mirror mirror(resources_, api::service_kind(), [&] { ++called; });
    EXPECT_EQ(updated(mirror), "default/a");
    EXPECT_EQ(updated(mirror), "");
    create("default", "b");
    want("a", "pump:2");
    EXPECT_GE(called, 2);
    EXPECT_EQ(updated(mirror), "default/a default/b");
    EXPECT_EQ(json::get_string(mirror.find("default/a")->spec(), "model"), "pump:2");
    remove("a");
    EXPECT_EQ(updated(mirror), "default/a");
    EXPECT_EQ(mirror.find("default/a"), nullptr);
    EXPECT_EQ(mirror.objects().size(), 1u);
}

TEST_F(MirrorTest, ListsAgainWhenItFellBehind) {
    create("default", "a");
    create("default", "gone");
    Mirror mirror(resources_, api::service_kind(), nullptr);
    EXPECT_EQ(updated(mirror), "default/a default/gone");
    remove("gone");
    for (std::size_t i = 0; i <= store::kMaxQueuedEvents; ++i) {
        want("a", i % 2 == 0 ? "pump:2" : "pump:3");
    }
    create("default", "new");
    EXPECT_EQ(updated(mirror), "default/a default/gone default/new");
    EXPECT_EQ(mirror.objects().size(), 2u);
    want("a", "pump:9");
    EXPECT_EQ(updated(mirror), "default/a") << "the new watch goes on from the list";
}

}  // namespace
}  // namespace hf::resources
