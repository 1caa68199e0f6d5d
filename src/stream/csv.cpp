#include "stream/csv.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "base/text.h"

namespace hf::stream {
namespace {

// Splits the text into records, one at a time. Keeps the number of the line that a record began on.
class Records {
public:
    explicit Records(std::string_view text) : text_(text) {
        if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    }

    // False at the end. Lines with nothing on them are passed over.
    Result<bool> next() {
        while (at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r')) end_line();
        record_line_ = line_;
        fields_.clear();
        if (at_ == text_.size()) return false;
        while (true) {
            if (fields_.size() == kMaxCsvColumns) {
                return invalid_argument("line {}: more than {} columns", line_, kMaxCsvColumns);
            }
            const bool quoted = at_ < text_.size() && text_[at_] == '"';
            HF_TRY(quoted ? quoted_field() : plain_field());
            if (at_ == text_.size() || text_[at_] != ',') return true;
            ++at_;
        }
    }

    const std::vector<std::string>& fields() const { return fields_; }
    std::size_t line() const { return record_line_; }

private:
    void end_line() {
        if (text_[at_] == '\n') ++line_;
        ++at_;
    }

    Status plain_field() {
        const std::size_t end = std::min(text_.find_first_of(",\n\r\"", at_), text_.size());
        if (end < text_.size() && text_[end] == '"') {
            return invalid_argument("line {}: a quote inside a field that does not begin with one",
                                    line_);
        }
        fields_.emplace_back(text_.substr(at_, end - at_));
        at_ = end;
        return check_size();
    }

    Status quoted_field() {
        const std::size_t opened = line_;
        std::string field;
        for (++at_;; ++at_) {
            if (at_ == text_.size() || field.size() > kMaxCsvFieldBytes) {
                return invalid_argument("line {}: the quote that opens here is never closed",
                                        opened);
            }
            if (text_[at_] == '"') {
                if (!text_.substr(at_ + 1).starts_with('"')) break;
                ++at_;
            }
            if (text_[at_] == '\n') ++line_;
            field += text_[at_];
        }
        ++at_;
        if (at_ < text_.size() && std::string_view(",\r\n").find(text_[at_]) == std::string::npos) {
            return invalid_argument("line {}: text after a closing quote", line_);
        }
        fields_.push_back(std::move(field));
        return check_size();
    }

    Status check_size() const {
        if (fields_.back().size() <= kMaxCsvFieldBytes) return {};
        return invalid_argument("line {}: a field of more than {} bytes", line_, kMaxCsvFieldBytes);
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    std::size_t record_line_ = 1;
    std::vector<std::string> fields_;
};

Result<std::size_t> find_column(const std::vector<std::string>& header, const std::string& name) {
    std::vector<std::string> trimmed;
    for (const std::string& field : header) trimmed.emplace_back(trim(field));
    const auto found = std::find(trimmed.begin(), trimmed.end(), name);
    if (found == trimmed.end()) {
        if (trimmed.size() > 20) trimmed.resize(20);
        return invalid_argument("line 1: no column '{}'; the columns are: {}", name,
                                join(trimmed, ", "));
    }
    if (std::find(found + 1, trimmed.end(), name) != trimmed.end()) {
        return invalid_argument("line 1: two columns are called '{}'", name);
    }
    return static_cast<std::size_t>(found - trimmed.begin());
}

Result<Instant> parse_time(std::string_view text) {
    text = trim(text);
    Result<Instant> instant = parse_rfc3339(text);
    if (instant.ok()) return instant;
    constexpr double kMostSeconds = 9.2e9;  // what an Instant holds
    const Result<double> seconds = parse_double(text);
    if (seconds.ok() && std::abs(*seconds) <= kMostSeconds) {
        return Instant(Duration(std::llround(*seconds * 1e9)));
    }
    return invalid_argument(
        "'{}' is no time: want 2013-12-02T21:15:00Z, 2013-12-02 21:15:00 or seconds since 1970",
        text.substr(0, 40));
}

bool is_missing(std::string_view text) {
    constexpr std::array<std::string_view, 5> kMissing{"", "na", "nan", "null", "none"};
    const std::string lower = text.size() > 4 ? std::string("x") : to_lower(text);
    return std::find(kMissing.begin(), kMissing.end(), lower) != kMissing.end();
}

Result<double> parse_value(std::string_view text) {
    const bool plus = text.size() > 1 && text[0] == '+' && text[1] != '-';
    const Result<double> value = parse_double(plus ? text.substr(1) : text);
    if (value.ok() && std::isfinite(*value)) return *value;
    return invalid_argument("'{}' is no finite number with a decimal point", text.substr(0, 40));
}

void sort_by_time(CsvSeries& read) {
    const auto older = [](const Sample& a, const Sample& b) { return a.time < b.time; };
    Series& series = read.series;
    for (std::size_t i = 0, newest = 0; i < series.size(); ++i) {
        if (series[i].time < series[newest].time) ++read.out_of_order;
        if (series[i].time > series[newest].time) newest = i;
    }
    std::stable_sort(series.begin(), series.end(), older);
    Series kept;
    for (const Sample& sample : series) {
        if (!kept.empty() && kept.back().time == sample.time) {
            kept.back() = sample;
            ++read.duplicates;
        } else {
            kept.push_back(sample);
        }
    }
    series = std::move(kept);
}

}  // namespace

std::string CsvSeries::summary() const {
    std::string text = fmt::format("{} rows", rows);
    if (missing > 0) text += fmt::format("; {} without a value, left out", missing);
    if (out_of_order > 0) text += fmt::format("; {} out of order, sorted", out_of_order);
    if (duplicates > 0) text += fmt::format("; {} with a time again, the last counts", duplicates);
    return text;
}

Result<CsvSeries> read_csv(ByteView csv, const CsvColumns& columns) {
    if (csv.size() > kMaxCsvBytes) {
        return resource_exhausted("{} bytes of CSV; the limit is {}", csv.size(), kMaxCsvBytes);
    }
    Records records(as_text(csv));
    if (!HF_TRY(records.next())) return invalid_argument("the file is empty: want a header line");
    const std::size_t width = records.fields().size();
    const std::size_t time_at = HF_TRY(find_column(records.fields(), columns.time));
    const std::size_t value_at = HF_TRY(find_column(records.fields(), columns.value));
    CsvSeries read;
    while (HF_TRY(records.next())) {
        ++read.rows;
        const std::vector<std::string>& fields = records.fields();
        if (fields.size() != width) {
            return invalid_argument("line {}: {} fields where the header has {}", records.line(),
                                    fields.size(), width);
        }
        const Instant time =
            HF_TRY(parse_time(fields[time_at])
                       .context("line {}, column '{}'", records.line(), columns.time));
        const std::string_view text = trim(fields[value_at]);
        if (is_missing(text)) {
            ++read.missing;
            continue;
        }
        const double value = HF_TRY(
            parse_value(text).context("line {}, column '{}'", records.line(), columns.value));
        read.series.push_back({time, value});
    }
    if (read.series.empty()) {
        return invalid_argument("no row has a value in column '{}'", columns.value);
    }
    sort_by_time(read);
    return read;
}

}  // namespace hf::stream
