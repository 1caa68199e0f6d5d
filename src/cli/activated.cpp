#include "cli/activated.h"

#include <algorithm>
#include <map>

#include "cli/companions.h"
#include "cli/ensemble_file.h"
#include "cli/returning_memory.h"
#include "graph/load.h"
#include "serve/ensemble/resting_members.h"
#include "serve/platform.h"
#include "serve/sleep/sleeping_model.h"
#include "trust/model_digest.h"

namespace hf::cli {
namespace {

using serve::ensemble::Graph;
using serve::ensemble::Part;
using Host = std::shared_ptr<serve::ModelHost>;
using Identity = serve::ModelHost::Identity;

static_assert(kEnsembleEnding == node::kEnsembleEnding);

// All files of an artifact are under the digest that was verified.
Result<Companions> companions_in(const vault::OpenModel& files, const std::string& file) {
    return companions_of(
        file, [&](std::string_view ending, std::size_t bytes_max) -> Result<std::optional<Bytes>> {
            const auto found = files.find(file + std::string(ending));
            if (!found) return std::optional<Bytes>();
            const ByteView bytes = found->bytes();
            if (bytes.size() > bytes_max) {
                return resource_exhausted("{}{} has {} bytes; the limit is {}", file, ending,
                                          bytes.size(), bytes_max);
            }
            return std::optional<Bytes>(Bytes(bytes.begin(), bytes.end()));
        });
}

// What the model is called by itself, as a guard and receipts of an ensemble name it.
std::string digest_of(const node::CompiledFile& file) {
    std::map<std::string, Digest> data;
    for (const node::DataFile& each : file.data) data.emplace(each.name, each.digest);
    return trust::model_digest(file.digest, data).to_string();
}

Result<Host> make_model_host(Identity identity, const node::CompiledFile& file,
                             const vault::OpenModel& files, env::Clock& clock) {
    const Companions companions = HF_TRY(companions_in(files, file.path));
    companions.describe_in(identity);
    CompiledParts parts{file.model, file.model->signature().outputs.size(), digest_of(file)};
    std::shared_ptr<serve::sleep::SleepingModel> sleeping;
    if (file.again) {
        sleeping = std::make_shared<serve::sleep::SleepingModel>(
            returning_memory(file.model),
            [again = file.again]() -> Result<std::shared_ptr<const runtime::CompiledModel>> {
                return returning_memory(HF_TRY(again()));
            },
            clock);
        parts.model = sleeping;
    }
    Host host = HF_TRY(make_host(std::move(identity), parts, companions, clock));
    host->set_resting(std::move(sleeping));
    return host;
}

// The parts of an ensemble become hosts, each after those that it is made of.
class Composing final {
public:
    Composing(const node::Activation& activation, env::Clock& clock)
        : activation_(activation), clock_(clock) {}

    Result<Host> run(Identity identity) {
        const std::vector<Part> parts = HF_TRY(parts_in(activation_.files, activation_.entry));
        for (const Part& part : parts) {
            const bool own = &part == &parts.back();
            Identity of = own ? identity : member_identity(identity, part);
            Host host = part.declaration ? HF_TRY(make_ensemble(std::move(of), part))
                                         : HF_TRY(make_model(std::move(of), part));
            HF_TRY(host->warm().context("{}", part.file));
            if (host->resting()) sleepers_.push_back(host);
            if (!own) members_.push_back(host);
            hosts_.insert_or_assign(part.name, std::move(host));
        }
        const Host host = hosts_.find(parts.back().name)->second;
        host->set_members(std::move(members_));
        if (!sleepers_.empty()) {
            host->set_resting(
                std::make_shared<serve::ensemble::RestingMembers>(std::move(sleepers_)));
        }
        return host;
    }

private:
    // As of a model of its own, in the version of the artifact.
    Identity member_identity(const Identity& artifact, const Part& part) const {
        const auto bytes = activation_.files.find(part.file)->bytes();
        Identity identity;
        identity.name = part.name;
        identity.version = artifact.version;
        identity.platform =
            part.declaration
                ? "ensemble"
                : serve::platform_name(graph::format_name(graph::detect_format(bytes)));
        identity.signer = artifact.signer;
        identity.model_digest =
            part.declaration ? crypto::sha256(bytes).to_string() : digest_of(compiled(part));
        return identity;
    }

    const node::CompiledFile& compiled(const Part& part) const {
        const auto& models = activation_.models;
        const auto file = std::find_if(models.begin(), models.end(),
                                       [&](const auto& each) { return each.path == part.file; });
        HF_CHECK(file != models.end(), "a member that was not compiled");
        return *file;
    }

    Result<Host> make_model(Identity identity, const Part& part) const {
        return make_model_host(std::move(identity), compiled(part), activation_.files, clock_);
    }

    Result<Host> make_ensemble(Identity identity, const Part& part) const {
        const Companions companions = HF_TRY(companions_in(activation_.files, part.file));
        HF_TRY(check_ensemble_companions(companions));
        companions.describe_in(identity);
        std::map<std::string, Host> members;
        for (const std::string& name : part.declaration->models()) {
            members.emplace(name, hosts_.find(name)->second);
        }
        const std::shared_ptr<const Graph> graph =
            HF_TRY(Graph::make(*part.declaration, members).context("{}", part.file));
        Host host = HF_TRY(make_ensemble_host(std::move(identity), companions, graph, clock_));
        host->set_composite(graph);
        return host;
    }

    const node::Activation& activation_;
    env::Clock& clock_;
    std::map<std::string, Host, std::less<>> hosts_;  // by their parts' names
    std::vector<Host> members_;
    std::vector<Host> sleepers_;
};

}  // namespace

Result<std::vector<Part>> parts_in(const vault::OpenModel& files, const std::string& entry) {
    std::vector<serve::ensemble::File> all;
    for (const vault::OpenFile& file : files.files) all.push_back({file.path, file.map->bytes()});
    return serve::ensemble::parts_of(all, entry, kCompanionEndings);
}

Result<std::vector<node::Member>> members_in(const vault::OpenModel& files,
                                             const std::string& entry) {
    std::vector<node::Member> members;
    for (const Part& part : HF_TRY(parts_in(files, entry))) {
        if (!part.declaration) members.push_back({part.name, part.file});
    }
    return members;
}

Result<Host> make_activated_host(Identity identity, const node::Activation& activation,
                                 env::Clock& clock) {
    if (!is_ensemble(activation.entry)) {
        return make_model_host(std::move(identity), activation.models.front(), activation.files,
                               clock);
    }
    identity.platform = "ensemble";
    return Composing(activation, clock).run(std::move(identity));
}

}  // namespace hf::cli
