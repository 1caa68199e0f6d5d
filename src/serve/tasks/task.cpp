#include "serve/tasks/task.h"

#include <array>

#include "base/text.h"
#include "serve/tasks/kinds.h"

namespace hf::serve::tasks {
namespace {

struct Kind {
    std::string_view name;
    MadeTask (*make)(const Making& making);
};
constexpr std::array<Kind, 6> kKinds{{{"audio-classification", make_audio_classification},
                                      {"image-classification", make_image_classification},
                                      {"object-detection", make_object_detection},
                                      {"rows", make_rows},
                                      {"text-classification", make_text_classification},
                                      {kTextEmbedding, make_text_embedding}}};

MadeTask make_kind(const Fields& fields, const Declaration& declaration,
                   const runtime::Signature& signature) {
    const std::string wanted = HF_TRY(fields.text("kind", ""));
    std::vector<std::string> known;
    for (const Kind& kind : kKinds) {
        if (kind.name == wanted) return kind.make({fields, declaration, signature});
        known.emplace_back(kind.name);
    }
    return invalid_argument("/kind: '{}' is no kind of task{}", wanted,
                            suggestion(wanted, known, "kinds"));
}

}  // namespace

MadeTask Task::make(const Declaration& declaration, const runtime::Signature& signature) {
    const json::Value value = HF_TRY(json::parse(declaration.task, kMaxDeclarationBytes));
    const Fields fields = HF_TRY(Fields::of(value, ""));
    return make_kind(fields, declaration, signature);
}

}  // namespace hf::serve::tasks
