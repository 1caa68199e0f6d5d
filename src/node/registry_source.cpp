#include "node/registry_source.h"

#include "base/text.h"
#include "http/url.h"
#include "vault/registry.h"

namespace hf::node {
namespace {

constexpr std::string_view kManifestTypes =
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

// A server that does not know this machine any more may know it again: nothing is refused for good.
Status as_passing(const Status& status) {
    const bool access =
        status.code() == Code::kUnauthenticated || status.code() == Code::kPermissionDenied;
    return access ? unavailable("{}", status.message()) : status;
}

class RegistrySource final : public ModelSource {
public:
    RegistrySource(vault::Vault& vault, RegistrySourceOptions options)
        : vault_(vault), options_(std::move(options)) {}

    Result<Digest> resolve(const std::string& reference) override {
        const std::unique_ptr<http::Client> client = HF_TRY(connect());
        const vault::Reference parsed = HF_TRY(vault::parse_reference(reference));
        if (parsed.digest) return *parsed.digest;
        http::ClientRequest request;
        request.method = "HEAD";
        request.url = fmt::format("{}/v2/{}/manifests/{}", options_.url, parsed.name, parsed.tag);
        request.headers.set("Accept", std::string(kManifestTypes));
        const Result<http::Response> response = client->send(request);
        if (!response.ok()) return as_passing(response.status());
        if (response->status == 404) {
            return not_found("there is no model {} at {}; push it there", reference, options_.url);
        }
        const auto digest = response->headers.get("Docker-Content-Digest");
        if (response->status != 200 || !digest) {
            return unavailable("{} answered HTTP status {} for {}", options_.url, response->status,
                               reference);
        }
        return Digest::parse(*digest).context("what {} answers for {}", options_.url, reference);
    }

    Status fetch(const std::string& reference, const Digest& manifest) override {
        const std::unique_ptr<http::Client> client = HF_TRY(connect());
        vault::Reference wanted = HF_TRY(vault::parse_reference(reference));
        const http::Url url = HF_TRY(http::parse_url(options_.url));
        wanted.registry = url.origin().substr(url.origin().find("://") + 3);
        wanted.digest = manifest;
        vault::RegistryOptions options;
        options.always_tls = true;
        options.deltas = true;
        options.wait = options_.wait;
        vault::Registry registry(*client, wanted, std::move(options));
        const Result<vault::TransferReport> report = registry.pull(vault_);
        if (!report.ok()) return as_passing(report.status());
        for (const std::string& remark : report->remarks) remark_on(remark);
        if (report->bytes_saved > 0) {
            remark_on(fmt::format("{}: {} received, {} kept off the link by {} deltas", reference,
                                  format_bytes(report->bytes), format_bytes(report->bytes_saved),
                                  report->blobs_by_delta));
        }
        return {};
    }

private:
    Result<std::unique_ptr<http::Client>> connect() {
        http::ClientOptions options = HF_TRY(options_.credentials());
        return http::create_paced_client(std::move(options), options_.pace);
    }
    void remark_on(const std::string& remark) {
        if (options_.on_remark) options_.on_remark(remark);
    }

    vault::Vault& vault_;
    const RegistrySourceOptions options_;
};

}  // namespace

std::unique_ptr<ModelSource> make_registry_source(vault::Vault& vault,
                                                  RegistrySourceOptions options) {
    return std::make_unique<RegistrySource>(vault, std::move(options));
}

}  // namespace hf::node
