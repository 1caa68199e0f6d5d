#include "node/registry_source.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "http/url.h"
#include "node/data_meter.h"
#include "node/disk_room.h"
#include "vault/registry.h"
#include "vault/registry_delta.h"

namespace hf::node {
namespace {

constexpr std::string_view kManifestTypes =
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

// What this machine's own disk says is no verdict on a version: it is tried again.
Status as_own_trouble(const Status& status) {
    const bool stays = status.ok() || status.code() == Code::kResourceExhausted;
    return stays ? status : unavailable("{}", status.message());
}

// A server that does not know this machine any more may know it again: nothing is refused for good.
Status as_passing(const Status& status) {
    const bool access =
        status.code() == Code::kUnauthenticated || status.code() == Code::kPermissionDenied;
    return access ? unavailable("{}", status.message()) : status;
}

constexpr std::size_t kSpareVersions = 2;  // for an order that goes back to one

class RegistrySource final : public ModelSource {
public:
    RegistrySource(RegistrySourceWorld world, RegistrySourceOptions options)
        : vault_(world.vault),
          options_(std::move(options)),
          meter_(world.files, world.clock, options_.account) {}

    Result<Digest> resolve(const std::string& reference) override {
        const std::unique_ptr<http::Client> client = HF_TRY(connect());
        const vault::Reference parsed = HF_TRY(vault::parse_reference(reference));
        if (parsed.digest) return *parsed.digest;
        const std::string server = options_.servers->current();
        http::ClientRequest request;
        request.method = "HEAD";
        request.url = fmt::format("{}/v2/{}/manifests/{}", server, parsed.name, parsed.tag);
        request.headers.set("Accept", std::string(kManifestTypes));
        const Result<http::Response> response = client->send(request);
        if (!response.ok()) return failed(server, response.status());
        if (response->status == 404) {
            return not_found("there is no model {} at {}; push it there", reference, server);
        }
        const auto digest = response->headers.get("Docker-Content-Digest");
        if (response->status != 200 || !digest) {
            return failed(server, unavailable("{} answered HTTP status {} for {}", server,
                                              response->status, reference));
        }
        return Digest::parse(*digest).context("what {} answers for {}", server, reference);
    }

    Status fetch(const Wanted& version) override {
        HF_TRY(as_own_trouble(meter_.begin(version.limit, version.manifest.to_string())));
        const Status fetched = pull(version);
        const Status kept = as_own_trouble(meter_.end(fetched.ok()));
        return fetched.ok() ? kept : fetched;
    }

private:
    Status pull(const Wanted& version) {
        const std::string& reference = version.reference;
        const std::unique_ptr<http::Client> client = HF_TRY(connect());
        vault::Reference wanted = HF_TRY(vault::parse_reference(reference));
        const std::string server = options_.servers->current();
        const http::Url url = HF_TRY(http::parse_url(server));
        wanted.registry = url.origin().substr(url.origin().find("://") + 3);
        wanted.digest = version.manifest;
        vault::RegistryOptions options;
        options.always_tls = true;
        options.deltas = true;
        options.wait = options_.wait;
        if (version.limit) {
            options.may_receive = [this](std::uint64_t bytes) {
                return as_own_trouble(meter_.reserve(bytes));
            };
            options.on_received = [this](std::uint64_t bytes) { meter_.received(bytes); };
        }
        options.admit = [this](std::uint64_t missing_bytes) -> Status {
            if (!options_.free_bytes) return {};
            const Result<std::uint64_t> free = options_.free_bytes(vault_.folder());
            if (!free.ok()) return as_own_trouble(free.status());
            return check_room({vault_.folder(), missing_bytes, *free});
        };
        vault::Registry registry(*client, wanted, std::move(options));
        Result<vault::TransferReport> report = registry.pull(vault_);
        if (says_disk_full(report.status()) && make_room(version)) report = registry.pull(vault_);
        if (!report.ok()) return failed(server, report.status());
        forget_old(version, kSpareVersions);
        for (const std::string& remark : report->remarks) remark_on(remark);
        if (report->bytes_saved > 0) {
            remark_on(fmt::format("{}: {} received, {} kept off the link by {} deltas", reference,
                                  format_bytes(report->bytes), format_bytes(report->bytes_saved),
                                  report->blobs_by_delta));
        }
        return {};
    }

    Result<std::unique_ptr<http::Client>> connect() {
        http::ClientOptions options = HF_TRY(options_.credentials());
        return http::create_paced_client(std::move(options), options_.pace);
    }
    // The next try goes to the next server when this one was not to be had.
    Status failed(const std::string& server, const Status& status) {
        const bool gone =
            status.code() == Code::kUnavailable || status.code() == Code::kDeadlineExceeded;
        if (gone) options_.servers->failed(server);
        return as_passing(status);
    }
    // Of the versions that were fetched before and are in use no more, all but the last `spare`.
    void forget_old(const Wanted& version, std::size_t spare) {
        std::set<std::string> kept(version.in_use.begin(), version.in_use.end());
        kept.insert(version.manifest.to_string());
        const auto is_old = [&](const vault::Descriptor& entry) {
            return !entry.annotation(std::string(vault::kRepositoryAnnotation)).empty() &&
                   !kept.contains(entry.digest.to_string());
        };
        const Result<std::vector<vault::Descriptor>> entries = vault_.list();
        if (!entries.ok()) return;
        auto surplus =
            static_cast<std::size_t>(std::count_if(entries->begin(), entries->end(), is_old));
        surplus -= std::min(surplus, spare);
        if (surplus == 0) return;
        // The oldest come first.
        const Result<std::size_t> forgotten = vault_.forget_if([&](const vault::Descriptor& entry) {
            return surplus > 0 && is_old(entry) && surplus-- > 0;
        });
        if (!forgotten.ok()) remark_on(std::string(forgotten.status().message()));
        if (forgotten.ok() && *forgotten > 0 && spare > 0) collect_garbage();
    }

    // Whether there is more room than before.
    bool make_room(const Wanted& version) {
        forget_old(version, 0);
        return collect_garbage();
    }

    // Whether what nothing names any more was found, and removed.
    bool collect_garbage() {
        const Result<vault::GarbageReport> garbage = vault_.collect_garbage();
        if (!garbage.ok()) {
            remark_on(std::string(garbage.status().message()));
            return false;
        }
        if (garbage->bytes_removed == 0) return false;
        remark_on(fmt::format("{} of blobs that nothing names were removed to make room",
                              format_bytes(garbage->bytes_removed)));
        return true;
    }
    void remark_on(const std::string& remark) {
        if (options_.on_remark) options_.on_remark(remark);
    }

    vault::Vault& vault_;
    const RegistrySourceOptions options_;
    DataMeter meter_;
};

}  // namespace

std::unique_ptr<ModelSource> make_registry_source(RegistrySourceWorld world,
                                                  RegistrySourceOptions options) {
    return std::make_unique<RegistrySource>(world, std::move(options));
}

}  // namespace hf::node
