#include "serve/tasks/csv.h"

namespace hf::serve::tasks {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

class Reader final {
public:
    explicit Reader(std::string_view text) : text_(text) {
        if (text_.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
    }

    Result<std::vector<CsvRecord>> read() {
        std::vector<CsvRecord> records;
        std::size_t cells = 0;
        while (at_ < text_.size()) {
            if (skip_line_end()) continue;
            if (records.size() == kMaxRows + 1) {
                return resource_exhausted("line {}: more than {} rows", line_, kMaxRows);
            }
            CsvRecord record = HF_TRY(read_record(kMaxCells - cells));
            if (!records.empty() && record.cells.size() != records[0].cells.size()) {
                return invalid_argument("line {}: has {} cells, and the first record has {}",
                                        record.line, record.cells.size(), records[0].cells.size());
            }
            cells += record.cells.size();
            records.push_back(std::move(record));
        }
        return records;
    }

private:
    Result<CsvRecord> read_record(std::size_t cells_max) {
        CsvRecord record{line_, {}};
        while (true) {
            if (record.cells.size() == cells_max) {
                return resource_exhausted("line {}: more than {} cells", line_, kMaxCells);
            }
            record.cells.push_back(HF_TRY(read_cell()));
            if (at_ == text_.size() || skip_line_end()) return record;
            ++at_;  // a comma
        }
    }

    Result<std::string> read_cell() {
        if (at_ < text_.size() && text_[at_] == '"') return read_quoted();
        const std::size_t end = std::min(text_.find_first_of(",\r\n\"", at_), text_.size());
        std::string cell(text_.substr(at_, end - at_));
        at_ = end;
        const bool ends = at_ == text_.size() || text_[at_] == ',' || is_line_end();
        if (ends) return cell;
        return invalid_argument(
            "line {}: a quote or a carriage return inside of a cell; put such a cell in quotes, "
            "and double the quotes in it",
            line_);
    }

    Result<std::string> read_quoted() {
        const std::size_t opened = line_;
        std::string cell;
        ++at_;
        while (at_ < text_.size()) {
            const char c = text_[at_++];
            if (c == '\n') ++line_;
            if (c != '"') {
                cell.push_back(c);
                continue;
            }
            if (at_ < text_.size() && text_[at_] == '"') {
                cell.push_back('"');
                ++at_;
                continue;
            }
            if (at_ == text_.size() || text_[at_] == ',' || is_line_end()) return cell;
            return invalid_argument("line {}: text behind the quotes of a cell", line_);
        }
        return invalid_argument("line {}: a quote is not closed", opened);
    }

    bool is_line_end() const {
        return text_.substr(at_).starts_with('\n') || text_.substr(at_).starts_with("\r\n");
    }

    bool skip_line_end() {
        if (!is_line_end()) return false;
        at_ += text_[at_] == '\r' ? 2 : 1;
        ++line_;
        return true;
    }

    const std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
};

}  // namespace

Result<std::vector<CsvRecord>> parse_csv(std::string_view text) {
    return Reader(text).read();
}

}  // namespace hf::serve::tasks
