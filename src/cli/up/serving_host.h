// node::ModelHost over serve::Models and serve::cascade::Cascades: a service answers under its
// name, "pump" in the namespace `default` and "line7:pump" in the namespace `line7`, at <base
// url>/v2/models/NAME.

#pragma once

#include <string>

#include "node/model_host.h"
#include "serve/cascade/cascades.h"
#include "serve/models.h"

namespace hf::cli {

// Makes who answers for a model, of the identity that it has in receipts.
using MakeHost = Result<std::shared_ptr<serve::ModelHost>> (*)(serve::ModelHost::Identity identity,
                                                               const node::Activation& activation,
                                                               env::Clock& clock);

class ServingHost final : public node::ModelHost {
public:
    // `make_host`: null, models take tensors and nothing else. REQUIRES: the others outlive this.
    ServingHost(serve::Models& models, serve::cascade::Cascades& cascades, env::Clock& clock,
                MakeHost make_host = nullptr)
        : models_(models), cascades_(cascades), clock_(clock), make_host_(make_host) {}

    // Where the server listens: "http://127.0.0.1:8080". REQUIRES: called before activate().
    void set_base_url(std::string url) { base_url_ = std::move(url); }

    Result<std::string> activate(const node::Activation& activation) override;
    std::optional<node::Answers> answers(const std::string& service) override;
    std::optional<node::Traffic> traffic(const std::string& service) override;
    void set_cascade(const std::string& service, const node::Cascade* cascade) override;
    void retire(const std::string& service) override;

    static std::string served_name(const std::string& service);

private:
    serve::Models& models_;
    serve::cascade::Cascades& cascades_;
    env::Clock& clock_;
    const MakeHost make_host_;
    std::string base_url_;
};

}  // namespace hf::cli
