#include "cli/up/serving_host.h"

namespace hf::cli {

std::string ServingHost::served_name(const std::string& service) {
    const std::size_t slash = service.find('/');
    const std::string ns = service.substr(0, slash);
    const std::string name = service.substr(slash + 1);
    return ns == "default" ? name : ns + ":" + name;
}

Result<std::string> ServingHost::activate(const node::Activation& activation) {
    serve::ModelHost::Identity identity;
    identity.name = served_name(activation.service);
    identity.version = activation.version;
    identity.platform = activation.format;
    identity.service = activation.service;
    identity.model_digest = activation.digest.to_string();
    identity.signer = activation.signer;
    const std::string url = base_url_ + "/v2/models/" + identity.name;
    HF_TRY(models_.activate(
        std::make_shared<serve::ModelHost>(std::move(identity), activation.model, clock_)));
    return url;
}

void ServingHost::retire(const std::string& service) {
    models_.remove(served_name(service));
}

}  // namespace hf::cli
