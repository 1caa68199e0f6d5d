#include "trust/scan.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "trust/oms.h"
#include "trust/scan/findings.h"

namespace hf::trust {
namespace {

using scan::ExternalRange;
using scan::Findings;
using scan::Foreign;

// The path of a file that `model` names, relative to its own folder.
std::string beside(const std::string& model, const std::string& relative) {
    const std::size_t slash = model.rfind('/');
    return slash == std::string::npos ? relative : model.substr(0, slash + 1) + relative;
}

class ModelScan final {
public:
    ModelScan(std::span<const FileToScan> files, const ScanLimits& limits)
        : files_(files), limits_(limits) {}

    ScanResult run() {
        for (std::size_t i = 0; i < files_.size(); ++i) {
            const FileToScan& file = files_[i];
            result_.files.push_back({file.path, FileFormat::kUnknown});
            if (!by_path_.emplace(file.path, i).second || !is_resource_path(file.path)) {
                refuse(file.path, "bad-path", "it is no proper path, or there twice");
            }
        }
        for (std::size_t i = 0; i < files_.size(); ++i) scan_format(i);
        for (std::size_t i = 0; i < files_.size(); ++i) claim_external(i);
        for (std::size_t i = 0; i < files_.size(); ++i) scan_rest(i);
        finish();
        return std::move(result_);
    }

private:
    void refuse(const std::string& path, std::string_view code, std::string message) {
        keep({Finding{std::string(code), true, path, std::move(message)}});
    }

    void keep(std::vector<Finding> findings) {
        for (Finding& finding : findings) result_.findings.push_back(std::move(finding));
    }

    bool is_model(FileFormat format) const {
        return format == FileFormat::kOnnx || format == FileFormat::kTflite ||
               format == FileFormat::kSafetensors;
    }

    // Files whose bytes say that they are a model.
    void scan_format(std::size_t index) {
        const FileToScan& file = files_[index];
        if (file.tie == FileTie::kLink || file.tie == FileTie::kSpecial) {
            return refuse(file.path, "link",
                          "it is a link or a special file; put a copy in its place");
        }
        if (file.bytes.size() > limits_.file_bytes_max) {
            return refuse(file.path, "too-large",
                          fmt::format("{}, more than {}", format_bytes(file.bytes.size()),
                                      format_bytes(limits_.file_bytes_max)));
        }
        Findings findings(file.path, limits_);
        FileFormat& format = result_.files[index].format;
        if (scan::looks_like_tflite(file.bytes)) {
            format = FileFormat::kTflite;
            scan::scan_tflite(file.bytes, findings);
        } else if (scan::looks_like_safetensors(file.bytes)) {
            format = FileFormat::kSafetensors;
            scan::scan_safetensors(file.bytes, findings);
        } else if (scan::looks_like_onnx(file.bytes)) {
            format = FileFormat::kOnnx;
            scan::scan_onnx(file.bytes, findings, external_[file.path]);
        } else {
            return;
        }
        if (format == FileFormat::kTflite && scan::has_text_appendix(file.bytes)) {
            findings.report("associated-files", "",
                            "a zip of plain text is appended, as TFLite's metadata tools do");
        } else if (const std::optional<Foreign> other = scan::second_meaning(file.bytes)) {
            findings.refuse(other->code, "",
                            std::string(other->what) + " as well as " +
                                std::string(format_name(format)) + "; write the model anew");
        }
        keep(findings.take());
    }

    // Marks what an ONNX model names as its data, and checks that the data is there.
    void claim_external(std::size_t index) {
        const std::string& model = files_[index].path;
        const auto found = external_.find(model);
        if (found == external_.end()) return;
        Findings findings(model, limits_);
        for (const ExternalRange& range : found->second) {
            if (findings.full()) break;
            const std::string path = beside(model, range.path);
            const std::string place = "tensor '" + range.tensor + "'";
            const auto named = by_path_.find(path);
            if (named == by_path_.end()) {
                findings.refuse("external-data-missing", place,
                                "its data '" + path + "' is not there");
                continue;
            }
            const FileToScan* file = &files_[named->second];
            ScannedFile& scanned = result_.files[named->second];
            if (file->tie != FileTie::kOwn) {
                findings.refuse("external-data-link", place,
                                "'" + path + "' is a link or has several names; copy it");
            } else if (is_model(scanned.format)) {
                findings.refuse("external-data-path", place, "'" + path + "' is a model itself");
            } else if (range.offset > file->bytes.size() ||
                       range.length > file->bytes.size() - range.offset) {
                findings.refuse("external-data-range", place,
                                fmt::format("{} bytes at {} of '{}', which has {}", range.length,
                                            range.offset, path, file->bytes.size()));
            } else {
                scanned.format = FileFormat::kTensorData;
            }
        }
        keep(findings.take());
    }

