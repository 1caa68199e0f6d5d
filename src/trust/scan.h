// The scanner: says of a model's files what they are, by content and never by name, and refuses
// what it cannot vouch for. A tripwire before the importers, which check again: it allows ONNX,
// TFLite and safetensors whose structure holds together, the external data that an ONNX model
// names, and plain text; everything else is refused, with a reason.
//
// Pure and bounded: time and memory are linear in the bytes, nesting and counts have limits,
// nothing is decompressed or executed. Every finding has a stable code (docs/reference/scanning.md)
// and names its place. Thread-safety: values.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "base/status.h"

namespace hf::trust {

enum class FileFormat : unsigned char {
    kUnknown,
    kOnnx,
    kTflite,
    kSafetensors,
    kTensorData,  // bytes that an ONNX model of the same folder names as external data
    kText,
};
std::string_view format_name(FileFormat format);  // "onnx", "tensor-data", ...

struct ScanLimits {
    std::uint64_t file_bytes_max = std::uint64_t{8} << 30;
    std::uint64_t text_bytes_max = 4u << 20;
    std::size_t parts_max = 4'000'000;  // protobuf messages, flatbuffer tables, tensors of a file
    int depth_max = 64;
    std::size_t name_bytes_max = 4096;
    std::int64_t loop_trips_max = 10'000'000;  // more is reported, not refused
};

// How a name in the folder leads to its bytes.
enum class FileTie : unsigned char {
    kOwn,      // a regular file with this one name
    kShared,   // a regular file with further names (hard links): its bytes can change elsewhere
    kLink,     // a symbolic link
    kSpecial,  // a device, socket or pipe
};

struct FileToScan {
    std::string path;  // below the model's folder, with "/"
    ByteView bytes;    // empty for kLink and kSpecial
    FileTie tie = FileTie::kOwn;
};

struct Finding {
    std::string code;     // "pickle", "external-data-path"
    bool refused = true;  // false: worth knowing, no reason to refuse
    std::string place;    // "model.onnx: node 'a'"
    std::string message;  // what was found and what to do
};

struct ScannedFile {
    std::string path;
    FileFormat format = FileFormat::kUnknown;
};

struct ScanResult {
    bool accepted = false;
    std::vector<ScannedFile> files;
    std::vector<Finding> findings;  // at most kMaxFindings; refusals are never crowded out

    // OK, or INVALID_ARGUMENT "[code] place: message" of the first refusal.
    Status status() const;
};
inline constexpr std::size_t kMaxFindings = 100;

ScanResult scan_model(std::span<const FileToScan> files, const ScanLimits& limits);

// The files that an ONNX model names as external data, without duplicates: only names that stay
// below its folder. Empty for other formats.
std::vector<std::string> external_data_paths(ByteView model);

// {"accepted", "files": [{"path", "format"}], "findings": [{"code", "refused", "place",
// "message"}]}.
json::Object scan_to_json(const ScanResult& result);

}  // namespace hf::trust
