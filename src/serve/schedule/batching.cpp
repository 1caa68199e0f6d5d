#include "serve/schedule/batching.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/rng.h"

namespace hf::serve {
namespace {

constexpr int kProbes = 3;

// Open extents behind the first, in a probe: lengths of sequences, then sides of images.
constexpr std::array<std::int64_t, 2> kOpenExtents{8, 64};

// Each a request of one row.
using Row = std::vector<Tensor>;

bool first_is_open(const std::vector<runtime::Port>& ports) {
    return !ports.empty() && std::all_of(ports.begin(), ports.end(), [](const runtime::Port& port) {
        return port.dtype != DType::kString && port.shape.rank() > 0 &&
               port.shape[0] == Shape::kUnknown;
    });
}

Row random_row(const runtime::Signature& signature, std::int64_t open, Rng& rng) {
    Row row;
    for (const runtime::Port& port : signature.inputs) {
        Shape shape = port.shape;
        for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
            if (axis == 0) {
                shape[axis] = 1;
            } else if (shape[axis] == Shape::kUnknown) {
                shape[axis] = open;
            }
        }
        row.push_back(random_tensor(port.dtype, shape, rng));
    }
    return row;
}

bool same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Tensor& x, const Tensor& y) {
        return x.dtype() == y.dtype() && x.shape() == y.shape() &&
               std::ranges::equal(x.bytes(), y.bytes());
    });
}

// Whether two rows come out of a batch of both as each does alone.
bool are_apart(runtime::Session& session, const Row& one, const Row& other) {
    const std::array<std::span<const Tensor>, 2> both{one, other};
    const Result<std::vector<Tensor>> together = session.run(join_rows(both));
    if (!together.ok()) return false;
    const std::array<std::uint64_t, 2> rows{1, 1};
    const auto split = split_rows(*together, rows);
    if (!split.ok()) return false;
    const Result<std::vector<Tensor>> first = session.run(one);
    const Result<std::vector<Tensor>> second = session.run(other);
    return first.ok() && second.ok() && same((*split)[0], *first) && same((*split)[1], *second);
}

}  // namespace

bool rows_are_apart(runtime::Session& session, const runtime::Signature& signature) {
    if (!first_is_open(signature.inputs) || !first_is_open(signature.outputs)) return false;
    Rng rng(1);
    for (std::int64_t open : kOpenExtents) {
        const Row first = random_row(signature, open, rng);
        if (!session.run(first).ok()) continue;  // it wants others
        for (int probe = 0; probe < kProbes; ++probe) {
            const Row row = random_row(signature, open, rng);
            if (!are_apart(session, first, row) || !are_apart(session, row, first)) return false;
        }
        return true;
    }
    return false;
}

Size size_of(std::span<const Tensor> inputs) {
    std::string kind;
    std::size_t bytes = 0;
    std::int64_t rows = -1;
    for (const Tensor& input : inputs) {
        const Shape& shape = input.shape();
        if (shape.rank() == 0 || shape[0] == 0 || (rows >= 0 && shape[0] != rows)) return {};
        rows = shape[0];
        kind += fmt::format("{}:", dtype_name(input.dtype()));
        for (std::size_t axis = 1; axis < shape.rank(); ++axis) {
            kind += fmt::format("{}x", shape[axis]);
        }
        kind += ';';
        bytes += input.bytes().size();
    }
    if (rows < 0) return {};
    const auto count = static_cast<std::uint64_t>(rows);
    const std::uint64_t row_bytes = std::max<std::uint64_t>(bytes / count, 1);
    return {count, std::move(kind), std::max<std::uint64_t>(kBatchInputBytes / row_bytes, 1)};
}

namespace {

// 0: inputs that do not agree.
std::uint64_t rows_of(std::span<const Tensor> inputs) {
    std::int64_t rows = 0;
    for (const Tensor& input : inputs) {
        if (input.shape().rank() == 0) return 0;
        if (rows != 0 && input.shape()[0] != rows) return 0;
        rows = input.shape()[0];
    }
    return static_cast<std::uint64_t>(rows);
}

std::vector<Tensor> zero_rows(std::span<const Tensor> like, std::uint64_t rows) {
    std::vector<Tensor> zeros;
    for (const Tensor& tensor : like) {
        Shape shape = tensor.shape();
        shape[0] = static_cast<std::int64_t>(rows);
        zeros.emplace_back(tensor.dtype(), shape);
    }
    return zeros;
}

}  // namespace

Result<std::vector<Tensor>> run_padded(runtime::Session& session, std::span<const Tensor> inputs) {
    const std::uint64_t rows = rows_of(inputs);
    if (rows == 0 || rows >= kBatchRowsMax || std::has_single_bit(rows)) return session.run(inputs);
    const std::uint64_t filling = std::bit_ceil(rows) - rows;
    const std::vector<Tensor> zeros = zero_rows(inputs, filling);
    const std::array<std::span<const Tensor>, 2> parts{inputs, zeros};
    const Result<std::vector<Tensor>> outputs = session.run(join_rows(parts));
    // Its own run says what is wrong with the inputs.
    if (!outputs.ok()) return session.run(inputs);
    const std::array<std::uint64_t, 2> counts{rows, filling};
    std::vector<std::vector<Tensor>> split = HF_TRY(split_rows(*outputs, counts));
    return std::move(split.front());
}

std::vector<Tensor> join_rows(std::span<const std::span<const Tensor>> requests) {
    std::vector<Tensor> joined;
    for (std::size_t i = 0; i < requests.front().size(); ++i) {
        Shape shape = requests.front()[i].shape();
        shape[0] = 0;
        for (const std::span<const Tensor> request : requests) shape[0] += request[i].shape()[0];
        Tensor all(requests.front()[i].dtype(), shape);
        std::uint8_t* to = all.mutable_bytes().data();
        for (const std::span<const Tensor> request : requests) {
            const ByteView bytes = request[i].bytes();
            if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
            to += bytes.size();
        }
        joined.push_back(std::move(all));
    }
    return joined;
}

Result<std::vector<std::vector<Tensor>>> split_rows(std::span<const Tensor> outputs,
                                                    std::span<const std::uint64_t> rows) {
    std::int64_t all = 0;
    for (const std::uint64_t each : rows) all += static_cast<std::int64_t>(each);
    std::vector<std::vector<Tensor>> split(rows.size());
    for (const Tensor& output : outputs) {
        if (output.shape().rank() == 0 || output.shape()[0] != all) {
            return internal_error("an output of {} for {} rows", output.shape().to_string(), all);
        }
        const std::size_t row_bytes = output.bytes().size() / static_cast<std::size_t>(all);
        std::size_t at = 0;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            Shape shape = output.shape();
            shape[0] = static_cast<std::int64_t>(rows[i]);
            Tensor part(output.dtype(), shape);
            const ByteView bytes = output.bytes().subspan(at, rows[i] * row_bytes);
            if (!bytes.empty())
                std::memcpy(part.mutable_bytes().data(), bytes.data(), bytes.size());
            at += bytes.size();
            split[i].push_back(std::move(part));
        }
    }
    return split;
}

}  // namespace hf::serve
