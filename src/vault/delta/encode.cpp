#include "vault/delta/encode.h"

#include <algorithm>
#include <array>
#include <limits>

#include "crypto/hash.h"
#include "vault/delta/pack.h"
#include "vault/delta/planes.h"

namespace hf::vault::delta {
namespace {

constexpr std::size_t kSlices = 4, kSliceBytes = std::size_t{1} << 14;  // of a sample
constexpr std::size_t kFewBytes = 256;     // too few for zstd to tell forms apart
constexpr std::uint64_t kGrid = 8;         // where elements of unknown width may start
constexpr std::size_t kListReserve = 128;  // more than the operations of a piece take in the list

// A stretch that lies in one chunk.
struct Piece {
    ByteView result;
    ByteView base;  // as long; empty: there is no counterpart
    std::uint64_t base_offset = 0;
    std::optional<Element> element;
};

struct Form {
    Kind kind = Kind::kLiteral;
    Element element;
};

std::vector<Form> forms_of(const Piece& piece) {
    std::vector<Element> elements{{1, false}};
    if (piece.element) {
        if (*piece.element != elements[0]) elements.push_back(*piece.element);
    } else {
        for (const std::uint8_t width : {std::uint8_t{2}, std::uint8_t{4}}) {
            if (piece.result.size() % width != 0) continue;
            elements.push_back({width, false});
            elements.push_back({width, true});
        }
    }
    std::vector<Form> forms;
    for (const Element& element : elements) {
        if (!element.real || piece.element) forms.push_back({Kind::kLiteral, element});
        if (piece.base.empty()) continue;
        forms.push_back({Kind::kSparse, element});
        forms.push_back({Kind::kDifference, element});
    }
    return forms;
}

// Appends the operation's data and gives the operation.
Operation append_data(const Form& form, const Piece& piece, Bytes& data) {
    Operation operation{form.kind, form.element, piece.result.size(), piece.base_offset, 0, 0};
    switch (form.kind) {
        case Kind::kCopy: break;
        case Kind::kLiteral: append_literal(piece.result, form.element, data); break;
        case Kind::kDifference:
            append_difference(piece.base, piece.result, form.element, data);
            break;
        case Kind::kSparse: {
            const SparseCounts counts = append_sparse(piece.base, piece.result, form.element, data);
            operation.marks = counts.marks;
            operation.changed = counts.changed;
            break;
        }
    }
    return operation;
}

// Some slices of a long piece in the place of all of it.
class Sample final {
public:
    explicit Sample(const Piece& piece) : piece_(piece) {
        if (piece.result.size() <= kSlices * kSliceBytes) return;
        const std::size_t apart = (piece.result.size() - kSliceBytes) / (kSlices - 1);
        for (std::size_t i = 0; i < kSlices; ++i) {
            const std::size_t at = i * apart / kGrid * kGrid;
            add(piece.result, at, result_);
            if (!piece.base.empty()) add(piece.base, at, base_);
        }
        piece_.result = result_;
        piece_.base = base_;
    }
    const Piece& piece() const { return piece_; }

private:
    static void add(ByteView from, std::size_t at, Bytes& to) {
        const ByteView slice = from.subspan(at, kSliceBytes);
        to.insert(to.end(), slice.begin(), slice.end());
    }

