#include "vault/delta_store.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "vault/delta/encode.h"

namespace hf::vault {
namespace {

constexpr std::string_view kTemporaryMark = ".tmp-";  // as env::FileWriter names what it writes

Status no_use(const DeltaEnds& ends, std::string_view why) {
    return not_found("no delta from {} to {}: {}; fetch the blob", ends.base.to_string(),
                     ends.result.to_string(), why);
}

Status would_be_larger(const DeltaEnds& ends) {
    return no_use(ends, "it would not be smaller");
}

Status check_delta(ByteView bytes, const DeltaEnds& ends) {
    const ByteView head = bytes.first(std::min(bytes.size(), delta::kHeaderBytes));
    const delta::Header header = HF_TRY(delta::parse_header(head));
    const bool right = header.delta_bytes == bytes.size() && header.base == ends.base &&
                       header.result == ends.result;
    return right ? Status() : data_loss("another delta than its name says");
}

}  // namespace

std::string DeltaName::text() const {
    return fmt::format("{:016x}-{}-{}", number, base.hex(), result.hex());
}

std::optional<DeltaName> DeltaName::parse(std::string_view name) {
    constexpr std::size_t kNumberDigits = 16;
    constexpr std::size_t kHexDigits = 2 * Digest::kSize;
    if (name.size() != kNumberDigits + 2 * (1 + kHexDigits)) return std::nullopt;
    DeltaName parsed;
    const char* end = name.data() + kNumberDigits;
    const auto read = std::from_chars(name.data(), end, parsed.number, 16);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    const auto hex = [&](std::size_t at) {
        return Digest::parse("sha256:" + std::string(name.substr(at, kHexDigits)));
    };
    const Result<Digest> base = hex(kNumberDigits + 1);
    const Result<Digest> result = hex(kNumberDigits + 1 + kHexDigits + 1);
    if (!base.ok() || !result.ok()) return std::nullopt;
    parsed.base = *base;
    parsed.result = *result;
    // Only what text() writes: no other mark between the parts.
    if (parsed.text() != name) return std::nullopt;
    return parsed;
}

struct DeltaStore::Stored {
    DeltaName name;
    std::uint64_t bytes = 0;

    bool joins(const DeltaEnds& ends) const {
        return name.base == ends.base && name.result == ends.result;
    }
};

std::string DeltaStore::path(const DeltaName& name) const {
    return folder_ + "/" + name.text();
}

// The oldest first.
Result<std::vector<DeltaStore::Stored>> DeltaStore::list() const {
    std::vector<Stored> all;
    const Result<std::vector<env::DirectoryEntry>> entries = files_.list(folder_);
    if (entries.status().code() == Code::kNotFound) return all;
    if (!entries.ok()) return entries.status();
    for (const env::DirectoryEntry& entry : *entries) {
        const std::optional<DeltaName> name = DeltaName::parse(entry.name);
        if (!name || entry.kind != env::FileKind::kRegular) continue;
        const Result<env::FileInfo> info = files_.info(path(*name));
        if (info.ok()) all.push_back({*name, info->size_bytes});  // else gone since it was listed
    }
    std::sort(all.begin(), all.end(),
              [](const Stored& a, const Stored& b) { return a.name.number < b.name.number; });
    return all;
}

Status DeltaStore::check_sizes(const DeltaEnds& ends) const {
    if (std::max(ends.base_bytes, ends.result_bytes) <= options_.blob_bytes_max) return {};
    return no_use(ends, fmt::format("blobs above {} are not compared here",
                                    format_bytes(options_.blob_bytes_max)));
}

// Null when it has to be made.
Result<std::shared_ptr<const env::MappedFile>> DeltaStore::find(const DeltaEnds& ends) {
    for (const Stored& stored : HF_TRY(list())) {
        if (!stored.joins(ends)) continue;
        if (stored.bytes == 0) return would_be_larger(ends);
        Result<std::unique_ptr<env::MappedFile>> file = files_.map(path(stored.name), true);
        if (!file.ok() || !check_delta(file.value()->bytes(), ends).ok()) continue;
        return std::shared_ptr<const env::MappedFile>(std::move(file).value());
    }
    return std::shared_ptr<const env::MappedFile>();
}

Result<std::shared_ptr<const env::MappedFile>> DeltaStore::get(const DeltaEnds& ends,
                                                               const OpenBlob& open) {
    HF_TRY(check_sizes(ends));
    std::shared_ptr<const env::MappedFile> kept = HF_TRY(find(ends));
    return kept ? kept : make(ends, open);
}

Result<std::shared_ptr<const env::MappedFile>> DeltaStore::make(const DeltaEnds& ends,
                                                                const OpenBlob& open) {
    HF_TRY(files_.create_directories(folder_));
    const Result<std::unique_ptr<env::FileLock>> lock = files_.lock(folder_ + "/lock");
    if (lock.status().code() == Code::kUnavailable) {
        return unavailable("another delta is being made here; try again, or fetch the blob");
    }
    if (!lock.ok()) return lock.status();
    // Whoever held the lock before may have made this very one.
    std::shared_ptr<const env::MappedFile> kept = HF_TRY(find(ends));
    if (kept) return kept;
    Bytes bytes;
    {
        const std::shared_ptr<const env::MappedFile> base = HF_TRY(open(ends.base));
        const std::shared_ptr<const env::MappedFile> result = HF_TRY(open(ends.result));
        const DeltaEnds real{ends.base, base->bytes().size(), ends.result, result->bytes().size()};
        HF_TRY(check_sizes(real));  // a manifest may say anything
        const auto side = [&](ByteView file) {
            return delta::Side{file, options_.find_tensors ? options_.find_tensors(file)
                                                           : std::vector<delta::Tensor>()};
        };
        bytes = delta::encode(side(base->bytes()), side(result->bytes()), {options_.level});
        const bool smaller = bytes.size() < result->bytes().size();
        if (!smaller || bytes.size() > options_.store_bytes_max) bytes.clear();
    }
    const std::uint64_t number = HF_TRY(make_room(bytes.size(), ends));
    const std::string kept_at = path({number, ends.base, ends.result});
    HF_TRY(files_.write(kept_at, bytes));
    if (bytes.empty()) return would_be_larger(ends);
    return std::shared_ptr<const env::MappedFile>(HF_TRY(files_.map(kept_at, true)));
}

// Removes what was not finished, what is damaged of this pair, and the oldest until `bytes` more
// fit; the number of the next delta. REQUIRES: the lock is held.
Result<std::uint64_t> DeltaStore::make_room(std::uint64_t bytes, const DeltaEnds& ends) {
    for (const env::DirectoryEntry& entry : HF_TRY(files_.list(folder_))) {
        if (entry.name.find(kTemporaryMark) == std::string::npos) continue;
        HF_TRY(files_.remove(folder_ + "/" + entry.name));
    }
    const std::vector<Stored> all = HF_TRY(list());
    std::uint64_t total = bytes;
    std::size_t count = all.size() + 1;
    for (const Stored& stored : all) total += stored.bytes;
    for (const Stored& stored : all) {
        const bool full = total > options_.store_bytes_max || count > kMaxStoredDeltas;
        if (!full && !stored.joins(ends)) continue;
        HF_TRY(files_.remove(path(stored.name)));
        total -= stored.bytes;
        --count;
    }
    return all.empty() ? 0 : all.back().name.number + 1;
}

}  // namespace hf::vault
