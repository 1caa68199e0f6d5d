#include "node/outbox.h"

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/json.h"
#include "base/text.h"

namespace hf::node {
namespace {

constexpr std::size_t kMaxLogBytes = 256u << 20;
// Past lines up to here are not worth a new file.
constexpr std::size_t kSlackBytes = 64u << 10;
constexpr std::size_t kChecksumDigits = 8;

std::string line_of(const json::Value& value) {
    const std::string text = json::write(value);
    return fmt::format("{:08x} {}\n", crc32c(as_bytes(text)), text);
}

std::string item_line(const OutboxItem& item) {
    const auto expires =
        std::chrono::duration_cast<std::chrono::microseconds>(item.expires.time_since_epoch());
    return line_of({{"item", static_cast<std::int64_t>(item.sequence)},
                    {"urgency", static_cast<int>(item.urgency)},
                    {"expires", expires.count()},
                    {"payload", item.payload}});
}

std::string end_line(std::string_view how, std::uint64_t sequence) {
    return line_of({{how, static_cast<std::int64_t>(sequence)}});
}

std::uint64_t number(const json::Value& value, std::string_view key) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, json::get_int(value, key)));
}

}  // namespace

Result<std::unique_ptr<Outbox>> Outbox::open(env::Files& files, std::string path,
                                             OutboxLimits limits) {
    auto outbox = std::make_unique<Outbox>(Private(), files, std::move(path), limits);
    HF_TRY(outbox->read_log());
    return outbox;
}

Status Outbox::read_log() {
    file_ = HF_TRY(files_.open_append(path_, env::Access::kPrivate));
    if (file_->size() > kMaxLogBytes) {
        return resource_exhausted("{}: {} bytes; at most {} are read", path_, file_->size(),
                                  kMaxLogBytes);
    }
    const Bytes bytes = HF_TRY(file_->read(0, static_cast<std::size_t>(file_->size())));
    const std::string_view text = as_text(bytes);
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string_view::npos;) {
        read_line(text.substr(begin, end - begin));
        begin = end + 1;
    }
    if (begin < text.size()) HF_TRY(file_->truncate(begin));
    return {};
}

void Outbox::read_line(std::string_view line) {
    const std::string_view text = line.substr(std::min(line.size(), kChecksumDigits + 1));
    const bool sound =
        line.size() > kChecksumDigits &&
        line.substr(0, kChecksumDigits) == fmt::format("{:08x}", crc32c(as_bytes(text)));
    const Result<json::Value> value =
        sound ? json::parse(text) : Result<json::Value>(data_loss("damaged"));
    if (!value.ok()) {
        ++account_.damaged;
        return;
    }
    if (const json::Value* account = json::find(*value, "account")) {
        account_.accepted = number(*account, "accepted");
        account_.acknowledged = number(*account, "acknowledged");
        account_.expired = number(*account, "expired");
        account_.damaged += number(*account, "damaged");
        account_.dropped = {number(*account, "low"), number(*account, "normal"),
                            number(*account, "high")};
        last_sequence_ = number(*account, "sequence");
        return;
    }
    if (json::find(*value, "item")) {
        OutboxItem item;
        item.sequence = number(*value, "item");
        const std::uint64_t urgency = std::min<std::uint64_t>(number(*value, "urgency"), 2);
        item.urgency = static_cast<Urgency>(urgency);
        item.expires = Instant(std::chrono::microseconds(json::get_int(*value, "expires")));
        item.payload = std::string(json::get_string(*value, "payload"));
        if (by_sequence_.contains(item.sequence)) return;
        // Of an item that a snapshot holds, the account has counted already.
        if (item.sequence > last_sequence_) ++account_.accepted;
        last_sequence_ = std::max(last_sequence_, item.sequence);
        bytes_ += item.payload.size();
        const Key key{-static_cast<int>(item.urgency), item.sequence};
        by_sequence_[item.sequence] = key;
        items_.emplace(key, std::move(item));
        return;
    }
    for (const std::string_view how : {"said", "expired", "dropped"}) {
        if (!json::find(*value, how)) continue;
        const auto known = by_sequence_.find(number(*value, how));
        if (known == by_sequence_.end()) continue;
        const auto item = items_.find(known->second);
        if (how == "said") ++account_.acknowledged;
        if (how == "expired") ++account_.expired;
        if (how == "dropped") ++account_.dropped[static_cast<std::size_t>(item->second.urgency)];
        forget(item);
    }
}

