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

std::string target_of(const vault::Reference& reference) {
    return reference.name + "/" + (reference.digest ? reference.digest->hex() : reference.tag);
}

bool holds(const std::vector<std::string>& list, const std::string& digest) {
    return std::find(list.begin(), list.end(), digest) != list.end();
}

void put_first(std::vector<std::string>& list, const std::string& digest) {
    std::erase(list, digest);
    list.insert(list.begin(), digest);
    if (list.size() > kAdmittedKept) list.resize(kAdmittedKept);
}

json::Object lists_of(const std::map<std::string, std::vector<std::string>>& by_service) {
    json::Object lists;
    for (const auto& [service, digests] : by_service) {
        if (!digests.empty()) lists[service] = json::Array(digests.begin(), digests.end());
    }
    return lists;
}

void read_lists(const json::Value& value, std::string_view key,
                std::map<std::string, std::vector<std::string>>& into) {
    const json::Object* lists = json::find_object(value, key);
    if (!lists) return;
    for (const auto& service : *lists) {
        const std::string name(service.key());
        into[name] = json::strings_of(*lists, name);
    }
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
    HF_TRY(as_passing(load()));  // what cannot be read now is no verdict on the version
    for (const UpdatePin& pin : pins) {
        HF_TRY(as_passing(admit_by(pin, wish, manifest)).context("updates from {}", pin.url));
    }
    return {};
}

Status UpdateGate::admit_by(const UpdatePin& pin, const Wish& wish, const Digest& manifest) {
    Record& record = records_[folder_name(pin)];
    std::vector<std::string>& digests = record.admitted[wish.service];
    const std::string digest = manifest.to_string();
    if (holds(digests, digest) || holds(record.answered[wish.service], digest)) return {};
    const vault::Reference reference = HF_TRY(vault::parse_reference(wish.reference));
    HF_TRY(ask(pin, target_of(reference), manifest, record.releases[reference.name]));
    put_first(digests, digest);
    return save();
}

Status UpdateGate::ask(const UpdatePin& pin, const std::string& target, const Digest& manifest,
                       std::int64_t& release) {
    const std::string folder = options_.folder + "/" + folder_name(pin);
    const std::unique_ptr<MetadataSource> source = HF_TRY(options_.connect(pin.url));
    HF_TRY(begin(pin, folder, *source));
    UpdateClient client(files_, folder, *source);
    HF_TRY(client.refresh(options_.time_floor ? options_.time_floor->now() : clock_.now()));
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

void UpdateGate::note_active(const std::string& service, const std::string& manifest) {
    if (!load().ok()) return;
    bool changed = false;
    for (auto& [folder, record] : records_) {
        std::vector<std::string>& list = record.answered[service];
        if (!list.empty() && list.front() == manifest) continue;
        if (!holds(list, manifest) && !holds(record.admitted[service], manifest)) continue;
        put_first(list, manifest);
        changed = true;
    }
    // Where that cannot be kept, the next activation tries again.
    if (changed) static_cast<void>(save());
}

void UpdateGate::forget(const std::string& service) {
    if (!load().ok()) return;
    bool changed = false;
    for (auto& [folder, record] : records_) {
        changed = record.admitted.erase(service) > 0 || changed;
        changed = record.answered.erase(service) > 0 || changed;
    }
    // Where that cannot be kept, a restart admits what it knew; nothing newer than that.
    if (changed) static_cast<void>(save());
}

// What is damaged is left out: it is asked for anew, and the highest releases seen are not known.
Status UpdateGate::load() {
    if (loaded_) return {};
    const Result<Bytes> bytes = files_.read(options_.folder + "/admitted.json", kMaxRecordBytes);
    if (!bytes.ok() && bytes.status().code() != Code::kNotFound) return bytes.status();
    loaded_ = true;
    const Result<json::Value> parsed =
        bytes.ok() ? json::parse(as_text(*bytes), kMaxRecordBytes) : json::Value();
    if (!parsed.ok() || !parsed->is_object()) return {};
    for (const auto& member : parsed->get_object()) {
        Record& record = records_[std::string(member.key())];
        read_lists(member.value(), "admitted", record.admitted);
        read_lists(member.value(), "answered", record.answered);
        if (const json::Object* releases = json::find_object(member.value(), "releases")) {
            for (const auto& model : *releases) {
                const std::string name(model.key());
                record.releases[name] = json::get_int(*releases, name);
            }
        }
    }
    return {};
}

Status UpdateGate::save() {
    json::Object all;
    for (const auto& [folder, record] : records_) {
        json::Object releases;
        for (const auto& [model, release] : record.releases) releases[model] = release;
        all[folder] = json::Object{{"admitted", lists_of(record.admitted)},
                                   {"answered", lists_of(record.answered)},
                                   {"releases", releases}};
    }
    HF_TRY(files_.create_directories(options_.folder));
    return files_.write(options_.folder + "/admitted.json", as_bytes(json::write(all)));
}

}  // namespace hf::node
