#include "api/kinds.h"

namespace hf::api {

const Kind& trust_policy_kind() {
    constexpr std::int64_t kMaxKeyBytes = 8 << 10;
    static const Kind kKind{
        "TrustPolicy",
        "trustpolicies",
        "trustpolicy",
        {"tp"},
        "What a model must show before it may run.",
        false,
        {object(
             "spec", "The demands; a model must meet all.",
             {truth("requireSignature",
                    "Whether one of the keys, or one under the authorities, must have signed it.")
                  .otherwise(true),
              list("keys", "Public keys that are believed, each as PEM.",
                   text("", "A PEM public key.").as(Format::kPublicKey).between(0, kMaxKeyBytes)),
              list("authorities",
                   "Certificates of authorities, each as PEM: whoever signs with a certificate of "
                   "theirs, for signing code and in its time, is believed.",
                   text("", "A PEM certificate.").between(0, kMaxKeyBytes)),
              truth("requireScan", "Whether the scanner must have passed every file.")
                  .otherwise(true),
              list("allowedFormats", "Formats of model files that may run.",
                   text("", "A format.").choices({"onnx", "tflite"}))
                  .otherwise(json::Array{"onnx", "tflite"}),
              object(
                  "updates",
                  "A repository of The Update Framework that must vouch for every new version.",
                  {text("url", "Where its metadata is.").needed(),
                   text("root", "SHA-256 of the root to begin with.").as(Format::kDigest).needed(),
                   integer("rootVersion", "The version of that root.")
                       .between(1, 1'000'000)
                       .otherwise(1)})})
             .needed()},
        {{"Signature", "spec.requireSignature", "Whether a signature is demanded."},
         {"Scan", "spec.requireScan", "Whether a scan is demanded."},
         {"Formats", "spec.allowedFormats", "Formats that may run.", "string", true}},
    };
    return kKind;
}

}  // namespace hf::api
