#include "api/kinds.h"

namespace hf::api {

const Kind& service_kind() {
    static const Kind kKind{
        "Service",
        "services",
        "service",
        {"svc"},
        "A model kept running and answering under one name.",
        true,
        {object("spec", "What shall run.",
                {text("model", "Which model: 'NAME:TAG' or 'NAME@sha256:DIGEST'.")
                     .needed()
                     .as(Format::kModelReference),
                 text("trustPolicy", "The TrustPolicy that the model must satisfy.")
                     .as(Format::kName)
                     .otherwise("default"),
                 text("device", "What the model is compiled for.")
                     .choices({"auto", "cpu", "ref"})
                     .otherwise("auto")})
             .needed(),
         object("status", "What runs.",
                {integer("observedGeneration", "The generation of the spec that this tells of."),
                 text("digest", "The version that answers.").as(Format::kDigest),
                 text("url", "Where it answers."), text("node", "The node that it runs on."),
                 text("device", "What it was compiled for."), conditions()})},
        {{"Model", "spec.model", "Which model."},
         {"Ready", "status.conditions[type=Ready].status", "Whether the wanted version answers."},
         {"Reason", "status.conditions[type=Ready].reason", "Why, in a word."},
         {"URL", "status.url", "Where it answers."},
         {"Node", "status.node", "The node that it runs on.", "string", true},
         {"Digest", "status.digest", "The version that answers.", "string", true}},
    };
    return kKind;
}

}  // namespace hf::api
