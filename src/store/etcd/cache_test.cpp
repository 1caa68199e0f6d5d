// The copy of an etcd: what its watch may do wrong must not show.

#include "store/etcd/cache.h"

#include <gtest/gtest.h>

namespace hf::store::etcd {
namespace {

using namespace std::chrono_literals;

Event put(std::string key, std::string value, int at) {
    return {Event::Kind::kPut,
            {std::move(key), std::move(value), Revision{at}, Revision{at}, {}},
            std::nullopt};
}
Event removal(std::string key, int at) {
    return {Event::Kind::kRemove, {std::move(key), "", {}, Revision{at}, {}}, std::nullopt};
}

std::string shown(Cache& cache) {
    std::string text;
    for (const KeyValue& item : cache.list("", {}).items) {
        text += fmt::format("{}={}@{} ", item.key, item.value, item.modified.value());
    }
    return text + fmt::format("at {}", cache.revision().value());
}

std::string told(Watch& watch) {
    const Result<std::vector<Event>> events = watch.next(0ms);
    if (!events.ok()) return std::string(code_name(events.status().code()));
    std::string text;
    for (const Event& event : *events) {
        text += fmt::format("{}{}@{} ", event.kind == Event::Kind::kPut ? "+" : "-", event.now.key,
                            event.now.modified.value());
    }
    return text;
}

TEST(EtcdCache, TakesNothingTwiceAndNothingOld) {
    Cache cache;
    Cache::Start start{"", Revision{0}, {}, Revision{0}, nullptr};
    const auto watch = cache.open(start);
    cache.apply({put("a", "1", 1), put("b", "1", 1), put("a", "2", 2)});
    cache.apply({put("a", "1", 1), put("a", "2", 2), put("a", "3", 3)});
    cache.apply({put("b", "0", 2), removal("a", 1)});
    EXPECT_EQ(shown(cache), "a=3@3 b=1@1 at 3");
    EXPECT_EQ(told(*watch), "+a@1 +b@1 +a@2 +a@3 ");
    cache.apply({removal("a", 4)});
    EXPECT_EQ(shown(cache), "b=1@1 at 4");
    EXPECT_EQ(told(*watch), "-a@4 ");
}

TEST(EtcdCache, KnowsWhatWasThereBefore) {
    Cache cache;
    cache.apply({put("a", "1", 1)});
    Cache::Start start{"a", Revision{1}, {}, Revision{0}, nullptr};
    const auto watch = cache.open(start);
    cache.apply({removal("a", 2), put("a", "2", 3)});
    const std::vector<Event> events = watch->next(0ms).value();
    ASSERT_EQ(events.size(), 2u);
    EXPECT_EQ(events[0].previous->value, "1");
    EXPECT_EQ(events[0].now.created, Revision{1});
    EXPECT_FALSE(events[1].previous);
}

TEST(EtcdCache, ALoadEndsWatchesAndForgetsHistory) {
    Cache cache;
    int called = 0;
    Cache::Start start{"", Revision{0}, {}, Revision{0}, [&] { ++called; }};
    const auto watch = cache.open(start);
    cache.load({{"z", "1", Revision{5}, Revision{5}, {}}}, Revision{7});
    EXPECT_EQ(called, 1);
    EXPECT_EQ(told(*watch), "OUT_OF_RANGE");
    EXPECT_EQ(shown(cache), "z=1@5 at 7");
    Cache::Start old{"", Revision{6}, {}, Revision{0}, nullptr};
    EXPECT_EQ(cache.open(old), nullptr);
    Cache::Start now{"", Revision{7}, {}, Revision{0}, nullptr};
    EXPECT_NE(cache.open(now), nullptr);
    EXPECT_TRUE(cache.wait_for(Revision{7}, 0ms));
    EXPECT_FALSE(cache.wait_for(Revision{8}, 0ms));
}

TEST(EtcdCache, AWatchMayBeginAheadOfTheCopy) {
    Cache cache;
    Cache::Start start{"", Revision{3}, {}, Revision{0}, nullptr};
    const auto watch = cache.open(start);
    cache.apply({put("a", "1", 2), put("a", "2", 3), put("a", "3", 4)});
    EXPECT_EQ(told(*watch), "+a@4 ");
    EXPECT_EQ(watch->delivered(), Revision{4});
}

TEST(EtcdCache, BoundsItsHistoryByCountAndBytes) {
    Cache cache;
    const int count = static_cast<int>(kMaxHistoryEvents);
    for (int i = 1; i <= count + 10; ++i) cache.apply({put("a", "", i)});
    Cache::Start early{"", Revision{9}, {}, Revision{0}, nullptr};
    EXPECT_EQ(cache.open(early), nullptr);
    Cache::Start kept{"", Revision{10}, {}, Revision{0}, nullptr};
    EXPECT_NE(cache.open(kept), nullptr);
    const std::string large(kMaxHistoryBytes / 4, 'x');
    for (int i = 1; i <= 4; ++i) cache.apply({put("a", large, count + 10 + i)});
    Cache::Start before{"", Revision{count + 10}, {}, Revision{0}, nullptr};
    EXPECT_EQ(cache.open(before), nullptr);
}

TEST(EtcdCache, JoinsWhatWasFetchedWithWhatItHas) {
    Cache cache;
    cache.load({}, Revision{5});
    cache.apply({put("p", "1", 6)});
    Cache::Start start{"p", Revision{2}, {put("p", "0", 4)}, Revision{5}, nullptr};
    const auto watch = cache.open(start);
    ASSERT_NE(watch, nullptr);
    EXPECT_EQ(told(*watch), "+p@4 +p@6 ");
}

}  // namespace
}  // namespace hf::store::etcd
