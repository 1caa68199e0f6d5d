#include "node/update_gate.h"

#include <algorithm>

#include "base/json_lists.h"
#include "crypto/hash.h"
#include "trust/tuf/refusal.h"
#include "trust/tuf/release.h"
#include "vault/reference.h"

namespace hf::node {
namespace {

namespace tuf = trust::tuf;

constexpr std::uint64_t kMaxRecordBytes = 4u << 20;
constexpr std::size_t kAdmittedKept = 2;  // the last, and the one to go back to

std::string folder_name(const UpdatePin& pin) {
    return crypto::sha256(as_bytes(pin.url + "\n" + pin.root.hex())).hex().substr(0, 16);
}

// The member under `key`, made when it is not there.
json::Object& object_at(json::Object& object, std::string_view key) {
    json::Value& value = object[key];
    if (!value.is_object()) value = json::Object();
    return value.get_object();
}

std::string target_of(const vault::Reference& reference) {
    return reference.name + "/" + (reference.digest ? reference.digest->hex() : reference.tag);
}

Status as_passing(const Status& status) {
    return status.ok() ? status : unavailable("{}", status.message());
}

}  // namespace

Result<std::vector<UpdatePin>> pins_of(std::string_view policy_text) {
    if (policy_text.empty()) return std::vector<UpdatePin>();
    const json::Value spec = HF_TRY(json::parse(policy_text));
    const json::Value* updates = json::find(spec, "updates");
    if (!updates) return std::vector<UpdatePin>();
    UpdatePin pin;
    pin.url = HF_TRY(json::need_string(*updates, "url").context("spec.updates"));
    pin.root = HF_TRY(
        Digest::parse(HF_TRY(json::need_string(*updates, "root"))).context("spec.updates.root"));
    pin.root_version = json::get_int(*updates, "rootVersion", 1);
    return std::vector<UpdatePin>{pin};
}

Status UpdateGate::admit(const Wish& wish, const Digest& manifest) {
    std::vector<UpdatePin> pins = options_.own;
    for (const UpdatePin& pin : HF_TRY(pins_of(wish.policy_text))) {
        if (std::find(pins.begin(), pins.end(), pin) == pins.end()) pins.push_back(pin);
    }
    if (pins.empty()) return {};
    HF_TRY(load());
    for (const UpdatePin& pin : pins) {
        HF_TRY(as_passing(admit_by(pin, wish, manifest)).context("updates from {}", pin.url));
    }
    return {};
}

Status UpdateGate::admit_by(const UpdatePin& pin, const Wish& wish, const Digest& manifest) {
    json::Object& record = object_at(record_, folder_name(pin));
    object_at(record, "releases");  // both are there before references are kept
    json::Object& admitted = object_at(record, "admitted");
    std::vector<std::string> digests = json::strings_of(admitted, wish.service);
    if (std::find(digests.begin(), digests.end(), manifest.to_string()) != digests.end()) {
        return {};
    }
    const vault::Reference reference = HF_TRY(vault::parse_reference(wish.reference));
    json::Object& releases = object_at(record, "releases");
    std::int64_t release = json::get_int(releases, reference.name);
    HF_TRY(ask(pin, target_of(reference), manifest, release));
    releases[reference.name] = release;
    digests.insert(digests.begin(), manifest.to_string());
    if (digests.size() > kAdmittedKept) digests.resize(kAdmittedKept);
    admitted[wish.service] = json::Array(digests.begin(), digests.end());
    return save();
}

Status UpdateGate::ask(const UpdatePin& pin, const std::string& target, const Digest& manifest,
                       std::int64_t& release) {
    const std::string folder = options_.folder + "/" + folder_name(pin);
    const std::unique_ptr<MetadataSource> source = HF_TRY(options_.connect(pin.url));
    HF_TRY(begin(pin, folder, *source));
    UpdateClient client(files_, folder, *source);
    HF_TRY(client.refresh(clock_.now()));
    const tuf::TargetFile file = HF_TRY(client.find(target));
    const tuf::Installation here{manifest, options_.node, options_.hardware_id, release};
    release = HF_TRY(tuf::check_release(file, here).context("target '{}'", target));
    return {};
}

// The first root comes from the repository too, and is believed by its digest.
Status UpdateGate::begin(const UpdatePin& pin, const std::string& folder, MetadataSource& source) {
    if (files_.exists(folder + "/root.json")) return {};
    const std::string name = tuf::Request{"root", pin.root_version, 0}.file_name();
    const std::string root = HF_TRY(source.fetch(name, tuf::kMaxRootBytes));
    const Digest digest = crypto::sha256(as_bytes(root));
    if (digest != pin.root) {
        return tuf::refusal(tuf::kRootPin, "{} is {}, and {} is to be trusted", name,
                            digest.to_string(), pin.root.to_string());
    }
    return UpdateClient::begin_with(files_, folder, as_bytes(root));
}

void UpdateGate::forget(const std::string& service) {
    if (!load().ok()) return;
    bool changed = false;
    for (auto& member : record_) {
        json::Object* record = member.value().if_object();
        if (!record) continue;
        changed = object_at(*record, "admitted").erase(service) > 0 || changed;
    }
    // Where that cannot be kept, a restart admits what it knew; nothing newer than that.
    if (changed) static_cast<void>(save());
}

Status UpdateGate::load() {
    if (loaded_) return {};
    const Result<Bytes> bytes = files_.read(options_.folder + "/admitted.json", kMaxRecordBytes);
    if (bytes.ok()) {
        Result<json::Value> parsed = json::parse(as_text(*bytes), kMaxRecordBytes);
        // Damaged: everything is asked for anew, and the highest releases seen are not known.
        if (parsed.ok() && parsed->is_object()) record_ = std::move(parsed->get_object());
    } else if (bytes.status().code() != Code::kNotFound) {
        return bytes.status();
    }
    loaded_ = true;
    return {};
}

Status UpdateGate::save() {
    HF_TRY(files_.create_directories(options_.folder));
    return files_.write(options_.folder + "/admitted.json", as_bytes(json::write(record_)));
}

}  // namespace hf::node
