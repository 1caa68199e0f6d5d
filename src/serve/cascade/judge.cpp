#include "serve/cascade/judge.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

namespace hf::serve::cascade {
namespace {

bool same_rows(const std::vector<runtime::Port>& ports, std::span<const Tensor> tensors,
               std::int64_t rows) {
    for (std::size_t i = 0; i < ports.size(); ++i) {
        const Shape& shape = tensors[i].shape();
        const bool open = ports[i].shape.rank() > 0 && ports[i].shape[0] == Shape::kUnknown;
        if (!open || shape.rank() == 0 || shape[0] != rows) return false;
    }
    return true;
}

std::vector<std::int64_t> extents_of(const Tensor& tensor, std::size_t rows) {
    std::vector<std::int64_t> extents(tensor.shape().begin(), tensor.shape().end());
    extents[0] = static_cast<std::int64_t>(rows);
    return extents;
}

// Bytes of a row; of strings, how many.
std::size_t row_size(const Tensor& tensor) {
    const auto rows = static_cast<std::size_t>(tensor.shape()[0]);
    if (rows == 0) return 0;
    const bool text = tensor.dtype() == DType::kString;
    return (text ? tensor.strings().size() : tensor.bytes().size()) / rows;
}

void copy_row(const Tensor& from, std::size_t from_row, Tensor& to, std::size_t to_row) {
    const std::size_t size = row_size(from);
    if (from.dtype() == DType::kString) {
        for (std::size_t i = 0; i < size; ++i) {
            to.mutable_strings()[to_row * size + i] = from.strings()[from_row * size + i];
        }
    } else if (size > 0) {
        std::memcpy(to.mutable_bytes().data() + to_row * size,
                    from.bytes().data() + from_row * size, size);
    }
}

}  // namespace

Result<Verdict> judge(const When& when, const Answered& answered) {
    const std::vector<runtime::Port>& ports = answered.signature.outputs;
    const auto port = std::find_if(ports.begin(), ports.end(), [&](const runtime::Port& each) {
        return when.output.empty() || each.name == when.output;
    });
    if (port == ports.end()) return invalid_argument("the model has no output '{}'", when.output);
    const Tensor& output = answered.outputs[static_cast<std::size_t>(port - ports.begin())];
    const std::vector<double> sure =
        HF_TRY(confidences(output, when.measure).context("output '{}'", port->name));
    std::vector<std::size_t> unsure;
    for (std::size_t row = 0; row < sure.size(); ++row) {
        if (!(sure[row] >= when.below)) unsure.push_back(row);
    }
    std::stable_sort(unsure.begin(), unsure.end(), [&](std::size_t a, std::size_t b) {
        if (std::isnan(sure[a]) || std::isnan(sure[b])) {
            return std::isnan(sure[a]) && !std::isnan(sure[b]);
        }
        return sure[a] < sure[b];
    });
    const auto rows = static_cast<std::int64_t>(sure.size());
    const bool apart = same_rows(answered.signature.inputs, answered.inputs, rows) &&
                       same_rows(ports, answered.outputs, rows);
    if (apart) return Verdict{sure.size(), false, std::move(unsure)};
    if (unsure.size() > 1) unsure.resize(1);
    for (std::size_t& row : unsure) row = 0;
    return Verdict{1, true, std::move(unsure)};
}

Tensor take_rows(const Tensor& tensor, std::span<const std::size_t> rows) {
    Tensor taken(tensor.dtype(), Shape(extents_of(tensor, rows.size())));
    for (std::size_t i = 0; i < rows.size(); ++i) copy_row(tensor, rows[i], taken, i);
    return taken;
}

Result<Tensor> put_rows(const Tensor& tensor, std::span<const std::size_t> rows,
                        const Tensor& from) {
    const Shape want(extents_of(tensor, rows.size()));
    if (from.dtype() != tensor.dtype() || from.shape() != want) {
        return invalid_argument("it is {}[{}], and {}[{}] was asked for", dtype_name(from.dtype()),
                                from.shape().to_string(), dtype_name(tensor.dtype()),
                                want.to_string());
    }
    std::vector<std::size_t> all(static_cast<std::size_t>(tensor.shape()[0]));
    std::iota(all.begin(), all.end(), std::size_t{0});
    Tensor merged = take_rows(tensor, all);
    for (std::size_t i = 0; i < rows.size(); ++i) copy_row(from, i, merged, rows[i]);
    return merged;
}

}  // namespace hf::serve::cascade
