#include "api/kinds.h"

namespace hf::api {

const Kind& model_version_kind() {
    static const Kind kKind{
        "ModelVersion",
        "modelversions",
        "modelversion",
        {"mv"},
        "One version of a model: bytes under a digest that never change.",
        true,
        {object("spec", "Which bytes, and what is known of them.",
                {text("model", "The name of the Model that it is a version of.")
                     .needed()
                     .as(Format::kName),
                 text("digest", "Digest of its ModelPack manifest.").needed().as(Format::kDigest),
                 text("reference", "Under which tag it was pushed, as in 'pump:v1'.")
                     .as(Format::kModelReference),
                 text("format", "The format of the model file; 'ensemble' of several models.")
                     .choices({"onnx", "tflite", "ensemble"}),
                 integer("size", "Bytes of all its files.").between(0, std::int64_t{1} << 50),
                 text("signer", "Who signed it, by the fingerprint of the key.")})
             .needed()
             .fixed(),
         object(
             "status", "What was found out about it.",
             {integer("observedGeneration", "The generation that was looked at."), conditions()})},
        {{"Model", "spec.model", "The model that it is a version of."},
         {"Reference", "spec.reference", "Under which tag it was pushed."},
         {"Digest", "spec.digest", "Digest of its manifest.", "string", true},
         {"Signer", "spec.signer", "Who signed it.", "string", true}},
    };
    return kKind;
}

}  // namespace hf::api
