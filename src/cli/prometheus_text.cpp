#include "cli/prometheus_text.h"

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace hf::cli {
namespace {

bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ':';
}

std::string_view take_name(std::string_view& rest) {
    std::size_t size = 0;
    while (size < rest.size() && is_name_char(rest[size])) ++size;
    const std::string_view name = rest.substr(0, size);
    rest = trim(rest.substr(size));
    return name;
}

bool take(std::string_view& rest, char c) {
    if (!rest.starts_with(c)) return false;
    rest = trim(rest.substr(1));
    return true;
}

// What stands between quotes.
Result<std::string> take_text(std::string_view& rest) {
    if (!rest.starts_with('"')) return invalid_argument("a label's value has no quote");
    std::string text;
    for (std::size_t i = 1; i < rest.size(); ++i) {
        if (rest[i] == '"') {
            rest = trim(rest.substr(i + 1));
            return text;
        }
        if (rest[i] == '\\' && i + 1 < rest.size()) {
            ++i;
            text += rest[i] == 'n' ? '\n' : rest[i];
        } else {
            text += rest[i];
        }
    }
    return invalid_argument("a label's value does not end");
}

Status take_labels(std::string_view& rest, Sample& sample) {
    if (!take(rest, '{')) return {};
    while (!take(rest, '}')) {
        const std::string_view key = take_name(rest);
        if (key.empty() || !take(rest, '=')) return invalid_argument("want LABEL=\"VALUE\"");
        sample.labels[std::string(key)] = HF_TRY(take_text(rest));
        if (!take(rest, ',') && !rest.starts_with('}')) {
            return invalid_argument("want ',' or '}}' after a label");
        }
    }
    return {};
}

Result<double> parse_value(std::string_view text) {
    const std::string word = to_lower(text);
    if (word == "+inf" || word == "inf") return std::numeric_limits<double>::infinity();
    if (word == "-inf") return -std::numeric_limits<double>::infinity();
    if (word == "nan") return std::numeric_limits<double>::quiet_NaN();
    return parse_double(text);
}

Result<Sample> parse_sample(std::string_view line) {
    Sample sample;
    sample.name = take_name(line);
    if (sample.name.empty()) return invalid_argument("no metric's name");
    HF_TRY(take_labels(line, sample));
    sample.value = HF_TRY(parse_value(line.substr(0, line.find(' '))));
    return sample;
}

}  // namespace

std::string_view Sample::label(std::string_view key) const {
    const auto at = labels.find(key);
    return at == labels.end() ? std::string_view() : std::string_view(at->second);
}

Result<std::vector<Sample>> parse_prometheus(std::string_view text) {
    std::vector<Sample> samples;
    std::size_t number = 0;
    for (const std::string_view raw : split(text, '\n')) {
        ++number;
        const std::string_view line = trim(raw);
        if (line.empty() || line.starts_with('#')) continue;
        if (samples.size() == kSamplesMax) {
            return resource_exhausted("more than {} metrics", kSamplesMax);
        }
        samples.push_back(HF_TRY(parse_sample(line).context("line {}", number)));
    }
    return samples;
}

}  // namespace hf::cli
