// The task "image-classification": a JPEG or PNG file in, labels out.

#include "serve/tasks/image_input.h"
#include "serve/tasks/kinds.h"
#include "serve/tasks/scores.h"

namespace hf::serve::tasks {
namespace {

class ImageClassification final : public Task {
public:
    ImageClassification(ImageInput input, Scores scores)
        : input_(std::move(input)), scores_(std::move(scores)) {}

    std::string_view kind() const override { return "image-classification"; }

    json::Object describe() const override {
        return {{"input", input_.describe()}, {"output", scores_.describe()}};
    }

    Result<Prepared> read(const Body& body) const override {
        ImageInput::Placed placed = HF_TRY(input_.place(body.bytes));
        Prepared prepared;
        prepared.inputs.push_back(std::move(placed.tensor));
        return prepared;
    }

    Result<json::Object> write(const std::vector<Tensor>& outputs,
                               const Prepared& prepared) const override {
        const std::vector<float> scores = HF_TRY(scores_.all(outputs, prepared.rows));
        return json::Object{{"labels", scores_.best(scores)}};
    }

private:
    const ImageInput input_;
    const Scores scores_;
};

}  // namespace

MadeTask make_image_classification(const Making& making) {
    HF_TRY(making.fields.only({"kind", "image", "labels", "output", "output_quantization", "scores",
                               "threshold", "top_k"}));
    ImageInput input = HF_TRY(ImageInput::read(making.fields, making.signature));
    Scores scores = HF_TRY(Scores::read(making.fields, making.signature));
    return std::make_shared<const ImageClassification>(std::move(input), std::move(scores));
}

}  // namespace hf::serve::tasks
