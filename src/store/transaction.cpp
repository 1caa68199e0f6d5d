#include "store/transaction.h"

#include <set>

namespace hf::store {
namespace {

Status check_key(std::string_view key) {
    if (key.empty()) return invalid_argument("a key must not be empty");
    if (key.size() > kMaxKeyBytes) {
        return invalid_argument("a key of {} bytes; the limit is {}", key.size(), kMaxKeyBytes);
    }
    return {};
}

}  // namespace

Status check_transaction(const Transaction& transaction) {
    const std::size_t parts =
        transaction.compares.size() + transaction.puts.size() + transaction.removes.size();
    if (parts > kMaxTransactionParts) {
        return resource_exhausted("a transaction of {} parts; the limit is {}", parts,
                                  kMaxTransactionParts);
    }
    for (const Compare& compare : transaction.compares) HF_TRY(check_key(compare.key));
    std::set<std::string_view> written;
    for (const Put& put : transaction.puts) {
        HF_TRY(check_key(put.key));
        if (put.value.size() > kMaxValueBytes) {
            return resource_exhausted("the value of '{}' has {} bytes; the limit is {}", put.key,
                                      put.value.size(), kMaxValueBytes);
        }
        if (!written.insert(put.key).second) {
            return invalid_argument("'{}' is written twice in one transaction", put.key);
        }
    }
    for (const std::string& key : transaction.removes) {
        HF_TRY(check_key(key));
        if (!written.insert(key).second) {
            return invalid_argument("'{}' is written twice in one transaction", key);
        }
    }
    return {};
}

Status check_revision(Revision at, Revision now, Revision compacted) {
    if (at > now) {
        return out_of_range("revision {} is in the future; the store is at {}", at.value(),
                            now.value());
    }
    if (at < compacted) {
        return out_of_range("revision {} is too old: history before {} is compacted", at.value(),
                            compacted.value());
    }
    return {};
}

std::string end_of_prefix(std::string_view prefix) {
    std::string end(prefix);
    while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xFF) end.pop_back();
    if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
    return end;
}

}  // namespace hf::store
