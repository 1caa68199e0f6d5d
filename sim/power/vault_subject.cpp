// The vault: models pushed, compared, untagged and collected, and pulled from a registry over a
// link that breaks, whole and as a delta.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "sim/power/subject.h"
#include "vault/delta_store.h"
#include "vault/registry.h"
#include "vault/served_vault_test.h"

namespace hf::power {
namespace {

using vault::Vault;

const std::string kFolder = "/data/vault";
constexpr std::size_t kWeightBytes = 70'000;  // above what a delta is asked for

// Weights of which versions differ in a few places.
Bytes weights(int version) {
    Rng rng(7);
    Bytes bytes(kWeightBytes);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(rng.next());
    for (std::size_t at = 0; at < bytes.size(); at += 9000) {
        bytes[at] = static_cast<std::uint8_t>(version);
    }
    return bytes;
}

vault::FileContents contents(const std::string& name) {
    const int version = name.back() - '0';
    return {{"m.onnx", weights(name.starts_with("far") ? 10 + version : version)},
            {"README.md", to_bytes("# " + name + "\n")}};
}

// The registry's own answers, in pieces; every third body breaks off in the middle.
class Link final : public http::Client {
public:
    explicit Link(const vault::ServedVault& far) : far_(far) {}

    Result<http::Response> send(const http::ClientRequest& request) override {
        http::Headers headers = request.headers;
        const std::string target = request.url.substr(request.url.find("/v2/"));
        http::Response response = far_.ask(target, request.method, headers);
        const bool to_sink = request.sink && response.status / 100 == 2;
        if (!to_sink) return response;
        const bool breaks = target.find("/manifests/") == target.npos && ++bodies_ % 3 == 1;
        Bytes body;
        body.swap(response.body);
        const std::size_t end = breaks ? body.size() / 2 : body.size();
        for (std::size_t at = 0; at < end; at += kPiece) {
            HF_TRY(request.sink(ByteView(body).subspan(at, std::min(kPiece, end - at))));
        }
        if (breaks) return unavailable("the connection broke");
        return response;
    }

private:
    static constexpr std::size_t kPiece = 30'000;
    const vault::ServedVault& far_;
    std::size_t bodies_ = 0;
};

Status push(Vault& vault, const std::string& name) {
    const std::unique_ptr<vault::Push> push = HF_TRY(vault.begin_push());
    vault::PackedModel model;
    for (const auto& [path, bytes] : contents(name)) {
        const vault::Descriptor blob = HF_TRY(push->put(bytes, vault::kWeightType));
        model.files.push_back({path, blob.media_type, blob.digest, blob.size_bytes});
    }
    const vault::ModelDocuments documents = vault::pack_model(model);
    HF_TRY(push->put(as_bytes(documents.config), vault::kConfigType));
    const vault::Descriptor manifest =
        HF_TRY(push->put(as_bytes(documents.manifest), vault::kManifestType));
    return push->tag(manifest, name);
}

const std::vector<std::string>& names() {
    static const std::vector<std::string> all{"pump:1", "pump:2", "fan:1", "far:1", "far:2"};
    return all;
}

class VaultSubject final : public Subject {
public:
    VaultSubject() {
        for (const std::string name : {"far:1", "far:2"}) {
            HF_CHECK(push(*far_.vault, name).ok());
        }
    }

    std::string_view name() const override { return "vault"; }

    Status live(const std::shared_ptr<testing::Disk>& disk, History& history) override {
        testing::MemoryFiles files(disk);
        std::unique_ptr<Vault> vault;
        const auto start = [&]() -> Status {
            vault = HF_TRY(Vault::open(files, kFolder));
            return {};
        };
        HF_TRY(bear_full_disk(*disk, start, [] { return Status(); }));
        HF_TRY(check(*vault, history));
        const auto step = [&](const std::string& name, const auto& deed) -> Status {
            if (history.promised(name)) return {};
            return bear_full_disk(
                *disk, [&] { return history.act(name, deed); },
                [&] { return check(*vault, history); });
        };
        for (const std::string name : {"pump:1", "pump:2", "fan:1"}) {
            HF_TRY(step("tag " + name, [&] { return push(*vault, name); }));
        }
        HF_TRY(step("delta", [&] { return compare(*vault); }));
        HF_TRY(step("tag far:1", [&] { return pull(*vault, "far:1"); }));
        HF_TRY(step("untag fan:1", [&] {
            const Status gone = vault->untag("fan:1");
            return gone.code() == Code::kNotFound ? Status() : gone;
        }));
        HF_TRY(step("gc", [&] { return collect(*vault); }));
        HF_TRY(step("tag far:2", [&] { return pull(*vault, "far:2"); }));
        HF_TRY(check(*vault, history));
        HF_TRY(collect(*vault));
        return check(*vault, history);
    }

private:
    static Status check(const Vault& vault, const History& history) {
        const vault::CheckReport report = HF_TRY(vault.check());
        for (const std::string& problem : report.problems) return data_loss("{}", problem);
        for (const std::string& name : names()) {
            const vault::Reference reference = HF_TRY(vault::parse_reference(name));
            const Result<vault::Descriptor> manifest = vault.resolve(reference);
            if (manifest.ok()) {
                HF_TRY(check_model(vault, reference, name));
                if (!history.begun("tag " + name)) return data_loss("{} was never pushed", name);
                if (history.promised("untag " + name)) return data_loss("{} is back", name);
            } else if (history.promised("tag " + name) && !history.begun("untag " + name)) {
                return data_loss("{} is gone: {}", name, manifest.status().to_string());
            }
        }
        return {};
    }

    static Status check_model(const Vault& vault, const vault::Reference& reference,
                              const std::string& name) {
        const vault::PackedModel packed = HF_TRY(vault::read_model(vault, reference));
        const vault::OpenModel model = HF_TRY(vault::open_model(vault, packed));
        for (const auto& [path, bytes] : contents(name)) {
            const auto file = model.find(path);
            if (!file || !std::ranges::equal(file->bytes(), bytes)) {
                return data_loss("{} of {} is not what was pushed", path, name);
            }
        }
        return {};
    }

    static Status compare(Vault& vault) {
        vault::DeltaStore store(vault.files(), vault.own_path(vault::kDeltasFolder), {});
        const Bytes from = weights(1), to = weights(2);
        const vault::DeltaEnds ends{crypto::sha256(from), from.size(), crypto::sha256(to),
                                    to.size()};
        const auto delta =
            store.get(ends, [&](const Digest& digest) { return vault.open_blob(digest); });
        return delta.status();
    }

    static Status collect(Vault& vault) {
        HF_TRY(vault.collect_garbage());
        const vault::GarbageReport again = HF_TRY(vault.collect_garbage());
        if (again.blobs_removed == 0 && again.temporaries_removed == 0) return {};
        return internal_error("a second collection found more");
    }

    Status pull(Vault& vault, const std::string& name) const {
        Link link(far_);
        vault::RegistryOptions options;
        options.deltas = true;
        vault::Reference from = HF_TRY(vault::parse_reference("127.0.0.1:5000/" + name));
        return vault::Registry(link, from, options).pull(vault).status();
    }

    vault::ServedVault far_;
};

}  // namespace

std::unique_ptr<Subject> vault_subject() {
    return std::make_unique<VaultSubject>();
}

}  // namespace hf::power
