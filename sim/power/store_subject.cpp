// The store over SQLite: transactions of several keys, removals, a lease, compactions, and starts
// between them, so that its log is written back and begun again.

#include <fmt/format.h>

#include <map>

#include "sim/power/sqlite_disk.h"
#include "sim/power/subject.h"
#include "store/sqlite.h"
#include "testing/manual_clock.h"

namespace hf::power {
namespace {

using store::Revision;

const std::string kPath = "/data/store.db";
constexpr int kLast = 18;  // revisions
constexpr int kALife = 7;  // and a start after so many
constexpr int kCompactAt[] = {5, 10};

std::string key_of(int number) {
    return fmt::format("/k/{}", number);
}

// What revision `number` writes and removes: the same in every life.
store::Transaction transaction(int number) {
    store::Transaction transaction;
    const auto seed = static_cast<unsigned>(number);
    for (unsigned i = 0; i < 1 + seed % 3; ++i) {
        const auto key = static_cast<int>((seed * 5 + i * 3) % 11);
        std::string value = fmt::format("{}/{}:", number, i);
        value.append((seed * 211 + i * 97) % 1900, static_cast<char>('a' + seed % 26));
        transaction.puts.push_back({key_of(key), std::move(value), {}});
    }
    if (number % 4 == 0) transaction.removes.push_back(key_of((number + 7) % 11 + 20));
    if (number % 4 == 2) transaction.puts.push_back({key_of((number + 9) % 11 + 20), "short", {}});
    return transaction;
}

using Model = std::map<std::string, store::KeyValue>;

void apply(Model& model, int number) {
    const store::Transaction now = transaction(number);
    for (const store::Put& put : now.puts) {
        store::KeyValue& kept = model[put.key];
        if (kept.key.empty()) kept.created = Revision{number};
        kept = {put.key, put.value, kept.created, Revision{number}, {}};
    }
    for (const std::string& key : now.removes) model.erase(key);
}

std::string text_of(const std::vector<store::KeyValue>& items) {
    std::string text;
    for (const store::KeyValue& each : items) {
        text += fmt::format("{}@{}/{}={};", each.key, each.created.value(), each.modified.value(),
                            each.value);
    }
    return text;
}

class StoreSubject final : public Subject {
public:
    std::string_view name() const override { return "store"; }

    Status live(const std::shared_ptr<testing::Disk>& disk, History& history) override {
        HF_TRY(testing::MemoryFiles(disk).create_directories("/data"));
        HF_TRY(check_whole(*disk));
        sqlite_.use(disk);
        for (bool done = false; !done;) {
            testing::ManualClock clock;
            std::unique_ptr<store::Store> store;
            HF_TRY(bear_full_disk(
                *disk,
                [&]() -> Status {
                    store = HF_TRY(store::open_sqlite_store(kPath, clock));
                    return {};
                },
                [] { return Status(); }));
            HF_TRY(check(*store, history));
            done = HF_TRY(work(*disk, *store, history));
            HF_TRY(check(*store, history));
        }
        return {};
    }

private:
    Status check_whole(const testing::Disk& disk) {
        auto copy = std::make_shared<testing::Disk>(disk.image());
        if (!testing::MemoryFiles(copy).exists(kPath)) return {};
        sqlite_.use(copy);
        return sqlite_.check_whole(kPath);
    }

    // True when all is done; false when it is time for another start.
    static Result<bool> work(testing::Disk& disk, store::Store& store, History& history) {
        const auto reads = [&] { return check(store, history); };
        for (int i = 0; i < kALife; ++i) {
            const auto next = static_cast<int>(store.revision().value()) + 1;
            if (next > kLast) return true;
            const auto commit = [&]() -> Status {
                return history.act(fmt::format("commit {}", next), [&]() -> Status {
                    return store.commit(transaction(next)).status();
                });
            };
            HF_TRY(bear_full_disk(disk, commit, reads));
            for (const int at : kCompactAt) {
                if (next != at + 5) continue;
                const auto compact = [&]() -> Status {
                    return history.act(fmt::format("compact {}", at),
                                       [&] { return store.compact(Revision{at}); });
                };
                HF_TRY(bear_full_disk(disk, compact, reads));
            }
        }
        return false;
    }

    static Status check(store::Store& store, const History& history) {
        const auto revision = static_cast<int>(store.revision().value());
        for (int number = 1; number <= kLast; ++number) {
            const std::string deed = fmt::format("commit {}", number);
            if (number > revision && history.promised(deed)) {
                return data_loss("revision {} was acknowledged; the store is at {}", number,
                                 revision);
            }
            if (number <= revision && !history.begun(deed)) {
                return data_loss("the store is at {}, and {} was never written", revision, number);
            }
        }
        int compacted = 0, perhaps = 0;
        for (const int at : kCompactAt) {
            if (history.promised(fmt::format("compact {}", at))) compacted = at;
            if (history.begun(fmt::format("compact {}", at))) perhaps = at;
        }
        Model model;
        for (int number = 1; number <= revision; ++number) {
            apply(model, number);
            if (number < std::max(perhaps, revision - 4)) continue;
            HF_TRY(check_state(store, model, number));
        }
        HF_TRY(check_watch(store, std::max(perhaps, std::min(revision, 3)), revision));
        if (compacted > 1) {
            const Status old = store.watch("/k/", Revision{compacted - 1}).status();
            if (old.code() != Code::kOutOfRange) {
                return data_loss("a watch from before a compaction: {}", old.to_string());
            }
        }
        return {};
    }

    static Status check_state(store::Store& store, const Model& model, int at) {
        store::ListOptions options;
        options.at = Revision{at};
        const store::ListResult listed = HF_TRY(store.list("/k/", options));
        std::vector<store::KeyValue> wanted;
        for (const auto& [key, value] : model) wanted.push_back(value);
        if (text_of(listed.items) == text_of(wanted)) return {};
        return data_loss("revision {} shows other keys than were written", at);
    }

    // Every change after `from`, in order, and nothing else.
    static Status check_watch(store::Store& store, int from, int revision) {
        const auto watch = HF_TRY(store.watch("/k/", Revision{from}));
        std::map<int, std::size_t> seen;
        int last = from;
        for (;;) {
            const std::vector<store::Event> events = HF_TRY(watch->next(Duration::zero()));
            if (events.empty()) break;
            for (const store::Event& event : events) {
                const auto at = static_cast<int>(event.now.modified.value());
                if (at < last) return data_loss("the watch went back from {} to {}", last, at);
                last = at;
                if (event.kind == store::Event::Kind::kPut) ++seen[at];
            }
        }
        for (int number = from + 1; number <= revision; ++number) {
            if (seen[number] == transaction(number).puts.size()) continue;
            return data_loss("a watch from {} shows {} of {} keys of revision {}", from,
                             seen[number], transaction(number).puts.size(), number);
        }
        return {};
    }

    SqliteDisk sqlite_{"power-store"};
};

}  // namespace

std::unique_ptr<Subject> store_subject() {
    return std::make_unique<StoreSubject>();
}

}  // namespace hf::power