    Piece piece_;
    Bytes result_, base_;
};

bool equal(ByteView a, ByteView b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

class Encoder final {
public:
    Encoder(const Side& base, const Side& result, int level)
        : base_(base.bytes), result_(result.bytes), packer_(level), out_(kHeaderBytes) {}

    void add(const Stretch& stretch) {
        const std::size_t width = stretch.element ? stretch.element->width : 1;
        for (std::uint64_t done = 0; done < stretch.size;) {
            const std::uint64_t left = stretch.size - done;
            std::uint64_t size = std::min<std::uint64_t>(left, kMaxChunkBytes - chunk_bytes_);
            if (size < left) size -= size % std::max<std::size_t>(width, kGrid);
            if (size == 0 || list_.size() + kListReserve > kMaxListBytes) {
                flush();
                continue;
            }
            add_piece(piece_of(stretch, done, size), stretch.offset + done);
            done += size;
        }
    }

    Bytes finish() {
        flush();
        Header header{out_.size(), base_.size(), result_.size(), chunks_, {}, {}};
        header.base = crypto::sha256(base_);
        header.result = crypto::sha256(result_);
        const Bytes bytes = write_header(header);
        std::copy(bytes.begin(), bytes.end(), out_.begin());
        return std::move(out_);
    }

private:
    Piece piece_of(const Stretch& stretch, std::uint64_t from, std::uint64_t size) const {
        Piece piece;
        piece.result = result_.subspan(stretch.offset + from, size);
        piece.element = stretch.element;
        if (stretch.base_offset) {
            piece.base_offset = *stretch.base_offset + from;
            piece.base = base_.subspan(piece.base_offset, size);
        }
        return piece;
    }

    void add_piece(const Piece& piece, std::uint64_t offset) {
        if (!piece.base.empty() && equal(piece.base, piece.result)) {
            add_copy(piece);
            return;
        }
        // Elements of unknown width: those that start at multiples of it, and the ends.
        const std::uint64_t size = piece.result.size();
        const std::uint64_t head = std::min((kGrid - offset % kGrid) % kGrid, size);
        const std::uint64_t tail = (size - head) % kGrid;
        if (piece.element || size < kFewBytes || head + tail == 0) {
            add_form(piece, choose(piece));
            return;
        }
        for (const auto& [from, count] :
             {std::pair(std::uint64_t{0}, head), std::pair(head, size - head - tail),
              std::pair(size - tail, tail)}) {
            if (count == 0) continue;
            const Piece part = part_of(piece, from, count);
            if (!part.base.empty() && equal(part.base, part.result)) {
                add_copy(part);
            } else {
                add_form(part, choose(part));
            }
        }
    }

    static Piece part_of(const Piece& piece, std::uint64_t from, std::uint64_t count) {
        Piece part = piece;
        part.result = piece.result.subspan(from, count);
        if (piece.base.empty()) return part;
        part.base = piece.base.subspan(from, count);
        part.base_offset += from;
        return part;
    }

    // Copies that go on where the one before ended are one.
    void add_copy(const Piece& piece) {
        if (last_ && last_->kind == Kind::kCopy &&
            last_->base_offset + last_->size == piece.base_offset) {
            last_->size += piece.result.size();
            chunk_bytes_ += piece.result.size();
            return;
        }
        add_form(piece, {Kind::kCopy, {}});
    }

    void add_form(const Piece& piece, const Form& form) {
        list_last();
        last_ = append_data(form, piece, data_);
        chunk_bytes_ += piece.result.size();
    }

    void list_last() {
        if (!last_) return;
        append_operation(*last_, place_, list_);
        append_parts(*last_, parts_);
        last_.reset();
    }

    Form choose(const Piece& piece) {
        const Sample sample(piece);
        Form best;
        std::size_t least = std::numeric_limits<std::size_t>::max();
        for (const Form& form : forms_of(piece)) {
            const std::size_t size = cost(form, sample.piece());
            if (size < least) least = size, best = form;
        }
        return best;
    }

    // About the bytes that the form takes in the delta.
    std::size_t cost(const Form& form, const Piece& piece) {
        sample_.clear();
        const Operation operation = append_data(form, piece, sample_);
        if (sample_.size() < kFewBytes) {
            const auto zeros = std::count(sample_.begin(), sample_.end(), 0);
            return sample_.size() - static_cast<std::size_t>(zeros) / 2 +
                   (form.kind == Kind::kLiteral ? 0 : 2);
        }
        std::vector<std::size_t> parts;
        append_parts(operation, parts);
        sample_packed_.clear();
        sampler_.pack(sample_, parts, sample_packed_);
        return sample_packed_.size();
    }

    void flush() {
        list_last();
        if (chunk_bytes_ == 0) return;
        const std::size_t start = out_.size();
        if (data_.size() <= kMaxDataBytes) append(list_, data_, parts_);
        const std::size_t compared = out_.size() - start;
        // Where comparing hardly helps, perhaps the plain bytes are smaller.
        if (compared == 0 || compared > chunk_bytes_ / 2) {
            append_plain();
            const std::size_t plain = out_.size() - start - compared;
            const auto first = out_.begin() + static_cast<std::ptrdiff_t>(start);
            const auto second = first + static_cast<std::ptrdiff_t>(compared);
            if (compared > 0 && compared <= plain) {
                out_.erase(second, out_.end());
            } else {
                out_.erase(first, second);
            }
        }
        done_ += chunk_bytes_;
        ++chunks_;
        chunk_bytes_ = 0;
        list_.clear();
        data_.clear();
        parts_.clear();
        place_ = {};
    }

    void append_plain() {
        const Operation operation{Kind::kLiteral, {}, chunk_bytes_, 0, 0, 0};
        BasePlace place;
        Bytes list, data;
        append_operation(operation, place, list);
        append_literal(result_.subspan(done_, chunk_bytes_), {}, data);
        append(list, data, {chunk_bytes_});
    }

    void append(const Bytes& list, const Bytes& data, const std::vector<std::size_t>& parts) {
        Bytes unpacked = list;
        unpacked.insert(unpacked.end(), data.begin(), data.end());
        std::vector<std::size_t> all{list.size()};
        all.insert(all.end(), parts.begin(), parts.end());
        Bytes frames;
        packer_.pack(unpacked, all, frames);
        const ByteView packed = frames.size() < unpacked.size() ? frames : unpacked;
        append_chunk(
            {static_cast<std::uint32_t>(chunk_bytes_), static_cast<std::uint32_t>(list.size()),
             static_cast<std::uint32_t>(data.size()), static_cast<std::uint32_t>(packed.size())},
            packed, out_);
    }

    ByteView base_, result_;
    Packer packer_;
    Bytes out_;
    Packer sampler_{kMinLevel};
    Bytes sample_, sample_packed_;
    std::uint64_t chunks_ = 0;
    std::uint64_t done_ = 0;  // bytes of the result in finished chunks

    // The chunk under way.
    std::size_t chunk_bytes_ = 0;
    Bytes list_, data_;
    std::vector<std::size_t> parts_;  // of the data
    BasePlace place_;
    std::optional<Operation> last_;  // not in the list yet
};

}  // namespace

Bytes encode(const Side& base, const Side& result, const EncodeOptions& options) {
    Encoder encoder(base, result, options.level);
    for (const Stretch& stretch : align(base, result)) encoder.add(stretch);
    return encoder.finish();
}

}  // namespace hf::vault::delta
