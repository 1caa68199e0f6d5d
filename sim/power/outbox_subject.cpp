// The node's outbox: items put, handed out and acknowledged, until its file has been written anew.

#include <fmt/format.h>

#include <map>

#include "node/outbox.h"
#include "sim/power/subject.h"

namespace hf::power {
namespace {

constexpr int kItems = 80;
constexpr std::size_t kPadding = 1500;  // the file is written anew after about fifty
const std::string kPath = "/data/outbox";
constexpr Instant kLater = Instant(std::chrono::hours(1));

std::string put_of(int number) {
    return fmt::format("put {}", number);
}

std::string said_of(int number) {
    return fmt::format("said {}", number);
}

std::string payload_of(int number) {
    return fmt::format("{:03}{}", number, std::string(kPadding, 'p'));
}

int number_of(const std::string& payload) {
    return std::stoi(payload.substr(0, 3));
}

Result<std::unique_ptr<node::Outbox>> open(testing::MemoryFiles& files) {
    HF_TRY(files.create_directories("/data"));
    return node::Outbox::open(files, kPath, {});
}

// By number, how often an item waits.
Result<std::map<int, std::size_t>> waiting(const testing::Disk& disk) {
    testing::MemoryFiles files = copy_of(disk);
    const std::unique_ptr<node::Outbox> outbox = HF_TRY(open(files));
    const node::OutboxAccount& account = outbox->account();
    const std::uint64_t accounted =
        account.acknowledged + account.dropped_in_all() + account.expired + outbox->size();
    if (account.accepted != accounted) {
        return data_loss("{} accepted, {} accounted for", account.accepted, accounted);
    }
    std::map<int, std::size_t> items;
    while (const node::OutboxItem* item = outbox->next(Instant())) {
        const int number = number_of(item->payload);
        if (item->payload != payload_of(number)) return data_loss("item {} is another", number);
        ++items[number];
        HF_TRY(outbox->acknowledge(item->sequence));
    }
    return items;
}

Status check(const testing::Disk& disk, const History& history) {
    std::map<int, std::size_t> items = HF_TRY(waiting(disk));
    for (int number = 0; number < kItems; ++number) {
        const std::size_t found = items[number];
        const std::size_t most = history.attempts(put_of(number));
        if (found > most) {
            return data_loss("item {} is there {} times, and was put {} times", number, found,
                             most);
        }
        if (found == 0 && history.promised(put_of(number)) && !history.begun(said_of(number))) {
            return data_loss("item {} was accepted and is gone", number);
        }
    }
    return {};
}

class OutboxSubject final : public Subject {
public:
    std::string_view name() const override { return "outbox"; }

    Status live(const std::shared_ptr<testing::Disk>& disk, History& history) override {
        testing::MemoryFiles files(disk);
        HF_TRY(check(*disk, history));
        const std::map<int, std::size_t> there = HF_TRY(waiting(*disk));
        const auto reads = [&] { return check(*disk, history); };
        std::unique_ptr<node::Outbox> outbox;
        const auto start = [&]() -> Status {
            outbox = HF_TRY(open(files));
            return {};
        };
        HF_TRY(bear_full_disk(*disk, start, reads));
        for (int number = 0; number < kItems; ++number) {
            const bool known = history.promised(put_of(number)) || there.contains(number) ||
                               history.begun(said_of(number));
            const auto put = [&]() -> Status {
                return history.act(put_of(number), [&] {
                    return outbox->put(node::Urgency::kNormal, kLater, payload_of(number));
                });
            };
            if (!known) HF_TRY(bear_full_disk(*disk, put, reads));
            if (number % 4 == 3)
                HF_TRY(bear_full_disk(
                    *disk, [&] { return say(*outbox, history); }, reads));
        }
        return check(*disk, history);
    }

private:
    static Status say(node::Outbox& outbox, History& history) {
        const node::OutboxItem* item = outbox.next(Instant());
        if (!item) return {};
        const std::uint64_t sequence = item->sequence;
        return history.act(said_of(number_of(item->payload)),
                           [&] { return outbox.acknowledge(sequence); });
    }
};

}  // namespace

std::unique_ptr<Subject> outbox_subject() {
    return std::make_unique<OutboxSubject>();
}

}  // namespace hf::power
