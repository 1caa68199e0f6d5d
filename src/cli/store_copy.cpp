#include "cli/store_copy.h"

#include "crypto/hash.h"

namespace hf::cli {
namespace {

// Each key takes a put and a compare, of the 128 parts that a transaction has, and together they
// stay below what etcd takes in one request.
constexpr std::size_t kMaxBatchKeys = 60;
constexpr std::size_t kMaxBatchBytes = 1u << 20;
constexpr std::size_t kPageKeys = 500;

// Every key without a lease, in order, as of one revision.
template <typename F>
Status for_each_key(store::Store& store, F body) {
    store::ListOptions page{"", kPageKeys, {}};
    for (;;) {
        const store::ListResult list = HF_TRY(store.list("", page));
        for (const store::KeyValue& item : list.items) HF_TRY(body(item));
        if (!list.more) return {};
        page.at = list.revision;
        page.start_after = list.items.back().key;
    }
}

void add_text(crypto::Sha256& hash, std::string_view text) {
    Bytes size;
    append_le<std::uint64_t>(size, text.size());
    hash.update(size);
    hash.update(as_bytes(text));
}

// Puts what it is given into the target, some keys at a time.
class Writer final {
public:
    explicit Writer(store::Store& to) : to_(to) {}

    Status add(const store::KeyValue& item) {
        const std::size_t size = item.key.size() + item.value.size();
        const bool full = batch_.puts.size() == kMaxBatchKeys || bytes_ + size > kMaxBatchBytes;
        if (full && !batch_.puts.empty()) HF_TRY(flush());
        batch_.compares.push_back({item.key, store::Revision{}});
        batch_.puts.push_back({item.key, item.value, {}});
        bytes_ += size;
        return {};
    }

    Status flush() {
        if (batch_.puts.empty()) return {};
        HF_TRY(to_.commit(batch_).status());
        copied_ += batch_.puts.size();
        batch_ = {};
        bytes_ = 0;
        return {};
    }

    std::size_t copied() const { return copied_; }

private:
    store::Store& to_;
    store::Transaction batch_;
    std::size_t bytes_ = 0;
    std::size_t copied_ = 0;
};

// FAILED_PRECONDITION while a server leads over the store. The name of one that was killed goes
// with its lease, which in SQLite ends only while somebody has the file open.
Status check_idle(store::Store& store, std::string_view which, Duration patience) {
    Result<store::KeyValue> leader = store.get(control::kLeaderKey);
    if (leader.ok()) {
        const auto watch = HF_TRY(store.watch(control::kLeaderKey, leader->modified));
        HF_TRY(watch->next(patience).status());
        HF_TRY(store.expire_leases());
        leader = store.get(control::kLeaderKey);
    }
    if (leader.status().code() == Code::kNotFound) return {};
    HF_TRY(leader.status());
    return failed_precondition("server {} works on the {} store: stop all servers first",
                               leader->value, which);
}

}  // namespace

Result<StoreContents> read_contents(store::Store& store) {
    StoreContents contents;
    crypto::Sha256 hash;
    HF_TRY(for_each_key(store, [&](const store::KeyValue& item) -> Status {
        if (item.lease != store::LeaseId{}) {
            ++contents.leased;
            return {};
        }
        ++contents.keys;
        contents.bytes += item.key.size() + item.value.size();
        add_text(hash, item.key);
        add_text(hash, item.value);
        return {};
    }));
    contents.digest = hash.finish();
    return contents;
}

Result<StoreCopy> copy_store(store::Store& from, store::Store& to,
                             const std::function<void(std::size_t, std::size_t)>& progress,
                             Duration patience) {
    HF_TRY(check_idle(from, "source", patience));
    HF_TRY(check_idle(to, "target", patience));
    const StoreContents wanted = HF_TRY(read_contents(from));
    const StoreContents before = HF_TRY(read_contents(to));
    const auto same = [&](const StoreContents& a) {
        return a.keys == wanted.keys && a.digest == wanted.digest;
    };
    if (same(before)) return StoreCopy{wanted, true};
    if (before.keys > 0) {
        return failed_precondition(
            "the target holds {} keys already, and not the {} of the source: name an empty one",
            before.keys, wanted.keys);
    }
    Writer writer(to);
    HF_TRY(for_each_key(from, [&](const store::KeyValue& item) -> Status {
        if (item.lease != store::LeaseId{}) return {};
        const std::size_t done = writer.copied();
        HF_TRY(writer.add(item));
        if (writer.copied() != done && progress) progress(writer.copied(), wanted.keys);
        return {};
    }));
    HF_TRY(writer.flush());
    if (progress) progress(writer.copied(), wanted.keys);
    const StoreContents source = HF_TRY(read_contents(from));
    const StoreContents target = HF_TRY(read_contents(to));
    if (!same(source)) return failed_precondition("the source was written to meanwhile");
    if (!same(target)) {
        return failed_precondition(
            "the target holds {} keys with the digest {} now, the source {} with {}: somebody else "
            "writes to it",
            target.keys, target.digest.to_string(), wanted.keys, wanted.digest.to_string());
    }
    return StoreCopy{wanted, false};
}

}  // namespace hf::cli
