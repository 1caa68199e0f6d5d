#include "node/steps.h"

#include <algorithm>

#include "api/object.h"
#include "graph/load.h"
#include "node/residency.h"
#include "node/trust_check.h"
#include "vault/golden.h"

namespace hf::node {
namespace {

std::string folder_of(const std::string& entry) {
    const std::size_t slash = entry.rfind('/');
    return slash == std::string::npos ? std::string() : entry.substr(0, slash + 1);
}

// A model's file among those of its artifact.
struct ModelFile {
    const vault::OpenModel& files;
    const std::vector<vault::PackedFile>& packed;  // with all that it reads
    const std::string& path;
};

// External data of an ONNX model comes from the same manifest, and from nowhere else. `read`
// becomes what was asked for; null: nobody wants to know.
graph::ExternalData data_from(const ModelFile& model, std::vector<DataFile>* read) {
    return [model, read](std::string_view name) -> Result<graph::ExternalBytes> {
        const std::string path = folder_of(model.path) + std::string(name);
        const auto map = model.files.find(path);
        if (!map) return not_found("external data '{}' is not among the model's files", path);
        for (const vault::PackedFile& file : model.packed) {
            if (!read || file.path != path) continue;
            const auto same = [&](const DataFile& known) { return known.name == name; };
            if (std::any_of(read->begin(), read->end(), same)) break;
            read->push_back({std::string(name), file.digest});
        }
        return graph::ExternalBytes{map->bytes(), map, true};
    };
}

std::string version_of(const Wish& wish, const std::string& digest) {
    const Result<vault::Reference> reference = vault::parse_reference(wish.reference);
    if (reference.ok() && !reference->tag.empty()) return reference->tag;
    constexpr std::size_t kPrefix = std::string_view("sha256:").size();
    return digest.substr(kPrefix, 12);
}

const Tensor* input_named(const vault::GoldenSample& sample, const std::string& name) {
    for (const vault::GoldenInput& input : sample.inputs) {
        if (input.name == name) return &input.tensor;
    }
    return nullptr;
}

Status check_sample(runtime::Session& session, const runtime::Signature& signature,
                    const vault::GoldenSample& sample) {
    std::vector<Tensor> inputs;
    for (const runtime::Port& port : signature.inputs) {
        const Tensor* tensor = input_named(sample, port.name);
        if (!tensor) return failed_precondition("there is no golden input '{}'", port.name);
        inputs.push_back(*tensor);
    }
    const std::vector<Tensor> outputs = HF_TRY(session.run(inputs));
    for (const vault::GoldenOutput& want : sample.outputs) {
        const auto port = std::find_if(
            signature.outputs.begin(), signature.outputs.end(),
            [&](const runtime::Port& candidate) { return candidate.name == want.name; });
        if (port == signature.outputs.end()) {
            return failed_precondition("the model has no output '{}'", want.name);
        }
        const auto index = static_cast<std::size_t>(port - signature.outputs.begin());
        HF_TRY(vault::check_reproduced(want, outputs[index]));
    }
    return {};
}

}  // namespace

Status check_golden(std::span<const CompiledFile> models, ByteView golden) {
    const vault::Golden parsed = HF_TRY(vault::parse_golden(golden));
    for (const CompiledFile& file : models) {
        const std::unique_ptr<runtime::Session> session = HF_TRY(file.model->new_session());
        bool any = false;
        for (std::size_t i = 0; i < parsed.samples.size(); ++i) {
            if (parsed.samples[i].model != file.name) continue;
            any = true;
            HF_TRY(check_sample(*session, file.model->signature(), parsed.samples[i])
                       .context("{}: golden sample {}", file.path, i));
        }
        if (!any) return failed_precondition("there are no golden samples of {}", file.path);
    }
    return {};
}

Done Steps::perform(const Action& action) {
    Done done{action.service, action.step, action.run, {}, action.digest};
    if (action.step == Step::kResolve) {
        done.status = check_residency(action.wish, world_.jurisdiction);
        done.banned = !done.status.ok();
        if (done.banned) return done;
        Result<std::string> digest = resolve(action.wish);
        done.status = digest.status();
        if (digest.ok()) done.digest = *digest;
        return done;
    }
    if (action.step == Step::kPull) {
        done.status = pull(action);
        return done;
    }
    const auto found = candidates_.find(action.service);
    if (found == candidates_.end() || found->second.digest != action.digest) {
        done.status = HF_BUG("step {} of {} without a pull of {}", condition_of(action.step),
                             action.service, action.digest);
        return done;
    }
    Candidate& candidate = found->second;
    switch (action.step) {
        case Step::kVerify: done.status = verify(action.wish, candidate); break;
        case Step::kCompile: done.status = compile(action.wish, candidate); break;
        case Step::kReproduce: done.status = reproduce(candidate); break;
        case Step::kActivate: done.status = activate(action.wish, candidate); break;
        case Step::kResolve:
        case Step::kPull: break;
    }
    return done;
}

void Steps::retire(const std::string& service) {
    world_.host.retire(service);
    if (world_.updates) world_.updates->forget(service);
    candidates_.erase(service);
}

void Steps::cascade(const Wish& wish) {
    // What cannot be read was refused with its order (desired.h): nobody is asked.
    const Result<Cascade> cascade =
        wish.cascade.empty() ? not_found("none") : cascade_of(wish, world_.jurisdiction);
    world_.host.set_cascade(wish.service, cascade.ok() ? &*cascade : nullptr);
}

const Steps::Candidate* Steps::candidate(const std::string& service) const {
    const auto found = candidates_.find(service);
    return found == candidates_.end() ? nullptr : &found->second;
}

Result<std::string> Steps::resolve(const Wish& wish) const {
    std::string digest = HF_TRY(meant_by(wish));
    if (world_.updates) {
        HF_TRY(world_.updates->admit(wish, HF_TRY(Digest::parse(digest))));
    } else if (!HF_TRY(pins_of(wish.policy_text)).empty()) {
        return failed_precondition(
            "TrustPolicy '{}' names an update repository, and nothing here follows one",
            wish.policy);
    }
    return digest;
}

Result<std::string> Steps::meant_by(const Wish& wish) const {
    if (!wish.digest.empty()) return wish.digest;
    const vault::Reference reference = HF_TRY(vault::parse_reference(wish.reference));
    Result<vault::Descriptor> manifest = world_.vault.resolve(reference);
    if (manifest.status().code() == Code::kNotFound && world_.source) {
        return HF_TRY(world_.source->resolve(wish.reference)).to_string();
    }
    if (manifest.status().code() == Code::kNotFound) {
        return not_found("there is no model {} in {}; push it: holdfast push FILE {}",
                         wish.reference, world_.vault.folder(), wish.reference);
    }
    return HF_TRY(std::move(manifest)).digest.to_string();
}

Status Steps::pull(const Action& action) {
    Candidate candidate;
    candidate.digest = action.digest;
    vault::Reference reference;
    reference.digest = HF_TRY(Digest::parse(action.digest));
    Result<vault::PackedModel> packed = vault::read_model(world_.vault, reference);
    if (packed.status().code() == Code::kNotFound && world_.source) {
        HF_TRY(world_.source->fetch(
            {action.wish.reference, *reference.digest, action.wish.data_limit, action.in_use}));
        packed = vault::read_model(world_.vault, reference);
    }
    candidate.packed = HF_TRY(std::move(packed));
    candidate.files = HF_TRY(vault::open_model(world_.vault, candidate.packed));
    candidates_.insert_or_assign(action.service, std::move(candidate));
    return {};
}

Status Steps::verify(const Wish& wish, Candidate& candidate) const {
    if (wish.policy_text.empty()) {
        return not_found(
            "there is no TrustPolicy '{}'; create it, or name another one in "
            "spec.trustPolicy",
            wish.policy);
    }
    api::Object policy = api::Object::make("TrustPolicy", "", wish.policy);
    policy.fields()["spec"] = HF_TRY(json::parse(wish.policy_text));
    const Instant now = world_.time_floor ? world_.time_floor->now() : world_.clock.now();
    const ModelEvidence evidence{world_.vault, candidate.packed, candidate.files, now};
    candidate.signer = HF_TRY(check_trust(policy, evidence));
    return {};
}

namespace {

using Compiled = std::shared_ptr<const runtime::CompiledModel>;

// REQUIRES: it is among the files.
Result<Compiled> compile_file(const ModelFile& model, const std::string& device,
                              std::vector<DataFile>* read) {
    const auto file = model.files.find(model.path);
    const graph::ExternalData data = data_from(model, read);
    graph::Graph graph = HF_TRY(graph::load(file->bytes(), data, file).context("{}", model.path));
    runtime::CompileOptions options;
    options.device = device.empty() ? "auto" : device;
    return runtime::compile(std::move(graph), options, nullptr);
}

// What a model of an artifact may be made of: all files but the other models.
std::vector<vault::PackedFile> files_of(const Member& model, const std::vector<Member>& models,
                                        std::vector<vault::PackedFile> packed) {
    std::erase_if(packed, [&](const vault::PackedFile& file) {
        return file.path != model.path &&
               std::any_of(models.begin(), models.end(),
                           [&](const Member& other) { return other.path == file.path; });
    });
    return packed;
}

// A vault's files are not written to, but they lie on a disk.
Status check_unchanged(const vault::OpenModel& files, const std::vector<vault::PackedFile>& were) {
    for (const vault::PackedFile& was : were) {
        const auto file = files.find(was.path);
        if (file && crypto::sha256(file->bytes()) == was.digest) continue;
        return data_loss("{} is not what was verified; have the Service pull it again", was.path);
    }
    return {};
}

}  // namespace

Result<std::vector<Member>> Steps::models_of(const Candidate& candidate) const {
    const std::string& entry = candidate.packed.entry;
    if (!candidate.files.find(entry)) {
        return invalid_argument(
            "the manifest does not tell which file to load; push the model "
            "with `holdfast push`");
    }
    // Also where another file is marked as the entry: marks are not signed.
    const bool ensemble = std::any_of(
        candidate.files.files.begin(), candidate.files.files.end(),
        [](const vault::OpenFile& file) { return file.path.ends_with(kEnsembleEnding); });
    if (!ensemble) return std::vector<Member>{{"", entry}};
    if (world_.members_of) return world_.members_of(candidate.files, entry);
    return unimplemented(
        "the model is an ensemble, which this program does not serve; run `holdfast agent` instead "
        "of holdfast-agent");
}

Status Steps::compile(const Wish& wish, Candidate& candidate) const {
    const vault::OpenModel& files = candidate.files;
    const std::vector<Member> members = HF_TRY(models_of(candidate));
    std::vector<CompiledFile> models;
    std::string devices;
    for (const Member& member : members) {
        CompiledFile file;
        file.name = member.name;
        file.path = member.path;
        std::vector<vault::PackedFile> made_of = files_of(member, members, candidate.packed.files);
        file.model = HF_TRY(compile_file({files, made_of, member.path}, wish.device, &file.data));
        file.digest = std::find_if(made_of.begin(), made_of.end(), [&](const auto& each) {
                          return each.path == member.path;
                      })->digest;
        file.again = [files, made_of = std::move(made_of), path = member.path,
                      device = wish.device]() -> Result<Compiled> {
            HF_TRY(check_unchanged(files, made_of));
            return compile_file({files, made_of, path}, device, nullptr);
        };
        const std::string device(file.model->device());
        if (devices.find(device) == std::string::npos) {
            devices.append(devices.empty() ? "" : "+").append(device);
        }
        models.push_back(std::move(file));
    }
    candidate.models = std::move(models);
    candidate.device = std::move(devices);
    return {};
}

Status Steps::reproduce(const Candidate& candidate) const {
    if (!candidate.packed.golden) {
        return failed_precondition(
            "the model has no golden samples to reproduce; push it with "
            "`holdfast push`, which makes them");
    }
    const auto golden = HF_TRY(world_.vault.open_blob(*candidate.packed.golden, "golden samples"));
    return check_golden(candidate.models, golden->bytes());
}

Status Steps::activate(const Wish& wish, Candidate& candidate) const {
    Activation activation;
    activation.service = wish.service;
    activation.version = version_of(wish, candidate.digest);
    activation.format = candidate.packed.format;
    activation.digest = candidate.packed.manifest;
    activation.signer = candidate.signer;
    if (candidate.models.empty()) HF_TRY(compile(wish, candidate));
    activation.entry = candidate.packed.entry;
    activation.models = candidate.models;
    activation.files = candidate.files;
    candidate.url = HF_TRY(world_.host.activate(activation));
    candidate.models.clear();  // the host has them, and may let them go
    if (world_.updates)
        world_.updates->note_active(activation.service, candidate.packed.manifest.to_string());
    return {};
}

}  // namespace hf::node
