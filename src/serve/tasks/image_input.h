// ImageInput: how a picture becomes the one input of a model: decoded (media/image.h), brought to
// its size, its channels put in order and its numbers scaled.
//
//     value = (pixel * scale - mean) / std, for each channel, pixels being 0 to 255
//
// Immutable once made; from any thread. Pure.

#pragma once

#include <array>

#include "media/resize.h"
#include "serve/tasks/ports.h"
#include "serve/tasks/task.h"

namespace hf::serve::tasks {

inline constexpr std::int64_t kMaxInputSide = 4096;

class ImageInput final {
public:
    // Of the member "image" of a declaration, which may be missing. INVALID_ARGUMENT also for a
    // model whose inputs are not one picture.
    static Result<ImageInput> read(const Fields& declaration, const runtime::Signature& signature);

    struct Placed {
        Tensor tensor;
        Placement placement;
    };
    Result<Placed> place(ByteView file) const;

    media::Extent extent() const { return extent_; }
    json::Object describe() const;

private:
    enum class Layout : unsigned char { kPlanes, kPixels };  // NCHW, NHWC
    enum class Colour : unsigned char { kRgb, kBgr, kGrey };
    enum class Fit : unsigned char { kStretch, kCrop, kPad };

    Status read_port_shape(const Fields& image, const runtime::Port& port);
    Status read_channels(const Fields& image);
    Result<media::Image> fit(const media::Image& image, Placement& placement) const;
    Tensor to_tensor(const media::Image& image) const;

    DType dtype_ = DType::kF32;
    Shape shape_;  // of the tensor
    Layout layout_ = Layout::kPlanes;
    media::Extent extent_;
    std::size_t channels_ = 3;
    Colour colour_ = Colour::kRgb;
    Fit fit_ = Fit::kStretch;
    std::size_t short_side_ = 0;
    media::Filter filter_ = media::Filter::kAntialias;
    std::uint8_t pad_ = 0;
    double scale_ = 1;
    std::array<double, 3> mean_{0, 0, 0};
    std::array<double, 3> std_{1, 1, 1};
    Quantization quantization_;
};

}  // namespace hf::serve::tasks
