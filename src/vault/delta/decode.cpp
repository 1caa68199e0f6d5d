#include "vault/delta/decode.h"

#include <algorithm>

#include "base/text.h"
#include "crypto/hash.h"
#include "vault/delta/planes.h"

namespace hf::vault::delta {
namespace {

Status check_base(const env::ReadFile& base, const Header& header) {
    const auto wrong = [&](const std::string& found) {
        return failed_precondition(
            "the base is another file than the delta was made from: it has {} where the delta "
            "needs "
            "{} of {} bytes",
            found, header.base.to_string(), header.base_bytes);
    };
    if (base.size() != header.base_bytes) return wrong(fmt::format("{} bytes", base.size()));
    crypto::Sha256 hash;
    Bytes block(kMaxChunkBytes);
    for (std::uint64_t at = 0; at < base.size(); at += block.size()) {
        const std::size_t size = std::min<std::uint64_t>(block.size(), base.size() - at);
        const std::span<std::uint8_t> part = std::span(block).first(size);
        HF_TRY(base.read(at, part).context("base"));
        hash.update(part);
    }
    const Digest digest = hash.finish();
    return digest == header.base ? Status() : wrong(digest.to_string());
}

// Makes the chunk's part of the result.
Status make_result(const Chunk& chunk, const env::ReadFile& base, Bytes& result) {
    result.resize(chunk.head.result_bytes);
    std::size_t at = 0, used = 0;
    for (const Operation& operation : chunk.operations) {
        const std::span<std::uint8_t> part = std::span(result).subspan(at, operation.size);
        const ByteView data = chunk.data.subspan(used, data_bytes(operation));
        if (operation.kind != Kind::kLiteral) {
            HF_TRY(base.read(operation.base_offset, part).context("base"));
        }
        switch (operation.kind) {
            case Kind::kCopy: break;
            case Kind::kLiteral: read_literal(data, operation.element, part); break;
            case Kind::kDifference: read_difference(data, operation.element, part); break;
            case Kind::kSparse:
                HF_TRY(read_sparse(data, {operation.marks, operation.changed}, operation.element,
                                   part));
                break;
        }
        at += part.size();
        used += data.size();
    }
    return {};
}

}  // namespace

Result<DeltaReader> DeltaReader::open(const env::ReadFile& file) {
    Bytes bytes(std::min<std::uint64_t>(file.size(), kHeaderBytes));
    HF_TRY(file.read(0, bytes));
    const Header header = HF_TRY(parse_header(bytes));
    if (header.delta_bytes != file.size()) {
        return data_loss("{} bytes where the header says {}: the delta is {}, fetch it again",
                         file.size(), header.delta_bytes,
                         file.size() < header.delta_bytes ? "truncated" : "followed by others");
    }
    return DeltaReader(file, header);
}

Result<std::optional<Chunk>> DeltaReader::next() {
    if (at_ == header_.delta_bytes) {
        HF_TRY(check_end());
        return std::optional<Chunk>();
    }
    const std::uint64_t start = at_;
    Result<Chunk> chunk = read_chunk();
    if (!chunk.ok()) return chunk.status().context("chunk {} at offset {}", chunks_, start);
    ++chunks_;
    return std::optional<Chunk>(std::move(chunk).value());
}

Result<Chunk> DeltaReader::read_chunk() {
    const std::uint64_t left = header_.delta_bytes - at_;
    packed_.resize(kChunkHeadBytes);
    if (left < kChunkHeadBytes) return invalid_argument("{} bytes are too few for a chunk", left);
    HF_TRY(file_.read(at_, packed_));
    Chunk chunk;
    chunk.head = HF_TRY(parse_chunk_head(packed_));
    if (chunk.head.packed_bytes > left - kChunkHeadBytes) {
        return invalid_argument("{} packed bytes where {} are left", chunk.head.packed_bytes,
                                left - kChunkHeadBytes);
    }
    packed_.resize(kChunkHeadBytes + chunk.head.packed_bytes);
    HF_TRY(file_.read(at_ + kChunkHeadBytes, std::span(packed_).subspan(kChunkHeadBytes)));
    HF_TRY(check_chunk(packed_));
    if (chunk.head.result_bytes > header_.result_bytes - result_bytes_) {
        return invalid_argument("the chunks make more than the {} bytes that the header says",
                                header_.result_bytes);
    }
    ByteView unpacked = ByteView(packed_).subspan(kChunkHeadBytes);
    if (chunk.head.compressed()) {
        unpacked_.resize(chunk.head.unpacked_bytes());
        HF_TRY(decompressor_.decompress(unpacked, unpacked_));
        unpacked = unpacked_;
    }
    chunk.operations =
        HF_TRY(parse_list(unpacked.first(chunk.head.list_bytes), chunk.head, header_.base_bytes));
    chunk.data = unpacked.subspan(chunk.head.list_bytes);
    at_ += packed_.size();
    result_bytes_ += chunk.head.result_bytes;
    return chunk;
}

Status DeltaReader::check_end() const {
    if (chunks_ == header_.chunks && result_bytes_ == header_.result_bytes) return {};
    return invalid_argument("{} chunks make {} bytes where the header says {} and {}", chunks_,
                            result_bytes_, header_.chunks, header_.result_bytes);
}

Result<Header> apply(const env::ReadFile& base, const env::ReadFile& delta, env::FileWriter& out,
                     const ApplyOptions& options) {
    DeltaReader reader = HF_TRY(DeltaReader::open(delta).context("delta"));
    const Header& header = reader.header();
    if (header.result_bytes > options.max_result_bytes) {
        return resource_exhausted("the result would have {}, more than the {} allowed",
                                  format_bytes(header.result_bytes),
                                  format_bytes(options.max_result_bytes));
    }
    HF_TRY(check_base(base, header));
    crypto::Sha256 hash;
    Bytes result;
    for (std::uint64_t index = 0;; ++index) {
        const std::optional<Chunk> chunk = HF_TRY(reader.next().context("delta"));
        if (!chunk) break;
        HF_TRY(make_result(*chunk, base, result).context("chunk {} of the delta", index));
        hash.update(result);
        HF_TRY(out.append(result));
    }
    const Digest digest = hash.finish();
    if (digest != header.result) {
        return data_loss("the result has {} where the delta promises {}: the delta is damaged",
                         digest.to_string(), header.result.to_string());
    }
    return reader.header();
}

}  // namespace hf::vault::delta