    // What no model accounts for: text, or refused with the best reason there is.
    void scan_rest(std::size_t index) {
        const FileToScan& file = files_[index];
        FileFormat& format = result_.files[index].format;
        const bool bytes_known = file.tie == FileTie::kOwn || file.tie == FileTie::kShared;
        if (is_model(format) || !bytes_known || file.bytes.size() > limits_.file_bytes_max) return;
        const bool data = format == FileFormat::kTensorData;
        if (const std::optional<Foreign> foreign = scan::foreign_start(file.bytes, data)) {
            format = FileFormat::kUnknown;
            return refuse(file.path, foreign->code, "it is " + std::string(foreign->what));
        }
        if (data) {
            if (const std::optional<Foreign> other = scan::second_meaning(file.bytes)) {
                refuse(file.path, other->code, std::string(other->what));
            }
            return;
        }
        if (file.bytes.size() <= limits_.text_bytes_max && scan::is_plain_text(file.bytes)) {
            format = FileFormat::kText;
            return;
        }
        refuse(file.path, "unknown-content",
               "it is no ONNX, TFLite or safetensors, no text, and no model names it as its data; "
               "remove it or convert it");
    }

    void finish() {
        const bool model = std::any_of(result_.files.begin(), result_.files.end(),
                                       [&](const ScannedFile& f) { return is_model(f.format); });
        const auto refused = [](const Finding& finding) { return finding.refused; };
        const bool any = std::any_of(result_.findings.begin(), result_.findings.end(), refused);
        if (!model && !any) refuse("model", "no-model", "there is no model among the files");
        std::stable_partition(result_.findings.begin(), result_.findings.end(), refused);
        if (result_.findings.size() > kMaxFindings) result_.findings.resize(kMaxFindings);
        result_.accepted = result_.findings.empty() || !result_.findings.front().refused;
    }

    std::span<const FileToScan> files_;
    const ScanLimits& limits_;
    ScanResult result_;
    std::map<std::string, std::size_t> by_path_;
    std::map<std::string, std::vector<ExternalRange>> external_;  // by the model's path
};

}  // namespace

std::string_view format_name(FileFormat format) {
    switch (format) {
        case FileFormat::kUnknown: return "unknown";
        case FileFormat::kOnnx: return "onnx";
        case FileFormat::kTflite: return "tflite";
        case FileFormat::kSafetensors: return "safetensors";
        case FileFormat::kTensorData: return "tensor-data";
        case FileFormat::kText: return "text";
    }
    return "unknown";
}

Status ScanResult::status() const {
    if (accepted) return {};
    if (findings.empty()) return invalid_argument("[not-scanned] the files were not scanned");
    const Finding& first = findings.front();
    return invalid_argument("[{}] {}: {}", first.code, first.place, first.message);
}

ScanResult scan_model(std::span<const FileToScan> files, const ScanLimits& limits) {
    return ModelScan(files, limits).run();
}

std::vector<std::string> external_data_paths(ByteView model) {
    std::vector<ExternalRange> external;
    const ScanLimits limits;
    Findings findings("", limits);
    if (scan::looks_like_onnx(model)) scan::scan_onnx(model, findings, external);
    std::set<std::string> paths;
    for (const ExternalRange& range : external) paths.insert(range.path);
    return {paths.begin(), paths.end()};
}

json::Object scan_to_json(const ScanResult& result) {
    json::Array files;
    for (const ScannedFile& file : result.files) {
        files.push_back(json::Object{{"path", file.path}, {"format", format_name(file.format)}});
    }
    json::Array findings;
    for (const Finding& finding : result.findings) {
        findings.push_back(json::Object{{"code", finding.code},
                                        {"refused", finding.refused},
                                        {"place", finding.place},
                                        {"message", finding.message}});
    }
    return {{"accepted", result.accepted},
            {"files", std::move(files)},
            {"findings", std::move(findings)}};
}

}  // namespace hf::trust
