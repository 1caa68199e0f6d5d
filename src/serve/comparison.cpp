#include "serve/comparison.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"

namespace hf::serve {
namespace {

double number_at(const Tensor& tensor, std::size_t i) {
    switch (tensor.dtype()) {
        case DType::kF32: return static_cast<double>(tensor.values<float>()[i]);
        case DType::kF64: return tensor.values<double>()[i];
        case DType::kF16:
            return static_cast<double>(half_to_float(tensor.values<std::uint16_t>()[i]));
        default: return static_cast<double>(bfloat_to_float(tensor.values<std::uint16_t>()[i]));
    }
}

bool has_numbers(DType dtype) {
    return dtype == DType::kF32 || dtype == DType::kF64 || dtype == DType::kF16 ||
           dtype == DType::kBF16;
}

// Where the highest score of the row lies; NaN is never the highest.
std::size_t highest(const Tensor& tensor, std::size_t begin, std::size_t width) {
    std::size_t best = begin;
    for (std::size_t i = begin; i < begin + width; ++i) {
        const bool higher = number_at(tensor, i) > number_at(tensor, best);
        if (higher || (std::isnan(number_at(tensor, best)) && !std::isnan(number_at(tensor, i)))) {
            best = i;
        }
    }
    return best - begin;
}

std::string class_difference(const OutputTensor& before, const Tensor& now) {
    const Shape& shape = before.tensor.shape();
    const std::int64_t last = shape.rank() == 0 ? 1 : shape[shape.rank() - 1];
    const auto width = static_cast<std::size_t>(std::max<std::int64_t>(last, 1));
    const auto count = static_cast<std::size_t>(before.tensor.elements());
    for (std::size_t row = 0; row + width <= count; row += width) {
        const std::size_t was = highest(before.tensor, row, width);
        const std::size_t is = highest(now, row, width);
        if (was == is) continue;
        return fmt::format("output '{}': class {} where it was {}, in row {}", before.name, is, was,
                           row / width);
    }
    return {};
}

bool is_near(double before, double now, double tolerance) {
    // In JSON an infinity is written as NaN is.
    if (std::isnan(before)) return !std::isfinite(now);
    if (std::isinf(before) || std::isinf(now)) return before == now;
    return std::fabs(now - before) <= tolerance * std::max(1.0, std::fabs(before));
}

std::string number_difference(const OutputTensor& before, const Tensor& now, double tolerance) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(before.tensor.elements()); ++i) {
        const double was = number_at(before.tensor, i);
        const double is = number_at(now, i);
        if (is_near(was, is, tolerance)) continue;
        return fmt::format("output '{}': {} where it was {}, at {}", before.name, is, was, i);
    }
    return {};
}

json::Object json_of(const InferPart& part) {
    json::Object object{{"bytes", static_cast<std::int64_t>(part.bytes.size())}};
    if (part.json_bytes) object["jsonBytes"] = static_cast<std::int64_t>(*part.json_bytes);
    return object;
}

// The next part of `rest`, which it takes away.
Result<InferPart> take_part(const json::Value& head, std::string_view name, ByteView& rest) {
    const json::Value* part = json::find(head, name);
    const std::int64_t bytes = part ? json::get_int(*part, "bytes", -1) : -1;
    if (bytes < 0 || static_cast<std::uint64_t>(bytes) > rest.size()) {
        return invalid_argument("/{}/bytes: must be given, and at most the {} that are left", name,
                                rest.size());
    }
    InferPart taken{rest.first(static_cast<std::size_t>(bytes)), std::nullopt};
    rest = rest.subspan(taken.bytes.size());
    if (!json::find(*part, "jsonBytes")) return taken;
    const std::int64_t json_bytes = json::get_int(*part, "jsonBytes", -1);
    if (json_bytes < 0 || json_bytes > bytes) {
        return invalid_argument("/{}/jsonBytes: must be from 0 to {}", name, bytes);
    }
    taken.json_bytes = static_cast<std::size_t>(json_bytes);
    return taken;
}

