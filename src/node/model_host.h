// What a node needs of whoever answers requests: take a compiled model, let go of one. app/ and
// cli/ put serve/ behind it.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/status.h"
#include "node/cascade.h"
#include "node/lifecycle.h"
#include "node/load.h"
#include "runtime/model.h"
#include "vault/model_pack.h"

namespace hf::node {

// External data that a model reads: its name, as the model writes it.
struct DataFile {
    std::string name;
    Digest digest;
};

// A model's file in an artifact, compiled.
struct CompiledFile {
    std::string name;  // by which the artifact's ensemble names it; empty where there is none
    std::string path;
    Digest digest;               // of that file
    std::vector<DataFile> data;  // each once
    std::shared_ptr<const runtime::CompiledModel> model;

    // Makes the model again from the files that were verified, to the same bits: for a host that
    // lets it go meanwhile. DATA_LOSS when they are not what they were. On any thread.
    std::function<Result<std::shared_ptr<const runtime::CompiledModel>>()> again = {};
};

struct Activation {
    std::string service;  // "namespace/name"
    std::string version;  // the tag, or the digest's beginning
    std::string format;   // "onnx", "tflite", "ensemble"
    Digest digest;        // of the artifact's manifest
    std::string signer;   // empty when the policy did not ask for a signature
    std::string entry;    // the file that is served: a model's, or an ensemble's declaration
    std::vector<CompiledFile> models;  // that one; or the ensemble's members
    vault::OpenModel files;            // all that the artifact holds
};

// Called from one thread at a time.
class ModelHost {
public:
    virtual ~ModelHost() = default;

    // From the return on, requests for the service get this model; those under way keep the one
    // they have. The service's address.
    virtual Result<std::string> activate(const Activation& activation) = 0;

    // How the service's present version has answered since activate(); nothing when none does.
    virtual std::optional<Answers> answers(const std::string& service) = 0;

    // What its present version has been asked since activate(); nothing when none answers.
    virtual std::optional<Traffic> traffic(const std::string& service) = 0;

    // What becomes of the service's unsure answers from now on, whichever version answers, until
    // it is retired; null: they stand. As cascade_of() says it: whom it names may be asked.
    virtual void set_cascade(const std::string& service, const Cascade* cascade) = 0;

    // The service answers no more, and has no cascade. No effect when it did not.
    virtual void retire(const std::string& service) = 0;
};

}  // namespace hf::node
