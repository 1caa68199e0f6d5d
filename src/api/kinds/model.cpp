#include "api/kinds.h"

namespace hf::api {

const Kind& model_kind() {
    static const Kind kKind{
        "Model",
        "models",
        "model",
        {},
        "A line of versions of one model, under one name.",
        true,
        {object("spec", "What the model is.",
                {prose("description", "What it computes, from what, for whom.")})},
        {{"Description", "spec.description", "What it computes.", "string", true}},
    };
    return kKind;
}

}  // namespace hf::api
