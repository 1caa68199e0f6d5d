#include "trust/tuf/update.h"

#include <algorithm>

#include "trust/tuf/refusal.h"

namespace hf::trust::tuf {
namespace {

// As a part of a path and of a file's name: all but letters, digits and "-._~" in percent form.
std::string quoted(std::string_view text) {
    constexpr std::string_view kPlain = "-._~";
    std::string out;
    for (const char c : text) {
        const bool alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (alphanumeric || kPlain.find(c) != std::string_view::npos) {
            out += c;
        } else {
            fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

Status check_promised(const MetaFile& meta, std::string_view bytes) {
    if (meta.length && *meta.length != bytes.size()) {
        return refusal(kMixed, "it has {} bytes, and {} were promised", bytes.size(), *meta.length);
    }
    if (meta.hashes.empty()) return {};
    const Status same = check_hashes(meta.hashes, bytes);
    return same.ok() ? Status() : refusal(kMixed, "{}", same.message());
}

Status check_version(const Head& head, std::int64_t promised) {
    if (head.version == promised) return {};
    return refusal(kMixed, "it is version {}, and {} was promised", head.version, promised);
}

}  // namespace

std::string Request::file_name() const {
    const std::string prefix = version ? fmt::format("{}.", *version) : std::string();
    return prefix + quoted(role) + ".json";
}

std::optional<std::string> role_of_file(std::string_view name) {
    constexpr std::string_view kSuffix = ".json";
    if (!name.ends_with(kSuffix) || name.size() == kSuffix.size()) return std::nullopt;
    name.remove_suffix(kSuffix.size());
    std::string role;
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (name[i] != '%') {
            role += name[i];
            continue;
        }
        const Result<Bytes> byte = from_hex(name.substr(i + 1, 2));
        if (!byte.ok() || byte->size() != 1) return std::nullopt;
        role += static_cast<char>((*byte)[0]);
        i += 2;
    }
    if (quoted(role) != name) return std::nullopt;
    return role;
}

Turn Update::start() {
    HF_CHECK(stage_ == Stage::kNew, "an update starts once");
    turn_ = {};
    const auto bytes = kept_.find("root");
    if (bytes == kept_.end()) {
        return finish(refusal(kMissing, "there is no root to begin with"));
    }
    const auto read = [&]() -> Status {
        const Envelope envelope = HF_TRY(read_envelope(bytes->second, kMaxRootBytes));
        Root root = HF_TRY(read_root(envelope));
        HF_TRY(check_signatures(envelope, root.keys, root.root));
        root_ = std::move(root);
        ask_root();
        return {};
    };
    return finish(read().context("the root that is kept"));
}

Turn Update::on_bytes(std::string_view bytes) {
    HF_CHECK(turn_.request, "nothing was asked for");
    turn_ = {};
    return finish(take(bytes).context("{}", asked_.file_name()));
}

Turn Update::on_missing() {
    HF_CHECK(turn_.request, "nothing was asked for");
    turn_ = {};
    if (stage_ == Stage::kRoot) return finish(after_roots());
    return finish(refusal(kMissing, "there is no {}", asked_.file_name()));
}

Turn Update::find(std::string_view target) {
    HF_CHECK(done(), "a search before the update is done");
    turn_ = {};
    found_.reset();
    target_ = target;
    visited_.clear();
    ahead_ = {{"targets", "root"}};
    return finish(walk());
}

Turn Update::finish(Status status) {
    turn_.refused = std::move(status);
    if (!turn_.refused.ok()) {
        turn_.request.reset();
        // A refusal of one search does not spoil what was verified before it.
        const bool searching = stage_ == Stage::kDelegated || stage_ == Stage::kDone;
        stage_ = searching ? Stage::kDone : Stage::kRefused;
    }
    return turn_;
}

Status Update::take(std::string_view bytes) {
    switch (stage_) {
        case Stage::kRoot: return take_root(bytes);
        case Stage::kTimestamp: return take_timestamp(bytes);
        case Stage::kSnapshot: return take_snapshot(bytes);
        case Stage::kTargets:
        case Stage::kDelegated: return take_targets(bytes);
        case Stage::kNew:
        case Stage::kDone:
        case Stage::kRefused: break;
    }
    return HF_BUG("metadata that nobody asked for");
}

Status Update::take_root(std::string_view bytes) {
    const Envelope envelope = HF_TRY(read_envelope(bytes, asked_.bytes_max));
    Root root = HF_TRY(read_root(envelope));
    HF_TRY(check_signatures(envelope, root_->keys, root_->root)
               .context("by the keys of root version {}", root_->head.version));
    HF_TRY(check_signatures(envelope, root.keys, root.root).context("by its own keys"));
    if (root.head.version != root_->head.version + 1) {
        return refusal(kRootVersion, "root version {} after {}; each must be followed",
                       root.head.version, root_->head.version);
    }
    root_ = std::move(root);
    keep("root", bytes);
    if (++roots_ == kMaxRootsAnUpdate) {
        return refusal(kTooManyRoots, "{} new roots in one update; the next one goes on from here",
                       roots_);
    }
    ask_root();
    return {};
}

void Update::ask_root() {
    ask(Stage::kRoot, {"root", root_->head.version + 1, kMaxRootBytes});
}

Status Update::after_roots() {
    HF_TRY(check_age(root_->head, "root"));
    forget_what_new_keys_did_not_sign();
    ask(Stage::kTimestamp, {"timestamp", std::nullopt, kMaxTimestampBytes});
    return {};
}

// How a repository recovers from versions that an attacker drove up: it changes the keys, and what
// the old ones signed no longer counts.
void Update::forget_what_new_keys_did_not_sign() {
    const auto timestamp = [&]() -> Result<Timestamp> {
        const Envelope envelope =
            HF_TRY(read_envelope(kept_.find("timestamp")->second, kMaxTimestampBytes));
        HF_TRY(check_signatures(envelope, root_->keys, root_->timestamp));
        return read_timestamp(envelope);
    };
    const auto snapshot = [&]() -> Result<Snapshot> {
        const Envelope envelope =
            HF_TRY(read_envelope(kept_.find("snapshot")->second, kMaxPromisedBytes));
        HF_TRY(check_signatures(envelope, root_->keys, root_->snapshot));
        return read_snapshot(envelope);
    };
    bool good = true;
    if (kept_.contains("timestamp")) {
        Result<Timestamp> read = timestamp();
        good = read.ok();
        if (read.ok()) timestamp_ = std::move(read).value();
    }
    if (kept_.contains("snapshot")) {
        Result<Snapshot> read = snapshot();
        good = good && read.ok();
        if (read.ok()) snapshot_ = std::move(read).value();
    }
    if (good) return;
    timestamp_.reset();
    snapshot_.reset();
    for (const std::string_view role : {"snapshot", "timestamp"}) {
        const auto found = kept_.find(role);
        if (found == kept_.end()) continue;
        kept_.erase(found);
        turn_.changes.push_back({std::string(role), std::nullopt});
    }
}

Status Update::take_timestamp(std::string_view bytes) {
    const Envelope envelope = HF_TRY(read_envelope(bytes, asked_.bytes_max));
    HF_TRY(check_signatures(envelope, root_->keys, root_->timestamp));
    Timestamp timestamp = HF_TRY(read_timestamp(envelope));
    if (timestamp_ && timestamp.head.version < timestamp_->head.version) {
        return refusal(kRollback, "timestamp version {} after {}", timestamp.head.version,
                       timestamp_->head.version);
    }
    if (timestamp_ && timestamp.head.version == timestamp_->head.version) {
        HF_TRY(check_age(timestamp_->head, "timestamp"));
        return enter_snapshot();
    }
    if (timestamp_ && timestamp.snapshot.version < timestamp_->snapshot.version) {
        return refusal(kRollback, "snapshot version {} after {}", timestamp.snapshot.version,
                       timestamp_->snapshot.version);
    }
    HF_TRY(check_age(timestamp.head, "timestamp"));
    timestamp_ = std::move(timestamp);
    keep("timestamp", bytes);
    return enter_snapshot();
}

Status Update::enter_snapshot() {
    const MetaFile& meta = timestamp_->snapshot;
    const bool current = snapshot_ && snapshot_->head.version == meta.version &&
                         check_promised(meta, kept_.find("snapshot")->second).ok() &&
                         check_age(snapshot_->head, "snapshot").ok();
    if (current) return enter_targets();
    Request request{"snapshot", std::nullopt,
                    std::min(meta.length.value_or(kMaxSnapshotBytes), kMaxPromisedBytes)};
    if (root_->consistent_snapshot) request.version = meta.version;
    ask(Stage::kSnapshot, std::move(request));
    return {};
}

Status Update::take_snapshot(std::string_view bytes) {
    const Envelope envelope = HF_TRY(read_envelope(bytes, asked_.bytes_max));
    HF_TRY(check_promised(timestamp_->snapshot, bytes));
    HF_TRY(check_signatures(envelope, root_->keys, root_->snapshot));
    Snapshot snapshot = HF_TRY(read_snapshot(envelope));
    HF_TRY(check_version(snapshot.head, timestamp_->snapshot.version));
    if (snapshot_) {
        for (const auto& [role, before] : snapshot_->meta) {
            const auto now = snapshot.meta.find(role);
            if (now == snapshot.meta.end()) {
                return refusal(kRollback, "the snapshot no longer lists '{}'", role);
            }
            if (now->second.version < before.version) {
                return refusal(kRollback, "'{}' version {} after {}", role, now->second.version,
                               before.version);
            }
        }
    }
    HF_TRY(check_age(snapshot.head, "snapshot"));
    snapshot_ = std::move(snapshot);
    keep("snapshot", bytes);
    return enter_targets();
}

Status Update::enter_targets() {
    ahead_ = {{"targets", "root"}};
    visited_.clear();
    target_.clear();
    return walk();
}

// Goes on through the roles that are ahead until one has to be asked for, or none is left.
Status Update::walk() {
    while (!ahead_.empty() && !found_) {
        const Visit at = ahead_.back();
        ahead_.pop_back();
        if (visited_.contains(at.role)) continue;
        if (visited_.size() > kMaxRolesASearch) {
            return refusal(kTooManyRoles, "more than {} roles on the way to '{}'", kMaxRolesASearch,
                           target_);
        }
        const auto meta = snapshot_->meta.find(at.role);
        if (meta == snapshot_->meta.end()) {
            return refusal(kNotInSnapshot, "the snapshot does not list '{}'", at.role);
        }
        const auto here = roles_.find(at.role);
        if (here != roles_.end()) {
            HF_TRY(check_delegator(at, here->second.envelope)
                       .context("'{}' as '{}' delegates to it", at.role, at.delegator));
            visit(at);
            continue;
        }
        if (std::optional<Verified> kept = kept_targets(at, meta->second)) {
            roles_.insert_or_assign(at.role, std::move(*kept));
            visit(at);
            continue;
        }
        at_ = at;
        Request request{
            at.role, std::nullopt,
            std::min(meta->second.length.value_or(kMaxTargetsBytes), kMaxPromisedBytes)};
        if (root_->consistent_snapshot) request.version = meta->second.version;
        ask(at.role == "targets" ? Stage::kTargets : Stage::kDelegated, std::move(request));
        return {};
    }
    stage_ = Stage::kDone;
    return {};
}

Status Update::take_targets(std::string_view bytes) {
    const MetaFile& meta = snapshot_->meta.find(at_.role)->second;
    Envelope envelope = HF_TRY(read_envelope(bytes, asked_.bytes_max));
    HF_TRY(check_promised(meta, bytes));
    HF_TRY(check_delegator(at_, envelope));
    Targets content = HF_TRY(read_targets(envelope));
    HF_TRY(check_version(content.head, meta.version));
    HF_TRY(check_age(content.head, at_.role));
    keep(at_.role, bytes);
    roles_.insert_or_assign(at_.role, Verified{std::move(envelope), std::move(content)});
    visit(at_);
    return walk();
}

void Update::visit(const Visit& at) {
    visited_.insert(at.role);
    const Targets& content = roles_.find(at.role)->second.content;
    if (target_.empty()) return;
    const auto listed = content.targets.find(target_);
    if (listed != content.targets.end()) {
        found_ = listed->second;
        return;
    }
    std::vector<Visit> children;
    for (const Delegation& delegation : content.delegations) {
        if (!covers(delegation, target_)) continue;
        children.push_back({delegation.name, at.role});
        if (!delegation.terminating) continue;
        ahead_.clear();
        break;
    }
    ahead_.insert(ahead_.end(), children.rbegin(), children.rend());
}

Status Update::check_delegator(const Visit& at, const Envelope& envelope) const {
    if (at.role == "targets") return check_signatures(envelope, root_->keys, root_->targets);
    const Targets& delegator = roles_.find(at.delegator)->second.content;
    for (const Delegation& delegation : delegator.delegations) {
        if (delegation.name != at.role) continue;
        return check_signatures(envelope, delegator.keys, delegation.role);
    }
    return HF_BUG("'{}' does not delegate to '{}'", at.delegator, at.role);
}

Status Update::check_age(const Head& head, std::string_view role) const {
    if (now_ < head.expires) return {};
    return refusal(kExpired, "{} version {} ended at {}", role, head.version,
                   format_rfc3339(head.expires));
}

std::optional<Update::Verified> Update::kept_targets(const Visit& at, const MetaFile& meta) const {
    const auto bytes = kept_.find(at.role);
    if (bytes == kept_.end() || !check_promised(meta, bytes->second).ok()) return std::nullopt;
    const auto read = [&]() -> Result<Verified> {
        Verified verified;
        verified.envelope = HF_TRY(read_envelope(bytes->second, kMaxPromisedBytes));
        HF_TRY(check_delegator(at, verified.envelope));
        verified.content = HF_TRY(read_targets(verified.envelope));
        HF_TRY(check_version(verified.content.head, meta.version));
        HF_TRY(check_age(verified.content.head, at.role));
        return verified;
    };
    Result<Verified> verified = read();
    if (!verified.ok()) return std::nullopt;
    return std::move(verified).value();
}

void Update::ask(Stage stage, Request request) {
    stage_ = stage;
    asked_ = request;
    turn_.request = std::move(request);
}

void Update::keep(std::string_view role, std::string_view bytes) {
    kept_.insert_or_assign(std::string(role), std::string(bytes));
    turn_.changes.push_back({std::string(role), std::string(bytes)});
}

}  // namespace hf::trust::tuf
