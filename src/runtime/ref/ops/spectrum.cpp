// What comes before and behind a Fourier transform: window functions and the mel filter bank.

#include <algorithm>
#include <cmath>
#include <numbers>

#include "graph/onnx/tensor_proto.h"
#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

Result<double> scalar_input(const OpContext& context, std::size_t index) {
    const std::vector<double> values = HF_TRY(to_doubles(HF_TRY(need_input(context, index))));
    if (values.size() != 1) return invalid_argument("input {} must be one number", index);
    return values[0];
}

// A whole number between 1 and `most`.
Result<std::int64_t> count_input(const OpContext& context, std::size_t index, std::int64_t most) {
    const double value = HF_TRY(scalar_input(context, index));
    if (!(value >= 1 && value <= static_cast<double>(most))) {
        return invalid_argument("input {} is {}; want 1 to {}", index, value, most);
    }
    return static_cast<std::int64_t>(value);
}

Result<Tensor> as_wanted(const OpContext& context, const Tensor& values) {
    return cast_tensor(values,
                       HF_TRY(graph::onnx::dtype_of(context.node.int_or("output_datatype", 1))));
}

struct WindowTerms {
    std::string_view op;
    double constant, first, second;  // of cosines of one and two turns
};
constexpr WindowTerms kWindows[] = {
    {"HannWindow", 0.5, -0.5, 0},
    {"HammingWindow", 25.0 / 46, -21.0 / 46, 0},
    {"BlackmanWindow", 0.42, -0.5, 0.08},
};

Outputs window_function(const OpContext& context) {
    constexpr std::int64_t kMaxSize = std::int64_t{1} << 28;
    const std::int64_t size = HF_TRY(count_input(context, 0, kMaxSize));
    const WindowTerms* terms =
        std::find_if(std::begin(kWindows), std::end(kWindows),
                     [&](const WindowTerms& row) { return row.op == context.node.op; });
    const bool periodic = context.node.int_or("periodic", 1) != 0;
    const double turns = static_cast<double>(std::max<std::int64_t>(1, periodic ? size : size - 1));
    Tensor out = HF_TRY(make_tensor(DType::kF64, {size}));
    for (std::int64_t i = 0; i < size; ++i) {
        const double angle = 2 * std::numbers::pi * static_cast<double>(i) / turns;
        out.mutable_values<double>()[static_cast<std::size_t>(i)] =
            terms->constant + terms->first * std::cos(angle) + terms->second * std::cos(2 * angle);
    }
    return one(HF_TRY(as_wanted(context, out)));
}

// The spectral bins at which the triangles begin, peak and end, evenly spaced in mel.
Result<std::vector<std::int64_t>> triangle_edges(const OpContext& context, std::int64_t filters,
                                                 std::int64_t length) {
    const double rate = HF_TRY(scalar_input(context, 2));
    const double low_hertz = HF_TRY(scalar_input(context, 3));
    const double high_hertz = HF_TRY(scalar_input(context, 4));
    const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
    const double low = mel(low_hertz);
    const double step = (mel(high_hertz) - low) / static_cast<double>(filters + 2);
    std::vector<std::int64_t> edges;
    for (std::int64_t i = 0; i < filters + 2; ++i) {
        const double at = low + static_cast<double>(i) * step;
        const double hertz = 700 * (std::pow(10, at / 2595) - 1);
        const double bin = std::floor(static_cast<double>(length + 1) * hertz / rate);
        const double last = static_cast<double>(length / 2);
        const double before = edges.empty() ? 0 : static_cast<double>(edges.back());
        if (!(bin >= before && bin <= last)) {
            return invalid_argument("{} to {} Hz at {} Hz leave a spectrum of {} bins", low_hertz,
                                    high_hertz, rate, length / 2 + 1);
        }
        edges.push_back(static_cast<std::int64_t>(bin));
    }
    return edges;
}

Outputs mel_weight_matrix(const OpContext& context) {
    constexpr std::int64_t kMaxCount = 1 << 22;
    const std::int64_t filters = HF_TRY(count_input(context, 0, kMaxCount));
    const std::int64_t length = HF_TRY(count_input(context, 1, kMaxCount));
    const std::vector<std::int64_t> edges = HF_TRY(triangle_edges(context, filters, length));
    Tensor out = HF_TRY(make_tensor(DType::kF64, {length / 2 + 1, filters}));
    const auto weights = out.mutable_values<double>();
    for (std::int64_t i = 0; i < filters; ++i) {
        const auto edge = static_cast<std::size_t>(i);
        const std::int64_t low = edges[edge], peak = edges[edge + 1], high = edges[edge + 2];
        const auto weight = [&](std::int64_t bin) -> double& {
            return weights[static_cast<std::size_t>(bin * filters + i)];
        };
        if (low == peak) weight(peak) = 1;
        for (std::int64_t bin = low; bin <= peak && low != peak; ++bin) {
            weight(bin) = static_cast<double>(bin - low) / static_cast<double>(peak - low);
        }
        for (std::int64_t bin = peak; bin < high; ++bin) {
            weight(bin) = static_cast<double>(high - bin) / static_cast<double>(high - peak);
        }
    }
    return one(HF_TRY(as_wanted(context, out)));
}

}  // namespace

std::vector<OpRow> spectrum_rows() {
    std::vector<OpRow> rows{{"", "MelWeightMatrix", mel_weight_matrix}};
    for (const WindowTerms& row : kWindows) rows.push_back({"", row.op, window_function});
    return rows;
}

}  // namespace hf::runtime::ref
