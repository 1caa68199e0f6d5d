#include "trust/tuf/release.h"

#include <algorithm>

#include "base/json_lists.h"
#include "base/text.h"
#include "trust/tuf/refusal.h"

namespace hf::trust::tuf {
namespace {

// The texts under `key`, when it is there; a list of something else is not let pass as none.
Result<std::vector<std::string>> texts_at(const json::Value& custom, std::string_view key) {
    const json::Value* value = json::find(custom, key);
    std::vector<std::string> texts = json::strings_of(custom, key);
    if (value && (!value->is_array() || texts.size() != value->get_array().size())) {
        return refusal(kBadFormat, "custom.holdfast.{} is no list of texts", key);
    }
    return texts;
}

Status check_among(const json::Value& custom, std::string_view key, std::string_view here,
                   std::string_view reason) {
    if (!json::find(custom, key)) return {};
    const std::vector<std::string> texts = HF_TRY(texts_at(custom, key));
    if (std::find(texts.begin(), texts.end(), here) != texts.end()) return {};
    return refusal(reason, "it is for {}, and this is {}", join(texts, ", "), here);
}

}  // namespace

Result<std::int64_t> check_release(const TargetFile& target, const Installation& installation) {
    const auto hash = target.hashes.find("sha256");
    if (hash == target.hashes.end() || hash->second != installation.manifest.hex()) {
        return refusal(kTargetMismatch, "it vouches for {}, and {} is to run",
                       hash == target.hashes.end() ? "no SHA-256" : "sha256:" + hash->second,
                       installation.manifest.to_string());
    }
    const json::Value* custom = json::find(target.custom, "holdfast");
    std::int64_t release = 0;
    if (custom) {
        if (!custom->is_object()) return refusal(kBadFormat, "custom.holdfast is no object");
        if (json::find(*custom, "release")) {
            const Result<std::int64_t> number = json::need_int(*custom, "release");
            if (!number.ok() || *number < 0) {
                return refusal(kBadFormat, "custom.holdfast.release is no count");
            }
            release = *number;
        }
        HF_TRY(check_among(*custom, "hardwareIds", installation.hardware_id, kHardwareId));
        HF_TRY(check_among(*custom, "nodes", installation.node, kOtherDevice));
    }
    if (release < installation.release_least) {
        return refusal(kRelease, "it is release {}, and release {} was seen here", release,
                       installation.release_least);
    }
    return release;
}

}  // namespace hf::trust::tuf
