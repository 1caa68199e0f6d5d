// The task "text-embedding": texts in, a vector of each out.

#include <cmath>

#include "serve/tasks/kinds.h"
#include "serve/tasks/ports.h"
#include "serve/tasks/text_input.h"

namespace hf::serve::tasks {
namespace {

enum class Pooling : unsigned char { kMean, kFirst, kNone };

class TextEmbedding final : public Task {
public:
    struct Options {
        std::size_t output = 0;
        Pooling pooling = Pooling::kMean;
        bool normalize = true;
    };
    TextEmbedding(TextInput input, Options options) : input_(std::move(input)), options_(options) {}

    std::string_view kind() const override { return kTextEmbedding; }

    json::Object describe() const override { return {{"input", input_.describe()}}; }

    Result<Prepared> read(const Body& body) const override { return input_.prepare(body); }

    Result<json::Object> write(const std::vector<Tensor>& outputs,
                               const Prepared& prepared) const override {
        const Tensor& output = outputs[options_.output];
        const bool pooled = options_.pooling == Pooling::kNone;
        const Shape& shape = output.shape();
        const bool fits = shape.rank() == (pooled ? 2U : 3U) && output.elements() > 0 &&
                          shape[0] == static_cast<std::int64_t>(prepared.rows);
        if (!fits) {
            return failed_precondition("the model answered vectors of shape {} for {} texts",
                                       shape.to_string(), prepared.rows);
        }
        const std::vector<float> values = read_numbers(output, {});
        const std::size_t of_text = values.size() / prepared.rows;
        const auto width = static_cast<std::size_t>(shape[shape.rank() - 1]);
        json::Array vectors;
        for (std::size_t row = 0; row < prepared.rows; ++row) {
            const auto tokens = std::span<const float>(values).subspan(row * of_text, of_text);
            const std::size_t count = std::min(prepared.lengths[row], of_text / width);
            vectors.push_back(vector_of(tokens, width, count));
        }
        json::Array counts;
        for (const std::size_t length : prepared.lengths) counts.emplace_back(length);
        return json::Object{{"embeddings", std::move(vectors)}, {"tokens", std::move(counts)}};
    }

private:
    // `count`: how many of the tokens are of the text.
    json::Array vector_of(std::span<const float> tokens, std::size_t width,
                          std::size_t count) const {
        const std::size_t summed = options_.pooling == Pooling::kMean ? count : 1;
        std::vector<double> sum(width, 0);
        for (std::size_t i = 0; i < summed * width; ++i) {
            sum[i % width] += static_cast<double>(tokens[i]);
        }
        double divisor = static_cast<double>(std::max<std::size_t>(summed, 1));
        if (options_.normalize) {
            double squares = 0;
            for (const double value : sum) squares += value * value;
            if (squares > 0) divisor = std::sqrt(squares);
        }
        json::Array vector;
        for (const double value : sum) vector.emplace_back(static_cast<float>(value / divisor));
        return vector;
    }

    const TextInput input_;
    const Options options_;
};

}  // namespace

MadeTask make_text_embedding(const Making& making) {
    const Fields& fields = making.fields;
    HF_TRY(fields.only({"kind", "text", "output", "pooling", "normalize"}));
    TextInput input = HF_TRY(TextInput::read(making));
    TextEmbedding::Options options;
    options.output = HF_TRY(read_port(fields, "output", making.signature.outputs));
    const runtime::Port& port = making.signature.outputs[options.output];
    if (!is_float(port.dtype) || port.dtype == DType::kBF16) {
        return invalid_argument("{}: '{}' has {}, and vectors are floats", fields.place("output"),
                                port.name, dtype_name(port.dtype));
    }
    options.pooling =
        static_cast<Pooling>(HF_TRY(fields.choice("pooling", {"mean", "first", "none"})));
    options.normalize = HF_TRY(fields.truth("normalize", true));
    const std::size_t rank = options.pooling == Pooling::kNone ? 2 : 3;
    if (port.shape.rank() != rank) {
        return invalid_argument(
            "{}: '{}' has shape {}; vectors of tokens (NxTxD) are pooled by "
            "\"mean\" or \"first\", those of texts (NxD) by \"none\"",
            fields.place("pooling"), port.name, port.shape.to_string());
    }
    return std::make_shared<const TextEmbedding>(std::move(input), options);
}

}  // namespace hf::serve::tasks
