// The task "audio-classification": a WAV or FLAC file in, labels out.

#include "serve/tasks/audio_input.h"
#include "serve/tasks/kinds.h"
#include "serve/tasks/scores.h"

namespace hf::serve::tasks {
namespace {

class AudioClassification final : public Task {
public:
    AudioClassification(AudioInput input, Scores scores)
        : input_(std::move(input)), scores_(std::move(scores)) {}

    std::string_view kind() const override { return "audio-classification"; }

    json::Object describe() const override {
        return {{"input", input_.describe()}, {"output", scores_.describe()}};
    }

    Result<Prepared> read(const Body& body) const override {
        AudioInput::Placed placed = HF_TRY(input_.place(body.bytes));
        Prepared prepared;
        prepared.inputs.push_back(std::move(placed.tensor));
        prepared.rows = placed.rows;
        return prepared;
    }

    Result<json::Object> write(const std::vector<Tensor>& outputs,
                               const Prepared& prepared) const override {
        const std::vector<float> scores = HF_TRY(scores_.all(outputs, prepared.rows));
        if (!input_.has_windows()) return json::Object{{"labels", scores_.best(scores)}};
        const std::size_t width = scores.size() / prepared.rows;
        json::Array all;
        for (std::size_t row = 0; row < prepared.rows; ++row) {
            const auto part = std::span<const float>(scores).subspan(row * width, width);
            all.push_back({{"start", input_.start_of(row)}, {"labels", scores_.best(part)}});
        }
        return json::Object{{"outputs", std::move(all)}};
    }

private:
    const AudioInput input_;
    const Scores scores_;
};

}  // namespace

MadeTask make_audio_classification(const Making& making) {
    HF_TRY(making.fields.only({"kind", "audio", "labels", "output", "output_quantization", "scores",
                               "threshold", "top_k"}));
    AudioInput input = HF_TRY(AudioInput::read(making.fields, making.signature));
    Scores scores = HF_TRY(Scores::read(making.fields, making.signature));
    return std::make_shared<const AudioClassification>(std::move(input), std::move(scores));
}

}  // namespace hf::serve::tasks
