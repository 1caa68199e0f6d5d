// The task "text-classification": texts in, labels of each out.

#include "serve/tasks/kinds.h"
#include "serve/tasks/scores.h"
#include "serve/tasks/text_input.h"

namespace hf::serve::tasks {
namespace {

class TextClassification final : public Task {
public:
    TextClassification(TextInput input, Scores scores)
        : input_(std::move(input)), scores_(std::move(scores)) {}

    std::string_view kind() const override { return "text-classification"; }

    json::Object describe() const override {
        return {{"input", input_.describe()}, {"output", scores_.describe()}};
    }

    Result<Prepared> read(const Body& body) const override { return input_.prepare(body); }

    Result<json::Object> write(const std::vector<Tensor>& outputs,
                               const Prepared& prepared) const override {
        const std::vector<float> scores = HF_TRY(scores_.all(outputs, prepared.rows));
        if (prepared.single) return json::Object{{"labels", scores_.best(scores)}};
        const std::size_t width = scores.size() / prepared.rows;
        json::Array all;
        for (std::size_t row = 0; row < prepared.rows; ++row) {
            const auto part = std::span<const float>(scores).subspan(row * width, width);
            all.push_back(json::Object{{"labels", scores_.best(part)}});
        }
        return json::Object{{"outputs", std::move(all)}};
    }

private:
    const TextInput input_;
    const Scores scores_;
};

}  // namespace

MadeTask make_text_classification(const Making& making) {
    HF_TRY(making.fields.only({"kind", "text", "labels", "output", "output_quantization", "scores",
                               "threshold", "top_k"}));
    TextInput input = HF_TRY(TextInput::read(making));
    Scores scores = HF_TRY(Scores::read(making.fields, making.signature));
    return std::make_shared<const TextClassification>(std::move(input), std::move(scores));
}

}  // namespace hf::serve::tasks
