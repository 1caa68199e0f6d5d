// The kinds of tasks, each in a file of its own: how one is made of its declaration. Pure.

#pragma once

#include <memory>

#include "serve/tasks/fields.h"
#include "serve/tasks/task.h"

namespace hf::serve::tasks {

inline constexpr std::string_view kTextEmbedding = "text-embedding";

using MadeTask = Result<std::shared_ptr<const Task>>;

// What a kind is made of; of its declaration, all members but "kind" are its own to check.
struct Making {
    const Fields& fields;
    const Declaration& declaration;
    const runtime::Signature& signature;
};

MadeTask make_audio_classification(const Making& making);
MadeTask make_image_classification(const Making& making);
MadeTask make_object_detection(const Making& making);
MadeTask make_rows(const Making& making);
MadeTask make_text_classification(const Making& making);
MadeTask make_text_embedding(const Making& making);

}  // namespace hf::serve::tasks
