#include "serve/tasks/image_input.h"

#include <cstring>

namespace hf::serve::tasks {
namespace {

bool may_be_channels(std::int64_t extent) {
    return extent == 1 || extent == 3;
}

bool fits(std::int64_t extent, std::int64_t wanted) {
    return extent == Shape::kUnknown || extent == wanted;
}

// A side of the input: the model's, or where that is open, the declaration's.
Result<std::size_t> side(const Fields& image, std::string_view key, std::int64_t extent) {
    const std::int64_t fallback = extent == Shape::kUnknown ? 0 : extent;
    const std::int64_t given = HF_TRY(image.integer(key, fallback, {1, kMaxInputSide}));
    if (given == 0) {
        return invalid_argument("{}: is missing, and the model leaves it open", image.place(key));
    }
    if (!fits(extent, given) || given > kMaxInputSide) {
        return invalid_argument("{}: {} pixels, and the model takes {}; at most {}",
                                image.place(key), given, extent, kMaxInputSide);
    }
    return static_cast<std::size_t>(given);
}

// One number for all channels, or one for each.
Status read_each(const Fields& image, std::string_view key, std::size_t channels,
                 std::array<double, 3>& out) {
    if (!image.has(key)) return {};
    const std::vector<double> given = HF_TRY(image.numbers(key));
    if (given.size() != 1 && given.size() != channels) {
        return invalid_argument("{}: has {} numbers; want 1 or {}", image.place(key), given.size(),
                                channels);
    }
    for (std::size_t c = 0; c < channels; ++c) out[c] = given[given.size() == 1 ? 0 : c];
    return {};
}

// Luma by ITU-R BT.601, in the fixed-point arithmetic of Pillow's convert("L").
std::uint8_t grey_of(const std::uint8_t* rgb) {
    const unsigned sum = rgb[0] * 19595U + rgb[1] * 38470U + rgb[2] * 7471U + 0x8000U;
    return static_cast<std::uint8_t>(sum >> 16);
}

// The picture in the middle of an area of one grey.
media::Image padded(const media::Image& image, media::Extent to, std::uint8_t grey) {
    media::Image out{to, Bytes(to.width * to.height * media::kChannels, grey)};
    const std::size_t left = (to.width - image.extent.width) / 2;
    const std::size_t top = (to.height - image.extent.height) / 2;
    const std::size_t row_bytes = image.extent.width * media::kChannels;
    for (std::size_t y = 0; y < image.extent.height; ++y) {
        std::memcpy(&out.rgb[((top + y) * to.width + left) * media::kChannels],
                    &image.rgb[y * row_bytes], row_bytes);
    }
    return out;
}

}  // namespace

Status ImageInput::read_port_shape(const Fields& image, const runtime::Port& port) {
    const Shape& shape = port.shape;
    if (shape.rank() != 4 || !fits(shape[0], 1)) {
        return invalid_argument(
            "{}: the input '{}' has shape {}, and one picture wants 1xCxHxW or 1xHxWxC", image.at(),
            port.name, shape.to_string());
    }
    const bool planes = may_be_channels(shape[1]);
    const bool pixels = may_be_channels(shape[3]);
    if (image.has("layout")) {
        layout_ = static_cast<Layout>(HF_TRY(image.choice("layout", {"NCHW", "NHWC"})));
    } else if (planes != pixels) {
        layout_ = planes ? Layout::kPlanes : Layout::kPixels;
    } else {
        return invalid_argument("{}: is missing, and shape {} does not tell: NCHW or NHWC",
                                image.place("layout"), shape.to_string());
    }
    const bool first = layout_ == Layout::kPlanes;
    const std::int64_t channels = shape[first ? 1 : 3];
    if (!may_be_channels(channels)) {
        return invalid_argument("{}: the input '{}' has {} channels, and a picture has 1 or 3",
                                image.at(), port.name, channels);
    }
    channels_ = static_cast<std::size_t>(channels);
    extent_.height = HF_TRY(side(image, "height", shape[first ? 2 : 1]));
    extent_.width = HF_TRY(side(image, "width", shape[first ? 3 : 2]));
    const auto height = static_cast<std::int64_t>(extent_.height);
    const auto width = static_cast<std::int64_t>(extent_.width);
    shape_ = first ? Shape{1, channels, height, width} : Shape{1, height, width, channels};
    return {};
}

Status ImageInput::read_channels(const Fields& image) {
    const bool grey = channels_ == 1;
    const std::size_t given = HF_TRY(image.choice("color", {"rgb", "bgr", "grey"}));
    colour_ =
        image.has("color") ? static_cast<Colour>(given) : (grey ? Colour::kGrey : Colour::kRgb);
    if ((colour_ == Colour::kGrey) != grey) {
        return invalid_argument("{}: does not go with {} channels", image.place("color"),
                                channels_);
    }
    scale_ = HF_TRY(image.number("scale", 1));
    HF_TRY(read_each(image, "mean", channels_, mean_));
    HF_TRY(read_each(image, "std", channels_, std_));
    for (const double one : std_) {
        if (!(one > 0)) return invalid_argument("{}: want numbers above 0", image.place("std"));
    }
    return {};
}

Result<ImageInput> ImageInput::read(const Fields& declaration,
                                    const runtime::Signature& signature) {
    static const json::Value kNothing = json::Object();
    const std::optional<Fields> given = HF_TRY(declaration.child("image"));
    const Fields image = given ? *given : HF_TRY(Fields::of(kNothing, declaration.place("image")));
    HF_TRY(image.only({"width", "height", "layout", "color", "fit", "short_side", "filter", "pad",
                       "scale", "mean", "std", "quantization"}));
    if (signature.inputs.size() != 1) {
        return invalid_argument("{}: the model has {} inputs, and a picture is one", image.at(),
                                signature.inputs.size());
    }
    const runtime::Port& port = signature.inputs[0];
    if (!is_numeric(port.dtype)) {
        return invalid_argument("{}: the input '{}' has {}, and pixels are numbers", image.at(),
                                port.name, dtype_name(port.dtype));
    }
    ImageInput input;
    input.dtype_ = port.dtype;
    HF_TRY(input.read_port_shape(image, port));
    HF_TRY(input.read_channels(image));
    input.quantization_ = HF_TRY(read_quantization(image, "quantization", port));
    input.fit_ = static_cast<Fit>(HF_TRY(image.choice("fit", {"stretch", "crop", "pad"})));
    input.filter_ = static_cast<media::Filter>(
        HF_TRY(image.choice("filter", {"antialias", "bilinear", "area"})));
    input.pad_ = static_cast<std::uint8_t>(HF_TRY(image.integer("pad", 0, {0, 255})));
    const auto shorter =
        static_cast<std::int64_t>(std::max(input.extent_.width, input.extent_.height));
    input.short_side_ = static_cast<std::size_t>(
        HF_TRY(image.integer("short_side", shorter, {shorter, kMaxInputSide})));
    if (image.has("short_side") && input.fit_ != Fit::kCrop) {
        return invalid_argument("{}: goes with \"fit\": \"crop\"", image.place("short_side"));
    }
    return input;
}

Result<media::Image> ImageInput::fit(const media::Image& image, Placement& placement) const {
    media::Extent scaled = extent_;
    if (fit_ == Fit::kCrop) scaled = media::with_short_side(image.extent, short_side_);
    if (fit_ == Fit::kPad) scaled = media::fitted(image.extent, extent_);
    media::Image resized = HF_TRY(media::resize(image, scaled, filter_));
    const auto ratio = [](std::size_t a, std::size_t b) {
        return static_cast<double>(a) / static_cast<double>(b);
    };
    const auto shift = [](std::size_t inner, std::size_t outer) {
        return static_cast<double>((outer - inner) / 2);
    };
    placement.width = image.extent.width;
    placement.height = image.extent.height;
    placement.scale_x = ratio(scaled.width, image.extent.width);
    placement.scale_y = ratio(scaled.height, image.extent.height);
    if (fit_ == Fit::kCrop) {
        placement.offset_x = -static_cast<double>(media::crop_start(scaled.width, extent_.width));
        placement.offset_y = -static_cast<double>(media::crop_start(scaled.height, extent_.height));
        return media::crop_centre(resized, extent_);
    }
    if (fit_ == Fit::kStretch) return resized;
    placement.offset_x = shift(scaled.width, extent_.width);
    placement.offset_y = shift(scaled.height, extent_.height);
    return padded(resized, extent_, pad_);
}

Tensor ImageInput::to_tensor(const media::Image& image) const {
    const std::size_t pixels = image.extent.width * image.extent.height;
    std::vector<float> values(pixels * channels_);
    for (std::size_t c = 0; c < channels_; ++c) {
        std::array<float, 256> table{};
        for (std::size_t byte = 0; byte < table.size(); ++byte) {
            const double value = (static_cast<double>(byte) * scale_ - mean_[c]) / std_[c];
            table[byte] = static_cast<float>(value);
        }
        const std::size_t from = colour_ == Colour::kBgr ? 2 - c : c;
        const bool planes = layout_ == Layout::kPlanes;
        for (std::size_t i = 0; i < pixels; ++i) {
            const std::uint8_t* const rgb = &image.rgb[i * media::kChannels];
            const std::uint8_t byte = colour_ == Colour::kGrey ? grey_of(rgb) : rgb[from];
            values[planes ? c * pixels + i : i * channels_ + c] = table[byte];
        }
    }
    Tensor tensor(dtype_, shape_);
    write_numbers(values, quantization_, tensor);
    return tensor;
}

Result<ImageInput::Placed> ImageInput::place(ByteView file) const {
    const media::Image image = HF_TRY(media::decode_image(file));
    Placed placed;
    const media::Image fitting = HF_TRY(fit(image, placed.placement));
    placed.tensor = to_tensor(fitting);
    return placed;
}

json::Object ImageInput::describe() const {
    return {{"media_types", json::Array{"image/jpeg", "image/png"}},
            {"width", extent_.width},
            {"height", extent_.height},
            {"channels", channels_}};
}

}  // namespace hf::serve::tasks
