// Operators over strings.

#include <algorithm>
#include <set>

#include "base/text.h"
#include "runtime/ref/ops/common.h"
#include "runtime/ref/ops/letter_case.h"
#include "runtime/ref/ops/tf_idf.h"

namespace hf::runtime::ref {
namespace {

Result<Tensor> need_strings(const OpContext& context, std::size_t index) {
    Tensor tensor = HF_TRY(need_input(context, index));
    if (tensor.dtype() == DType::kString) return tensor;
    return invalid_argument("input {} is {}; want strings", index, dtype_name(tensor.dtype()));
}

Status check_count(const Shape& shape) {
    HF_TRY(shape.check());
    constexpr auto kMost = static_cast<std::int64_t>(kMaxTensorBytes / sizeof(std::string));
    if (shape.elements() <= kMost) return {};
    return resource_exhausted("{} strings; the limit is {}", shape.elements(), kMost);
}

enum class CaseChange : unsigned char { kNone, kLower, kUpper };

Result<CaseChange> case_change(const graph::Node& node) {
    const std::string action = node.string_or("case_change_action", "NONE");
    if (action == "NONE") return CaseChange::kNone;
    if (action == "LOWER") return CaseChange::kLower;
    if (action == "UPPER") return CaseChange::kUpper;
    return invalid_argument("case_change_action is '{}'", action);
}

std::string changed(const std::string& text, CaseChange change) {
    if (change == CaseChange::kNone) return text;
    return in_case(text, change == CaseChange::kLower ? LetterCase::kLower : LetterCase::kUpper);
}

// Where it is all stop words, one empty string is left.
Outputs normalizer(const OpContext& context) {
    const Tensor input = HF_TRY(need_strings(context, 0));
    const Shape& shape = input.shape();
    const bool is_row = shape.rank() == 2 && shape[0] == 1;
    if (shape.rank() != 1 && !is_row) {
        return invalid_argument("input of {}; want [C] or [1xC]", shape.to_string());
    }
    const CaseChange change = HF_TRY(case_change(context.node));
    const bool exact = context.node.int_or("is_case_sensitive", 0) != 0;
    const CaseChange compared = exact ? CaseChange::kNone : CaseChange::kLower;
    std::set<std::string> stopwords;
    for (const std::string& word : context.node.strings_or("stopwords", {})) {
        if (!is_utf8(word)) return invalid_argument("a stop word is not UTF-8");
        stopwords.insert(changed(word, compared));
    }
    std::vector<std::string> kept;
    for (const std::string& word : input.strings()) {
        if (!is_utf8(word)) return invalid_argument("a string of the input is not UTF-8");
        if (!stopwords.contains(changed(word, compared))) kept.push_back(changed(word, change));
    }
    if (kept.empty()) kept.emplace_back();
    const auto count = static_cast<std::int64_t>(kept.size());
    return one(Tensor::of_strings(is_row ? Shape{1, count} : Shape{count}, std::move(kept)));
}

Outputs concat(const OpContext& context) {
    const Tensor a = HF_TRY(need_strings(context, 0));
    const Tensor b = HF_TRY(need_strings(context, 1));
    const Shape shape = HF_TRY(broadcast(a.shape(), b.shape()));
    HF_TRY(check_count(shape));
    if (shape.elements() == 0) return one(Tensor(DType::kString, shape));
    const std::vector<std::int64_t> a_steps = broadcast_strides(a.shape(), shape);
    const std::vector<std::int64_t> b_steps = broadcast_strides(b.shape(), shape);
    std::vector<std::int64_t> at(shape.rank(), 0);
    std::vector<std::string> joined;
    std::uint64_t bytes = 0;
    do {
        const std::string& x = a.strings()[static_cast<std::size_t>(dot(at, a_steps))];
        const std::string& y = b.strings()[static_cast<std::size_t>(dot(at, b_steps))];
        bytes += sizeof(std::string) + x.size() + y.size();
        if (bytes > kMaxTensorBytes) {
            return resource_exhausted("strings of more than {} bytes", kMaxTensorBytes);
        }
        joined.push_back(x + y);
    } while (next_coordinate(shape, at));
    return one(Tensor::of_strings(shape, std::move(joined)));
}

// At runs of blanks, those at the ends left out; what remains after `most` cuts stays whole.
std::vector<std::string> words_of(std::string_view text, std::uint64_t most) {
    constexpr std::string_view kBlanks = " \t\n\r\f\v";
    std::vector<std::string> words;
    for (;;) {
        const std::size_t start = text.find_first_not_of(kBlanks);
        if (start == std::string_view::npos) return words;
        text.remove_prefix(start);
        const std::size_t end =
            words.size() < most ? text.find_first_of(kBlanks) : std::string_view::npos;
        words.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return words;
        text.remove_prefix(end);
    }
}

std::vector<std::string> parts_of(std::string_view text, std::string_view delimiter,
                                  std::uint64_t most) {
    if (delimiter.empty()) return words_of(text, most);
    std::vector<std::string> parts;
    for (;;) {
        const std::size_t end = parts.size() < most ? text.find(delimiter) : std::string_view::npos;
        parts.emplace_back(text.substr(0, end));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + delimiter.size());
    }
}

// The parts of each string along a new last axis, filled up with empty strings, and their count.
Outputs split(const OpContext& context) {
    const Tensor input = HF_TRY(need_strings(context, 0));
    const std::string delimiter = context.node.string_or("delimiter", "");
    const std::int64_t limit = context.node.int_or("maxsplit", -1);
    const std::uint64_t most = limit < 0 ? UINT64_MAX : static_cast<std::uint64_t>(limit);
    std::vector<std::vector<std::string>> all;
    std::vector<std::int64_t> counts;
    std::int64_t width = 0;
    for (const std::string& text : input.strings()) {
        all.push_back(parts_of(text, delimiter, most));
        counts.push_back(static_cast<std::int64_t>(all.back().size()));
        width = std::max(width, counts.back());
    }
    std::vector<std::int64_t> extents = input.shape().extents();
    extents.push_back(width);
    const Shape shape(std::move(extents));
    HF_TRY(check_count(shape));
    std::vector<std::string> flat;
    for (std::vector<std::string>& parts : all) {
        parts.resize(static_cast<std::size_t>(width));
        std::move(parts.begin(), parts.end(), std::back_inserter(flat));
    }
    std::vector<Tensor> outputs = one(Tensor::of_strings(shape, std::move(flat)));
    outputs.push_back(Tensor::of<std::int64_t>(DType::kI64, input.shape(), counts));
    return outputs;
}

}  // namespace

std::vector<OpRow> text_rows() {
    return {{"", "StringNormalizer", normalizer},
            {"", "StringConcat", concat},
            {"", "StringSplit", split},
            {"", "TfIdfVectorizer", tf_idf}};
}

}  // namespace hf::runtime::ref
