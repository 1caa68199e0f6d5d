#include "serve/cascade/confidence.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

namespace hf::serve::cascade {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

constexpr std::array<std::pair<std::string_view, Measure>, 5> kMeasures{{
    {"max-softmax", Measure::kMaxSoftmax},
    {"max-probability", Measure::kMaxProbability},
    {"margin", Measure::kMargin},
    {"entropy", Measure::kEntropy},
    {"value", Measure::kValue},
}};

template <typename T>
std::vector<double> widened(const Tensor& tensor) {
    const std::span<const T> values = tensor.values<T>();
    return std::vector<double>(values.begin(), values.end());
}

Result<std::vector<double>> numbers_of(const Tensor& tensor) {
    switch (tensor.dtype()) {
        case DType::kF32: return widened<float>(tensor);
        case DType::kF64: return widened<double>(tensor);
        case DType::kI8: return widened<std::int8_t>(tensor);
        case DType::kI16: return widened<std::int16_t>(tensor);
        case DType::kI32: return widened<std::int32_t>(tensor);
        case DType::kI64: return widened<std::int64_t>(tensor);
        case DType::kU8: return widened<std::uint8_t>(tensor);
        case DType::kU16: return widened<std::uint16_t>(tensor);
        case DType::kU32: return widened<std::uint32_t>(tensor);
        case DType::kU64: return widened<std::uint64_t>(tensor);
        case DType::kF16:
        case DType::kBF16: {
            const bool half = tensor.dtype() == DType::kF16;
            std::vector<double> values;
            for (const std::uint16_t bits : tensor.values<std::uint16_t>()) {
                values.push_back(half ? half_to_float(bits) : bfloat_to_float(bits));
            }
            return values;
        }
        default:
            return invalid_argument("{} are no numbers to be sure by", dtype_name(tensor.dtype()));
    }
}

double max_softmax(std::span<const double> row) {
    const double most = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (const double value : row) sum += std::exp(value - most);
    return 1 / sum;
}

double margin(std::span<const double> row) {
    double first = -std::numeric_limits<double>::infinity();
    double second = first;
    for (const double value : row) {
        second = std::max(second, std::min(first, value));
        first = std::max(first, value);
    }
    return first - second;
}

double evenness_lacking(std::span<const double> row) {
    double sum = 0;
    for (const double value : row) {
        if (value < 0) return kNone;
        sum += value;
    }
    if (!(sum > 0)) return kNone;
    double entropy = 0;
    for (const double value : row) {
        if (value > 0) entropy -= value / sum * std::log(value / sum);
    }
    return 1 - entropy / std::log(static_cast<double>(row.size()));
}

double confidence(std::span<const double> row, Measure measure) {
    if (std::any_of(row.begin(), row.end(), [](double value) { return std::isnan(value); })) {
        return kNone;
    }
    switch (measure) {
        case Measure::kMaxSoftmax: return max_softmax(row);
        case Measure::kMaxProbability: return *std::max_element(row.begin(), row.end());
        case Measure::kMargin: return margin(row);
        case Measure::kEntropy: return evenness_lacking(row);
        case Measure::kValue: return row.front();
    }
    return kNone;
}

}  // namespace

Result<Measure> parse_measure(std::string_view name) {
    for (const auto& [known, measure] : kMeasures) {
        if (known == name) return measure;
    }
    return invalid_argument(
        "'{}' is no measure; want max-softmax, max-probability, margin, entropy or value", name);
}

std::string_view measure_name(Measure measure) {
    for (const auto& [name, known] : kMeasures) {
        if (known == measure) return name;
    }
    return "";
}

Result<std::vector<double>> confidences(const Tensor& output, Measure measure) {
    const std::vector<double> values = HF_TRY(numbers_of(output));
    const Shape& shape = output.shape();
    const bool listed = shape.rank() >= 2 || (shape.rank() == 1 && measure == Measure::kValue);
    const std::size_t rows = listed ? static_cast<std::size_t>(shape[0]) : 1;
    const std::size_t width = rows == 0 ? 0 : values.size() / rows;
    const std::size_t least = measure == Measure::kMargin || measure == Measure::kEntropy ? 2 : 1;
    if (width < least || (measure == Measure::kValue && width != 1)) {
        return invalid_argument("{} is of {} in a row, and its shape is {}", measure_name(measure),
                                measure == Measure::kValue
                                    ? "one value"
                                    : (least == 2 ? "two values or more" : "one value or more"),
                                shape.to_string());
    }
    std::vector<double> sure;
    for (std::size_t row = 0; row < rows; ++row) {
        sure.push_back(confidence(std::span(values).subspan(row * width, width), measure));
    }
    return sure;
}

}  // namespace hf::serve::cascade
