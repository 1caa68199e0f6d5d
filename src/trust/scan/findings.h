// What scanners of one format hand back: findings, and the external data that a file names.
// Internal to trust/scan.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "trust/scan.h"

namespace hf::trust::scan {

class Findings final {
public:
    Findings(std::string path, const ScanLimits& limits)
        : path_(std::move(path)), limits_(limits) {}

    const ScanLimits& limits() const { return limits_; }

    // `where` is the place inside the file; empty: the file as a whole.
    void refuse(std::string_view code, std::string_view where, std::string message) {
        add(code, true, where, std::move(message));
    }
    void report(std::string_view code, std::string_view where, std::string message) {
        add(code, false, where, std::move(message));
    }

    // Enough is known: going on would only repeat it.
    bool full() const { return refused_ >= kMaxFindings; }
    bool refused() const { return refused_ > 0; }
    std::vector<Finding> take() { return std::move(findings_); }

private:
    void add(std::string_view code, bool refused, std::string_view where, std::string message) {
        std::size_t& count = refused ? refused_ : reported_;
        if (count >= kMaxFindings) return;
        ++count;
        std::string place = where.empty() ? path_ : fmt::format("{}: {}", path_, where);
        findings_.push_back({std::string(code), refused, std::move(place), std::move(message)});
    }

    std::string path_;
    const ScanLimits& limits_;
    std::vector<Finding> findings_;
    std::size_t refused_ = 0;
    std::size_t reported_ = 0;
};

// A part of another file that holds the values of a tensor.
struct ExternalRange {
    std::string path;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::string tensor;
};

// What the first bytes, or the last ones, say about a file that Holdfast does not take.
struct Foreign {
    std::string_view code;  // "pickle", "archive", "hdf5", "executable", "script"
    std::string_view what;  // "a Python pickle, which runs code when it is read"
};

// `strict` leaves out marks of two bytes, which tensor data may begin with by chance.
std::optional<Foreign> foreign_start(ByteView bytes, bool strict);

// A file of a good format that another program would read as something else.
std::optional<Foreign> second_meaning(ByteView bytes);

// A zip behind a TFLite model that holds plain text only, stored as it is.
bool has_text_appendix(ByteView bytes);

// UTF-8 without control characters but for tabs and line ends.
bool is_plain_text(ByteView bytes);

// A well-formed pickle up to its STOP, that starts with the protocol mark or loads a name.
bool is_pickle(ByteView bytes);

bool looks_like_onnx(ByteView bytes);
bool looks_like_tflite(ByteView bytes);
bool looks_like_safetensors(ByteView bytes);

void scan_onnx(ByteView bytes, Findings& findings, std::vector<ExternalRange>& external);
void scan_tflite(ByteView bytes, Findings& findings);
void scan_safetensors(ByteView bytes, Findings& findings);

// dims multiplied, then by the width; nullopt on a negative extent or overflow.
std::optional<std::uint64_t> byte_count(std::span<const std::int64_t> dims, std::uint64_t width);

}  // namespace hf::trust::scan
