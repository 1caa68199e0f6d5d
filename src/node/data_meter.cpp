#include "node/data_meter.h"

#include <algorithm>

namespace hf::node {
namespace {

constexpr std::uint64_t kAccountBytesMax = 4096;

}  // namespace

Status DataMeter::read() {
    if (known_) return {};
    const Result<Bytes> bytes = files_.read(path_, kAccountBytesMax);
    known_ = true;
    if (bytes.status().code() == Code::kNotFound) return {};
    Result<DataAccount> account = bytes.ok() ? read_account(as_text(*bytes)) : bytes.status();
    if (account.ok()) {
        account_ = std::move(*account);
        return {};
    }
    bring_up_to_date(account_, *limit_, clock_.now());
    account_.used = kDataBytesMax;
    return data_loss("{}: {}; all of this period counts as used", path_,
                     account.status().message());
}

Status DataMeter::write() {
    return files_.write(path_, as_bytes(write_account(account_)), env::Access::kPrivate);
}

Status DataMeter::begin(const std::optional<DataLimit>& limit, const std::string& digest) {
    limit_ = limit;
    digest_ = digest;
    received_ = 0;
    if (!limit_) return {};
    HF_TRY(read());
    bring_up_to_date(account_, *limit_, clock_.now());
    if (account_.refused != digest) return {};
    return check_fits(account_, *limit_, account_.refused_bytes);
}

Status DataMeter::reserve(std::uint64_t bytes) {
    if (!limit_) return {};
    if (Status fits = check_fits(account_, *limit_, bytes); !fits.ok()) {
        account_.refused = digest_;
        account_.refused_bytes = bytes;
        return fits;
    }
    account_.reserved += bytes;
    return write();
}

Status DataMeter::end(bool fetched) {
    if (!limit_) return {};
    bring_up_to_date(account_, *limit_, clock_.now());
    account_.used = std::min(kDataBytesMax, account_.used + std::min(received_, kDataBytesMax));
    account_.reserved = 0;
    received_ = 0;
    if (fetched) account_.refused.clear();
    return write();
}

}  // namespace hf::node
