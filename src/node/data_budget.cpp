#include "node/data_budget.h"

#include <algorithm>

#include "base/text.h"

namespace hf::node {
namespace {

constexpr std::int64_t kAccountVersion = 1;

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
    return std::min(kDataBytesMax, std::min(a, kDataBytesMax) + std::min(b, kDataBytesMax));
}

Result<std::uint64_t> bytes_at(const json::Value& value, std::string_view key) {
    const std::int64_t found = HF_TRY(json::need_int(value, key));
    if (found >= 0) return static_cast<std::uint64_t>(found);
    return invalid_argument("{} is negative", key);
}

}  // namespace

void bring_up_to_date(DataAccount& account, const DataLimit& limit, Instant now) {
    const Instant start(limit.period * (now.time_since_epoch() / limit.period));
    if (start > account.began) account.used = 0;
    const bool ahead = account.began > start && account.began - start > limit.period;
    if (start > account.began || ahead) account.began = start;
}

Status check_fits(const DataAccount& account, const DataLimit& limit, std::uint64_t bytes) {
    const std::uint64_t taken = sum(account.used, account.reserved);
    const std::uint64_t left = limit.bytes - std::min(taken, limit.bytes);
    if (bytes <= left) return {};
    const std::string numbers =
        fmt::format("[data-budget] {} are to be fetched, and {} of {} are left until {}",
                    format_bytes(bytes), format_bytes(left), format_bytes(limit.bytes),
                    format_rfc3339(account.began + limit.period));
    if (bytes <= limit.bytes) return resource_exhausted("{}; they fit then", numbers);
    return resource_exhausted(
        "{}; they never fit: raise spec.link.dataBudget of this Node, or bring the model here "
        "another way",
        numbers);
}

std::string write_account(const DataAccount& account) {
    const auto number = [](std::uint64_t value) {
        return static_cast<std::int64_t>(std::min(value, kDataBytesMax));
    };
    return json::write(json::Object{{"version", kAccountVersion},
                                    {"began", format_rfc3339_micros(account.began)},
                                    {"used", number(account.used)},
                                    {"reserved", number(account.reserved)},
                                    {"refused", account.refused},
                                    {"refusedBytes", number(account.refused_bytes)}}) +
           "\n";
}

Result<DataAccount> read_account(std::string_view text) {
    const json::Value value = HF_TRY(json::parse(text));
    if (json::get_int(value, "version") != kAccountVersion) {
        return invalid_argument("it is not of version {}", kAccountVersion);
    }
    DataAccount account;
    account.began = HF_TRY(parse_rfc3339(json::get_string(value, "began")).context("began"));
    account.used = sum(HF_TRY(bytes_at(value, "used")), HF_TRY(bytes_at(value, "reserved")));
    account.refused = json::get_string(value, "refused");
    account.refused_bytes = HF_TRY(bytes_at(value, "refusedBytes"));
    return account;
}

}  // namespace hf::node
