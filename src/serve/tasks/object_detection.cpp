// The task "object-detection": a JPEG or PNG file in, labelled boxes out, in pixels of the picture.

#include <algorithm>
#include <cmath>

#include "serve/tasks/image_input.h"
#include "serve/tasks/kinds.h"
#include "serve/tasks/nms.h"
#include "serve/tasks/scores.h"

namespace hf::serve::tasks {
namespace {

// Of what reaches the threshold, as many go on; a model that is sure of more is not worth more.
constexpr std::size_t kMaxFound = 20'000;

enum class Format : unsigned char { kXyxy, kYxyx, kCentre };  // centre: x, y, width, height

class ObjectDetection final : public Task {
public:
    struct Options {
        std::size_t boxes = 0;  // the output
        Format format = Format::kXyxy;
        bool relative = true;  // to the input's sides, else in its pixels
        std::int64_t background = -1;
        double overlap_max = 0.5;
    };
    ObjectDetection(ImageInput input, Scores scores, Options options)
        : input_(std::move(input)), scores_(std::move(scores)), options_(options) {}

    std::string_view kind() const override { return "object-detection"; }

    json::Object describe() const override {
        return {{"input", input_.describe()}, {"output", scores_.describe()}};
    }

    Result<Prepared> read(const Body& body) const override {
        ImageInput::Placed placed = HF_TRY(input_.place(body.bytes));
        Prepared prepared;
        prepared.inputs.push_back(std::move(placed.tensor));
        prepared.placement = placed.placement;
        return prepared;
    }

    Result<json::Object> write(const std::vector<Tensor>& outputs,
                               const Prepared& prepared) const override {
        const std::vector<float> boxes = read_numbers(outputs[options_.boxes], {});
        const std::size_t count = boxes.size() / 4;
        if (count == 0 || boxes.size() % 4 != 0) {
            return failed_precondition("the model answered {} numbers for boxes of 4",
                                       boxes.size());
        }
        const std::vector<float> scores = HF_TRY(scores_.all(outputs, count));
        std::vector<Found> found = find(boxes, scores, prepared.placement);
        json::Array objects;
        for (const Found& one : suppress(std::move(found), options_.overlap_max, scores_.top_k())) {
            objects.push_back(describe(one));
        }
        const Placement& placement = prepared.placement;
        return json::Object{{"image", {{"width", placement.width}, {"height", placement.height}}},
                            {"objects", std::move(objects)}};
    }

private:
    std::vector<Found> find(std::span<const float> boxes, std::span<const float> scores,
                            const Placement& placement) const {
        const std::size_t count = boxes.size() / 4;
        const std::size_t classes = scores.size() / count;
        std::vector<Found> found;
        for (std::size_t i = 0; i < count; ++i) {
            const std::vector<float> shares = scores_.shares(scores.subspan(i * classes, classes));
            for (std::size_t c = 0; c < classes; ++c) {
                const bool wanted = static_cast<std::int64_t>(c) != options_.background &&
                                    std::isfinite(shares[c]) && scores_.reaches(shares[c]);
                if (!wanted) continue;
                const Box box = box_of(boxes.subspan(i * 4, 4), placement);
                if (box.right > box.left && box.bottom > box.top) {
                    found.push_back({box, shares[c], c});
                }
            }
        }
        const auto better = [](const Found& a, const Found& b) { return a.score > b.score; };
        if (found.size() > kMaxFound) {
            std::stable_sort(found.begin(), found.end(), better);
            found.resize(kMaxFound);
        }
        return found;
    }

    // In pixels of the picture, within it; one that is no number has no area.
    Box box_of(std::span<const float> numbers, const Placement& placement) const {
        double n[4];
        for (std::size_t i = 0; i < 4; ++i) {
            if (!std::isfinite(numbers[i])) return {};
            n[i] = static_cast<double>(numbers[i]);
        }
        Box box{n[0], n[1], n[2], n[3]};
        if (options_.format == Format::kYxyx) box = {n[1], n[0], n[3], n[2]};
        if (options_.format == Format::kCentre) {
            box = {n[0] - n[2] / 2, n[1] - n[3] / 2, n[0] + n[2] / 2, n[1] + n[3] / 2};
        }
        const media::Extent extent = input_.extent();
        const double x = options_.relative ? static_cast<double>(extent.width) : 1;
        const double y = options_.relative ? static_cast<double>(extent.height) : 1;
        const auto place = [](double at, double scale, double offset, std::size_t most) {
            return std::clamp((at - offset) / scale, 0.0, static_cast<double>(most));
        };
        const Placement& p = placement;
        return {place(box.left * x, p.scale_x, p.offset_x, p.width),
                place(box.top * y, p.scale_y, p.offset_y, p.height),
                place(box.right * x, p.scale_x, p.offset_x, p.width),
                place(box.bottom * y, p.scale_y, p.offset_y, p.height)};
    }

    json::Value describe(const Found& found) const {
        const Box& box = found.box;
        const json::Object about{{"x", box.left},
                                 {"y", box.top},
                                 {"width", box.right - box.left},
                                 {"height", box.bottom - box.top}};
        return {{"label", scores_.label(found.index)},
                {"score", found.score},
                {"index", found.index},
                {"box", about}};
    }

    const ImageInput input_;
    const Scores scores_;
    const Options options_;
};

Result<ObjectDetection::Options> read_boxes(const Fields& fields,
                                            const runtime::Signature& signature) {
    const std::optional<Fields> boxes = HF_TRY(fields.child("boxes"));
    if (!boxes) return invalid_argument("{}: is missing", fields.place("boxes"));
    HF_TRY(boxes->only({"output", "format", "units"}));
    ObjectDetection::Options options;
    options.boxes = HF_TRY(read_port(*boxes, "output", signature.outputs));
    const runtime::Port& port = signature.outputs[options.boxes];
    const std::size_t rank = port.shape.rank();
    const bool fours = rank > 0 && (port.shape[rank - 1] == 4 || !port.shape.is_known());
    if (!is_float(port.dtype) || port.dtype == DType::kBF16 || !fours) {
        return invalid_argument("{}: '{}' has {} of shape {}, and boxes are 4 floats each",
                                boxes->at(), port.name, dtype_name(port.dtype),
                                port.shape.to_string());
    }
    options.format =
        static_cast<Format>(HF_TRY(boxes->choice("format", {"xyxy", "yxyx", "center"})));
    options.relative = HF_TRY(boxes->choice("units", {"relative", "pixels"})) == 0;
    options.background = HF_TRY(fields.integer("background", -1, {0, 100'000}));
    options.overlap_max = HF_TRY(fields.number("overlap_max", 0.5));
    if (!(options.overlap_max >= 0 && options.overlap_max <= 1)) {
        return invalid_argument("{}: want a number 0 to 1", fields.place("overlap_max"));
    }
    return options;
}

}  // namespace

MadeTask make_object_detection(const Making& making) {
    const Fields& fields = making.fields;
    HF_TRY(fields.only({"kind", "image", "boxes", "background", "overlap_max", "labels", "output",
                        "output_quantization", "scores", "threshold", "top_k"}));
    if (!fields.has("threshold")) {
        return invalid_argument("{}: is missing; want the score from which on a box counts",
                                fields.place("threshold"));
    }
    ImageInput input = HF_TRY(ImageInput::read(fields, making.signature));
    Scores scores = HF_TRY(Scores::read(fields, making.signature));
    const ObjectDetection::Options options = HF_TRY(read_boxes(fields, making.signature));
    return std::make_shared<const ObjectDetection>(std::move(input), std::move(scores), options);
}

}  // namespace hf::serve::tasks