Result<AgreementRule> rule_from(const json::Value& head) {
    AgreementRule rule;
    const json::Value* tolerance = json::find(head, "tolerance");
    rule.tolerance = tolerance && tolerance->is_double() ? tolerance->get_double() : -1;
    if (tolerance && tolerance->is_int64()) {
        rule.tolerance = static_cast<double>(tolerance->get_int64());
    }
    if (!(rule.tolerance >= 0) || rule.tolerance > kToleranceMax) {
        return invalid_argument("/tolerance: must be a number from 0 to {}", kToleranceMax);
    }
    const json::Array* names = json::find_array(head, "classScores");
    if (names && names->size() > kClassScoresMax) {
        return invalid_argument("/classScores: names {}; {} at most", names->size(),
                                kClassScoresMax);
    }
    for (const json::Value& name : names ? *names : json::Array()) {
        if (!name.is_string()) return invalid_argument("/classScores: must be names of outputs");
        rule.class_scores.emplace_back(json::as_view(name.get_string()));
    }
    return rule;
}

}  // namespace

std::string difference(const OutputTensor& before, const Tensor& now, const AgreementRule& rule) {
    const Tensor& was = before.tensor;
    if (was.dtype() != now.dtype() || was.shape() != now.shape()) {
        return fmt::format("output '{}': {}[{}] where it was {}[{}]", before.name,
                           dtype_name(now.dtype()), now.shape().to_string(),
                           dtype_name(was.dtype()), was.shape().to_string());
    }
    if (has_numbers(was.dtype())) {
        const bool scores = std::find(rule.class_scores.begin(), rule.class_scores.end(),
                                      before.name) != rule.class_scores.end();
        return scores ? class_difference(before, now)
                      : number_difference(before, now, rule.tolerance);
    }
    const bool same = was.dtype() == DType::kString
                          ? was.strings() == now.strings()
                          : std::equal(was.bytes().begin(), was.bytes().end(), now.bytes().begin(),
                                       now.bytes().end());
    return same ? std::string() : fmt::format("output '{}': another value", before.name);
}

InferBody write_comparison(const Comparison& comparison) {
    json::Array names;
    for (const std::string& name : comparison.rule.class_scores) names.emplace_back(name);
    InferBody body;
    body.bytes = to_bytes(json::write(json::Object{{"digest", comparison.digest},
                                                   {"tolerance", comparison.rule.tolerance},
                                                   {"classScores", std::move(names)},
                                                   {"request", json_of(comparison.request)},
                                                   {"answer", json_of(comparison.answer)}}));
    body.json_bytes = body.bytes.size();
    for (const ByteView part : {comparison.request.bytes, comparison.answer.bytes}) {
        body.bytes.insert(body.bytes.end(), part.begin(), part.end());
    }
    return body;
}

Result<Comparison> parse_comparison(ByteView body, std::size_t json_bytes) {
    if (json_bytes > body.size()) {
        return invalid_argument("Inference-Header-Content-Length is {} and the body has {} bytes",
                                json_bytes, body.size());
    }
    const json::Value head = HF_TRY(json::parse(as_text(body.first(json_bytes)), json_bytes));
    if (!head.is_object()) return invalid_argument("a comparison begins with a JSON object");
    Comparison comparison;
    comparison.digest = HF_TRY(json::need_string(head, "digest"));
    comparison.rule = HF_TRY(rule_from(head));
    ByteView rest = body.subspan(json_bytes);
    comparison.request = HF_TRY(take_part(head, "request", rest));
    comparison.answer = HF_TRY(take_part(head, "answer", rest));
    if (rest.empty()) return comparison;
    return invalid_argument("{} bytes follow the parts of the comparison", rest.size());
}

}  // namespace hf::serve