void Outbox::forget(std::map<Key, OutboxItem>::iterator item) {
    bytes_ -= item->second.payload.size();
    by_sequence_.erase(item->second.sequence);
    items_.erase(item);
}

Status Outbox::append(const std::string& lines, bool sync) {
    if (unsure_) HF_TRY(write_anew());
    if (!file_) file_ = HF_TRY(files_.open_append(path_, env::Access::kPrivate));
    HF_TRY(file_->append(as_bytes(lines)).context("{}", path_));
    if (!sync) return {};
    const Status synced = file_->sync().context("{}", path_);
    unsure_ = !synced.ok();
    return synced;
}

// Adds to `lines` who goes, without letting them go yet: that is when the lines are on the disk.
Status Outbox::make_room(Urgency urgency, std::size_t bytes, std::string& lines) {
    std::size_t items = items_.size();
    std::size_t held = bytes_;
    for (auto last = items_.end(); items + 1 > limits_.items || held + bytes > limits_.bytes;) {
        // Of the lowest urgency that is left, the oldest: the map has them last, ascending by age.
        if (last == items_.begin()) break;
        const int lowest = std::prev(last)->first.first;
        auto oldest = items_.lower_bound({lowest, 0});
        if (-lowest > static_cast<int>(urgency)) {
            return resource_exhausted("the outbox is full of what is more urgent ({} items)",
                                      items_.size());
        }
        for (; oldest != last && (items + 1 > limits_.items || held + bytes > limits_.bytes);
             ++oldest) {
            lines += end_line("dropped", oldest->second.sequence);
            --items;
            held -= oldest->second.payload.size();
        }
        last = items_.lower_bound({lowest, 0});
    }
    return {};
}

Status Outbox::put(Urgency urgency, Instant expires, std::string payload) {
    if (payload.size() > limits_.item_bytes || payload.size() > limits_.bytes) {
        return invalid_argument("an item of {} bytes for the outbox; the limit is {}",
                                payload.size(), limits_.item_bytes);
    }
    std::string lines;
    HF_TRY(make_room(urgency, payload.size(), lines));
    last_given_ = std::max(last_given_, last_sequence_) + 1;
    const OutboxItem item{last_given_, urgency, expires, std::move(payload)};
    lines += item_line(item);
    HF_TRY(append(lines, true));
    // What the disk has is what is: the same lines are taken up as after a restart.
    for (const std::string_view line : split(trim(lines), '\n')) read_line(line);
    if (file_->size() > 2 * bytes_ + kSlackBytes) {
        // A new file that cannot be written leaves the old one, which is good.
        const Status ignored = write_anew();
        (void)ignored;
    }
    return {};
}

const OutboxItem* Outbox::next(Instant now) {
    while (!items_.empty()) {
        const auto first = items_.begin();
        if (first->second.expires > now) return &first->second;
        const Status ignored = append(end_line("expired", first->second.sequence), false);
        (void)ignored;  // it expires again after a restart
        ++account_.expired;
        forget(first);
    }
    return nullptr;
}

Status Outbox::acknowledge(std::uint64_t sequence) {
    const auto known = by_sequence_.find(sequence);
    if (known == by_sequence_.end()) return {};
    ++account_.acknowledged;
    forget(items_.find(known->second));
    // Not synced: after a loss of power it is said once more.
    return append(end_line("said", sequence), false);
}

std::string Outbox::snapshot() const {
    std::string text =
        line_of({{"account",
                  {{"accepted", static_cast<std::int64_t>(account_.accepted)},
                   {"acknowledged", static_cast<std::int64_t>(account_.acknowledged)},
                   {"expired", static_cast<std::int64_t>(account_.expired)},
                   {"damaged", static_cast<std::int64_t>(account_.damaged)},
                   {"low", static_cast<std::int64_t>(account_.dropped[0])},
                   {"normal", static_cast<std::int64_t>(account_.dropped[1])},
                   {"high", static_cast<std::int64_t>(account_.dropped[2])},
                   {"sequence", static_cast<std::int64_t>(last_sequence_)}}}});
    for (const auto& [key, item] : items_) text += item_line(item);
    return text;
}

Status Outbox::write_anew() {
    const std::string text = snapshot();
    // Also where the writing fails: the new file may have the name by then.
    file_.reset();
    HF_TRY(files_.write(path_, as_bytes(text), env::Access::kPrivate));
    unsure_ = false;
    file_ = HF_TRY(files_.open_append(path_, env::Access::kPrivate));
    return {};
}

}  // namespace hf::node
